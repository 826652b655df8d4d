"""Renews docs/pictures from real runs: ``up``, ``backtest`` and ``why`` in a terminal, the pages of bot and backtest.

``python tools/pictures.py`` needs the dev environment, Debian's chromium for the pages and their chart's library
(``tools/page_library.py``). The demo runs for a minute on folders and ports of its own; all pictures are of the
candles that come with the simulator.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from types import TracebackType
from typing import Self

from playwright.sync_api import Browser, sync_playwright
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console, RenderableType
from rich.terminal_theme import MONOKAI
from rich.text import Text

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
ROWS = 40
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
    # As it looks at home: neither the folder nor the port of this run.
    at_home = replace(newest.screen, folder=f"~/.local/state/cbbot/{manifest.name}", address="http://127.0.0.1:8080")
    draw("up.svg", f"cbbot up -f {MANIFEST.relative_to(ROOT)}", dashboard(at_home, COLUMNS, ROWS))


def draw(picture: str, command: str, printed: RenderableType) -> None:
    """What a command shows in a terminal."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(printed)
    # Without the fonts of rich's template, which a browser would fetch from elsewhere.
    plain = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    svg = console.export_svg(title=command, theme=MONOKAI, code_format=plain.replace("Fira Code", "Menlo"))
    (PICTURES / picture).write_text(svg, encoding="utf-8")


def typed(picture: str, command: str, *, shown: str) -> None:
    """A command's output; ``shown`` is the command as it reads at home."""
    arguments, columns = [sys.executable, "-m", *shlex.split(command)], {"COLUMNS": str(COLUMNS)}
    ended = subprocess.run(arguments, cwd=ROOT, env=os.environ | columns, capture_output=True, text=True, check=True)
    draw(picture, shown, Text(ended.stdout.rstrip()))


def bot_page(folder: Path) -> None:
    """The demo's own page while it trades, as a desktop and as a phone show it."""
    output = folder.with_suffix(".log")
    # A file: a pipe that nobody reads fills up, and then the demo stands still.
    with output.open("w", encoding="utf-8") as written:
        command = [sys.executable, "-m", "cbbot", "up", "-f", str(MANIFEST), "--state-dir", str(folder), "--port", "0"]
        demo = subprocess.Popen(command, stdout=written, stderr=subprocess.STDOUT)
    try:
        address = _address(demo, output)
        with opened_browser() as browser:
            shown = browser.new_page(viewport={"width": 1100, "height": 1000})
            shown.goto(address)
            shown.wait_for_selector(f"#trades tr[data-number] >> nth={FEWEST_TRADES}", timeout=MOST_SECONDS * 1000)
            shown.wait_for_selector("#chart[data-levels]:not([data-levels='0'])", timeout=MOST_SECONDS * 1000)
            shown.screenshot(path=PICTURES / "page.png")
            phone = browser.new_page(viewport={"width": 390, "height": 1000}, is_mobile=True, color_scheme="dark")
            phone.goto(address)
            phone.wait_for_selector("#chart[data-marks]:not([data-marks='0'])")
            phone.screenshot(path=PICTURES / "page-phone.png")
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.wait(60)


def _address(demo: subprocess.Popen[bytes], output: Path) -> str:
    """The bot's, once ``cbbot up`` has said it."""
    while demo.poll() is None:
        found = re.search(r"bot (http://\S+?:\d+)", output.read_text(encoding="utf-8"))
        if found:
            return found[1]
        time.sleep(0.2)
    sys.exit(f"the demo ended with {demo.returncode}: {output.read_text(encoding='utf-8')}")


@contextmanager
def opened_browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        sys.exit(f"no browser: none of {', '.join(BROWSERS)} is installed; apt-get install chromium")
    with sync_playwright() as playwright:
        # Chromium refuses its sandbox to root, which is who runs in a container.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"] * (os.geteuid() == 0))
        yield browser
        browser.close()


def page(folder: Path) -> None:
    """The page of a backtest of the simulator's candles with the demo's settings, and a trail."""
    html = folder / "backtest.html"
    trail = ["--set", "TRAIL_ACTIVATE_PCT=0.05", "--set", "TRAIL_DISTANCE_PCT=0.05", "--set", "STOP_LOSS_PCT=0.4"]
    with as_file(files("cbbot_bridge.simulator") / "sample" / "BTC-USD-1m-6000.csv") as candles:
        code = cbbot(["backtest", "--csv", str(candles), "-f", str(MANIFEST), *trail, "--html", str(html)])
    if code:
        sys.exit(f"the backtest ended with {code}")
    with opened_browser() as browser:
        shown = browser.new_page(viewport={"width": 1100, "height": 1080})
        shown.goto(html.as_uri())
        shown.wait_for_selector("html[data-drawn=yes]")
        shown.screenshot(path=PICTURES / "backtest.png")
        shown.set_viewport_size({"width": 1100, "height": 1010})
        shown.locator("#trades tr", has_text="stop loss").first.click()
        shown.locator("#chart").evaluate("chart => chart.scrollIntoView({behavior: 'instant'})")
        shown.wait_for_function("() => scrollY > 0")
        shown.screenshot(path=PICTURES / "backtest-trade.png")
        phone = browser.new_page(viewport={"width": 390, "height": 1500}, is_mobile=True, color_scheme="dark")
        phone.goto(html.as_uri())
        phone.wait_for_selector("html[data-drawn=yes]")
        phone.screenshot(path=PICTURES / "backtest-phone.png")


def backtest_in_a_terminal() -> None:
    command = f"cbbot backtest --csv sample -f {MANIFEST.relative_to(ROOT)}"
    typed("backtest-terminal.svg", command, shown=command)


def why_in_a_terminal(folder: Path) -> None:
    """Of the demo whose page was pictured: the first lot that it closed."""
    trades = (folder / "bot" / "trades.jsonl").read_text(encoding="utf-8").splitlines()
    lot, home = json.loads(trades[0])["lot"], f"~/.local/state/cbbot/{MANIFEST.stem}/bot"
    typed("why.svg", f"cbbot why {folder / 'bot'} --lot {lot}", shown=f"cbbot why {home} --lot {lot}")


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cbbot-pictures-") as folder:
        terminal(Path(folder) / "up")
        bot_page(Path(folder) / "page")
        why_in_a_terminal(Path(folder) / "page")
        backtest_in_a_terminal()
        page(Path(folder))
    for picture in sorted(PICTURES.iterdir()):
        print(f"{picture.relative_to(ROOT)}: {picture.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
