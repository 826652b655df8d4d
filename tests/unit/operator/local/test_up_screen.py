"""What cbbot up shows of a bot: every figure, what is wrong in colour, and one line where there is no terminal."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from cbbot.contract.bot_api import BotStatus, LotRow, NumberedTrade
from cbbot_operator.local.child_log_lines import LogLine, parse_line, styled
from cbbot_operator.local.number_text import age, clock, money, price
from cbbot_operator.local.screen import PartState, Screen, dashboard, status_line
from cbbot_operator.local.watch import Seen, command_for

STATUS: dict[str, Any] = {
    "bot": "try",
    "namespace": "",
    "product_id": "BTC-USD",
    "mode": "paper",
    "venue": "Simulator",
    "ready": True,
    "phase": "trading",
    "reason": "",
    "epoch": 7,
    "version": "0.1.0",
    "equity_usd": "1001.2345678901",
    "equity_marked_usd": "1000.9",
    "daily_pnl_usd": "1.2345678901",
    "unrealized_pnl_usd": "-0.3345678901",
    "exposure_usd": "150.1299999999",
    "open_lots": 3,
    "breaker_tripped": False,
    "entries": {"allowed": True, "paused_by": []},
    "last_price": "110123.45",
    "price_age_seconds": 0.04,
    "last_decision": {"signal": "buy", "p_up": 0.5312, "reason": "adverse_gate", "at": "2025-09-09T12:37:00Z"},
    "model": {"mode": "baseline", "last_fit_at": "2025-09-09T12:35:00Z"},
    "pending_orders": 0,
    "last_save_at": None,
    "clock_offset_ms": 0,
    "warnings": [],
    "started_at": "2025-09-09T12:00:00Z",
}
TRADE = NumberedTrade.model_validate(
    {
        "number": 1,
        "lot": 2,
        "role": "scalp",
        "closed_as": "runner",
        "side": "BUY",
        "opened_at": "2025-09-09T12:30:00Z",
        "open_price": "110000.00",
        "base_size": "0.00045",
        "cost": "49.5",
        "entry_fee": "0.02475",
        "closed_at": "2025-09-09T12:36:00Z",
        "close_price": "110200.00",
        "proceeds": "49.59",
        "exit_fee": "0.024795",
        "net_pnl": "0.040455",
        "exit_reason": "take_profit",
    }
)


LOTS = tuple(
    LotRow.model_validate(
        {
            "lot": number, "role": "scalp" if number > 1 else "runner", "side": "BUY",
            "opened_at": "2025-09-09T12:30:00Z", "open_price": "110000.00", "base_size": "0.00045", "cost": "49.5",
            "entry_fee": "0.02475", "stop_price": 104500.0, "take_price": 114400.0, "trail_active": False,
            "trail_stop_price": None, "unrealized_pnl": "-0.1234",
        }
    )
    for number in range(1, 10)
)  # fmt: skip


def screen(failure: str = "", *, live: bool = False, log: int = 0, **changes: Any) -> Screen:
    return Screen(
        title=" try · BTC-USD · Paper · Simulator ",
        live=live,
        folder="/home/someone/.local/state/cbbot/try",
        address="http://127.0.0.1:41234",
        parts=[PartState("simulator", "running"), PartState("bridge", "backing off", 2), PartState("bot", "running")],
        seen=Seen(BotStatus.model_validate(STATUS | changes), (TRADE,) * 9, failure, lots=LOTS),
        log=[LogLine(datetime(2026, 1, 1, tzinfo=UTC), "bot", "info", f"line {number}") for number in range(log)],
    )


def shown(what: Screen, width: int = 120, height: int = 40, *, colour: bool = False) -> str:
    console = Console(file=io.StringIO(), record=True, width=width, force_terminal=True, color_system="standard")
    console.print(dashboard(what, width, height))
    return console.export_text(styles=colour)


def test_the_table_has_every_figure() -> None:
    text = shown(screen(log=2))
    for figure in (
        "try · BTC-USD · Paper · Simulator",
        "110,123.45",
        "0.0 s old",
        "BUY p=0.531",
        "the price has not moved far enough against the last entry",
        "open lots (the newest 8 of 9)",
        "0.00045",
        "114,400.00",
        "1,001.2346 USD",
        "1,000.9000 USD",
        "+1.2346",
        "-0.3346",
        "150.13 USD",
        "armed",
        "baseline 09-09 12:35:00",
        "trading",
        "allowed",
        "bridge backing off (restarted 2x)",
        "110,200.00",
        "+0.0405",
        "take profit",
        "line 1",
        "http://127.0.0.1:41234",
        "/home/someone/.local/state/cbbot/try",
    ):
        assert figure in text, figure


def test_what_is_wrong_stands_out() -> None:
    text = shown(
        screen(
            breaker_tripped=True,
            phase="halted",
            reason="an id used twice",
            entries={"allowed": False, "paused_by": ["hand", "resource"]},
            warnings=["TAKE_PROFIT_PCT=0.1 does not cover the fees"],
        ),
        colour=True,
    )
    assert "\x1b[1;31mTRIPPED until tomorrow" in text
    assert "\x1b[1;31mhalted" in text
    assert "\x1b[1;31man id used twice" in text
    assert "\x1b[33mhand and resource" in text
    assert "does not cover the fees" in text
    assert "\x1b[31m-0.3346" in text
    assert "\x1b[32m+1.2346" in text


def test_a_bot_that_does_not_answer_says_so_beside_its_last_figures() -> None:
    text = shown(screen("the bot does not answer: refused"))
    assert "the bot does not answer: refused" in text
    assert "1,001.2346" in text


def test_a_live_bot_has_a_red_title() -> None:
    assert "\x1b[1;31m" in shown(screen(live=True), colour=True).splitlines()[0]
    assert "\x1b[1;31m" not in shown(screen(), colour=True).splitlines()[0]


def test_nothing_known_yet_is_a_table_too() -> None:
    waiting = Screen(
        "t", live=False, folder="/s", address="", parts=[PartState("bot", "starting")], seen=Seen(), log=[]
    )
    assert "waiting for the bot" in shown(waiting)
    assert status_line(waiting) == "waiting: bot starting"
    bare = screen(last_price=None, price_age_seconds=None, last_decision=None)
    assert "decision=- p_up=-" in status_line(bare)
    assert "waiting" not in shown(bare)


def test_figures_of_a_bot_that_is_not_ready_are_marked_and_unknown_ones_are_no_zeros() -> None:
    unknown: dict[str, Any] = dict.fromkeys(
        ("equity_usd", "equity_marked_usd", "daily_pnl_usd", "unrealized_pnl_usd", "exposure_usd", "open_lots")
    )
    nothing = screen(ready=False, phase="starting", **unknown)
    assert "lots=- equity=- marked=- day_pnl=- " in status_line(nothing)
    assert status_line(nothing).endswith("phase=starting ready=no as_of=-")
    assert "-   not current" in shown(nothing)
    saved = screen(ready=False, phase="starting", as_of="2025-09-09T12:37:00Z")
    assert status_line(saved).endswith("phase=starting ready=no as_of=2025-09-09T12:37:00Z")
    assert "3   as of 09-09 12:37:00" in shown(saved)


@pytest.mark.parametrize("height", [24, 30, 50])
@pytest.mark.parametrize("width", [80, 100])
def test_nothing_is_cut_and_everything_fits(width: int, height: int) -> None:
    worst = screen(
        log=60, ready=False, as_of="2025-09-09T12:37:00Z", entries={"allowed": False, "paused_by": ["hand"]},
        breaker_tripped=True, last_decision=STATUS["last_decision"] | {"reason": "flat"},
        model={"mode": "extended", "last_fit_at": "2025-09-09T12:35:00Z"},
    )  # fmt: skip
    for what in (screen(log=60), worst):
        lines = shown(what, width, height).rstrip("\n").splitlines()
        assert len(lines) == height
        assert max(len(line) for line in lines) <= width
        assert "…" not in "".join(lines)
        assert "open lots" in "".join(lines)
        assert "Ctrl-C stops" in lines[-1]
        assert "line 59" in lines[-2]


def test_on_a_small_terminal_the_hint_and_the_log_are_what_stays() -> None:
    lines = shown(screen(log=60), 60, 15).rstrip("\n").splitlines()
    assert len(lines) <= 15
    assert "Ctrl-C stops" in lines[-1]
    assert [f"line {number}" in line for number, line in zip((56, 57, 58, 59), lines[-5:-1], strict=True)] == [True] * 4


def test_events_are_told_in_words_on_a_terminal_and_by_their_fields_in_a_log() -> None:
    raw = '{"event": "exit", "lot": 3, "reason": "take_profit", "price": "110200.00", "net_pnl": "0.0404551"}'
    line = parse_line("bot", raw, datetime(2026, 1, 1, tzinfo=UTC))
    assert str(styled(line)).endswith("lot 3 closed by take profit at 110,200.00: +0.0405 USD")
    assert str(line).endswith("exit lot=3 reason=take_profit price=110200.00 net_pnl=0.0404551")
    unknown = parse_line("bot", '{"event": "exit", "lot": 3}', datetime(2026, 1, 1, tzinfo=UTC))
    assert str(styled(unknown)).endswith("exit lot=3")


def test_a_line_has_the_figures_as_keys_and_values() -> None:
    assert status_line(screen()) == (
        "price=110123.45 age=0.0s decision=buy/adverse_gate p_up=0.531 lots=3 equity=1001.2346 marked=1000.9000 "
        "day_pnl=+1.2346 breaker=armed phase=trading"
    )
    assert status_line(screen("no answer", breaker_tripped=True)).endswith("breaker=tripped phase=trading (no answer)")
    assert "breaker=- " in status_line(screen(breaker_tripped=None))


def test_numbers_are_rounded_for_reading_only() -> None:
    assert money("-0.001") == "0.00"
    assert money("-0.001", sign=True) == "+0.00"
    assert money("1234567.895") == "1,234,567.90"
    assert money("not a number") == "not a number"
    assert price("0.00001234") == "0.00001234"
    assert price(None) == "-"
    assert [age(None), age(3.14), age(42), age(1200)] == ["-", "3.1 s", "42 s", "20 min"]
    assert clock("2025-09-09T12:37:00Z") == "09-09 12:37:00"
    assert clock("nonsense") == "nonsense"


@pytest.mark.parametrize(
    ("entries", "paused_by", "command"),
    [
        ("Allowed", [], None),
        ("Allowed", ["hand"], None),
        ("Allowed", ["resource"], "resume"),
        ("Paused", ["hand"], "pause-entries"),
        ("Paused", ["resource", "hand"], None),
    ],
)
def test_the_manifest_s_pause_is_sent_to_the_bot_and_a_hand_s_is_left_alone(
    entries: Any, paused_by: list[str], command: str | None
) -> None:
    status = BotStatus.model_validate(STATUS | {"entries": {"allowed": not paused_by, "paused_by": paused_by}})
    assert command_for(entries, status) == command
