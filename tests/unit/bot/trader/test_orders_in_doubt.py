"""Orders whose fate is not known: from when on absence counts, what ends the doubt, and what does not wait for it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from cbbot.domain.instrument import BTC_USD
from cbbot.trader.commands import LookUp, Place
from cbbot.trader.events import (
    EntriesPaused,
    HistoryLoaded,
    OrderAbsent,
    OrderAccepted,
    OrdersListed,
    OrderUnknown,
    Started,
    Tick,
    TimePassed,
)
from cbbot.trader.intent import Intent, Progress, Purpose
from unit.bot.trader.live_trader_harness import PYRAMID, LiveTraderHarness

FROZEN_MS = 32_000


def entered(**keys: str) -> tuple[LiveTraderHarness, Intent]:
    """A trader that has just sent an entry."""
    trader = LiveTraderHarness(**keys)
    trader.balances()
    (entry,) = trader.tick("100")
    return trader, entry


def reason(trader: LiveTraderHarness) -> str:
    decision = trader.state.decision
    assert decision is not None
    return decision.reason


def test_nothing_is_bought_while_an_order_is_under_way_or_its_outcome_unknown() -> None:
    trader, entry = entered(**PYRAMID)
    assert (trader.tick("99"), reason(trader)) == ([], "order_pending")
    trader.feed(OrderUnknown(trader.now_ms, entry.client_order_id, "timed out"))
    assert (trader.tick("98"), reason(trader)) == ([], "outcome_unknown")


def killed(trader: LiveTraderHarness, later_ms: int) -> list[LookUp]:
    """Another start from the state on the disk; what it asks after."""
    trader.reread()
    trader.now_ms += later_ms
    trader.feed(HistoryLoaded(trader.now_ms, tuple(trader.history)))
    looks = [command for command in trader.feed(Started(trader.now_ms)) if isinstance(command, LookUp)]
    trader.feed(OrdersListed(trader.now_ms, ()))
    return looks


def absent(trader: LiveTraderHarness, intent: Intent, later_ms: int) -> list[Intent]:
    """A complete look finds nothing; the orders that are sent for it."""
    trader.now_ms += later_ms
    commands = trader.feed(OrderAbsent(trader.now_ms, intent.client_order_id, complete=True))
    return [command.intent for command in commands if isinstance(command, Place)]


def test_absence_counts_from_the_end_of_the_last_try_to_place_it_and_not_from_the_wish() -> None:
    trader, entry = entered()
    trader.now_ms += FROZEN_MS  # between the save and the request
    trader.feed(OrderUnknown(trader.now_ms, entry.client_order_id, "timed out"))
    absent(trader, entry, 29_999)
    assert trader.state.pending, "the order may be there, not visible yet"
    absent(trader, entry, 1)
    assert not trader.state.pending


def test_a_look_that_could_not_be_made_does_not_begin_the_count_anew() -> None:
    trader, entry = entered()
    trader.feed(OrderUnknown(trader.now_ms, entry.client_order_id, "timed out"))
    trader.now_ms += 29_000
    trader.feed(OrderUnknown(trader.now_ms, entry.client_order_id, "bridge: 503", may_have_left=False))
    absent(trader, entry, 1_000)
    assert not trader.state.pending


def test_after_a_start_absence_counts_from_the_start() -> None:
    """The process that was killed may have sent its request as late as then."""
    trader, entry = entered()
    assert [look.intent.client_order_id for look in killed(trader, 600_000)] == [entry.client_order_id]
    absent(trader, entry, 29_999)
    assert trader.state.pending
    trader.feed(OrdersListed(trader.now_ms + 1, ()))
    absent(trader, entry, 1)
    assert (trader.state.pending, trader.state.reconciled) == (False, True)


@pytest.mark.parametrize("restarted", [False, True])
def test_an_order_that_the_venue_has_confirmed_is_never_absent(restarted: bool) -> None:
    trader, entry = entered()
    trader.feed(OrderAccepted(trader.now_ms, entry.client_order_id, "venue-9"))
    if restarted:
        killed(trader, 1_000)
    for _ in range(3):
        assert absent(trader, entry, 86_400_000) == []
        (known,) = trader.state.intents
        assert (known.progress, known.order_id) == (Progress.UNKNOWN, "venue-9")
    trader.now_ms += 5_000
    asked = trader.feed(TimePassed(trader.now_ms, 86_400_000))
    looked = [command.intent.order_id for command in asked if isinstance(command, LookUp)]
    assert looked == ["venue-9"]
    trader.fill(entry, "100", "0.2")
    assert len(trader.state.lots) == 1


def test_lots_are_watched_while_an_entry_is_in_doubt_after_a_start() -> None:
    trader = LiveTraderHarness(**PYRAMID)
    trader.buy("100", "0.2")
    trader.balances(base="0.2")
    (entry,) = trader.tick("100")
    killed(trader, 1_000)
    assert not trader.state.reconciled
    (exit_,) = trader.tick("95")
    assert (exit_.purpose, exit_.lot, exit_.reason) == (Purpose.EXIT, 1, "stop_loss")
    trader.fill(exit_, "95")
    assert trader.state.lots == ()
    assert [each.client_order_id for each in trader.state.intents] == [entry.client_order_id]
    trader.balances()
    assert trader.tick("95") == [], "no entry before every outcome is known"
    assert trader.denied == []


def test_nothing_is_watched_before_the_start_is_told() -> None:
    trader = LiveTraderHarness()
    trader.buy("100", "0.2")
    trader.reread()
    trader.feed(HistoryLoaded(trader.now_ms, tuple(trader.history)))
    assert trader.tick("95") == []


def test_an_exit_in_doubt_is_sent_again_under_its_id_once() -> None:
    trader = LiveTraderHarness()
    trader.buy("100", "0.2")
    (exit_,) = trader.tick("95")
    killed(trader, 600_000)
    (again,) = absent(trader, exit_, 50)
    assert (
        replace(again, progress=exit_.progress, repeated=False, asked_at=0, sent_ms=0, sent_at=exit_.sent_at) == exit_
    )
    assert again.progress is Progress.UNKNOWN
    assert absent(trader, exit_, 50) == [], "once is enough"
    # What became of the second request is not known either: absence counts from there.
    trader.now_ms += 10_000
    trader.feed(OrderUnknown(trader.now_ms, exit_.client_order_id, "timed out"))
    absent(trader, exit_, 29_999)
    assert trader.state.pending
    absent(trader, exit_, 1)
    assert not trader.state.pending
    (anew,) = trader.tick("95")
    assert (anew.client_order_id, anew.progress) == (exit_.client_order_id, Progress.SENT), (
        "carried out late, it is one"
    )


@pytest.mark.parametrize(("later_ms", "paused", "times"), [(5_000, False, 1), (11_000, False, 0), (5_000, True, 0)])
def test_an_entry_in_doubt_is_sent_again_only_while_it_is_young_and_wanted(
    later_ms: int, paused: bool, times: int
) -> None:
    trader, entry = entered()
    killed(trader, later_ms)
    if paused:
        trader.feed(EntriesPaused(trader.now_ms, "hand"))
    assert [each.client_order_id for each in absent(trader, entry, 0)] == [entry.client_order_id] * times


def test_a_halted_trader_sends_nothing_again() -> None:
    trader = LiveTraderHarness()
    trader.buy("100", "0.2")
    (exit_,) = trader.tick("95")
    killed(trader, 1_000)
    trader.state = replace(trader.state, halted="look at the account")
    assert absent(trader, exit_, 50) == []


def test_a_price_steps_nothing_while_halted() -> None:
    trader = LiveTraderHarness()
    trader.buy("100", "0.2")
    trader.state = replace(trader.state, halted="look at the account")
    assert trader.feed(Tick(trader.now_ms + 1, BTC_USD.ticks(Decimal(95)))) == []


def test_after_the_venues_clock_was_set_back_absence_counts_once_it_was_waited_for() -> None:
    trader, entry = entered()
    trader.feed(OrderUnknown(trader.now_ms, entry.client_order_id, "timed out"))
    elapsed_ms = trader.state.elapsed_ms
    trader.now_ms -= 3_600_000
    trader.feed(TimePassed(trader.now_ms, elapsed_ms + 31_000))
    absent(trader, entry, 0)
    assert trader.state.pending, "elapsed time is known to a second or two"
    trader.feed(TimePassed(trader.now_ms, elapsed_ms + 32_000))
    absent(trader, entry, 0)
    assert not trader.state.pending
