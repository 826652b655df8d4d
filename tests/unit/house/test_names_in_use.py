"""One word per meaning: words that were retired stay away, modules have names of their own, no banners."""

from __future__ import annotations

import io
import re
import tokenize
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from repository_files import ROOT, repository_files

PRODUCT = ("bot", "bridge", "operator", "tools", "benchmarks")
SHARED_NAMES = ("__init__.py", "__main__.py", "conftest.py")
# A word that meant several things or was a metaphor, and what it is called today.
RETIRED = {
    "told": "what it is: a message, warnings, events, output",
    "law": "rules",
    "courier": "command executor",
    "parcel": "command batch",
    "letter": "queued event",
    "mailbox": "event queue",
    "keeper": "state writer",
    "takeup": "resumed state",
    "announce": "notify",
    "announcer": "notifier",
    "crumbled": "to dust",
    "eased": "after the last lot",
}
# A word with one meaning, and where nothing has it: an order book is the exchange's.
ELSEWHERE = {
    "book": ("bot/cbbot/kernel/", "bot/cbbot/trader/", "bot/cbbot/runtime/", "bot/cbbot/views/", "bot/cbbot/research/"),
}


def words_of(identifier: str) -> set[str]:
    """``StateKeeper`` and ``state_keeper`` are state and keeper."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", identifier)}


@cache
def identifiers(file: Path) -> set[str]:
    tokens = tokenize.generate_tokens(io.StringIO(file.read_text(encoding="utf-8")).readline)
    names = {token.string for token in tokens if token.type == tokenize.NAME}
    return names | {file.stem}


@pytest.mark.parametrize("word", RETIRED)
def test_a_retired_word_is_no_name(word: str) -> None:
    product = [file for file in repository_files("*.py") if file.relative_to(ROOT).parts[0] in PRODUCT]
    assert len(product) > 100
    used = [
        f"{file.relative_to(ROOT)}: {name}; say {RETIRED[word]}"
        for file in product
        for name in sorted(identifiers(file))
        if word in words_of(name)
    ]
    assert used == []


@pytest.mark.parametrize("word", ELSEWHERE)
def test_a_word_stays_where_its_meaning_is(word: str) -> None:
    files = [file for file in repository_files("*.py") if str(file.relative_to(ROOT)).startswith(ELSEWHERE[word])]
    assert len(files) > 50
    found = [
        f"{file.relative_to(ROOT)}: {name}" for file in files for name in identifiers(file) if word in words_of(name)
    ]
    assert found == []


def test_modules_have_names_of_their_own() -> None:
    counted = Counter(file.name for file in repository_files("*.py") if file.name not in SHARED_NAMES)
    assert [name for name, times in counted.items() if times > 1] == []


def test_there_are_no_section_banners() -> None:
    """A comment that stands alone between blank lines is a heading, and a ruler is one anyhow."""
    found = []
    for file in repository_files("*.py"):
        lines = ["", *file.read_text(encoding="utf-8").splitlines(), ""]
        for number, line in enumerate(lines[1:-1], 1):
            alone = not lines[number - 1].strip() and not lines[number + 1].strip()
            if re.match(r"\s*# .*(?:---|===)", line) or (number > 1 and alone and re.match(r"\s*# ", line)):
                found.append(f"{file.relative_to(ROOT)}:{number}: {line.strip()}")
    assert found == []


def test_a_name_is_judged_by_its_words() -> None:
    assert words_of("StateKeeper") == words_of("_state_keeper") == {"state", "keeper"}
    assert words_of("HTTPServer") == {"http", "server"}
    assert "law" not in words_of("flaw")
