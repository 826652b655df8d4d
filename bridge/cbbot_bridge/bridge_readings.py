"""What the bridge knows at the moment of a scrape: stream, prices, clock, allowance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from cbbot.process.metric_definitions import MetricDefinition
from cbbot_bridge.bridge_metrics import Reading

if TYPE_CHECKING:
    from cbbot_bridge.assembly import Bridge

__all__ = ["READINGS", "readings"]

_PRODUCT: Final = {"product_id": "the products that are followed"}
_KIND: Final = {"kind": "private, public"}
READINGS: Final = (
    MetricDefinition("bridge_ws_connected", "gauge", "1 while the ticker stream brings data."),
    MetricDefinition("bridge_ws_reconnects_total", "counter", "Ends of the ticker stream."),
    MetricDefinition("bridge_ws_gaps_total", "counter", "Times that WebSocket messages were lost."),
    MetricDefinition("bridge_ws_repeats_total", "counter", "WebSocket messages that came twice or too late."),
    MetricDefinition("bridge_ws_malformed_total", "counter", "Unusable WebSocket messages and tickers."),
    MetricDefinition("bridge_ws_errors_total", "counter", "Error messages on the WebSocket."),
    MetricDefinition("bridge_ws_refused_products", "gauge", "Products that Coinbase does not stream."),
    MetricDefinition("bridge_tick_age_seconds", "gauge", "Since the last price; absent before one.", _PRODUCT),
    MetricDefinition(
        "bridge_ticks_refused_total", "counter", "Ticks with a time that the venue has not reached.", _PRODUCT
    ),
    MetricDefinition("bridge_poll_failures_total", "counter", "Failed polls of a price."),
    MetricDefinition("bridge_clock_skew_seconds", "gauge", "The venue's time minus ours; absent before it is known."),
    MetricDefinition("bridge_clock_rate", "gauge", "Venue seconds per second of ours; absent before it is known."),
    MetricDefinition("bridge_time_failures_total", "counter", "Failed reads of the venue's time."),
    MetricDefinition("bridge_clock_set_backs_total", "counter", "Times that the venue's clock was set back."),
    MetricDefinition("bridge_clock_outliers_total", "counter", "Times that the venue's time was wrong."),
    MetricDefinition("bridge_rate_budget", "gauge", "Requests that may leave at once.", _KIND),
)


def readings(bridge: Bridge) -> Iterator[Reading]:
    """Every reading that there is now, of those in ``READINGS``."""
    yield from _stream(bridge)
    yield from _prices(bridge)
    yield from _clock(bridge)
    left = bridge.budget_left()
    yield "bridge_rate_budget", left.private, ("private",)
    yield "bridge_rate_budget", left.public, ("public",)


def _stream(bridge: Bridge) -> Iterator[Reading]:
    counts, refused = bridge.stream.counts, len(bridge.stream.refused_products)
    yield "bridge_ws_connected", float(counts.connected), ()
    yield "bridge_ws_reconnects_total", float(counts.reconnects), ()
    yield "bridge_ws_gaps_total", float(counts.gaps), ()
    yield "bridge_ws_repeats_total", float(counts.repeats), ()
    yield "bridge_ws_malformed_total", float(counts.malformed), ()
    yield "bridge_ws_errors_total", float(counts.errors), ()
    yield "bridge_ws_refused_products", float(refused), ()


def _prices(bridge: Bridge) -> Iterator[Reading]:
    for tick in bridge.prices.ages():
        labels = (tick.product_id,)
        if tick.age_seconds is not None:
            yield "bridge_tick_age_seconds", tick.age_seconds, labels
        yield "bridge_ticks_refused_total", float(bridge.prices.refused[tick.product_id]), labels
    yield "bridge_poll_failures_total", float(bridge.poller.failures), ()


def _clock(bridge: Bridge) -> Iterator[Reading]:
    timekeeper = bridge.timekeeper
    offset = timekeeper.offset_ms()
    if offset is not None:
        yield "bridge_clock_skew_seconds", offset / 1000.0, ()
    if timekeeper.rate_known:
        yield "bridge_clock_rate", timekeeper.rate, ()
    yield "bridge_time_failures_total", float(timekeeper.failures), ()
    yield "bridge_clock_set_backs_total", float(timekeeper.set_backs), ()
    yield "bridge_clock_outliers_total", float(timekeeper.outliers), ()
