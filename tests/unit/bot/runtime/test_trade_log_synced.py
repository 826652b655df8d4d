"""A trade log and a machine that loses its power: the state still has every trade that is not on the disk."""

from __future__ import annotations

import itertools
from random import Random

import pytest

from cbbot.contract.bot_api import NumberedTrade
from cbbot.domain.instrument import BTC_USD
from cbbot.kernel.advance import Closed
from cbbot.kernel.lot import Lot
from cbbot.process.durable_files import sync_folder
from cbbot.runtime.trade_log import TradeLog
from cbbot.runtime.trade_log_lines import TradesOfState
from cbbot.soak.armed_faults import ArmedFaults
from cbbot.soak.fault_plan import Injection
from cbbot.soak.happenings import EventLog
from cbbot.soak.simulated_disk import SimulatedDisk
from cbbot.soak.simulated_path import path_on
from cbbot.trader.trader_state import TRADES_KEPT, Trade
from cbbot.views.json_rows import trade_row


def trade(number: int) -> Trade:
    lot = Lot(number, 1, True, True, 1_000, 5_000_000, 100, 500_000_000, 7, 1.0, 2.0, False, 0.0, 0.0)
    return Trade(number, Closed(lot, 2_000, 5_100_000, 510_000_000, 8, 9_999_985, 3))


def kept_of(count: int) -> list[Trade]:
    """What a state that has counted so many trades has of them."""
    return [trade(number) for number in range(max(1, count - TRADES_KEPT + 1), count + 1)]


def state_of(count: int) -> TradesOfState:
    rows = [NumberedTrade(number=t.number, **trade_row(BTC_USD, t.closed).model_dump()) for t in kept_of(count)]
    return TradesOfState(count, tuple(rows))


class Machine:
    """With a disk that loses what it may when the power goes."""

    def __init__(self, seed: int) -> None:
        log = EventLog(itertools.count().__next__)
        self.faults = ArmedFaults(log)
        self.disk = SimulatedDisk(self.faults, log, Random(seed), lambda: 0)
        self.path = path_on(self.disk, "/state/trades.jsonl")

    def traded(self, first: int, last: int) -> None:
        """One life of a bot: its trades come one by one, each beside a save that syncs the folder."""
        log = TradeLog(self.path, state_of(first - 1))
        for count in range(first, last + 1):
            log.append(BTC_USD, kept_of(count))
            sync_folder(self.path.parent)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("killed_after", [0, 7, 60])
def test_no_trade_is_lost_to_a_power_cut_however_long_nothing_else_synced_the_log(seed: int, killed_after: int) -> None:
    machine = Machine(seed)
    machine.traded(1, killed_after)
    machine.traded(killed_after + 1, 130)

    machine.disk.lose_power()
    log = TradeLog(machine.path, state_of(130))
    log.append(BTC_USD, kept_of(130))

    assert not [said for said in log.warnings if "neither in it nor in the state" in said]
    assert sorted(row.number for row in log.page(200)) == [*range(1, 131)]


def test_a_log_that_cannot_be_synced_is_tried_again_without_a_line_twice() -> None:
    machine = Machine(1)
    log = TradeLog(machine.path, state_of(0))
    machine.faults.arm(Injection(at=0, site="disk.sync trades", kind="io_error"))

    with pytest.raises(OSError, match="Input/output error"):
        log.append(BTC_USD, kept_of(3))

    assert log.behind(3)
    log.append(BTC_USD, kept_of(3))
    assert [row.number for row in log.page(9)] == [3, 2, 1]
    assert TradeLog(machine.path, state_of(3)).warnings == []
