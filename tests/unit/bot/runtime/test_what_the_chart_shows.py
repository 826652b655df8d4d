"""Averages, the gate of the next lot and the day's decisions: as the trader itself has them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cbbot.contract.reason_words import REASON_WORDS
from cbbot.contract.settings import load
from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD
from cbbot.kernel.account import position, stops
from cbbot.kernel.codes import ALLOWED, BUY, DENY_ADVERSE_GATE, SELL
from cbbot.kernel.gates import permitted
from cbbot.kernel.params import DAY_MS
from cbbot.runtime.decision_tally import DecisionTally
from cbbot.trader.rules import Rules, build_rules
from cbbot.trader.trader_state import Decision, Identity, TraderState, new_state
from cbbot.views.chart_rows import adverse_gate, average_rows, with_forming

MINUTE = 60_000
ENTERED_MS = 1_000 * MINUTE + 17_000
ENTRY = 2_700_000


def rules_of(demo: dict[str, str], **more: str) -> Rules:
    decaying = {"PYRAMID_MIN_ADVERSE_PCT": "1", "PYRAMID_DECAY_LAMBDA": "0.02", "PYRAMID_DECAY_MIN_PCT": "0.2"}
    return build_rules(load(demo | decaying | {"PYRAMID_MIN_SECONDS_BETWEEN": "0"} | more), BTC_USD)


def holding(rules: Rules, side: int, lots: int = 1) -> TraderState:
    """A trader that entered at ENTRY at ENTERED_MS."""
    state = new_state(rules, Identity("demo", "BTC-USD", "paper", "test"), 1)
    account = state.account._replace(lots=lots, side=side, last_entry_ticks=ENTRY, last_add_ms=ENTERED_MS)
    return replace(state, account=account)


@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize("minutes", [0, 1, 30, 79, 81, 5_000])
def test_the_gate_shown_is_where_the_trader_allows_an_add(
    demo_settings: dict[str, str], side: int, minutes: int
) -> None:
    rules = rules_of(demo_settings, LONG_ONLY="false")
    state, now_ms = holding(rules, side), ENTERED_MS + minutes * MINUTE
    gate = adverse_gate(rules, state, now_ms)
    assert gate is not None
    assert (gate.side, gate.last_entry_price) == ("BUY" if side == BUY else "SELL", "27000.00")
    ticks = round(gate.price * 100)
    asked = [ticks - side * 2, ticks + side * 2]
    free = stops(state.account, False)
    found = [permitted(rules.params, side, now_ms, price, position(state.account), free) for price in asked]
    assert found == [ALLOWED, DENY_ADVERSE_GATE]


def test_the_gates_path_goes_from_the_entry_to_its_floor_and_no_further(demo_settings: dict[str, str]) -> None:
    rules = rules_of(demo_settings)
    gate = adverse_gate(rules, holding(rules, BUY), ENTERED_MS + 200 * MINUTE)
    assert gate is not None
    starts = [int(point.start) for point in gate.path]
    assert (starts[0], starts[-1]) == (60_000, 60_000 + (200 + 30) * 60)
    assert starts == sorted(set(starts))
    prices = [point.price for point in gate.path]
    assert prices == sorted(prices)
    assert prices[0] == 27_000 * 0.99
    assert prices[-1] == pytest.approx(27_000 * 0.998)
    later = adverse_gate(rules, holding(rules, BUY), ENTERED_MS + 90 * DAY_MS)
    assert later is not None
    assert len(later.path) == 500
    assert int(later.path[-1].start) > int(ENTERED_MS + 90 * DAY_MS) // 1000


@pytest.mark.parametrize(
    ("more", "lots"), [({}, 0), ({"ALLOW_PYRAMIDING": "false"}, 1), ({"MAX_CONCURRENT_LOTS": "2"}, 2)]
)
def test_without_an_add_there_is_no_gate(demo_settings: dict[str, str], more: dict[str, str], lots: int) -> None:
    rules = rules_of(demo_settings, **more)
    assert adverse_gate(rules, holding(rules, BUY, lots), ENTERED_MS) is None


@pytest.mark.parametrize("count", [0, 1, 9, 10, 29, 30, 200])
def test_averages_are_those_of_the_closes(demo_settings: dict[str, str], count: int) -> None:
    rules = rules_of(demo_settings, MA_FAST="10", MA_SLOW="30")
    closes_of = [2_700_000 + minute * 7_919 % 500 for minute in range(count)]
    candles = [Candle(minute * 60, close, close, close, close, 1) for minute, close in enumerate(closes_of)]
    rows = average_rows(rules, candles, 50)
    assert [row.start for row in rows] == [str(candle.start) for candle in candles[-50:]]
    for at, row in enumerate(rows, max(count - 50, 0)):
        for length, found in ((10, row.fast), (30, row.slow)):
            closes = [candle.close / 100 for candle in candles[: at + 1][-length:]]
            assert found == (None if len(closes) < length else pytest.approx(sum(closes) / length, rel=1e-12))


def test_a_candle_that_has_closed_meanwhile_is_not_shown_twice() -> None:
    first, second = (Candle(start, 5, 6, 4, 5, 1) for start in (60, 120))
    assert with_forming([], None) == []
    assert with_forming([], first) == [first]
    assert with_forming([first], second) == [first, second]
    assert with_forming([first, second], second) == [first, second]
    assert with_forming([first, second], first) == [first, second]


def test_decisions_are_counted_by_reason_and_by_day() -> None:
    tally = DecisionTally()
    for at_ms, reason in ((DAY_MS - 2, "flat"), (DAY_MS - 1, "flat"), (DAY_MS - 1, "spacing")):
        tally.add(Decision(at_ms, 1, BUY, None, None, None, reason))
    assert (tally.since_ms, tally.counts) == (DAY_MS - 2, {"flat": 2, "spacing": 1})
    tally.add(Decision(DAY_MS, 1, BUY, None, None, None, "spacing"))
    assert (tally.since_ms, tally.counts) == (DAY_MS, {"spacing": 1})


def test_a_running_bots_chart_agrees_with_its_decisions(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge(count=700, at=500)

    async def main() -> None:
        rig = make_rig(bridge, tmp_path)
        bot = rig.bot
        assert (bot.gates(), bot.averages(5)) == (None, [])
        last = bridge.all[-2].start
        await rig.until(lambda: bool(bot.candles(1)) and int(bot.candles(1)[-1].start) > last)
        gates, decisions = bot.gates(), bot.decisions(500)
        today = [each for each in decisions if datetime.fromisoformat(each.at).date().isoformat() == gates.day]
        assert gates.decisions == len(today) > 50
        counted = {each.reason: each.count for each in gates.reasons if each.count}
        assert counted == {reason: sum(each.reason == reason for each in today) for reason in {d.reason for d in today}}
        assert len(counted) > 2
        assert set(counted) <= set(REASON_WORDS)
        averages = {int(row.start): row for row in bot.averages(1000)}
        assert [row.start for row in bot.averages(1000)] == [row.start for row in bot.candles(1000)]
        compared = 0
        for decision in decisions:
            # A decision on closes is made at the end of its candle.
            row = averages.get(int(datetime.fromisoformat(decision.at).timestamp()) - 60)
            if row is not None and decision.fast is not None:
                assert row.fast == pytest.approx(decision.fast, rel=1e-12)
                assert row.slow == pytest.approx(decision.slow, rel=1e-12)
                compared += 1
        assert compared > 100
        await rig.stop()

    virtually(main)
