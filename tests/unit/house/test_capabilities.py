"""docs/capabilities.md: five levels, and a test that is there for each claim."""

from __future__ import annotations

import re

from markdown_tables import tables
from module_definitions import names_of_tests
from repository_files import ROOT

PAGE = (ROOT / "docs" / "capabilities.md").read_text(encoding="utf-8")
LEVELS = ["basic install", "seamless upgrades", "full lifecycle", "deep insights", "auto pilot"]


def test_the_page_has_the_five_levels() -> None:
    expected = [f"Level {number}, {name}" for number, name in enumerate(LEVELS, 1)]
    assert re.findall(r"^## (.+)$", PAGE, re.MULTILINE) == expected


def test_every_claim_names_tests_that_are_there() -> None:
    claims = [row for rows in tables(PAGE) for row in rows]
    assert len(claims) > 15
    for row in claims:
        named = re.findall(r"`(test_\w+)`", row["test"])
        assert named, row["claim"]
        assert [name for name in named if name not in names_of_tests()] == [], row["claim"]
