"""What the operator counts, for Prometheus."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from prometheus_client import REGISTRY

from cbbot.process.log_metrics import count_dropped_log_lines
from cbbot.process.metric_definitions import MetricSet

__all__ = [
    "API_REQUESTS",
    "BOTS",
    "CHILDREN_PUT",
    "DEGRADED",
    "DRIFT",
    "LAST_WATCH_EVENT",
    "LEADING",
    "MADE",
    "POLLS",
    "QUEUE_DEPTH",
    "QUEUE_LATENCY",
    "RECONCILES",
    "RECONCILE_SECONDS",
    "RETRIES",
    "WATCH_FORBIDDEN",
    "package_version",
]

MADE = MetricSet(REGISTRY)
count_dropped_log_lines(MADE, "cbbot_operator")

RECONCILES = MADE.counter(
    "cbbot_operator_reconciles_total", "Reconciliations.", {"result": "done, failed, broken (a bug of ours)"}
)
RECONCILE_SECONDS = MADE.histogram("cbbot_operator_reconcile_seconds", "Duration of a reconciliation.")
QUEUE_DEPTH = MADE.gauge("cbbot_operator_queue_depth", "TradingBots that wait for a worker.")
QUEUE_LATENCY = MADE.histogram("cbbot_operator_queue_latency_seconds", "Wait of a TradingBot for a worker.")
RETRIES = MADE.counter("cbbot_operator_retries_total", "Reconciliations that will be tried again.")
API_REQUESTS = MADE.counter(
    "cbbot_operator_api_requests_total",
    "Requests to the API server.",
    {"verb": "HTTP method", "code": "HTTP status, or a word for what kept it from having one"},
)
DRIFT = MADE.counter(
    "cbbot_operator_drift_corrections_total", "Children put back as they should be.", {"kind": "kind of object"}
)
CHILDREN_PUT = MADE.counter(
    "cbbot_operator_children_total",
    "Children looked at; without effect: a request that changed nothing; unchanged: no request.",
    {"result": "created, changed, without effect, unchanged, failed"},
)
BOTS = MADE.gauge(
    "cbbot_operator_tradingbots",
    "TradingBots, by the condition Ready.",
    {"mode": "Paper, Live, Unknown", "ready": "True, False, Unknown", "reason": "the condition's reason, a word each"},
)
DEGRADED = MADE.gauge(
    "cbbot_operator_tradingbots_degraded",
    "TradingBots whose condition Degraded is True: somebody should look.",
    {"mode": "Paper, Live, Unknown", "reason": "the condition's reason, a word each"},
)
POLLS = MADE.counter(
    "cbbot_operator_polls_total", "Questions to bots.", {"result": "answered, unreachable, refused, unreadable"}
)
LEADING = MADE.gauge("cbbot_operator_leading", "1 for the operator that leads, 0 for one that stands by.")
LAST_WATCH_EVENT = MADE.gauge(
    "cbbot_operator_last_watch_event_timestamp_seconds", "When the newest watch event came; NaN before one."
)
WATCH_FORBIDDEN = MADE.gauge(
    "cbbot_operator_watch_forbidden",
    "1 while the API server does not allow a watch.",
    {"kind": "kind of object", "namespace": "a watched namespace, * for all"},
)
_BUILD = MADE.gauge("cbbot_operator_build_info", "Always 1.", {"version": "cbbot's"})


def package_version() -> str:
    try:
        return version("cbbot")
    except PackageNotFoundError:
        return "unknown"


_BUILD.labels(package_version()).set(1)
for _result in ("done", "failed", "broken"):
    # A counter that appears with its first increment hides that increment from increase().
    RECONCILES.labels(_result)
