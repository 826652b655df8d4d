"""docs/gitops.md: its health checks judge statuses as the operator writes them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from cel_expr_python import cel
from lupa import lua51

from unit.operator.memory_cluster import Clock, Hear, Look, MemoryCluster

PAGE = (Path(__file__).parents[3] / "docs/gitops.md").read_text(encoding="utf-8")
LUA = re.findall(r"```lua\n(.*?)```", PAGE, re.DOTALL)[0]
(FLUX,) = yaml.safe_load(re.findall(r"```yaml\n(healthCheckExprs:.*?)```", PAGE, re.DOTALL)[0])["healthCheckExprs"]

Story = Callable[[str], dict[str, Any]]

STORIES = {
    "new": ("Progressing", "inProgress"),
    "starting": ("Progressing", ""),
    "trading": ("Healthy", "current"),
    "paused": ("Healthy", "current"),
    "changed a moment ago": ("Progressing", "inProgress"),
    "suspended": ("Suspended", "current"),
    "hands off": ("Suspended", "current"),
    "invalid": ("Degraded", "failed"),
    "without its secret": ("Degraded", "failed"),
    "never ready": ("Degraded", "failed"),
    "an exit is refused": ("Degraded", "failed"),
}
REFUSED = {"exits": [{"lot": 1, "since": "2026-01-02T03:00:00Z", "code": "X", "message": "no", "tries": 3}]}


def argo_cd(obj: dict[str, Any]) -> tuple[str, str]:
    """Argo CD's interpreter speaks Lua 5.1."""
    runtime = lua51.LuaRuntime(unpack_returned_tuples=True)
    check = runtime.eval(f"function(obj)\n{LUA}\nend")
    health = check(runtime.table_from(obj, recursive=True))
    return str(health["status"]), str(health["message"])


def flux(obj: dict[str, Any]) -> str:
    """The first that holds, in the order in which Flux asks."""
    environment = cel.NewEnv(variables=dict.fromkeys(("metadata", "status"), cel.Type.DYN))
    given = {"metadata": obj["metadata"], "status": obj.get("status") or {}}
    for kind in ("inProgress", "failed", "current"):
        if environment.compile(FLUX[kind]).eval(data=given).value():
            return kind
    return ""


@pytest.fixture
def story(
    cluster: MemoryCluster,
    paper: dict[str, Any],
    live: dict[str, Any],
    clock: Clock,
    look: Look,
    hear: Hear,
) -> Story:
    """A TradingBot as the cluster has it once that has happened."""

    def start(spec: dict[str, Any], figures: dict[str, Any] | None = None, **metadata: Any) -> None:
        cluster.tradingbot(spec, **metadata)
        look()
        cluster.roll_out()
        look()
        if figures is not None:
            hear(**figures)

    def change() -> None:
        start(paper, {})
        cluster.one("TradingBot", "btc")["metadata"]["generation"] += 1

    def make(then: Callable[[], None]) -> None:
        cluster.tradingbot(paper)
        then()

    def wait() -> None:
        for _ in range(2):
            look()
            clock.advance(301)

    by_hand = {"annotations": {"cbbot.io/reconcile": "disabled"}}
    paused = {"entries": {"allowed": False, "paused_by": ["resource"]}, "phase": "paused"}
    steps: dict[str, Callable[[], object]] = {
        "new": lambda: cluster.tradingbot(paper),
        "starting": lambda: make(look),
        "trading": lambda: start(paper, {}),
        "paused": lambda: start({**paper, "entries": "Paused"}, paused),
        "changed a moment ago": change,
        "suspended": lambda: start({**paper, "suspend": True}),
        "hands off": lambda: start(paper, **by_hand),
        "invalid": lambda: start({**paper, "risk": {"riskPerTradePct": 0}}),
        "without its secret": lambda: start(live),
        "never ready": lambda: make(wait),
        "an exit is refused": lambda: start(paper, {"refused": REFUSED}),
    }

    def tell(name: str) -> dict[str, Any]:
        steps[name]()
        return cluster.one("TradingBot", "btc")

    return tell


@pytest.mark.parametrize("name", STORIES)
def test_argo_cd_and_flux_judge_a_status_as_the_operator_means_it(story: Story, name: str) -> None:
    obj = story(name)
    status, message = argo_cd(obj)
    assert (status, flux(obj)) == STORIES[name]
    assert message


def test_a_deletion_that_waits_for_lots_says_so_in_argo_cd(
    cluster: MemoryCluster, live: dict[str, Any], api_keys: dict[str, bytes], look: Look, hear: Hear, clock: Clock
) -> None:
    cluster.put_secret("coinbase", api_keys)
    cluster.tradingbot(live)
    look()
    cluster.roll_out()
    look()
    hear(mode="live")
    cluster.edit("TradingBot", "btc")["metadata"]["deletionTimestamp"] = clock().strftime("%Y-%m-%dT%H:%M:%SZ")
    clock.advance(5)
    look()
    hear(mode="live")
    status, message = argo_cd(cluster.one("TradingBot", "btc"))
    assert status == "Progressing"
    assert "2 lots are open and deletionPolicy is Refuse" in message
