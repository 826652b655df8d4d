"""The references tell every setting of bot and bridge, and every field that a TradingBot has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from cbbot.contract.bridge_settings_table import EXCHANGE_SETTINGS
from cbbot.contract.settings_table import SETTINGS
from cbbot_operator.crd import crd
from repository_files import ROOT

DOCS = ROOT / "docs"


def fields(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """The paths of the values in the definition that a cluster gets."""
    for name, inner in schema["properties"].items():
        below = f"{path}.{name}" if path else name
        if "properties" in inner:
            yield from fields(inner, below)
        else:
            yield below


def test_every_field_of_the_definition_is_told() -> None:
    spec = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    known = list(fields(spec))
    assert "exchange.simulator.speed" in known
    assert len(known) > 60
    page = (DOCS / "tradingbot.md").read_text(encoding="utf-8")
    assert [path for path in known if f"| `{path}` |" not in page] == []


@pytest.mark.parametrize(
    ("settings", "name"), [(SETTINGS, "settings.md"), (EXCHANGE_SETTINGS, "bridge-settings.md")], ids=["bot", "bridge"]
)
def test_every_setting_is_told(settings: Any, name: str) -> None:
    page = (DOCS / name).read_text(encoding="utf-8")
    assert [setting.key for setting in settings if f"\n| {setting.key} |" not in page] == []


@pytest.mark.parametrize("name", ["settings.md", "bridge-settings.md", "tradingbot.md"])
def test_no_row_of_a_table_is_broken_by_what_it_holds(name: str) -> None:
    lines = (DOCS / name).read_text(encoding="utf-8").splitlines()
    tables = "\n".join(line if line.startswith("|") else "" for line in lines).split("\n\n")
    for table in filter(str.strip, tables):
        assert len({row.replace("\\|", "").count("|") for row in table.strip().splitlines()}) == 1
