"""How many lines are missing from a process's log, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from cbbot.process.queued_logs import dropped_lines

__all__ = ["DroppedLogLines"]


class DroppedLogLines(Collector):
    """``{prefix}_log_lines_dropped_total``, read at the moment of the scrape. Register it."""

    def __init__(self, prefix: str) -> None:
        self._name = f"{prefix}_log_lines_dropped"

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily(
            self._name, "Log lines that were dropped: nobody read the log, or it was full.", value=dropped_lines()
        )
