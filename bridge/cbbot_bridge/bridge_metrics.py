"""What Prometheus is told. One registry per bridge, so that tests may hold several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cbbot.process.log_metrics import DroppedLogLines

__all__ = ["BridgeMetrics", "Reading"]

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)

Reading = tuple[str, str, float, tuple[tuple[str, str], ...]]
"""Name, help, value, labels: a gauge, or a counter when the name ends in ``_total``."""


class _Readings(Collector):
    """Values that are read from the bridge at the moment of the scrape."""

    def __init__(self, read: Callable[[], Iterable[Reading]]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}
        for name, text, value, labels in self._read():
            if name not in families:
                family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
                families[name] = family(name, text, labels=[key for key, _ in labels])
            families[name].add_metric([label for _, label in labels], value)
        yield from families.values()


class BridgeMetrics:
    """Counters and histograms of requests and of calls to Coinbase."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(DroppedLogLines("bridge"))
        self._requests = Counter(
            "bridge_requests_total",
            "Requests answered, by endpoint and status",
            ["method", "endpoint", "status"],
            registry=self.registry,
        )
        self._request_seconds = Histogram(
            "bridge_request_seconds", "Time to answer", ["endpoint"], buckets=_BUCKETS, registry=self.registry
        )
        self._calls = Counter(
            "bridge_upstream_calls_total",
            "Tries at Coinbase, by verb and HTTP status (or what kept it from having one)",
            ["verb", "code"],
            registry=self.registry,
        )
        self._call_seconds = Histogram(
            "bridge_upstream_seconds", "Time of a try", ["verb"], buckets=_BUCKETS, registry=self.registry
        )
        self._retries = Counter(
            "bridge_upstream_retries_total",
            "Tries at Coinbase after which it was asked again, by verb and HTTP status (or what there was instead)",
            ["verb", "reason"],
            registry=self.registry,
        )
        self._orders = Counter(
            "bridge_orders_total",
            "Requests that concern an order, by kind (market, limit, stop_limit, bracket, cancel, edit), side and "
            "outcome: placed, canceled, edited, refused, not_placed, not_sent, unknown",
            ["kind", "side", "outcome"],
            registry=self.registry,
        )
        self._contradictions = Counter(
            "bridge_order_contradictions_total",
            "Orders of which Coinbase said what cannot be: fills beyond the order, an id that stands for another order",
            ["what"],
            registry=self.registry,
        )

    def request(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        self._requests.labels(method, endpoint, str(status)).inc()
        self._request_seconds.labels(endpoint).observe(seconds)

    def upstream_call(self, verb: str, code: str, seconds: float) -> None:
        self._calls.labels(verb, code).inc()
        self._call_seconds.labels(verb).observe(seconds)

    def retried(self, verb: str, reason: str) -> None:
        self._retries.labels(verb, reason).inc()

    def order(self, kind: str, side: str, outcome: str) -> None:
        self._orders.labels(kind, side, outcome).inc()

    def contradiction(self, what: str) -> None:
        self._contradictions.labels(what).inc()

    def read_at_scrape(self, read: Callable[[], Iterable[Reading]]) -> None:
        """Adds values that ``read`` gives at every scrape."""
        self.registry.register(_Readings(read))
