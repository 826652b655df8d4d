"""What the operator counts, for Prometheus."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from prometheus_client import REGISTRY, Counter, Gauge, Histogram

from cbbot.process.log_metrics import DroppedLogLines

__all__ = [
    "API_REQUESTS",
    "BOTS",
    "CHILDREN_PUT",
    "DRIFT",
    "LAST_WATCH_EVENT",
    "POLLS",
    "QUEUE_DEPTH",
    "QUEUE_LATENCY",
    "RECONCILES",
    "RECONCILE_SECONDS",
    "RETRIES",
    "WATCH_FORBIDDEN",
    "package_version",
]

RECONCILES = Counter("cbbot_operator_reconciles_total", "Reconciliations by result.", ["result"])
RECONCILE_SECONDS = Histogram("cbbot_operator_reconcile_seconds", "Duration of a reconciliation.")
QUEUE_DEPTH = Gauge("cbbot_operator_queue_depth", "TradingBots that wait for a worker.")
QUEUE_LATENCY = Histogram("cbbot_operator_queue_latency_seconds", "Wait of a TradingBot for a worker.")
RETRIES = Counter("cbbot_operator_retries_total", "Reconciliations that will be tried again.")
API_REQUESTS = Counter("cbbot_operator_api_requests_total", "Requests to the API server.", ["verb", "code"])
DRIFT = Counter("cbbot_operator_drift_corrections_total", "Children put back as they should be.", ["kind"])
CHILDREN_PUT = Counter(
    "cbbot_operator_children_total",
    "Children looked at: created, changed, without effect (a request that changed nothing), unchanged (none), failed.",
    ["result"],
)
BOTS = Gauge("cbbot_operator_tradingbots", "TradingBots by mode and readiness.", ["mode", "ready"])
POLLS = Counter("cbbot_operator_polls_total", "Questions to bots by result.", ["result"])
LAST_WATCH_EVENT = Gauge("cbbot_operator_last_watch_event_timestamp_seconds", "When the newest watch event came.")
WATCH_FORBIDDEN = Gauge(
    "cbbot_operator_watch_forbidden", "1 while the API server does not allow a watch.", ["kind", "namespace"]
)
REGISTRY.register(DroppedLogLines("cbbot_operator"))
_BUILD = Gauge("cbbot_operator_build_info", "Always 1; the version is a label.", ["version"])


def package_version() -> str:
    try:
        return version("cbbot")
    except PackageNotFoundError:
        return "unknown"


_BUILD.labels(package_version()).set(1)
