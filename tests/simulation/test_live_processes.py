"""Simulator, bridge and bot as real processes: they trade, stop, are killed, and go on."""

from __future__ import annotations

import select
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from cbbot.runtime.lock import lock_folder
from cbbot.runtime.store import read_generation
from simulation.served import NeverListened, Served

pytestmark = [pytest.mark.processes, pytest.mark.slow]

TOKEN = "0123456789abcdef-bridge"
DEMO = {
    "FEE_RATE_PCT": "0.05", "TAKE_PROFIT_PCT": "0.15", "SCALP_TP_MIN_PCT": "0.15", "STOP_LOSS_PCT": "2",
    "PYRAMID_MIN_ADVERSE_PCT": "0.1", "PYRAMID_DECAY_MIN_PCT": "0.05", "BUY_THRESHOLD": "0.5",
    "RISK_PER_TRADE_PCT": "5", "ALLOW_PYRAMIDING": "true", "WALK_FORWARD_MIN": "5", "TICK_INTERVAL_SEC": "15",
    "MAX_HISTORY_CANDLES": "1000", "BOT_VENUE": "Simulator", "BOT_HOST": "127.0.0.1", "PORT": "0",
}  # fmt: skip


class Part(Served):
    """A server with a client of it."""

    def __init__(self, arguments: list[str], environment: dict[str, str], log: Path) -> None:
        super().__init__(arguments, environment, log)
        self.client = httpx.Client(base_url=self.url, timeout=10)

    def get(self, path: str) -> Any:
        return self.client.get(path).raise_for_status().json()

    def end(self, number: signal.Signals) -> int:
        self.client.close()
        return super().end(number)

    def until(self, arrived: Callable[[dict[str, Any]], bool], what: str, seconds: float = 60.0) -> dict[str, Any]:
        """The status once it is as wanted; asked ten times a second."""
        end = time.monotonic() + seconds
        while True:
            status: dict[str, Any] = self.get("/status")
            if arrived(status):
                return status
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            assert time.monotonic() < end, f"{what} did not come: {status}"
            select.select([], [], [], 0.1)


