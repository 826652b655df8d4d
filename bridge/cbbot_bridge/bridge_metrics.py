"""What Prometheus is told. One registry per bridge, so that tests may hold several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cbbot import __version__
from cbbot.process.log_metrics import count_dropped_log_lines
from cbbot.process.metric_definitions import MetricDefinition, MetricSet

__all__ = ["BridgeMetrics", "Reading"]

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)
_STATUS: Final = "HTTP status"
_CODE: Final = "HTTP status, or a word for what kept it from having one"
_VERB: Final = "GET, POST"
_PATH: Final = "the endpoint's pattern; unmatched for a path that is none"
_ENDPOINT: Final = {"endpoint": _PATH}
_ORDER_KINDS: Final = ("market", "limit", "stop_limit", "bracket")
_SIDES: Final = ("BUY", "SELL")
_OUTCOMES: Final = {
    "cancel": ("canceled", "refused", "not_sent", "unknown"),
    "edit": ("edited", "refused", "not_sent", "unknown"),
    **dict.fromkeys(_ORDER_KINDS, ("placed", "refused", "not_placed", "unknown")),
}
_CONTRADICTIONS: Final = ("id", "fills")

Reading = tuple[str, float, tuple[str, ...]]
"""The name of a definition, the value, and the labels' values."""


class _Readings(Collector):
    """Values that are read from the bridge at the moment of the scrape."""

    def __init__(self, definitions: Mapping[str, MetricDefinition], read: Callable[[], Iterable[Reading]]) -> None:
        self._definitions = definitions
        self._read = read

    def collect(self) -> Iterator[Metric]:
        families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}
        for name, value, labels in self._read():
            if name not in families:
                made = self._definitions[name]
                family = CounterMetricFamily if made.kind == "counter" else GaugeMetricFamily
                families[name] = family(name, made.meaning, labels=list(made.labels))
            families[name].add_metric(list(labels), value)
        yield from families.values()


class BridgeMetrics:
    """Counters and histograms of requests and of calls to Coinbase."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.made = MetricSet(self.registry)
        count_dropped_log_lines(self.made, "bridge")
        self._about_requests()
        self._about_calls()
        self._about_orders()
        self.made.gauge("bridge_build_info", "Always 1.", {"version": "cbbot's"}).labels(__version__).set(1)

    def _about_requests(self) -> None:
        methods = "HTTP method; - for a path that is none"
        self._requests = self.made.counter(
            "bridge_requests_total", "Requests answered.", {"method": methods, "endpoint": _PATH, "status": _STATUS}
        )
        self._request_seconds = self.made.histogram("bridge_request_seconds", "Time to answer.", _ENDPOINT, _BUCKETS)

    def _about_calls(self) -> None:
        verb = {"verb": _VERB}
        self._calls = self.made.counter("bridge_upstream_calls_total", "Tries at Coinbase.", verb | {"code": _CODE})
        self._call_seconds = self.made.histogram("bridge_upstream_seconds", "Time of a try.", verb, _BUCKETS)
        self._retries = self.made.counter(
            "bridge_upstream_retries_total",
            "Tries at Coinbase after which it was asked again.",
            verb | {"reason": _CODE},
        )

    def _about_orders(self) -> None:
        outcomes = sorted({outcome for outcomes in _OUTCOMES.values() for outcome in outcomes})
        self._orders = self.made.counter(
            "bridge_orders_total",
            "Requests that concern an order, by what became of them.",
            {"kind": ", ".join(_OUTCOMES), "side": f"{', '.join(_SIDES)}, -", "outcome": ", ".join(outcomes)},
        )
        self._contradictions = self.made.counter(
            "bridge_order_contradictions_total",
            "Orders of which Coinbase said what cannot be: fills beyond the order, an id that is another order's.",
            {"what": ", ".join(_CONTRADICTIONS)},
        )
        # A counter that appears with its first increment hides that increment from increase().
        for kind, possible in _OUTCOMES.items():
            for side in _SIDES if kind in _ORDER_KINDS else ("-",):
                for outcome in possible:
                    self._orders.labels(kind, side, outcome)
        for what in _CONTRADICTIONS:
            self._contradictions.labels(what)

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

    def read_at_scrape(self, definitions: Iterable[MetricDefinition], read: Callable[[], Iterable[Reading]]) -> None:
        """Adds values that ``read`` gives at every scrape."""
        known = {definition.name: definition for definition in definitions}
        for definition in known.values():
            self.made.define(definition)
        self.registry.register(_Readings(known, read))
