"""tools/docs_site.py: what it finds wrong with a built site, and that every page has its place in the contents."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from repository_files import ROOT, repository_files

GOOD = """<html><head><link rel="stylesheet" href="style.css"><link rel="canonical" href="https://example.org/"></head>
<body id="top"><a href="#top">up</a><a href="sub/other.html#there">there</a><a href="https://example.org/a?b#c">away</a>
<a href="mailto:a@example.org">write</a><img src="data:image/png;base64,AA"><script src="code.js"></script></body>"""


Site = Callable[..., list[str]]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """What is wrong with a small site whose first page, or style, is given."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    docs_site: Any = importlib.import_module("docs_site")

    def problems(index: str = GOOD, style: str = "body { color: red }") -> list[str]:
        return list(docs_site.problems_of(tmp_path, written(tmp_path, index, style, docs_site.Page)))

    return problems


def written(folder: Path, index: str, style: str, page: Callable[[str], Any]) -> dict[Path, Any]:
    (folder / "sub").mkdir()
    (folder / "index.html").write_text(index)
    (folder / "sub" / "other.html").write_text('<p id="there">x</p><a href="../index.html">back</a>')
    (folder / "style.css").write_text(style)
    return {path: page(path.read_text()) for path in folder.rglob("*.html")}


def test_a_sound_site_has_no_problems(site: Site) -> None:
    assert site() == []


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        ('<a href="gone.html">x</a>', "index.html: gone.html: there is no such file"),
        ('<a href="sub/other.html#gone">x</a>', "index.html: sub/other.html#gone: there is no such anchor"),
        ('<a href="#gone">x</a>', "index.html: #gone: there is no such anchor"),
        ('<a href="https:///x">x</a>', "index.html: https:///x: is no address"),
        ('<a href="ftp://example.org">x</a>', "index.html: ftp://example.org: is of no kind that is known"),
        ('<script src="https://example.org/x.js"></script>', "index.html: fetches https://example.org/x.js"),
        ('<img src="//example.org/x.png">', "index.html: fetches //example.org/x.png"),
        ('<link rel="preconnect" href="https://example.org">', "index.html: fetches https://example.org"),
        ('<p style="background: url(https://example.org/x)">', "index.html: fetches https://example.org/x"),
    ],
)
def test_what_is_broken_is_named(site: Site, broken: str, problem: str) -> None:
    assert site(broken) == [problem]


@pytest.mark.parametrize("style", ["@import 'https://example.org/x.css';", "a { src: url(https://example.org/x) }"])
def test_a_style_sheet_fetches_nothing_from_elsewhere(site: Site, style: str) -> None:
    (found,) = site(style=style)
    assert found.startswith("style.css: fetches https://example.org/x")


def configuration() -> Any:
    specification = importlib.util.spec_from_file_location("site_configuration", ROOT / "docs" / "site" / "conf.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_every_page_has_its_place_in_the_contents() -> None:
    conf = configuration()
    pages = {str(file.relative_to(ROOT).with_suffix("")) for file in repository_files("*.md")}
    included = {page for page in pages if any(fnmatch(f"{page}.md", pattern) for pattern in conf.include_patterns)}
    named = [each for parts in conf.CONTENTS.values() for listed in parts.values() for each in listed]
    assert len(included) > 40
    assert [page for page in sorted(included - {conf.root_doc}) if not any(fnmatch(page, each) for each in named)] == []
    assert [each for each in named if not any(fnmatch(page, each) for page in included)] == []
