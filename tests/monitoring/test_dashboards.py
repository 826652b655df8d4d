"""The dashboards: sound to Grafana's own library, and every query has data in the Prometheus that watches a bot."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from monitoring.watched_world import WatchedWorld
from repository_files import ROOT

FILES: Final = sorted((ROOT / "charts" / "files" / "dashboards").glob("*.json"))
# What Grafana puts into a query.
VARIABLES: Final = {
    "$namespace": ".*", "$tradingbot": ".*", "$__rate_interval": "1m", "$__interval": "1m",
}  # fmt: skip


def document(name: str) -> dict[str, Any]:
    return dict(json.loads((ROOT / "charts" / "files" / "dashboards" / name).read_text(encoding="utf-8")))


def queries() -> list[tuple[str, str]]:
    """Title and expression of every panel's and annotation's query."""
    found = []
    for file in FILES:
        made = document(file.name)
        panels = [(panel["title"], target["expr"]) for panel in made["panels"] for target in panel["targets"]]
        noted = [(each["name"], each["expr"]) for each in made["annotations"].get("list", [])]
        found += [(f"{file.stem}: {title}", expr) for title, expr in (*panels, *noted)]
    return found


@pytest.mark.parametrize("name", [file.name for file in FILES])
def test_a_dashboard_is_read_by_grafanas_library_and_written_the_same(name: str) -> None:
    written = json.loads(JSONEncoder().encode(Dashboard.from_json(document(name))))

    def kept(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: kept(each) for key, each in value.items() if each is not None}
        return [kept(each) for each in value] if isinstance(value, list) else value

    assert kept(written) == document(name)


@pytest.mark.parametrize("name", [file.name for file in FILES])
def test_panels_fill_rows_of_24_and_lie_upon_none_other(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in document(name)["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells


def test_every_series_has_a_query_of_its_own_name() -> None:
    for file in FILES:
        for panel in document(file.name)["panels"]:
            names = [target["refId"] for target in panel["targets"]]
            assert len(names) == len(set(names)), panel["title"]


def test_bots_of_one_name_in_two_namespaces_are_told_apart() -> None:
    grouped = [(title, labels) for title, expr in queries() for labels in re.findall(r"by \(([^)]*)\)", expr)]
    of_bots = [(title, labels.split(", ")) for title, labels in grouped if "tradingbot" in labels]
    assert len(of_bots) > 40
    assert [title for title, labels in of_bots if "namespace" not in labels] == []


@pytest.mark.anyio
@pytest.mark.processes
@pytest.mark.slow
@pytest.mark.parametrize(("title", "expr"), queries(), ids=[title for title, _ in queries()])
async def test_a_query_has_data(world: WatchedWorld, title: str, expr: str) -> None:
    for variable, value in VARIABLES.items():
        expr = expr.replace(variable, value)
    assert "$" not in expr
    # NaN is equal to nothing: figures, not only series.
    await world.stack.until(f"({expr}) == ({expr})", title)
