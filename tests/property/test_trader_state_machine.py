"""The live trader under events in any order: answers late, twice, in part or never, restarts in between."""

from __future__ import annotations

from collections import Counter
from typing import Any

from cbbot.kernel.codes import BUY, SELL
from cbbot.trader.intent import Purpose
from cbbot.trader.refused_orders import LONGEST_SHORT_WAIT_MS, WITHOUT_BASE
from exercised import lacking
from property.random_live_trader import LiveTrader


class JudgedTrader(LiveTrader):
    """What must hold of it after every move."""

    def all_holds(self) -> None:
        self.accounts_agree()
        self.lots_are_in_order()
        self.orders_are_those_of_the_venue()
        self.flags_end()

    def accounts_agree(self) -> None:
        state, account = self.state, self.state.account
        held: dict[int, list[Any]] = {side: [state.dust_of(side)] for side in (BUY, SELL)}
        for lot in state.lots:
            held[lot.side].append(lot)
            assert lot.base > 0
        both = held[BUY] + held[SELL]
        assert {side: sum(each.base for each in held[side]) for side in held} == self.venue.base
        sums = (sum(e.base for e in both), sum(e.cost for e in both), sum(e.entry_fee for e in both))
        assert (account.base_sum, account.cost_sum, account.fee_sum) == sums
        spent = sum(side * each.cost + each.entry_fee for side in held for each in held[side])
        assert self.venue.net == account.realised == self.venue.cash + spent
        self.exercised["dust"] += state.dust.base > 0
        self.exercised["short dust"] += state.short_dust.base > 0

    def lots_are_in_order(self) -> None:
        state, account = self.state, self.state.account
        assert account.lots == len(state.lots)
        assert [lot.id for lot in state.lots] == sorted({lot.id for lot in state.lots})
        if state.lots:
            assert {lot.side for lot in state.lots} == {account.side}
            assert account.last_entry_ticks == state.lots[-1].open_ticks
        runners = sum(lot.runner for lot in state.lots)
        assert runners <= 1
        if state.lots and not any(state.closing(lot) for lot in state.lots):
            assert runners == 1
        self.exercised["several lots"] += len(state.lots) > 1

    def orders_are_those_of_the_venue(self) -> None:
        state = self.state
        assert {intent.client_order_id for intent in state.intents} == set(self.orders)
        exits = [intent.lot for intent in state.intents if intent.purpose is Purpose.EXIT]
        assert len(exits) == len(set(exits))
        assert set(exits) <= {lot.id for lot in state.lots}
        assert sum(intent.purpose is Purpose.ENTRY for intent in state.intents) <= 1

    def flags_end(self) -> None:
        """Closing everything ends with the last lot that is or may come, after the start; so does waiting for base."""
        late = any(each.intent.purpose is Purpose.ENTRY for each in self.state.given_up)
        self.everything_goes &= bool(self.state.lots) or self.state.entering or late or not self.state.reconciled
        assert self.state.flattening == self.everything_goes
        if not self.state.lots and not self.state.pending:
            assert WITHOUT_BASE not in self.state.paused_by

    def wind_up(self) -> None:
        """Once everybody answers, and the base is there, closing every lot leaves none."""
        self.spare = max(self.spare, 0)
        self.flatten()
        for _ in range(3):
            while self.orders:
                intent = next(iter(self.orders.values()))
                self.fill_with(intent, intent.base, None)
                self.accounts_agree()
            self.know_balances()
            self.tick_at(self.price, LONGEST_SHORT_WAIT_MS)
            self.list_orders()
        assert not self.orders
        assert not self.state.lots
        self.flags_end()


KINDS = (
    "entry", "exit", "filled all", "filled part", "filled none", "absent", "restarts", "to_dust", "dust", "short dust",
    "sent again", "exits that wait", "several lots", "short exits", "late entry", "late exit",
    "given up and sent again",
)  # fmt: skip


def test_no_order_of_events_loses_an_order_a_lot_a_stop_or_a_cent() -> None:
    exercised: Counter[str] = Counter()
    for seed in range(40):
        trader = JudgedTrader(seed, exercised)
        try:
            for _ in range(1_000):
                trader.move()
            trader.wind_up()
        except AssertionError as error:
            error.add_note(f"seed {seed}\n" + "\n".join(f"  {event}" for event in trader.recent))
            raise
    assert lacking(exercised, dict.fromkeys(KINDS, 20)) == {}
