"""What a docstring, a comment or a page refers to is there: files, links, headings and numbered sections."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from repository_files import ROOT, repository_files
from syntax_trees import syntax_tree

FOLDERS = "benchmarks|bot|bridge|charts|crds|docs|examples|operator|tests|tools"
PATH = re.compile(rf"(?<![\w./~-])(?:{FOLDERS})/[\w./-]*\w\.(?:py|md|toml|yaml|yml|js|env|c)\b")
PAGE = re.compile(r"(?<![\w./*-])[\w./-]*\w\.md\b")
LINK = re.compile(r"\]\((?!https?:)(?P<target>[^)#\s]*)(?:#(?P<anchor>[\w-]+))?\)")
CODE = re.compile(r"`[^`\n]+`")
CITATION = re.compile(r"(?P<page>[\w./-]+\.md)\W{1,3}sections?\s+(?P<numbers>\d[\d.]*(?:(?:, | and )\d[\d.]*)*)")
UNREADABLE = re.compile(r"§|\bsections?\s+\d|\bthe specification\b|\bold (?:go )?bot\b", re.IGNORECASE)
COMMENTED = (".toml", ".yaml", ".yml", ".tpl", ".js", ".css", ".c", ".env")


class Text(NamedTuple):
    file: Path
    line: int
    words: str


def docstrings_and_comments(file: Path) -> Iterator[Text]:
    source = file.read_text(encoding="utf-8")
    for node in ast.walk(syntax_tree(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield Text(file, node.lineno, node.value.value)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Text(file, token.start[0], token.string)


def comments(file: Path) -> Iterator[Text]:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if found := re.search(r"(?:#|//).*", line):
            yield Text(file, number, found[0])


@cache
def prose() -> tuple[Text, ...]:
    """All that is written for people: pages, docstrings, and the comments of whatever has comments."""
    found: list[Text] = []
    for file in repository_files():
        if file.suffix == ".py":
            found += docstrings_and_comments(file)
        elif file.suffix == ".md":
            found.append(Text(file, 1, file.read_text(encoding="utf-8")))
        elif file.suffix in COMMENTED or file.name.startswith(("Make", "Docker")):
            found += comments(file)
    return tuple(found)


def without_citations(text: Text) -> Text:
    return text._replace(words=CITATION.sub(lambda match: "\n" * match[0].count("\n"), text.words))


def matches(pattern: re.Pattern[str], texts: Iterable[Text] = ()) -> Iterator[tuple[Text, str, re.Match[str]]]:
    """Every match in the texts (by default in all), with the place where it stands."""
    for text in texts or prose():
        for match in pattern.finditer(text.words):
            line = text.line + text.words.count("\n", 0, match.start())
            yield text, f"{text.file.relative_to(ROOT)}:{line}: {match[0]}", match


def exists(named: str, beside: Path) -> bool:
    return (ROOT / named).exists() or (beside.parent / named).exists()


def headings(page: Path) -> list[str]:
    return [line.lstrip("#").strip() for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("#")]


def anchor_of(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def numbers_of(page: Path) -> set[str]:
    return {found[1] for heading in headings(page) if (found := re.match(r"(\d+(?:\.\d+)*)\.? ", heading))}


def test_files_that_are_named_exist() -> None:
    named = [(where, exists(match[0], text.file)) for text, where, match in (*matches(PATH), *matches(PAGE))]
    assert len(named) > 30
    assert [where for where, found in named if not found] == []


def without_code(text: Text) -> Text:
    """A pattern in code may look like a link."""
    return text._replace(words=CODE.sub("``", text.words))


def test_links_lead_to_a_file_and_a_heading() -> None:
    pages = [without_code(text) for text in prose() if text.file.suffix == ".md"]
    links = [(where, text.file, match) for text, where, match in matches(LINK, pages)]
    assert len(links) > 10
    broken = []
    for where, file, match in links:
        target = file.parent / match["target"] if match["target"] else file
        if not target.exists() or (match["anchor"] and match["anchor"] not in map(anchor_of, headings(target))):
            broken.append(where)
    assert broken == []


def test_sections_that_are_cited_are_in_the_page() -> None:
    cited = [
        (where, number in numbers_of(ROOT / match["page"]))
        for _, where, match in matches(CITATION)
        for number in re.findall(r"\d+(?:\.\d+)*", match["numbers"])
    ]
    assert len(cited) > 3
    assert [where for where, found in cited if not found] == []


def test_nothing_refers_to_what_a_reader_cannot_open() -> None:
    """A section needs its page; a specification or a program that is not in the repository says nothing."""
    assert [where for _, where, _ in matches(UNREADABLE, map(without_citations, prose()))] == []
