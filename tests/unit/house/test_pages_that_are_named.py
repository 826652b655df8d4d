"""What a docstring, a comment or a page refers to is there: files, links, headings and numbered sections."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = "benchmarks|bot|bridge|charts|crds|docs|examples|operator|tests|tools"
PATH = re.compile(rf"(?<![\w./~-])(?:{FOLDERS})/[\w./-]*\w\.(?:py|md|toml|yaml|yml|js|env|c)\b")
PAGE = re.compile(r"(?<![\w./*-])[\w./-]*\w\.md\b")
LINK = re.compile(r"\]\((?!https?:)(?P<target>[^)#\s]*)(?:#(?P<anchor>[\w-]+))?\)")
CITATION = re.compile(r"(?P<page>[\w./-]+\.md)\W{1,3}sections?\s+(?P<numbers>\d[\d.]*(?:(?:, | and )\d[\d.]*)*)")
UNREADABLE = re.compile(r"§|\bsections?\s+\d|\bthe specification\b|\bold (?:go )?bot\b", re.IGNORECASE)


class Text(NamedTuple):
    file: Path
    line: int
    words: str


def listed() -> list[Path]:
    found = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [ROOT / line for line in found.stdout.splitlines() if (ROOT / line).is_file()]


def docstrings_and_comments(file: Path) -> Iterator[Text]:
    source = file.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield Text(file, node.lineno, node.value.value)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Text(file, token.start[0], token.string)


def prose() -> list[Text]:
    """All that is written for people: docstrings, comments, pages, and the text files around them."""
    found: list[Text] = []
    for file in listed():
        if file.suffix == ".py":
            found += docstrings_and_comments(file)
        elif file.suffix in (".md", ".toml", ".yaml", ".yml", ".tpl", ".js") or file.name.startswith(
            ("Make", "Docker")
        ):
            found.append(Text(file, 1, file.read_text(encoding="utf-8")))
    return found


PROSE = prose()


def matches(pattern: re.Pattern[str]) -> Iterator[tuple[Text, str, re.Match[str]]]:
    """Every match, with the place where it stands."""
    for text in PROSE:
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


def test_links_lead_to_a_file_and_a_heading() -> None:
    links = [(where, text.file, match) for text, where, match in matches(LINK) if text.file.suffix == ".md"]
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
    cited = {(text.file, text.line, text.words.find(match[0])) for text, _, match in matches(CITATION)}
    known = {(file, line) for file, line, _ in cited}
    this = Path(__file__)
    loose = [
        where for text, where, _ in matches(UNREADABLE) if text.file != this and (text.file, text.line) not in known
    ]
    assert loose == []
