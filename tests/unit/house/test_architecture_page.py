"""The layers that docs/architecture.md shows are those that import-linter holds."""

from __future__ import annotations

import re
import tomllib

from repository_files import ROOT


def test_the_page_shows_the_layers_that_are_held() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## The layers")[2]
    shown = re.findall(r"^((?:\w+)(?: +\| +\w+|  \w+)*)(?=   |$)", page.split("```")[1], re.MULTILINE)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (held,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    leaned_on = ["contract", "process", "errors"]
    assert re.findall(r"\w+", " ".join(shown)) == re.findall(r"\w+", " ".join(held)) + leaned_on