Start = Callable[..., Part]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a bot on the bridge and simulator of this test; everything is gone afterwards."""
    with started(tmp_path, speed=600) as bot:
        yield bot


@pytest.fixture
def start_live(tmp_path: Path) -> Iterator[Start]:
    """The same for a bot that buys with what the account holds, which may be ten of the venue's seconds old.

    At the pace of ``start`` they are 17 ms, in which a busy machine brings no answer to it.
    """
    with started(tmp_path, speed=60) as bot:
        yield bot


@contextmanager
def started(tmp_path: Path, speed: int) -> Iterator[Start]:
    parts: list[Part] = []
    (tmp_path / "token").write_text(TOKEN)

    def begin(arguments: list[str], environment: dict[str, str]) -> Part:
        parts.append(Part(arguments, environment, tmp_path / f"{arguments[0]}.log"))
        return parts[-1]

    simulator = begin(["cbbot_bridge.simulator", "--port", "0", "--speed", str(speed), "--balance", "USD=10000"], {})
    venue = f"http://127.0.0.1:{simulator.port}"
    bridge = begin(
        ["cbbot_bridge"],
        {
            "COINBASE_API_BASE": venue, "COINBASE_AUTH": "none", "BRIDGE_HOST": "127.0.0.1", "PORT": "0",
            "BRIDGE_TOKEN_FILE": str(tmp_path / "token"), "COINBASE_WS_PRODUCTS": "BTC-USD",
        },
    )  # fmt: skip

    (tmp_path / "bridge").write_text(bridge.url)

    def bot(**keys: str) -> Part:
        surroundings = {
            "BRIDGE_URL": f"http://127.0.0.1:{bridge.port}", "BRIDGE_TOKEN_FILE": str(tmp_path / "token"),
            "STATE_FILE": str(tmp_path / "state" / "bot_state.json"),
        }  # fmt: skip
        return begin(["cbbot", "run"], DEMO | surroundings | keys)

    try:
        yield bot
    finally:
        for part in reversed(parts):
            part.end(signal.SIGKILL)


def account(bot: Part) -> tuple[Decimal, list[dict[str, Any]], list[dict[str, Any]]]:
    """Equity, open lots without what moves with the price, and trades; read when nothing closes in between.

    The log has a trade some milliseconds after the equity: for ten seconds the equity may be ahead of the trades.
    """
    end = time.monotonic() + 10
    while True:
        before = bot.get("/status")
        lots = [{name: value for name, value in lot.items() if name not in MOVING} for lot in bot.get("/lots") or ()]
        trades = bot.get("/trades?limit=1000")
        after = bot.get("/status")
        same = before["equity_usd"] == after["equity_usd"] and before["open_lots"] == after["open_lots"] == len(lots)
        logged = Decimal(after["equity_usd"]) == 1000 + sum(Decimal(trade["net_pnl"]) for trade in trades)
        if same and (logged or time.monotonic() > end):
            return Decimal(after["equity_usd"]), lots, trades


# Prices move a lot's mark; the end of another lot can make it the runner.
MOVING = {"unrealized_pnl"}


def test_it_trades_the_sample_stops_and_goes_on(start: Start) -> None:
    bot = start()
    bot.until(lambda status: status["ready"], "readiness")
    bot.until(lambda status: Decimal(status["equity_usd"]) != 1000, "a closed lot", 90)
    bot.until(lambda status: bool(status["open_lots"]), "an open lot")
    assert bot.client.get("/readyz").status_code == 200
    metrics = bot.client.get("/metrics").text
    assert 'bot_orders_total{mode="paper",side="BUY"}' in metrics
    assert "bot_step_failures_total 0.0" in metrics
    # Without a control token this machine may steer; nothing opens or closes from here on.
    assert bot.client.post("/control/pause-entries").json()["entries"]["paused_by"] == ["hand"]
    epoch = bot.get("/status")["epoch"]
    assert bot.end(signal.SIGTERM) == 0

    again = start(STOP_LOSS_PCT="2")
    status = again.until(lambda status: status["ready"], "readiness after a stop")
    assert status["epoch"] > epoch
    assert status["entries"]["paused_by"] == ["hand"]
    equity, lots, trades = account(again)
    assert equity == 1000 + sum(Decimal(trade["net_pnl"]) for trade in trades)
    assert [trade["number"] for trade in trades] == list(range(len(trades), 0, -1))
    numbers = [trade["lot"] for trade in trades] + [lot["lot"] for lot in lots]
    assert len(set(numbers)) == len(numbers)


def test_killed_again_and_again_it_forgets_nothing(start: Start) -> None:
    known: dict[int, dict[str, Any]] = {}
    for kill in range(4):
        bot = start()
        bot.until(lambda status: status["ready"], "readiness after a kill")
        seen = len(known)
        bot.until(lambda status: bool(status["open_lots"]) or Decimal(status["equity_usd"]) != 1000, "trading")
        if kill == 2:  # by now a lot has closed, and the last start has something to forget
            bot.until(lambda status: Decimal(status["equity_usd"]) != 1000, "a closed lot", 90)
        equity, _, trades = account(bot)
        # What was told before the kill is told after it, to the last digit.
        for trade in trades:
            assert known.setdefault(trade["number"], trade) == trade
        assert len(trades) >= seen
        assert sorted(known) == list(range(1, len(known) + 1))
        assert equity == 1000 + sum(Decimal(trade["net_pnl"]) for trade in trades)
        assert bot.end(signal.SIGKILL) == -signal.SIGKILL
    assert known


def test_live_orders_reach_the_simulator_and_its_fills_are_booked(start_live: Start) -> None:
    bot = start_live(
        DRY_RUN="false", MAX_ORDER_USD="50", MAX_EXPOSURE_USD="500", BUY_THRESHOLD="0.3", USE_MA_FILTER="false"
    )
    bot.until(lambda status: bool(status["open_lots"]), "a lot bought at the simulator", 60)
    lot = bot.get("/lots")[0]
    # The simulator takes 0.9 %, whatever FEE_RATE_PCT says.
    assert Decimal(lot["entry_fee"]) > Decimal(lot["cost"]) * Decimal("0.0089")
    assert Decimal(lot["cost"]) + Decimal(lot["entry_fee"]) <= 50
    assert any("does not cover the fees" in warning for warning in bot.get("/status")["warnings"])
    bot.client.post("/control/flatten")
    status = bot.until(lambda status: status["open_lots"] == 0, "a flat account", 60)
    assert status["entries"]["paused_by"] == ["hand"]
    assert bot.get("/trades")[0]["exit_reason"] == "flatten"
    assert bot.end(signal.SIGINT) == 130


def test_from_an_older_backup_a_live_bot_comes_to_own_what_the_account_holds(start_live: Start, tmp_path: Path) -> None:
    live = {
        "DRY_RUN": "false", "MAX_ORDER_USD": "50", "MAX_EXPOSURE_USD": "500", "USE_MA_FILTER": "false",
        "BOT_ID": "demo", "STOP_LOSS_PCT": "0.2", "TRAIL_ACTIVATE_PCT": "0",
    }  # fmt: skip
    bot = start_live(**live, BUY_THRESHOLD="0.3")
    bot.until(lambda status: bool(status["open_lots"]), "a lot bought at the simulator")
    shutil.copytree(tmp_path / "state", tmp_path / "backup")
    bot.until(lambda status: Decimal(status["equity_usd"]) != 1000, "a closed lot", 90)
    bot.until(lambda status: bool(status["open_lots"]), "another lot")
    assert bot.end(signal.SIGKILL) == -signal.SIGKILL
    shutil.rmtree(tmp_path / "state")
    shutil.copytree(tmp_path / "backup", tmp_path / "state")

    again = start_live(**live, BUY_THRESHOLD="1")
    again.until(lambda status: status["ready"], "readiness")
    again.client.post("/control/flatten").raise_for_status()
    status = again.until(lambda status: status["open_lots"] == 0, "a flat account")
    assert status["entries"]["paused_by"] == ["hand"], status["reason"]
    balance = httpx.get(
        f"{(tmp_path / 'bridge').read_text()}/balance/base?product_id=BTC-USD",
        headers={"Authorization": f"Bearer {TOKEN}"},
    ).json()
    assert Decimal(balance["available"]) == 0, "nothing was forgotten"
    equity, _, trades = account(again)
    assert equity == 1000 + sum(Decimal(trade["net_pnl"]) for trade in trades)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_stop_by_any_signal_saves_and_sigterm_is_a_service_s_normal_end(
    number: signal.Signals, code: int, start: Start, tmp_path: Path
) -> None:
    bot = start()
    bot.until(lambda status: status["ready"], "readiness")
    (tmp_path / "state" / "bot_state.json").unlink()
    assert bot.end(number) == code
    assert (tmp_path / "state" / "bot_state.json").exists()


@pytest.mark.parametrize("removed", [False, True])
def test_two_bots_on_one_state_are_refused(start: Start, tmp_path: Path, removed: bool) -> None:
    first = start()
    first.until(lambda status: status["ready"], "readiness")
    if removed:
        (tmp_path / "state" / ".lock").unlink()
    with pytest.raises(NeverListened) as refusal:
        start()
    code, log = refusal.value.args
    # Both write to one log here, and the first trades on.
    messages = [line for line in log.splitlines() if '"event": "refused"' in line]
    assert (code, len(messages)) == (3, 1)
    assert f"another process (process {first.process.pid}) trades on the state" in log
    assert first.get("/status")["ready"]


def test_of_two_bots_with_one_id_on_two_folders_the_older_stops_and_says_why(start: Start, tmp_path: Path) -> None:
    live = {"DRY_RUN": "false", "MAX_ORDER_USD": "50", "MAX_EXPOSURE_USD": "500", "BOT_ID": "btc"}
    older = start(**live)
    older.until(lambda status: status["ready"], "readiness")
    newer = start(**live, STATE_FILE=str(tmp_path / "elsewhere" / "bot_state.json"))
    newer.until(lambda status: status["ready"], "readiness of the newer one")
    assert older.process.wait(60) == 3
    assert "the bridge knows a newer epoch of btc than" in older.log.read_text()
    assert newer.get("/status")["ready"]
    assert newer.end(signal.SIGTERM) == 0


def ordering(lots: int, status: dict[str, Any]) -> bool:
    """Whether an order is under way, or there is a lot more than there were."""
    return bool(status["ready"]) and (status["pending_orders"] > 0 or status["open_lots"] > lots)


def base_of_the_account(tmp_path: Path) -> Decimal:
    """What the simulator holds for the bots of this test."""
    url, headers = (tmp_path / "bridge").read_text(), {"Authorization": f"Bearer {TOKEN}"}
    answer = httpx.get(f"{url}/balance/base?product_id=BTC-USD", headers=headers, timeout=10)
    return Decimal(answer.raise_for_status().json()["available"])


def test_a_stop_under_load_ends_in_time_and_the_state_holds_what_the_account_does(
    start_live: Start, tmp_path: Path
) -> None:
    """Signalled five times, as soon as there is another order: it ends, or stays in the state for the next start."""
    eager = {
        "DRY_RUN": "false", "MAX_ORDER_USD": "20", "MAX_EXPOSURE_USD": "5000", "BUY_THRESHOLD": "0", "BOT_ID": "btc",
        "USE_MA_FILTER": "false", "MAX_CONCURRENT_LOTS": "50", "PYRAMID_MIN_ADVERSE_PCT": "0", "TICK_INTERVAL_SEC": "1",
        "PYRAMID_MIN_SECONDS_BETWEEN": "0", "PYRAMID_DECAY_MIN_PCT": "0", "MAX_HISTORY_CANDLES": "500",
    }  # fmt: skip
    path, lots = tmp_path / "state" / "bot_state.json", 0
    for _ in range(5):
        bot = start_live(**eager)
        bot.until(partial(ordering, lots), "an order")
        lots = len(bot.get("/lots"))
        began = time.monotonic()
        assert bot.end(signal.SIGTERM) == 0
        assert time.monotonic() - began < 30
        with lock_folder(path.parent):
            document = read_generation(path)
        assert document["intents"] == [], "the simulator answers at once"
        held = sum(Decimal(lot["base"]) for lot in document["lots"]) + Decimal(document["dust"]["base"])
        assert held == base_of_the_account(tmp_path)
    # An exit is an order as well: what was bought may have been sold since.
    assert document["lots"] or document["trade_count"]
