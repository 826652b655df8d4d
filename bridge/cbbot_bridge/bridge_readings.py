"""What the bridge knows at the moment of a scrape: stream, prices, clock, allowance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cbbot_bridge.bridge_metrics import Reading

if TYPE_CHECKING:
    from cbbot_bridge.assembly import Bridge

__all__ = ["readings"]


def readings(bridge: Bridge) -> Iterator[Reading]:
    """Every reading, with its name and help text."""
    yield from _stream(bridge)
    yield from _prices(bridge)
    yield from _clock(bridge)
    left = bridge.budget_left()
    for kind, value in (("private", left.private), ("public", left.public)):
        yield "bridge_rate_budget", "Requests that may leave at once", value, (("kind", kind),)


def _stream(bridge: Bridge) -> Iterator[Reading]:
    counts, refused = bridge.stream.counts, len(bridge.stream.refused_products)
    yield "bridge_ws_connected", "1 while the ticker stream brings data", float(counts.connected), ()
    yield "bridge_ws_reconnects_total", "Ends of the ticker stream", float(counts.reconnects), ()
    yield "bridge_ws_gaps_total", "Times that WebSocket messages were lost", float(counts.gaps), ()
    yield "bridge_ws_repeats_total", "WebSocket messages that came twice or too late", float(counts.repeats), ()
    yield "bridge_ws_malformed_total", "Unusable WebSocket messages and tickers", float(counts.malformed), ()
    yield "bridge_ws_errors_total", "Error messages on the WebSocket", float(counts.errors), ()
    yield "bridge_ws_refused_products", "Products that Coinbase does not stream", float(refused), ()


def _prices(bridge: Bridge) -> Iterator[Reading]:
    for tick in bridge.prices.ages():
        labels = (("product_id", tick.product_id),)
        if tick.age_seconds is not None:
            yield "bridge_tick_age_seconds", "Since the last price was received", tick.age_seconds, labels
        refused = float(bridge.prices.refused[tick.product_id])
        yield "bridge_ticks_refused_total", "Ticks with a time that the venue has not reached", refused, labels
    yield "bridge_poll_failures_total", "Failed polls of a price", float(bridge.poller.failures), ()


def _clock(bridge: Bridge) -> Iterator[Reading]:
    timekeeper = bridge.timekeeper
    offset = timekeeper.offset_ms()
    if offset is not None:
        yield "bridge_clock_skew_seconds", "The venue's time minus ours", offset / 1000.0, ()
    yield "bridge_clock_rate", "Venue seconds per second of ours", timekeeper.rate, ()
    yield "bridge_time_failures_total", "Failed reads of the venue's time", float(timekeeper.failures), ()
    yield "bridge_clock_set_backs_total", "Times that the venue's clock was set back", float(timekeeper.set_backs), ()
    yield "bridge_clock_outliers_total", "Times that the venue told a wrong time", float(timekeeper.outliers), ()
