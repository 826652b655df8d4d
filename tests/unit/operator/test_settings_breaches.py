"""Settings that somebody adds to the ConfigMap by hand."""

from __future__ import annotations

from typing import Any

from unit.operator.memory_cluster import Look, MemoryCluster


def test_a_setting_that_somebody_added_to_the_configmap_is_removed(
    cluster: MemoryCluster, paper: dict[str, Any], watched_look: Look
) -> None:
    cluster.tradingbot(paper)
    watched_look()
    settings = cluster.edit("ConfigMap", "btc-settings")
    settings["data"] |= {"MAX_ORDER_USD": "999999", "TZ": "UTC"}
    watched_look()
    data = cluster.one("ConfigMap", "btc-settings")["data"]
    assert "MAX_ORDER_USD" not in data
    assert data["TZ"] == "UTC"  # no setting: nobody's business
