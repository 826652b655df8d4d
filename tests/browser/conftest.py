"""A real browser: Debian's chromium, driven by playwright. Its absence is a failure where CI says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from cbbot.cli import main
from oracle.market import candles_of, walk
from prerequisites import missing

ROOT = Path(__file__).resolve().parents[2]
NO_NPM = 4
NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        missing(f"no browser: none of {', '.join(NAMES)} is installed; apt-get install chromium")
    # Chromium refuses its sandbox to root, which is who runs in a container.
    unboxed = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=unboxed)
        yield started
        started.close()


def _tool(name: str, *arguments: str) -> str:
    """What a tool of the repository prints; it is a machine without npm that has it not."""
    command = [sys.executable, str(ROOT / "tools" / name), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)
    if ended.returncode == NO_NPM:
        missing(ended.stderr.strip())
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


@pytest.fixture(scope="session")
def chart_library() -> None:
    """The library of the bot's page is among its files."""
    _tool("page_library.py")


@pytest.fixture(scope="session")
def axe() -> Path:
    """axe-core: what holds a page against the rules of accessibility."""
    return Path(_tool("npm_packages.py", "page")) / "axe-core" / "axe.min.js"


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``demo.html`` and ``demo.json``: a backtest of a file that is named to do harm."""
    from importlib.resources import files  # noqa: PLC0415  only this fixture reads the sample

    folder = tmp_path_factory.mktemp("page")
    sample = (files("cbbot_bridge.simulator") / "sample" / "BTC-USD-1m-6000.csv").read_text()
    candles = folder / "<img src=x onerror=window.harmed=1><script>window.harmed=1<!--.csv"
    candles.write_text(sample)
    settings = ["-f", str(ROOT / "examples" / "try.yaml"), "--set", "STOP_LOSS_PCT=0.4"]
    trail = ["--set", "TRAIL_ACTIVATE_PCT=0.05", "--set", "TRAIL_DISTANCE_PCT=0.05"]
    outputs = ["--html", str(folder / "demo.html"), "--json", str(folder / "demo.json")]
    assert main(["backtest", "--csv", str(candles), *settings, *trail, *outputs]) == 0
    return folder


@pytest.fixture(scope="session")
def far_stop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page whose lots have stops a tenth below a price that moves by a hundredth."""
    from importlib.resources import files  # noqa: PLC0415  as above

    path = tmp_path_factory.mktemp("far") / "far.html"
    sample = files("cbbot_bridge.simulator") / "sample" / "BTC-USD-1m-6000.csv"
    settings = ["-f", str(ROOT / "examples" / "try.yaml"), "--set", "STOP_LOSS_PCT=10"]
    assert main(["backtest", "--csv", str(sample), *settings, "--html", str(path)]) == 0
    return path


@pytest.fixture(scope="session")
def long_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``long.html``, ``long.json`` and ``long.csv``: a seeded walk with thousands of trades."""
    folder = tmp_path_factory.mktemp("long")
    lines = ["time,open,high,low,close,volume"]
    for candle in candles_of(walk([("chop", 20_000)], 7)):
        prices = ",".join(f"{price / 100:.2f}" for price in candle[1:5])
        lines.append(f"{candle.start},{prices},{max(candle.volume, 1)}")
    (folder / "long.csv").write_text("\n".join(lines) + "\n")
    wanted = {
        "FEE_RATE_PCT": "0", "TAKE_PROFIT_PCT": "0.05", "STOP_LOSS_PCT": "0.2", "BUY_THRESHOLD": "0",
        "USE_MA_FILTER": "false", "ALLOW_PYRAMIDING": "true", "PYRAMID_MIN_ADVERSE_PCT": "0.01",
        "PYRAMID_DECAY_MIN_PCT": "0.01", "MAX_DAILY_LOSS_PCT": "0",
    }  # fmt: skip
    settings = [part for key, value in wanted.items() for part in ("--set", f"{key}={value}")]
    outputs = ["--html", str(folder / "long.html"), "--json", str(folder / "long.json")]
    options = ["--csv", str(folder / "long.csv"), "--train-fraction", "0.1", *settings, *outputs]
    assert main(["backtest", *options]) == 0
    return folder
