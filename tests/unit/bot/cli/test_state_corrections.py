"""A person corrects a state: dry at first, with the bot stopped, and with what was there kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cbbot.cli.dispatch import main
from cbbot.domain.instrument import BTC_USD
from cbbot.runtime.lock import lock_folder
from cbbot.runtime.store import StateStore, read_generation
from cbbot.trader.codec import decode, encode
from cbbot.trader.events import HistoryLoaded, OrdersListed, Started
from cbbot.trader.refused_orders import WITHOUT_BASE
from cbbot.trader.startup import UNEXPLAINED
from cbbot.trader.trader_state import RefusedExit, TraderState
from unit.bot.trader.live_trader_harness import PYRAMID, LiveTraderHarness


@pytest.fixture
def trader(tmp_path: Path) -> LiveTraderHarness:
    """A stopped bot with two lots, paused because their base is missing and an order is unexplained."""
    trader = LiveTraderHarness(**PYRAMID)
    trader.buy("100", "0.2")
    trader.buy("99", "0.1")
    pauses = frozenset({"hand", WITHOUT_BASE, UNEXPLAINED})
    trader.state = replace(trader.state, paused_by=pauses, unexplained="the account has less")
    StateStore(tmp_path / "bot_state.json").save(encode(trader.rules, trader.state))
    return trader


def saved(trader: LiveTraderHarness, folder: Path) -> TraderState:
    body = StateStore(folder / "bot_state.json").load().body
    assert body is not None
    return decode(trader.rules, body).state


def test_a_lot_that_is_gone_leaves_without_a_trade_profit_or_loss(
    trader: LiveTraderHarness, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = saved(trader, tmp_path)
    assert main(["state", "write-off", str(tmp_path), "--lot", "1"]) == 0
    out = capsys.readouterr().out
    assert "lot 1 of 0.20000000 leaves" in out
    assert "nothing was written" in out
    assert saved(trader, tmp_path) == before
    assert main(["state", "write-off", str(tmp_path), "--lot", "1", "--apply"]) == 0
    after = saved(trader, tmp_path)
    assert [(lot.id, lot.runner) for lot in after.lots] == [(2, True)]
    assert (after.account.realised, after.trade_count) == (before.account.realised, 0)
    assert after.account.cost_sum == after.lots[0].cost
    assert (after.paused_by, after.unexplained) == (frozenset({"hand"}), "")
    assert (after.market, after.sequence, after.model) == (before.market, before.sequence, before.model)
    assert (tmp_path / "bot_state.json.aside-1").exists()
    assert main(["state", "verify", str(tmp_path)]) == 0


def test_with_a_lot_goes_what_is_remembered_of_its_refused_exit_and_that_of_another_stays(
    trader: LiveTraderHarness, tmp_path: Path
) -> None:
    refused = tuple(RefusedExit(lot, 1_000, "INSUFFICIENT_FUND", "no", 3, short=True) for lot in (1, 2))
    with_refusals = replace(trader.state, refused_exits=refused)
    StateStore(tmp_path / "bot_state.json").save(encode(trader.rules, with_refusals))
    assert main(["state", "write-off", str(tmp_path), "--lot", "1", "--apply"]) == 0
    assert saved(trader, tmp_path).refused_exits == refused[1:]
    assert main(["state", "verify", str(tmp_path)]) == 0


def test_the_last_lot_may_be_gone_too(trader: LiveTraderHarness, tmp_path: Path) -> None:
    assert main(["state", "write-off", str(tmp_path), "--lot", "1", "--lot", "2", "--apply"]) == 0
    after = saved(trader, tmp_path)
    assert (after.lots, after.account.lots, after.account.base_sum, after.account.cost_sum) == ((), 0, 0, 0)


def test_each_correction_keeps_what_was_there_before_it(trader: LiveTraderHarness, tmp_path: Path) -> None:
    for lot in ("1", "2"):
        assert main(["state", "write-off", str(tmp_path), "--lot", lot, "--apply"]) == 0
    kept = [read_generation(tmp_path / f"bot_state.json.aside-{number}")["lots"] for number in (1, 2)]
    assert [[lot["id"] for lot in lots] for lots in kept] == [[1, 2], [2]]
    assert saved(trader, tmp_path).lots == ()


@pytest.mark.usefixtures("trader")
def test_what_changes_nothing_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["state", "adopt", str(tmp_path), "--apply"]) == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    capsys.readouterr()
    assert main(["state", "adopt", str(tmp_path), "--apply"]) == 0
    assert capsys.readouterr().out == "nothing changes\n"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_to_write_the_last_lot_off_leaves_the_closing_of_what_may_still_come(
    trader: LiveTraderHarness, tmp_path: Path
) -> None:
    """A start may find an order that opened a lot after all; it ends the closing when none can come."""
    closing = replace(trader.state, flattening=True)
    StateStore(tmp_path / "bot_state.json").save(encode(trader.rules, closing))
    assert main(["state", "write-off", str(tmp_path), "--lot", "1", "--lot", "2", "--apply"]) == 0
    trader.state = saved(trader, tmp_path)
    assert trader.state.flattening
    trader.feed(HistoryLoaded(trader.now_ms, tuple(trader.history)), Started(trader.now_ms))
    trader.feed(OrdersListed(trader.now_ms, (), all_visible=True))
    assert (trader.state.reconciled, trader.state.flattening) == (True, False)


def test_base_that_is_there_becomes_a_lot_with_the_levels_of_the_settings(
    trader: LiveTraderHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOP_LOSS_PCT", "5")
    words = ["state", "adopt", str(tmp_path), "--base", "0.05", "--price", "98", "--apply"]
    assert main(words) == 0
    after = saved(trader, tmp_path)
    lot = after.lots[-1]
    assert (lot.id, BTC_USD.base_text(lot.base), lot.open_ticks, lot.stop) == (3, "0.05000000", 9_800, 98 * 0.95)
    assert (after.account.next_lot, after.account.lots, after.paused_by) == (4, 3, frozenset({"hand"}))


def test_adopt_alone_says_that_a_person_has_looked(trader: LiveTraderHarness, tmp_path: Path) -> None:
    assert main(["state", "adopt", str(tmp_path), "--apply"]) == 0
    after = saved(trader, tmp_path)
    assert (after.lots, after.paused_by, after.unexplained) == (trader.state.lots, frozenset({"hand"}), "")


@pytest.mark.usefixtures("trader")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("write-off", "--lot is missing"),
        ("write-off --lot 7", "open are: 1, 2"),
        ("adopt --base 1", "go together"),
        ("adopt --base 0.000000001 --price 98", "--base 0.000000001: no whole number"),
        ("adopt --base 0 --price 98", "above 0"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    words: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (tmp_path / "bot_state.json").read_bytes()
    command, *options = words.split()
    assert main(["state", command, str(tmp_path), *options, "--apply"]) == 2
    assert said in capsys.readouterr().err
    assert (tmp_path / "bot_state.json").read_bytes() == before


@pytest.mark.usefixtures("trader")
def test_a_bot_that_runs_is_not_corrected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with lock_folder(tmp_path):
        assert main(["state", "adopt", str(tmp_path), "--apply"]) == 3
    assert "stop it first" in capsys.readouterr().err
