"""ServiceMonitors, where the cluster knows them and the spec wants them."""

from __future__ import annotations

from typing import Any, Final

from cbbot_operator.keys import selector
from cbbot_operator.render.inputs import Inputs

__all__ = ["service_monitors"]

# Who may scrape the bridge cannot reach the port that takes orders.
_PORTS: Final = {"bridge": "metrics", "bot": "http"}


def service_monitors(inputs: Inputs) -> list[dict[str, Any]]:
    monitor = inputs.spec.monitoring.serviceMonitor
    if not (monitor.enabled and inputs.monitors_known):
        return []
    made = []
    for component, port in _PORTS.items():
        head = inputs.head("ServiceMonitor", inputs.names.of(component), component)
        head["metadata"]["labels"] = {
            **inputs.inherited.monitor_labels,
            **monitor.labels,
            **head["metadata"]["labels"],
        }
        made.append(
            {
                **head,
                "spec": {
                    "selector": {"matchLabels": selector(inputs.key.name, component)},
                    "endpoints": [
                        {
                            "port": port,
                            "path": "/metrics",
                            "interval": monitor.interval,
                            "scrapeTimeout": monitor.scrapeTimeout,
                            "relabelings": _named({"job": f"cbbot-{component}", "tradingbot": inputs.key.name}),
                        }
                    ],
                },
            }
        )
    return made


def _named(labels: dict[str, str]) -> list[dict[str, str]]:
    """By these labels, which outlive pods and Services, alerts and dashboards tell series apart."""
    return [{"action": "replace", "targetLabel": name, "replacement": value} for name, value in labels.items()]
