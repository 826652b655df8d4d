"""``cbbot backfill`` as a person types it: what it prints, what it leaves on disk, how it ends."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from cbbot.brokers.bridge_client import BridgeClient
from cbbot.cli import main
from cbbot.domain.candle import Granularity
from cbbot.domain.instrument import BTC_USD
from cbbot.domain.timestamps import rfc3339
from cbbot.research.backfill import backfill_run
from cbbot.research.backfill.backfill_progress import shown_on
from cbbot.research.backfill.backfill_run import BackfillOptions, backfill
from cbbot.research.candles import read_candles

BASE = 1_757_376_000  # 2025-09-09T00:00:00Z
COUNT = 4_000
GAP = range(BASE + 60 * 2_000, BASE + 60 * 2_007, 60)
NOW = BASE + 60 * (COUNT - 1) + 30  # the newest candle is half made
ENDINGS = (".csv", ".csv.gz", ".parquet")
UNTIL_NOW = ["--start", "2025-09-09"]


class Bridge:
    """A bridge over a minute's candle each from BASE to NOW, but for GAP. ``before`` may answer first."""

    def __init__(self) -> None:
        self.windows: list[tuple[str, int, int]] = []
        self.before: Callable[[httpx.Request], httpx.Response | None] = lambda _: None
        self.price = 100

    def answer(self, request: httpx.Request) -> httpx.Response:
        path, params = request.url.path, request.url.params
        early = self.before(request)
        if early is not None:
            return early
        if path == "/time":
            return httpx.Response(200, json={"iso": "", "epoch_ms": NOW * 1000, "offset_ms": 0})
        if path == "/product/BTC-USD":
            return httpx.Response(200, json={"product_id": "BTC-USD"})
        if path != "/candles":
            return httpx.Response(404, json={"error": {"code": "NOT_FOUND", "message": "no such product"}})
        first, last = int(params["start"]), int(params["end"])
        self.windows.append((params["granularity"], first, last))
        length = Granularity(params["granularity"]).seconds
        starts = {start // length * length for start in self.starts()}
        rows = [self.candle(start) for start in sorted(starts) if first <= start <= last]
        return httpx.Response(200, json=rows)

    def starts(self) -> list[int]:
        return [start for start in range(BASE, NOW, 60) if start not in GAP]

    def closed(self) -> list[int]:
        return [start for start in self.starts() if start + 60 <= NOW]

    def candle(self, start: int) -> dict[str, str]:
        price = self.price + start // 60 % 50
        return {"start": str(start), "open": f"{price}.10", "high": f"{price}.9", "low": f"{price}",
                "close": f"{price}.5", "volume": "0.00000001"}  # fmt: skip


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Bridge:
    bridge = Bridge()
    transport = httpx.MockTransport(bridge.answer)
    monkeypatch.setattr(backfill_run, "BridgeClient", lambda url, token: BridgeClient(url, token, transport))
    for key in ("BRIDGE_URL", "BRIDGE_TOKEN_FILE", "CBBOT_TRACEBACK"):
        monkeypatch.delenv(key, raising=False)
    return bridge


def run(path: Path, *arguments: str) -> int:
    return main(["backfill", "--out", str(path), *arguments])


def starts_in(path: Path) -> list[int]:
    return list(read_candles(path, BTC_USD, 60).columns.start)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("ending", ENDINGS)
def test_it_writes_every_closed_candle_and_the_backtest_reads_the_file(
    tmp_path: Path, bridge: Bridge, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"btc{ending}"
    assert run(path, *UNTIL_NOW) == 0
    assert starts_in(path) == bridge.closed()
    assert names(tmp_path) == [path.name]
    out = capsys.readouterr().out
    assert f"{len(bridge.closed())} candles of BTC-USD ONE_MINUTE from 2025-09-09T00:00:00Z" in out
    assert "1 gap, 7 candles missing" in out
    assert "2025-09-10T09:20:00Z to 2025-09-10T09:26:00Z: 7 candles" in out
    assert main(["backtest", "--csv", str(path), "--set", "DRY_RUN=true"]) == 0


def test_one_page_ends_a_candle_before_the_next_begins_and_a_gap_is_asked_for_once_more(
    tmp_path: Path, bridge: Bridge
) -> None:
    assert run(tmp_path / "btc.csv", *UNTIL_NOW) == 0
    *pages, again = [(first, last) for _, first, last in bridge.windows]
    assert all(last + 60 == above for (above, _), (_, last) in pairwise(pages))
    assert pages[-1][0] == BASE
    # The candle in progress, as far as it is known, stays unanswered: it is no gap.
    assert again == (GAP[0] - 60, GAP[-1] + 60)


def test_all_three_forms_hold_the_same(tmp_path: Path, bridge: Bridge) -> None:
    columns = []
    for ending in ENDINGS:
        assert run(tmp_path / f"btc{ending}", *UNTIL_NOW) == 0
        columns.append(read_candles(tmp_path / f"btc{ending}", BTC_USD, 60).columns)
    for other in columns[1:]:
        assert all((one == two).all() for one, two in zip(columns[0], other, strict=True))
    assert bridge.windows


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_is_filled_up_at_both_ends_and_in_its_holes(
    tmp_path: Path, bridge: Bridge, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"btc{ending}"
    assert run(path, "--start", "2025-09-09T20:00:00Z", "--end", "2025-09-10") == 0
    assert len(starts_in(path)) == 240
    if ending == ".csv":
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(lines[:50] + lines[55:]))
    assert run(path, *UNTIL_NOW) == 0
    assert starts_in(path) == bridge.closed()
    capsys.readouterr()
    before, stamp = path.read_bytes(), path.stat().st_mtime_ns
    bridge.windows.clear()
    assert run(path) == 0
    assert "nothing new: left as it was" in capsys.readouterr().out
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, stamp)
    assert len(bridge.windows) <= 4, "its end, its hole twice, and a look at whose it is"


@pytest.mark.usefixtures("bridge")
def test_the_newest_answer_wins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "btc.csv"
    assert run(path, *UNTIL_NOW, "--end", "2025-09-09T10:00:00Z") == 0
    lines = path.read_text().splitlines(keepends=True)
    lines[-1] = lines[-1].replace(".5,", ".4,")
    path.write_text("".join(lines))
    capsys.readouterr()
    assert run(path, "--end", "2025-09-09T10:00:00Z") == 0
    assert "0 new, 1 corrected" in capsys.readouterr().out
    assert path.read_text().splitlines()[-1].split(",")[4].endswith(".5")


def test_a_link_stays_a_link(tmp_path: Path, bridge: Bridge) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "btc.csv"
    link.symlink_to(tmp_path / "real" / "btc.csv")
    assert run(link, *UNTIL_NOW) == 0
    assert link.is_symlink()
    assert starts_in(tmp_path / "real" / "btc.csv") == bridge.closed()


def test_an_interrupted_run_ends_with_130_and_the_next_goes_on(
    tmp_path: Path, bridge: Bridge, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "btc.csv"

    def interrupt(request: httpx.Request) -> None:
        if len(bridge.windows) == 2 and request.url.path == "/candles":
            raise KeyboardInterrupt

    bridge.before = interrupt
    assert run(path, *UNTIL_NOW) == 130
    assert names(tmp_path) == ["btc.csv.partial"]
    assert "fetched candles are kept in" in capsys.readouterr().err
    fetched = bridge.windows[:]
    bridge.before = lambda _: None
    bridge.windows.clear()
    assert run(path, *UNTIL_NOW) == 0
    assert starts_in(path) == bridge.closed()
    assert names(tmp_path) == ["btc.csv"]
    # First come a look at whose candles they are, and the newest one, which may have been unfinished.
    newest = max(last for _, _, last in bridge.windows[2:])
    assert len(fetched) == 2
    assert newest == GAP[-1] + 60 < fetched[1][2], "of what was fetched only the hole is asked for again"


def test_a_bridge_that_gives_up_is_one_line_code_1_and_what_was_fetched_is_kept(
    tmp_path: Path, bridge: Bridge, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(request: httpx.Request) -> httpx.Response | None:
        if len(bridge.windows) < 2 or request.url.path != "/candles":
            return None
        return httpx.Response(403, json={"error": {"code": "PERMISSION_DENIED", "message": "not for you"}})

    bridge.before = refuse
    assert run(tmp_path / "btc.csv", *UNTIL_NOW) == 1
    kept, problem = capsys.readouterr().err.splitlines()
    assert problem == "cbbot: bridge: GET /candles: not for you"
    assert "the same command goes on from there" in kept
    assert names(tmp_path) == ["btc.csv.partial"]


def test_a_terminal_shows_a_bar(tmp_path: Path, bridge: Bridge) -> None:
    options = BackfillOptions(
        out=tmp_path / "a.csv", product="BTC-USD", granularity="one_minute", bridge="http://b", start="2025-09-09"
    )
    with (tmp_path / "terminal").open("w") as screen:
        outcome = backfill(options, Console(file=screen, force_terminal=True, width=100))
    assert list(outcome.starts) == bridge.closed()
    assert "back to 2025-09" in (tmp_path / "terminal").read_text()


def test_a_log_has_a_line_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 0.4, 0.9, 1.1, 1.2, 1.5, 2.0, 2.2, 2.3])
    monkeypatch.setattr("cbbot.research.backfill.backfill_progress.time.monotonic", lambda: next(moments))
    log = tmp_path / "log"
    with log.open("w") as file, shown_on(Console(file=file)) as show:
        for done in range(6):
            show(done, 10 - done, BASE)
    assert log.read_text().splitlines() == [
        "backfill: 2 of 10 candles, back to 2025-09-09T00:00:00Z",
        "backfill: 5 of 10 candles, back to 2025-09-09T00:00:00Z",
    ]


def test_longer_candles_are_filled_on_their_own_grid(tmp_path: Path, bridge: Bridge) -> None:
    path = tmp_path / "btc.csv"
    assert run(path, "--start", "2025-09-09T00:30:00Z", "--granularity", "one_hour") == 0
    starts = list(read_candles(path, BTC_USD, 3600).columns.start)
    assert starts == list(range(BASE + 3600, NOW // 3600 * 3600, 3600))
    assert bridge.windows[0][0] == "ONE_HOUR"


def write(path: Path, spacing: int = 60, price: str = "100.5") -> str:
    text = "time,open,high,low,close,volume\n" + "".join(
        f"{rfc3339((BASE + spacing * n) * 1000)},{price},{price},{price},{price},1\n" for n in range(30)
    )
    path.write_text(text)
    return text


@pytest.mark.parametrize(
    ("spacing", "arguments", "said"),
    [
        (60, [], "holds no candles of BTC-USD ONE_MINUTE at this venue"),
        (300, [], "is not of granularity ONE_MINUTE: its candles are 300 seconds apart"),
        (60, ["--granularity", "FIVE_MINUTE"], "is not of granularity FIVE_MINUTE"),
    ],
)
def test_a_file_of_something_else_is_refused_and_left_as_it_is(
    tmp_path: Path, bridge: Bridge, spacing: int, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bridge.price = 5_000
    path = tmp_path / "btc.csv"
    before = write(path, spacing)
    assert run(path, *UNTIL_NOW, *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert "another --out" in line
    assert path.read_text() == before
    assert names(tmp_path) == ["btc.csv"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--start TIME or --days N"),
        (["--start", "yesterday"], "--start='yesterday' is not accepted"),
        (["--start", "2025-09-10", "--end", "2025-09-09"], "--start=2025-09-10 is not before --end=2025-09-09"),
        (["--start", "2999-01-01"], "in the future"),
        (["--start", "2025-09-09", "--end", "2025-02-30"], "--end='2025-02-30' is not accepted"),
        (["--start", "2025-09-09", "--days", "3"], "use one of them"),
        (["--days", "0"], "--days=0"),
        (["--days", "many"], "--days"),
        (["--start", "2025-09-09", "--granularity", "TWO_MINUTE"], "one of ONE_MINUTE, FIVE_MINUTE"),
        (["--start", "2025-09-09", "--product", "NIX-USD"], "--product NIX-USD: the venue has no such product"),
        (["--start", "2025-09-09", "--product", "btc usd"], "--product 'btc usd' is not accepted"),
        (["--start", "2025-09-09", "--bridge", "bridge:8787"], "BRIDGE_URL='bridge:8787' is not accepted"),
        (
            ["--start", "2025-09-09", "--token-file", "nowhere"],
            "--token-file='nowhere' is not accepted: a file that can be read",
        ),
        (["--start", "2025-09-09", "--out", "nowhere/btc.csv"], "cannot be written there"),
        (["--start", "2025-09-09", "--out", "btc.txt"], "must end in .csv, .csv.gz or .parquet"),
        (["--start", "2025-09-09", "--out", "-"], "--out -: must be a file: a backfill fills up what it holds"),
        (["--start", "2025-09-09", "--out", "/dev/null"], "--out /dev/null: must be a file"),
    ],
)
def test_bad_input_is_one_line_code_2_and_nothing_written(
    tmp_path: Path, bridge: Bridge, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert run(tmp_path / "btc.csv", *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert names(tmp_path) == []
    assert bridge.windows == []


@pytest.mark.skipif(not os.access("/proc/self", os.R_OK), reason="needs /proc")
def test_a_place_that_takes_no_files_is_one_line(bridge: Bridge, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Path("/proc/self/btc.csv"), *UNTIL_NOW) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot be written" in line
    assert bridge.windows == []


def test_a_time_without_candles_is_reported_and_nothing_is_written(
    tmp_path: Path, bridge: Bridge, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "btc.csv", "--start", "2020-01-01", "--end", "2021-01-01") == 1
    assert "the venue has no candle of BTC-USD ONE_MINUTE in the time asked for" in capsys.readouterr().err
    assert names(tmp_path) == []
    assert len(bridge.windows) < 12


def test_a_bridge_that_is_not_there_is_reported_with_its_address(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "btc.csv", *UNTIL_NOW, "--bridge", "http://127.0.0.1:1") == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("cbbot: bridge: GET /time: ConnectError")
    assert "does a bridge listen at http://127.0.0.1:1?" in last
    assert names(tmp_path) == []


def test_the_token_goes_along(tmp_path: Path, bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("a-token-of-sixteen\n")
    seen = set()
    bridge.before = lambda request: seen.add(request.headers.get("Authorization"))
    monkeypatch.setenv("BRIDGE_TOKEN_FILE", str(tmp_path / "token"))
    assert run(tmp_path / "btc.csv", *UNTIL_NOW) == 0
    assert seen == {"Bearer a-token-of-sixteen"}
