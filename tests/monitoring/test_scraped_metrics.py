"""What the three processes answer to a scrape: clean by Prometheus's own tool, and as the definitions say."""

from __future__ import annotations

from typing import Final

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families as families

from cbbot.process.metric_definitions import MetricDefinition
from cbbot.views.bot_metrics import BotMetrics
from cbbot_bridge.bridge_metrics import BridgeMetrics
from cbbot_bridge.bridge_readings import READINGS
from cbbot_operator import operator_metrics
from monitoring.test_alert_rules import promtool
from monitoring.watched_world import WatchedWorld

pytestmark = [pytest.mark.anyio, pytest.mark.processes, pytest.mark.slow]

DEFINED: Final[dict[str, list[MetricDefinition]]] = {
    "cbbot-bot": BotMetrics().made.definitions,
    "cbbot-bridge": [*BridgeMetrics().made.definitions, *READINGS],
    "cbbot-operator": operator_metrics.MADE.definitions,
}
LIBRARY: Final = ("process_", "python_")


async def scraped(world: WatchedWorld, job: str) -> str:
    await world.stack.until(f'up{{job="{job}"}} == 1', job)
    async with httpx.AsyncClient(trust_env=False) as http:
        return (await http.get(f"http://127.0.0.1:{world.ports[job]}/metrics")).raise_for_status().text


@pytest.mark.parametrize("job", DEFINED)
async def test_promtool_has_nothing_to_say(world: WatchedWorld, job: str) -> None:
    ended = promtool("check", "metrics", given=await scraped(world, job))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize("job", DEFINED)
async def test_what_is_scraped_is_what_is_defined(world: WatchedWorld, job: str) -> None:
    await world.stack.until('bot_trades_total{result="win"} > 0', "a trade")
    found = {
        f"{family.name}_total" if family.type == "counter" else family.name: family
        for family in families(await scraped(world, job))
        if not family.name.startswith(LIBRARY) and not family.name.endswith("_created")
    }
    defined = {each.name: each for each in DEFINED[job]}
    assert set(found) - set(defined) == set()
    # What has labels may wait for its first value, what the clock tells for its second reading.
    absent = {name for name in set(defined) - set(found) if not defined[name].labels}
    assert absent == set()
    for name, family in found.items():
        assert family.type == defined[name].kind, name
        assert family.documentation == defined[name].meaning, name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert labels <= set(defined[name].labels), name


@pytest.mark.parametrize("job", DEFINED)
async def test_series_stay_few(world: WatchedWorld, job: str) -> None:
    counted = await world.stack.until(f'scrape_samples_scraped{{job="{job}"}} > 0', "a scrape")
    assert max(float(each["value"][1]) for each in counted) < 500
