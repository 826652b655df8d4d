"""How many lines are missing from a process's log, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from cbbot.process.metric_definitions import MetricDefinition, MetricSet
from cbbot.process.queued_logs import dropped_lines

__all__ = ["count_dropped_log_lines"]


def count_dropped_log_lines(metrics: MetricSet, prefix: str) -> None:
    """Adds ``{prefix}_log_lines_dropped_total``, read at the moment of the scrape."""
    meaning = "Log lines that were dropped: nobody read the log, or it was full."
    definition = MetricDefinition(f"{prefix}_log_lines_dropped_total", "counter", meaning)
    metrics.define(definition)
    metrics.registry.register(_DroppedLogLines(definition))


class _DroppedLogLines(Collector):
    def __init__(self, definition: MetricDefinition) -> None:
        self._definition = definition

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily(self._definition.name, self._definition.meaning, value=dropped_lines())
