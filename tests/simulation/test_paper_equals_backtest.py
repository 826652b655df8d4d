"""A paper bot that follows the simulator candle by candle trades as a backtest of the same file, to the last digit.

Real processes: simulator with a stopped clock, bridge, ``cbbot run``, ``cbbot backtest``. The
simulator's first half is history, which the bot fits at its start as the backtest fits its training
part; then the clock is moved on, and the bot steps through every candle of the other half.
"""

from __future__ import annotations

import json
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from candle_files import SHORT, file_of
from simulation.served import Served, surroundings

pytestmark = [pytest.mark.processes, pytest.mark.slow]

FIRST, HISTORY, STEPS = 3590, 600, 600  # a gap of the file is among the steps
ONE_BY_ONE, PUSH = 4, 40
# Into the candle in progress. It grows with the candles that come one by one: what is set by more than a minute is a
# clock that was set to the bridge, and what is not, one that may have begun to run. While the bridge finds out, candles
# count as late.
TRADED_MS, MORE_MS = 10_000, 1_000
# Two looks at a clock, so far apart that one that runs has moved on by more than a look takes.
APART_SECONDS, STANDS_WITHIN_MS, NEAR_MS = 0.3, 100, 5_000
PATIENCE_SECONDS = 120.0
KEYS: Final = {
    "USE_TICK_PRICE": "false", "LONG_ONLY": "false", "MODEL_MODE": "extended", "WALK_FORWARD_MIN": "59.5",
    "BUY_THRESHOLD": "0.5", "SELL_THRESHOLD": "0.5", "MA_FAST": "3", "MA_SLOW": "12",
    "ALLOW_PYRAMIDING": "true", "MAX_CONCURRENT_LOTS": "4", "PYRAMID_MIN_ADVERSE_PCT": "0.06",
    "PYRAMID_DECAY_MIN_PCT": "0.03", "PYRAMID_DECAY_LAMBDA": "0.02", "SCALP_TP_DECAY_ENABLE": "true",
    "SCALP_TP_DEC_MODE": "exp", "SCALP_TP_DECAY_FACTOR": "0.9", "SCALP_TP_MIN_PCT": "0.05",
    "TAKE_PROFIT_PCT": "0.06", "STOP_LOSS_PCT": "0.15", "TRAIL_ACTIVATE_PCT": "0.06", "TRAIL_DISTANCE_PCT": "0.03",
    "FEE_RATE_PCT": "0.02", "PAPER_SLIPPAGE_BPS": "0.2", "RISK_PER_TRADE_PCT": "7", "VOL_RISK_ADJUST": "true",
    "ENTRY_COOLDOWN_SEC": "120", "MAX_DAILY_LOSS_PCT": "0.4",
}  # fmt: skip
# How often the live loop looks for candles changes nothing of what it does with them.
# Nor does it matter that the live fit is made some seconds after the last candle of its history, where the backtest's
# counts as made at that candle's close: with half a minute to spare both refit at the same candles.
PACE: Final = {"CANDLE_RESYNC_SEC": "0.02", "TICK_INTERVAL_SEC": "5"}


@contextmanager
def part(log: Path, *arguments: str, **extra: str) -> Iterator[httpx.Client]:
    """A client of a process of ours, which must end cleanly."""
    served = Served(list(arguments), extra, log)
    try:
        with httpx.Client(base_url=served.url, timeout=10) as client:
            yield client
    except BaseException:
        served.end(signal.SIGKILL)
        raise
    assert served.end(signal.SIGTERM) == 0, log.read_text()


def get(client: httpx.Client, path: str) -> Any:
    return client.get(path).raise_for_status().json()


