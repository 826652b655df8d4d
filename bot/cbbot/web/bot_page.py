"""The page at ``/`` and its files. They are read once: a disk that hangs later takes no page with it.

The chart's library is no part of the repository: ``tools/page_library.py`` puts it among the files before a wheel
or an image is built. Without it the page says so in the chart's place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final, NamedTuple

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

__all__ = ["add_page"]

_INDEX: Final = "bot_page.html"
_LIBRARY: Final = "lightweight-charts.js"
_TYPES: Final = {".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".txt": "text/plain"}
_HEADERS: Final = {
    # Nothing from elsewhere, nothing inline, in no frame.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class _File(NamedTuple):
    content: bytes
    media_type: str
    tag: str


def add_page(app: FastAPI) -> None:
    page = dict(_read(files("cbbot.web") / "page"))
    if _LIBRARY in page:
        # Said to the page: asking for a file that is not there would be an error on its console.
        page[_INDEX] = _file(page[_INDEX].content.replace(b'data-chart="no"', b'data-chart="yes"', 1), "text/html")

    @app.get("/", include_in_schema=False)
    async def index(request: Request) -> Response:
        return _answer(request, page[_INDEX])

    @app.get("/page/{name}", include_in_schema=False)
    async def file(request: Request, name: str) -> Response:
        if name not in page:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"the page has no file {name}")
        return _answer(request, page[name])


def _read(folder: Traversable) -> Mapping[str, _File]:
    """The files of the page and of its library, by name."""
    found: dict[str, _File] = {}
    for each in folder.iterdir():
        if each.is_dir():
            found.update(_read(each))
        elif (media_type := _TYPES.get(f".{each.name.rpartition('.')[2]}")) is not None:
            found[each.name] = _file(each.read_bytes(), media_type)
    return found


def _file(content: bytes, media_type: str) -> _File:
    return _File(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def _answer(request: Request, file: _File) -> Response:
    headers = {**_HEADERS, "ETag": file.tag}
    if request.headers.get("if-none-match") == file.tag:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)
