"""Renews the pictures of README.md from real runs: ``cbbot up``'s table, a backtest's page.

``python tools/pictures.py`` needs the dev environment, and Debian's chromium for the page. The demo runs for a minute
on folders and ports of its own; both pictures are of the candles that come with the simulator.
"""

from __future__ import annotations

import asyncio
import io
import os
import re
import shutil
import sys
import tempfile
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from types import TracebackType
from typing import Self

from playwright.sync_api import sync_playwright
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import MONOKAI

from cbbot.cli import main as cbbot
from cbbot_operator.local.child_log_lines import LogLine
from cbbot_operator.local.folder import StateFolder
from cbbot_operator.local.manifest import read_manifest
from cbbot_operator.local.plan import make_plan
from cbbot_operator.local.screen import Screen, dashboard
from cbbot_operator.local.session import Session

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
MANIFEST = ROOT / "examples" / "try.yaml"
COLUMNS = 118
LOG_LINES = 6
MOST_SECONDS = 180.0
FEWEST_TRADES = 5
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Newest:
    """A display that keeps what is shown, and says when it is worth a picture."""

    seconds = 0.5

    def __init__(self) -> None:
        self.screen: Screen | None = None
        self.session: Session | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def log_room(self) -> int:
        return LOG_LINES

    def tell(self, line: LogLine) -> None: ...

    def show(self, screen: Screen) -> None:
        status = screen.seen.status
        worth_it = status is not None and (status.open_lots or 0) > 1 and len(screen.seen.trades) >= FEWEST_TRADES
        if self.screen is None and worth_it and self.session is not None:
            self.screen = screen
            self.session.ask_to_stop()


def terminal(folder: Path) -> None:
    """``cbbot up -f examples/try.yaml`` with lots open and some closed."""
    manifest = read_manifest(MANIFEST)
    state = StateFolder(folder)
    plan = make_plan(manifest, state, os.environ, bot_ports=(0,))
    state.prepare()
    newest = Newest()
    newest.session = Session(manifest, plan, state, seconds=MOST_SECONDS, patience=None)
    asyncio.run(newest.session.run(newest))
    if newest.screen is None:
        sys.exit(f"the demo had not {FEWEST_TRADES} trades and two open lots after {MOST_SECONDS:g} s")
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    # As it looks at home: neither the folder nor the port of this run.
    at_home = replace(newest.screen, folder=f"~/.local/state/cbbot/{manifest.name}", address="http://127.0.0.1:8080")
    console.print(dashboard(at_home))
    # Without the fonts of rich's template, which a browser would fetch from elsewhere.
    plain = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    svg = console.export_svg(
        title=f"cbbot up -f {MANIFEST.relative_to(ROOT)}",
        theme=MONOKAI,
        code_format=plain.replace("Fira Code", "Menlo"),
    )
    (PICTURES / "up.svg").write_text(svg, encoding="utf-8")


def page(folder: Path) -> None:
    """The page of a backtest of the simulator's candles with the demo's settings, and a trail."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        sys.exit(f"no browser: none of {', '.join(BROWSERS)} is installed; apt-get install chromium")
    html = folder / "backtest.html"
    trail = ["--set", "TRAIL_ACTIVATE_PCT=0.05", "--set", "TRAIL_DISTANCE_PCT=0.05", "--set", "STOP_LOSS_PCT=0.4"]
    with as_file(files("cbbot_bridge.simulator") / "sample" / "BTC-USD-1m-6000.csv") as candles:
        code = cbbot(["backtest", "--csv", str(candles), "-f", str(MANIFEST), *trail, "--html", str(html)])
    if code:
        sys.exit(f"the backtest ended with {code}")
    with sync_playwright() as playwright:
        # Chromium refuses its sandbox to root, which is who runs in a container.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"] * (os.geteuid() == 0))
        shown = browser.new_page(viewport={"width": 1100, "height": 860})
        shown.goto(html.as_uri())
        shown.wait_for_selector("#chart .scatterlayer .trace")
        shown.screenshot(path=PICTURES / "backtest.png")
        browser.close()


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cbbot-pictures-") as folder:
        terminal(Path(folder) / "up")
        page(Path(folder))
    for picture in sorted(PICTURES.iterdir()):
        print(f"{picture.relative_to(ROOT)}: {picture.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
