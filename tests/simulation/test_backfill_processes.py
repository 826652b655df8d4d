"""``cbbot backfill`` with a real bridge and simulator: the sample comes back row by row, whatever is killed."""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest

from cbbot.research.backfill.descent import PAGE_CANDLES
from simulation.served import Served
from started_processes import start

pytestmark = [pytest.mark.processes, pytest.mark.slow]

SAMPLE = Path(str(files("cbbot_bridge.simulator") / "sample" / "BTC-USD-1m-6000.csv"))
LINES = SAMPLE.read_text().splitlines()
# The sample's last candle ended half a minute ago; the one after it is half made.
NOW_MS = 1_757_507_850_000
FROM = ["--start", "2025-09-06"]


class World:
    """Simulator and bridge, and backfills of theirs into ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[subprocess.Popen[str]] = []
        arguments = ["--port", "0", "--speed", "0", "--history-fraction", "0.9999", "--faults"]
        self.simulator = Served(["cbbot_bridge.simulator", *arguments], {}, folder / "simulator.log")
        self.post("/sim/advance", to_ms=NOW_MS)
        self.bridge = self.start_bridge("0")

    def start_bridge(self, port: str) -> Served:
        environment = {
            "COINBASE_API_BASE": self.simulator.url, "COINBASE_AUTH": "none", "COINBASE_WS_ENABLE": "false",
            "BRIDGE_HOST": "127.0.0.1", "PORT": port,
        }  # fmt: skip
        return Served(["cbbot_bridge"], environment, self.folder / "bridge.log")

    def post(self, path: str, /, **fields: Any) -> None:
        httpx.post(f"{self.simulator.url}{path}", json=fields, timeout=10, trust_env=False).raise_for_status()

    def slow_down(self, seconds: float) -> None:
        """Every page of the simulator's takes this long from now on."""
        httpx.request("DELETE", f"{self.simulator.url}/sim/faults", timeout=10, trust_env=False).raise_for_status()
        if seconds:
            self.post("/sim/faults", path="/market/products/*/candles", times=10_000, delay_seconds=seconds)

    def begin(self, *arguments: str, ignoring: str = "") -> subprocess.Popen[str]:
        """``ignoring`` are signals that a shell has it ignore."""
        shell = ["sh", "-c", f'trap "" {ignoring}; exec "$@"', "sh"] if ignoring else []
        command = [*shell, sys.executable, "-m", "cbbot", "backfill", "--bridge", self.bridge.url, *arguments]
        process = start(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._running.append(process)
        return process

    def run(self, *arguments: str, code: int = 0) -> str:
        process = self.begin(*arguments)
        output, _ = process.communicate(timeout=90)
        assert process.returncode == code, output
        return output

    def end(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.kill()
                process.communicate()
        self.bridge.end(signal.SIGKILL)
        self.simulator.end(signal.SIGKILL)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.end()


def until(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Looks fifty times a second."""
    end = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        select.select([], [], [], 0.02)


def pages_in(journal: Path) -> int:
    return max(journal.read_bytes().count(b"\n") - 1, 0) if journal.exists() else 0


def test_the_sample_comes_back_row_by_row_in_every_form(world: World, tmp_path: Path) -> None:
    path = tmp_path / "btc.csv"
    output = world.run("--out", "btc.csv", *FROM)
    written = path.read_text().splitlines()
    assert len(written) == 6001
    for number, (ours, theirs) in enumerate(zip(written, LINES, strict=True), 1):
        assert ours == theirs, f"line {number}"
    assert "19 gaps, 95 candles missing" in output
    assert "the venue has none before 2025-09-06T07:02:00Z" in output
    assert len(LINES) > 4 * PAGE_CANDLES, "there are page edges in between"

    command = [sys.executable, "-m", "cbbot", "backtest", "--set", "WALK_FORWARD_MIN=0", "--json", "result.json"]
    results = []
    for name in (str(SAMPLE), "btc.csv", "btc.csv.gz", "btc.parquet"):
        if name.endswith((".gz", ".parquet")):
            world.run("--out", name, *FROM)
        subprocess.run([*command, "--csv", name], cwd=tmp_path, check=True, capture_output=True)
        results.append(json.loads((tmp_path / "result.json").read_text()))
    assert results[0]["candles"] == 6000
    assert all(result == results[0] for result in results)


def test_killed_after_every_page_it_goes_on_where_it_was(world: World, tmp_path: Path) -> None:
    path, journal = tmp_path / "btc.csv", tmp_path / "btc.csv.partial"
    world.slow_down(0.1)
    for pages in range(1, 5):
        process = world.begin("--out", "btc.csv", *FROM)
        until(lambda: pages_in(journal) >= pages, process)  # noqa: B023  it is asked within the round
        process.kill()
        process.communicate()
        assert not path.exists()
    # The last page is cut short as by a full disk.
    journal.write_bytes(journal.read_bytes()[:-40])
    world.slow_down(0)
    output = world.run("--out", "btc.csv", *FROM)
    assert "candles of a run that was cut short" in output
    assert path.read_text().splitlines() == LINES
    assert not journal.exists()


def test_killed_at_any_moment_it_leaves_the_old_file_or_the_new_one(world: World, tmp_path: Path) -> None:
    path = tmp_path / "btc.csv"
    world.run("--out", "btc.csv", "--start", "2025-09-08T03:00:00Z", "--end", "2025-09-09T03:00:00Z")
    old = path.read_bytes()
    whole = [False]
    patience = 0.3
    # Later and later, until it was too late a few times.
    while sum(whole) < 3:
        path.write_bytes(old)
        process = world.begin("--out", "btc.csv", *FROM)
        try:
            process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        whole.append(path.read_text().splitlines() == LINES)
        assert whole[-1] or path.read_bytes() == old
        patience += 0.12
        assert patience < 30
    path.write_bytes(old)
    world.run("--out", "btc.csv", *FROM)
    assert path.read_text().splitlines() == LINES
    assert len(whole) > 5, "kills before the change"
    assert {entry.name for entry in tmp_path.iterdir()} == {"btc.csv", "bridge.log", "simulator.log"}


def test_a_bridge_that_dies_is_waited_for(world: World, tmp_path: Path) -> None:
    world.slow_down(0.1)
    process = world.begin("--out", "btc.csv", *FROM)
    until(lambda: pages_in(tmp_path / "btc.csv.partial") >= 2, process)
    world.bridge.end(signal.SIGKILL)
    world.slow_down(0)
    # What a venue may do besides: the bridge waits it out, or passes it on as a passing state.
    world.post("/sim/faults", path="/market/products/*/candles", times=3, status=429, body="html")
    world.post("/sim/faults", path="/market/products/*/candles", times=5, status=503)
    world.bridge = world.start_bridge(world.bridge.url.rpartition(":")[2])
    output, _ = process.communicate(timeout=90)
    assert process.returncode == 0, output
    assert "asking again in" in output
    assert (tmp_path / "btc.csv").read_text().splitlines() == LINES


@pytest.mark.parametrize(
    ("number", "code", "ignoring"),
    [(signal.SIGINT, 130, ""), (signal.SIGTERM, 143, ""), (signal.SIGHUP, 129, ""), (signal.SIGTERM, 143, "INT HUP")],
)
def test_a_signal_ends_it_and_what_was_fetched_is_kept(
    number: signal.Signals, code: int, ignoring: str, world: World, tmp_path: Path
) -> None:
    world.slow_down(0.1)
    process = world.begin("--out", "btc.csv", *FROM, ignoring=ignoring)
    until(lambda: pages_in(tmp_path / "btc.csv.partial") >= 2, process)
    process.send_signal(number)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == code, output
    assert "Traceback" not in output
    assert "the same command goes on from there" in output
    assert not (tmp_path / "btc.csv").exists()
    world.slow_down(0)
    world.run("--out", "btc.csv", *FROM)
    assert (tmp_path / "btc.csv").read_text().splitlines() == LINES


def test_only_one_run_fills_a_file_and_an_unknown_product_is_refused(world: World, tmp_path: Path) -> None:
    world.slow_down(0.1)
    first = world.begin("--out", "btc.csv", *FROM)
    until(lambda: pages_in(tmp_path / "btc.csv.partial") >= 1, first)
    assert "another cbbot backfill is filling this file" in world.run("--out", "btc.csv", *FROM, code=2)
    world.slow_down(0)
    first.communicate(timeout=90)
    assert first.returncode == 0
    said = world.run("--out", "doge.csv", "--product", "DOGE-USD", *FROM, code=2)
    assert said == "cbbot: --product DOGE-USD: the venue has no such product\n"
    assert not (tmp_path / "doge.csv").exists()


def test_longer_candles_of_the_sample_are_those_of_its_minutes(world: World, tmp_path: Path) -> None:
    world.run("--out", "hours.csv", "--granularity", "ONE_HOUR", *FROM)
    hours = [line.split(",") for line in (tmp_path / "hours.csv").read_text().splitlines()[1:]]
    minutes = [line.split(",") for line in LINES[1:]]
    assert hours[0][0] == "2025-09-06T07:00:00Z"
    assert hours[-1][0] == "2025-09-10T11:00:00Z", "the hour of 12:00 is not over"
    for time_text, opened, high, low, close, _ in hours:
        inside = [minute for minute in minutes if minute[0][:13] == time_text[:13]]
        assert (opened, close) == (inside[0][1], inside[-1][4])
        assert float(high) == max(float(minute[2]) for minute in inside)
        assert float(low) == min(float(minute[3]) for minute in inside)
