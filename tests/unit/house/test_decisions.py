"""The decisions: each page is in the index, has its parts, and names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from markdown_tables import tables
from module_definitions import names_of_tests
from repository_files import ROOT

FOLDER = ROOT / "docs" / "decisions"
PAGES = sorted(FOLDER.glob("0*.md"))
PARTS = ["Context", "Decision", "Consequences", "Held by"]
SENTENCES_OF_A_PAGE = 30


def test_the_index_has_every_page_in_order_with_its_title() -> None:
    (rows,) = tables((FOLDER / "README.md").read_text(encoding="utf-8"))
    titles = [page.read_text(encoding="utf-8").partition("\n")[0] for page in PAGES]
    expected = [f"# {row['number']}. {row['decision'].partition(']')[0].strip('[')}" for row in rows]
    assert titles == expected
    assert [page.name for page in PAGES] == [re.findall(r"\((.*)\)", row["decision"])[0] for row in rows]
    assert [int(page.name[:4]) for page in PAGES] == list(range(1, len(PAGES) + 1))
    assert len(PAGES) >= 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_short_and_has_its_parts(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == PARTS
    assert len(re.findall(r"[.:](?=\s)", text)) <= SENTENCES_OF_A_PAGE


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_holds_a_decision_is_there(page: Path) -> None:
    held = page.read_text(encoding="utf-8").partition("## Held by")[2]
    named = re.findall(r"`(test_\w+)`", held)
    assert named or re.search(r"`tests/[\w/]+\.py`", held)
    assert [name for name in named if name not in names_of_tests()] == []
