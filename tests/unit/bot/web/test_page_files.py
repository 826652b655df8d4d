"""The page's files: what is served, under which policy, with the chart's library and without."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from cbbot.web import bot_page
from cbbot.web.bot_page import add_page

PAGE = Path(str(files("cbbot.web") / "page"))
Get = Callable[..., httpx.Response]


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the page's files, without a library, which is served in their place."""
    folder = Path(shutil.copytree(PAGE, tmp_path / "web" / "page", ignore=shutil.ignore_patterns("library")))
    monkeypatch.setattr(bot_page, "files", lambda _: folder.parent)
    return folder


@pytest.fixture
def get(page: Path) -> Get:  # noqa: ARG001  it is put in the files' place before they are read
    def do(path: str, **headers: str) -> httpx.Response:
        async def main() -> httpx.Response:
            app = FastAPI()
            add_page(app)
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bot") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(main())

    return do


def test_every_file_that_the_page_asks_for_is_served_as_what_it_is(get: Get) -> None:
    index = get("/")
    assert index.headers["content-type"] == "text/html; charset=utf-8"
    asked, seen = set(re.findall(r'(?:src|href)="(/page/[^"]+)"', index.text)), set[str]()
    # The license stands behind a paragraph that is shown with the library.
    asked.discard("/page/lightweight-charts.license.txt")
    kinds = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
    while more := asked - seen:
        for path in more:
            answer = get(path)
            assert (answer.status_code, answer.headers["content-type"]) == (200, kinds[path.rpartition(".")[2]]), path
            asked |= set(re.findall(r'from "(/page/[^"]+)"', answer.text))
            seen.add(path)
    assert {path.rpartition("/")[2] for path in seen} == {each.name for each in PAGE.iterdir()} - {
        "bot_page.html",
        "library",
    }


def test_nothing_is_inline_and_nothing_comes_from_elsewhere(get: Get) -> None:
    index = get("/")
    policy = dict(part.strip().split(" ", 1) for part in index.headers["content-security-policy"].split(";"))
    assert {policy[name] for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert {policy[name] for name in ("default-src", "base-uri", "form-action", "frame-ancestors")} == {"'none'"}
    assert re.findall(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=", index.text) == []
    for path in PAGE.glob("*.*"):
        elsewhere = re.findall(r"https?://[^\s\"'<]+", path.read_text())
        # Followed by a click, asked for by nobody.
        assert set(elsewhere) <= {"https://www.tradingview.com/"}, path.name


def test_the_page_knows_whether_there_is_a_library(page: Path, get: Get) -> None:
    assert 'data-chart="no"' in get("/").text
    assert get("/page/lightweight-charts.js").status_code == 404
    (page / "library").mkdir()
    (page / "library" / "lightweight-charts.js").write_text("export {}")
    assert 'data-chart="yes"' in get("/").text
    assert get("/page/lightweight-charts.js").text == "export {}"


def test_a_file_is_sent_once_as_long_as_it_stays_the_same(get: Get) -> None:
    first = get("/page/bot_start.js")
    again = get("/page/bot_start.js", **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert get("/page/bot_start.js", **{"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("path", ["/page/nothing.js", "/page/..%2fbot_app.py", "/page/%2e%2e/bot_app.py", "/page/"])
def test_nothing_else_is_served(get: Get, path: str) -> None:
    assert get(path).status_code == 404
