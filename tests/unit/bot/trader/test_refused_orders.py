"""Orders that the venue refuses: tried ever more slowly, said once, and nothing bought while a lot cannot leave."""

from __future__ import annotations

from itertools import pairwise

import pytest

from cbbot.domain.candle import Candle
from cbbot.trader.codec import decode, encode
from cbbot.trader.events import CandleClosed, OrderFilled, Tick, TimePassed
from cbbot.trader.intent import Intent
from unit.bot.trader.live_trader_harness import PYRAMID, T0, LiveTraderHarness, execution

LIMIT_ONLY = "limit_only"


def at_its_stop(**keys: str) -> tuple[LiveTraderHarness, Intent]:
    """A trader whose lot is at its stop, and the exit that it sent."""
    trader = LiveTraderHarness(**keys)
    trader.buy("100", "0.2")
    (exit_,) = trader.tick("95")
    return trader, exit_


def sent_in(trader: LiveTraderHarness, seconds: int, price: str, code: str) -> list[int]:
    """After how many seconds each order was sent; each is refused."""
    began, sent = trader.now_ms, []
    for _ in range(seconds):
        trader.balances()
        for intent in trader.tick(price):
            sent.append((trader.now_ms - began) // 1000)
            trader.refuse(intent, code)
    return sent


def test_a_refused_exit_is_remembered_with_lot_since_code_message_and_tries() -> None:
    trader, exit_ = at_its_stop()
    trader.refuse(exit_, LIMIT_ONLY)
    since_ms = trader.now_ms
    sent_in(trader, 20, "95", LIMIT_ONLY)
    (refused,) = trader.state.refused_exits
    assert (refused.lot, refused.since_ms, refused.code, refused.message, refused.tries) == (
        1, since_ms, LIMIT_ONLY, "no", 3,
    )  # fmt: skip


def test_exits_are_tried_on_with_back_off_for_as_long_as_it_takes() -> None:
    trader, exit_ = at_its_stop()
    trader.refuse(exit_, LIMIT_ONLY)
    sent = sent_in(trader, 600, "95", LIMIT_ONLY)
    gaps = [later - earlier for earlier, later in pairwise([0, *sent])]
    assert gaps[:4] == pytest.approx([5, 10, 20, 40], abs=2)
    assert len(sent) < 15
    assert max(gaps) <= 62


def test_a_refused_exit_is_said_once_and_again_when_its_reason_changes() -> None:
    trader, exit_ = at_its_stop()
    trader.refuse(exit_, LIMIT_ONLY)
    (said,) = trader.logged("refusal")
    assert "the exit of lot 1 is refused: limit_only" in said["detail"]
    trader.now_ms += 60_000
    (again,) = trader.tick("95")
    trader.refuse(again, LIMIT_ONLY)
    assert (trader.logged("refusal"), trader.logged("order")) == ([], [])
    trader.now_ms += 60_000
    (again,) = trader.tick("95")
    trader.refuse(again, "PRODUCT_HALTED")
    assert len(trader.logged("refusal")) == 1
    assert trader.state.refused_exits[0].tries == 1


def test_nothing_is_bought_while_an_exit_is_refused_though_the_price_has_come_back() -> None:
    trader, exit_ = at_its_stop(**PYRAMID)
    trader.refuse(exit_, LIMIT_ONLY)
    trader.balances()
    assert (trader.tick("96"), trader.reason) == ([], "exit_refused")


def test_a_refusal_ends_when_its_lot_is_inside_its_levels_at_the_time_of_the_next_try() -> None:
    trader, exit_ = at_its_stop(**PYRAMID)
    trader.refuse(exit_, LIMIT_ONLY)
    trader.now_ms += 5000
    trader.balances()
    assert [intent.side.value for intent in trader.tick("96")] == ["BUY"]
    assert trader.state.refused_exits == ()
    assert "no longer refused" in trader.logged("refusal")[0]["detail"]


def test_a_filled_exit_ends_its_refusal_and_says_so() -> None:
    trader, exit_ = at_its_stop()
    trader.refuse(exit_, LIMIT_ONLY)
    trader.now_ms += 5000
    (again,) = trader.tick("95")
    trader.fill(again, "95")
    assert trader.state.refused_exits == ()
    assert "no longer refused" in trader.logged("refusal")[0]["detail"]


def test_tries_of_one_wish_are_counted_as_one_order_and_each_refusal_by_its_reason() -> None:
    trader, exit_ = at_its_stop()
    trader.refuse(exit_, LIMIT_ONLY)
    sent = sent_in(trader, 60, "95", LIMIT_ONLY)
    assert len(sent) > 2
    assert trader.counts["orders", "liveSELL"] == 1
    assert trader.counts["refusals", LIMIT_ONLY] == 1 + len(sent)


def test_a_refused_exit_survives_a_restart_and_is_tried_at_once() -> None:
    trader, exit_ = at_its_stop()
    trader.refuse(exit_, LIMIT_ONLY)
    kept = decode(trader.rules, encode(trader.rules, trader.state)).state
    (refused,) = kept.refused_exits
    (before,) = trader.state.refused_exits
    assert (refused.lot, refused.since_ms, refused.code, refused.tries) == (1, before.since_ms, LIMIT_ONLY, 1)
    trader.restart()
    assert len(trader.tick("95")) == 1


def test_a_refused_entry_is_not_asked_again_before_a_back_off_that_doubles() -> None:
    trader = LiveTraderHarness()
    sent = sent_in(trader, 600, "100", LIMIT_ONLY)
    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert gaps[:5] == pytest.approx([2, 4, 8, 16, 32], abs=2)
    assert max(gaps) <= 62
    assert trader.counts["orders", "liveBUY"] == 1


def test_an_entry_that_waits_says_so_as_its_decisions_reason() -> None:
    trader = LiveTraderHarness()
    sent_in(trader, 5, "100", LIMIT_ONLY)
    trader.balances()
    trader.tick("100")
    assert trader.reason == "entries_refused"
    refused = trader.state.refused_entries
    assert refused is not None
    assert (refused.code, refused.message) == (LIMIT_ONLY, "no")
    assert refused.until_ms > trader.now_ms


def test_a_new_candle_or_another_reason_begins_the_back_off_anew() -> None:
    trader = LiveTraderHarness()
    sent_in(trader, 40, "100", LIMIT_ONLY)
    trader.balances()
    assert trader.tick("100") == []
    trader.feed(CandleClosed(Candle(T0 // 1000, 10_000, 10_000, 10_000, 10_000, 1)))
    (entry,) = trader.tick("100")
    trader.refuse(entry, LIMIT_ONLY)
    assert trader.state.refused_entries is not None
    assert trader.state.refused_entries.tries == 1
    sent_in(trader, 40, "100", LIMIT_ONLY)
    trader.now_ms += 60_000
    trader.balances()
    (entry,) = trader.tick("100")
    trader.refuse(entry, "PRODUCT_HALTED")
    assert trader.state.refused_entries.tries == 1


def test_a_candle_without_a_refusal_ends_what_was_said_of_entries() -> None:
    trader = LiveTraderHarness()
    trader.balances()
    (entry,) = trader.tick("100")
    trader.refuse(entry, LIMIT_ONLY)
    for start in (T0 // 1000, T0 // 1000 + 60):
        assert trader.state.refused_entries is not None
        trader.feed(CandleClosed(Candle(start, 10_000, 10_000, 10_000, 10_000, 1)))
    assert trader.state.refused_entries is None


def test_a_filled_entry_ends_the_refusal_of_entries() -> None:
    trader = LiveTraderHarness()
    trader.balances()
    (entry,) = trader.tick("100")
    trader.refuse(entry, LIMIT_ONLY)
    trader.now_ms += 2000
    trader.balances()
    (entry,) = trader.tick("100")
    trader.fill(entry, "100")
    assert trader.state.refused_entries is None


def test_an_entry_that_ends_without_a_fill_waits_like_a_refused_one() -> None:
    trader = LiveTraderHarness()
    trader.balances()
    (entry,) = trader.tick("100")
    trader.feed(OrderFilled(trader.now_ms, entry.client_order_id, execution("100", "0")))
    trader.balances()
    assert (trader.tick("100"), trader.reason) == ([], "entries_refused")


def test_a_venues_clock_that_stands_still_keeps_no_refused_exit_waiting() -> None:
    trader, exit_ = at_its_stop()
    trader.refuse(exit_, LIMIT_ONLY)
    trader.feed(TimePassed(trader.now_ms, trader.now_ms - T0 + 5000))
    trader.feed(Tick(trader.now_ms, 9_500))
    assert [intent.lot for intent in trader.state.intents] == [1]


def test_a_venues_clock_that_jumps_ahead_lets_no_refused_exit_off_its_wait() -> None:
    trader, exit_ = at_its_stop()
    trader.refuse(exit_, LIMIT_ONLY)
    trader.feed(Tick(trader.now_ms + 3_600_000, 9_500))
    assert trader.state.intents == ()
