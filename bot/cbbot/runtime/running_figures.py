"""The metrics that a state does not have: of the loop, its disk and its clock, at the moment of a scrape."""

from __future__ import annotations

import asyncio
import math

from cbbot.runtime.bridge_clock import LiveClock
from cbbot.runtime.live import TradingLoop
from cbbot.runtime.state_writer import StateWriter
from cbbot.views.bot_metrics import BotMetrics

__all__ = ["observe_running", "or_nan"]


def observe_running(metrics: BotMetrics, loop: TradingLoop, writer: StateWriter, clock: LiveClock) -> None:
    """Sets every gauge of a bot that has begun, those of its state included."""
    metrics.observe(loop.rules, loop.state)
    metrics.clock_offset.set(clock.offset_ms() / 1000)
    metrics.unsaved.set(bool(writer.problem))
    metrics.disk_free.set(or_nan(writer.disk_free_bytes))
    metrics.disk_size.set(or_nan(writer.disk_size_bytes))
    decided_at, fitted_ms = loop.decided_at, loop.state.last_fit_ms
    now = asyncio.get_running_loop().time()
    metrics.decision_age.set(or_nan(None if decided_at is None else now - decided_at))
    metrics.model_age.set(or_nan(None if fitted_ms < 0 else (clock.now_ms() - fitted_ms) / 1000))


def or_nan(figure: float | None) -> float:
    """What is not known is NaN to Prometheus."""
    return math.nan if figure is None else figure
