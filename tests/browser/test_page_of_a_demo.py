"""The page of a bot that really trades: the demo of ``cbbot up``, on its replayed candles."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import pytest
from playwright.sync_api import Browser, expect

from browser.opened_page import opened
from started_processes import start

pytestmark = pytest.mark.usefixtures("chart_library")

MANIFEST = Path(__file__).resolve().parents[2] / "examples" / "try.yaml"
ENDS_SECONDS = 60
DIFFERING = """async names => {
    const shown = name => document.querySelector(`[data-figure=${name}] data`).value;
    const ends = performance.now() + 30000;
    for (;;) {
        const status = await (await fetch('/status')).json();
        const differing = names.filter(name => shown(name) !== String(status[name]));
        if (differing.length === 0 || performance.now() > ends)
            return differing.map(name => `${name}: the page has ${shown(name)}, the bot ${status[name]}`);
        await new Promise(requestAnimationFrame);
    }
}"""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[str]:
    """The address of the demo's bot."""
    command = [sys.executable, "-m", "cbbot", "up", "-f", str(MANIFEST), "--state-dir", str(tmp_path), "--port", "0"]
    process = start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = cast("IO[str]", process.stdout)
    try:
        given = (re.search(r"bot (http://127\.0\.0\.1:\d+)", line) for line in output)
        address = next(found[1] for found in given if found)
        # A pipe that nobody reads fills up, and then the demo stands still.
        reading = threading.Thread(target=output.read)
        reading.start()
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(ENDS_SECONDS)
    reading.join(ENDS_SECONDS)
    output.close()


def test_a_demo_is_seen_trading(browser: Browser, demo: str, tmp_path: Path) -> None:
    with opened(browser, demo) as page:
        expect(page.locator("#phase")).to_have_text("trading", timeout=60_000)
        expect(page.locator("#trades tr[data-number]").nth(3)).to_be_visible(timeout=60_000)
        # Figures move many times a second: they are compared until a moment at which both stand still.
        assert page.evaluate(DIFFERING, ["equity_usd", "daily_pnl_usd", "open_lots", "breaker_tripped"]) == []
        chart = page.locator("#chart")
        expect(chart).to_have_attribute("data-marks", re.compile(r"^[1-9]\d*$"))
        expect(page.locator("#gates tr").first).to_contain_text(re.compile(r"^[a-z ]+: .+\t?\d+$"))
        expect(page.locator("#decisions tr").nth(10)).to_be_visible()
        expect(page.locator("#events tr:not(.none)").first).to_be_visible()
        page.get_by_label("Control token").fill((tmp_path / "tokens" / "control-token").read_text())
        page.keyboard.press("Enter")
        expect(page.locator("#steer-state")).to_have_text("You may steer this bot.")
        page.click("#pause")
        expect(page.locator("[data-figure=entries] data")).to_have_text("paused by hand")
        with urllib.request.urlopen(f"{demo}/status", timeout=10) as answer:  # noqa: S310  the bot on loopback
            assert json.load(answer)["entries"]["paused_by"] == ["hand"]
        page.click("#flatten")
        page.click("#flatten-yes")
        expect(page.locator("#lots")).to_have_text("No lot is open.")
        expect(chart).to_have_attribute("data-levels", "0")
