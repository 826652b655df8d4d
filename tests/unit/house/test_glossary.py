"""The glossary: every term is explained once, in order, and leads to a place that is there."""

from __future__ import annotations

import re

import pytest

from markdown_tables import Row, tables
from module_definitions import definitions
from repository_files import ROOT

PAGE = ROOT / "docs" / "glossary.md"
(ROWS,) = tables(PAGE.read_text(encoding="utf-8"))


def wrong_with(row: Row) -> str:
    """What of a term is not as the glossary says; empty when all is."""
    file = ROOT / row["file"]
    if not file.is_file():
        return f"{row['term']}: there is no {row['file']}"
    return "" if row["name"] in definitions(file) else f"{row['term']}: {row['file']} defines no {row['name']}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["term"].replace(" ", "-"))
def test_a_term_leads_to_its_place_and_has_a_sentence(row: Row) -> None:
    assert wrong_with(row) == ""
    assert re.fullmatch(r"[A-Z].+\.", row["meaning"])


def test_terms_are_in_order_and_each_is_there_once() -> None:
    terms = [row["term"] for row in ROWS]
    assert terms == sorted(set(terms))


@pytest.mark.parametrize(
    "changed", [{"file": "bot/cbbot/kernel/nowhere.py"}, {"name": "Nothing"}], ids=["file", "name"]
)
def test_a_place_that_is_gone_is_found(changed: Row) -> None:
    assert wrong_with(ROWS[0] | changed) != ""
