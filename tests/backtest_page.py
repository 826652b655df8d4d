"""A backtest's page, opened in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

__all__ = ["DESKTOP", "LINES", "PHONE", "SHOWN", "opened", "shown_range"]

DESKTOP = {"viewport": {"width": 1300, "height": 900}}
PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
SHOWN = "() => document.getElementById('chart')._fullLayout.xaxis.range.map(x => +new Date(x.replace(' ', 'T') + 'Z'))"
LINES = "name => document.getElementById('chart').data.find(t => t.name === name)"


@contextmanager
def opened(browser: Browser, path: Path, **more: Any) -> Iterator[Page]:
    """The page, drawn. Fails for whatever it logs, throws or asks for."""
    context = browser.new_context(**(DESKTOP | more))
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(f"console {message.type}: {message.text}"))
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("request", lambda asked: wrong.append(f"request: {asked.url}") if asked.url != path.as_uri() else None)
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-drawn=yes]")
    try:
        yield page
    finally:
        context.close()
    assert wrong == []


def shown_range(page: Page) -> list[float]:
    """What part of time the chart shows, in UNIX milliseconds."""
    found: list[float] = page.evaluate(SHOWN)
    return found
