"""Builds the site of the documents, strictly: a warning is an error. Then looks at what was built.

    python tools/docs_site.py [FOLDER]

In the built site every link leads to a file and to an anchor that are there, nothing is fetched from another host,
and a link to another host is an address (whether somebody answers there is not asked). Exit codes: 0, or 1 with a
line for each problem.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from dev_environments import DOCS, ROOT

__all__ = ["Page", "main", "problems_of"]

_HERE: Final = ROOT / "docs" / "site"
# What a browser fetches by itself, by element and attribute; a link is only followed by a person.
_FETCHED: Final = {
    ("script", "src"),
    ("img", "src"),
    ("link", "href"),
    ("iframe", "src"),
    ("source", "src"),
    ("object", "data"),
}
_NOT_FETCHED: Final = {"canonical", "index", "search", "next", "prev", "author", "copyright", "up", "top"}
_IN_STYLES: Final = re.compile(r"""(?:url\(\s*|@import\s+)["']?([^"')\s]+)""")


class Page(HTMLParser):
    """The anchors, links and fetches of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        self.fetched += _IN_STYLES.findall(found.get("style", ""))
        for name, value in found.items():
            if (tag, name) in _FETCHED and not (tag == "link" and set(found.get("rel", "").split()) & _NOT_FETCHED):
                self.fetched.append(value)


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0]) if arguments else ROOT / "build" / "site"
    command = [str(DOCS / "bin" / "sphinx-build"), "--fail-on-warning", "--keep-going", "--quiet", "--nitpicky"]
    command += ["-b", "html", "-c", str(_HERE), "-d", str(folder.with_name(f"{folder.name}-doctrees"))]
    built = subprocess.run([*command, str(ROOT), str(folder)], check=False).returncode
    if built:
        return 1
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))}
    problems = list(problems_of(folder, pages))
    for problem in problems:
        print(problem)
    links = sum(len(page.links) for page in pages.values())
    print(f"docs: {len(pages)} pages, {links} links, {len(problems)} problems: {folder / 'docs' / 'index.html'}")
    return 1 if problems else 0


def problems_of(folder: Path, pages: dict[Path, Page]) -> Iterator[str]:
    """What is wrong with a site: a sentence each, with the page."""
    for path, page in pages.items():
        name = path.relative_to(folder)
        for address in page.fetched:
            if urlsplit(address).netloc or urlsplit(address).scheme not in ("", "data"):
                yield f"{name}: fetches {address}"
        for address in page.links:
            if problem := _broken(path, address, pages):
                yield f"{name}: {address}: {problem}"
    for path in sorted(folder.rglob("*.css")):
        for address in _IN_STYLES.findall(path.read_text(encoding="utf-8")):
            if urlsplit(address).netloc:
                yield f"{path.relative_to(folder)}: fetches {address}"


def _broken(path: Path, address: str, pages: dict[Path, Page]) -> str:
    """Why a link leads nowhere; empty when it does not."""
    parts = urlsplit(address)
    if parts.scheme in ("http", "https"):
        return "" if re.fullmatch(r"[\w.-]+(:\d+)?", parts.netloc) else "is no address"
    if parts.scheme or parts.netloc:
        return "" if parts.scheme == "mailto" else "is of no kind that is known"
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
    if not target.is_file():
        return "there is no such file"
    anchor = unquote(parts.fragment)
    page = next((each for known, each in pages.items() if known.resolve() == target), None)
    if anchor and (page is None or anchor not in page.anchors):
        return "there is no such anchor"
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
