"""What a process tells Prometheus: each metric defined once, where it is made, and listed for the documents."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["NO_LABELS", "MetricDefinition", "MetricSet"]

NO_LABELS: Final[Mapping[str, str]] = {}


class MetricDefinition(NamedTuple):
    """A metric as it is scraped. ``labels``: each label's name, and the values it may have."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: Mapping[str, str] = NO_LABELS


class MetricSet:
    """Makes the metrics of one registry; ``definitions`` are those made so far."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.definitions: list[MetricDefinition] = []

    def gauge(self, name: str, meaning: str, labels: Mapping[str, str] = NO_LABELS) -> Gauge:
        """Until it is set it is NaN, which is what is not known; zero would be a figure."""
        self.define(MetricDefinition(name, "gauge", meaning, labels))
        gauge = Gauge(name, meaning, tuple(labels), registry=self.registry)
        if not labels:
            gauge.set(math.nan)
        return gauge

    def counter(self, name: str, meaning: str, labels: Mapping[str, str] = NO_LABELS) -> Counter:
        """``name`` ends in ``_total``."""
        self.define(MetricDefinition(name, "counter", meaning, labels))
        return Counter(name, meaning, tuple(labels), registry=self.registry)

    def histogram(
        self,
        name: str,
        meaning: str,
        labels: Mapping[str, str] = NO_LABELS,
        buckets: Sequence[float] = Histogram.DEFAULT_BUCKETS,
    ) -> Histogram:
        self.define(MetricDefinition(name, "histogram", meaning, labels))
        return Histogram(name, meaning, tuple(labels), buckets=buckets, registry=self.registry)

    def define(self, definition: MetricDefinition) -> None:
        """Lists a metric that is read at the moment of a scrape, by a collector of its own."""
        if definition.kind == "counter" and not definition.name.endswith("_total"):
            raise ValueError(f"{definition.name} is a counter: its name ends in _total")
        self.definitions.append(definition)
