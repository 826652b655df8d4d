"""The bot's page, opened in a browser and watched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, expect

__all__ = ["DESKTOP", "opened"]

DESKTOP = {"viewport": {"width": 1300, "height": 900}}
STARTS_MS = 30_000
NOT_REACHED = re.compile(r"ERR_(CONNECTION_REFUSED|CONNECTION_RESET|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE)")


@contextmanager
def opened(browser: Browser, url: str, *, may_lose: bool = False, **more: Any) -> Iterator[Page]:
    """The page once it is live. Fails for whatever it logs, throws or asks of another host."""
    context = browser.new_context(**(DESKTOP | more))
    page = context.new_page()
    wrong: list[str] = []

    def said(kind: str, text: str) -> None:
        if kind in ("error", "warning") and not (may_lose and NOT_REACHED.search(text)):
            wrong.append(f"console {kind}: {text}")

    page.on("console", lambda message: said(message.type, message.text))
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("request", lambda asked: None if asked.url.startswith((url, "data:")) else wrong.append(asked.url))
    page.on("response", lambda given: wrong.append(f"{given.status} {given.url}") if given.status >= 500 else None)
    page.goto(url)
    for sign in ("#connection.gain", "#lots tr", "#trades tbody tr:not(.space)"):
        expect(page.locator(sign).first).to_be_visible(timeout=STARTS_MS)
    try:
        yield page
    finally:
        context.close()
    assert wrong == [], wrong