def until(arrived: Callable[[], bool], explain: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not arrived():
        assert time.monotonic() < end, explain()
        select.select([], [], [], 0.02)


def metric(client: httpx.Client, name: str) -> dict[str, int]:
    """A counter by its label, without zeros."""
    text = client.get("/metrics").raise_for_status().text
    counted = re.findall(rf'^{name}_total{{\w+="(\w+)"}} (\S+)$', text, re.MULTILINE)
    return {label: int(float(value)) for label, value in counted if float(value)}


def backtested(folder: Path, csv: Path) -> dict[str, Any]:
    """What ``cbbot backtest`` makes of the file: the first half trains, every later candle is a step."""
    chosen = [f"--set={key}={value}" for key, value in KEYS.items()]
    spans = ["--train-fraction", "0.5", "--warmup", "0", "--json", str(folder / "result.json")]
    command = [sys.executable, "-m", "cbbot", "backtest", "--csv", str(csv), *spans, *chosen]
    subprocess.run(command, check=True, env=surroundings(), capture_output=True, timeout=60)
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    # Figures about a trade that only a look back has.
    for trade in result["trades"]:
        for figure in ("return_pct", "mae_pct", "mfe_pct"):
            del trade[figure]
    return result


def play(simulator: httpx.Client, bridge: httpx.Client, bot: httpx.Client, starts: list[int]) -> None:
    """Move the market on, a few candles one by one, then so many at a time, the bot close behind.

    A candle counts as over once the next has traded, so the clock goes a little into the next one. It is moved again
    only once bridge and bot know that it stands there: if they took it for one that runs, candles would be late.
    """
    played = 0
    while played < STEPS:
        count = min(1 if played < ONE_BY_ONE else PUSH, STEPS - played)
        played += count
        at_ms = move_into(simulator, starts[HISTORY + played], TRADED_MS + MORE_MS * min(played, ONE_BY_ONE))
        wait_for_candle(bot, str(starts[HISTORY + played - 1]))
        wait_for_clock(lambda: int(get(bridge, "/time")["epoch_ms"]), at_ms)
        wait_for_clock(lambda: int(time.time() * 1000) + int(get(bot, "/status")["clock_offset_ms"]), at_ms)


def move_into(simulator: httpx.Client, start: int, traded_ms: int = TRADED_MS) -> int:
    """The time that it is there from now on."""
    at_ms = start * 1000 + traded_ms
    simulator.post("/sim/advance", json={"to_ms": at_ms}).raise_for_status()
    return at_ms


def wait_for_clock(read: Callable[[], int], at_ms: int) -> None:
    """Until the clock stands about there."""

    def stands() -> bool:
        first = read()
        select.select([], [], [], APART_SECONDS)
        return abs(read() - first) < STANDS_WITHIN_MS and abs(first - at_ms) < NEAR_MS

    until(stands, lambda: f"the clock is {read()} and not {at_ms}")


def wait_for_candle(bot: httpx.Client, start: str) -> None:
    """Until the bot has the candle and the one in progress after it."""

    def known() -> list[str]:
        return [row["start"] for row in get(bot, "/candles?limit=2")]

    until(lambda: start in known()[:-1], lambda: f"waiting for {start}, the bot has {known()}")


@contextmanager
def paper_bot(folder: Path, csv: Path, opening: int) -> Iterator[tuple[httpx.Client, httpx.Client, httpx.Client]]:
    """Simulator, bridge and bot, the clock a little into the candle that opens at ``opening``, history before it."""
    (folder / "token").write_text("0123456789abcdef-bridge")
    token = {"BRIDGE_TOKEN_FILE": str(folder / "token")}
    fraction = (Decimal(HISTORY) + Decimal("0.5")) / (HISTORY + STEPS + 1)
    with ExitStack() as stack:
        simulator = stack.enter_context(
            part(
                folder / "simulator.log", "cbbot_bridge.simulator", "--port", "0", "--csv", str(csv),
                "--speed", "0", "--history-fraction", f"{fraction:.9f}", "--spread-ticks", "0", "--faults",
            )
        )  # fmt: skip
        move_into(simulator, opening)
        bridge = stack.enter_context(
            part(
                folder / "bridge.log", "cbbot_bridge", COINBASE_API_BASE=address(simulator), COINBASE_AUTH="none",
                BRIDGE_HOST="127.0.0.1", PORT="0", COINBASE_WS_PRODUCTS="BTC-USD", **token,
            )
        )  # fmt: skip
        bot = stack.enter_context(
            part(
                folder / "bot.log", "cbbot", "run", BRIDGE_URL=address(bridge), PORT="0", BOT_HOST="127.0.0.1",
                BOT_VENUE="Simulator", STATE_FILE=str(folder / "state" / "bot_state.json"), **token, **PACE, **KEYS,
            )
        )  # fmt: skip
        until(lambda: bool(get(bot, "/status")["ready"]), lambda: bot.get("/status").text)
        yield simulator, bridge, bot


def address(client: httpx.Client) -> str:
    return str(client.base_url).rstrip("/")


def test_the_paper_loop_trades_as_the_backtest_of_the_same_candles(tmp_path: Path) -> None:
    lines = file_of(SHORT).read_text().splitlines()
    # One more candle, whose first trade tells that the last one is over; the backtest must not see it.
    known, stepped = 1 + FIRST, 1 + FIRST + HISTORY + STEPS
    whole, cut = tmp_path / "simulated.csv", tmp_path / "backtested.csv"
    whole.write_text("\n".join([lines[0], *lines[known : stepped + 1], ""]))
    cut.write_text("\n".join([lines[0], *lines[known:stepped], ""]))
    starts = [int(datetime.fromisoformat(line.split(",")[0]).timestamp()) for line in lines[known : stepped + 1]]
    assert starts[HISTORY] - starts[HISTORY - 1] == 60 < max(b - a for a, b in pairwise(starts[HISTORY:]))
    expected = backtested(tmp_path, cut)
    assert (expected["train"], expected["evaluated"]) == (HISTORY, STEPS)
    assert len(expected["trades"]) >= 30
    assert {trade["exit_reason"] for trade in expected["trades"]} == {"take_profit", "stop_loss", "trailing_stop"}

    with paper_bot(tmp_path, whole, starts[HISTORY]) as (simulator, bridge, bot):
        play(simulator, bridge, bot, starts)
        until(
            lambda: metric(bot, "bot_decisions") == {k: v for k, v in expected["decisions"].items() if v},
            lambda: f"decided {metric(bot, 'bot_decisions')}, the backtest {expected['decisions']}",
        )
        trades = list(reversed(get(bot, "/trades?limit=1000")))
        assert [trade.pop("number") for trade in trades] == list(range(1, len(trades) + 1))
        assert trades == expected["trades"]
        assert metric(bot, "bot_denials") == expected["denials"]
        lots = get(bot, "/lots")
        # Marked equity is left out: it follows the ticks of the candle in progress.
        assert get(bot, "/status")["equity_usd"] == expected["summary"]["equity_end"]
    trade_log = [json.loads(line) for line in (tmp_path / "state" / "trades.jsonl").read_text().splitlines()]
    assert [{key: value for key, value in row.items() if key != "number"} for row in trade_log] == expected["trades"]
    same = ("lot", "side", "opened_at", "open_price", "base_size", "cost", "entry_fee", "stop_price", "take_price")
    assert [[lot[key] for key in same] for lot in lots] == [[lot[key] for key in same] for lot in expected["open_lots"]]
