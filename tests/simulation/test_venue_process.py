"""The simulator as a process: its first line, its signals, its restarts."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import IO, Any, cast

import httpx
import pytest

import started_processes

pytestmark = pytest.mark.processes

ROOT = "/api/v3/brokerage"
Start = Callable[..., "Simulator"]


class Simulator:
    """A running simulator and a client of it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.first_line: dict[str, Any] = json.loads(cast("IO[str]", process.stdout).readline())
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.first_line['port']}{ROOT}", timeout=10)

    def get(self, path: str, **query: str | int) -> Any:
        answer = self.client.get(path, params=query)
        answer.raise_for_status()
        return answer.json()

    def buy(self, client_order_id: str) -> Any:
        return self.place(client_order_id, "BUY", market_market_ioc={"quote_size": "10"})

    def place(self, client_order_id: str, side: str, **configuration: object) -> Any:
        body = {"client_order_id": client_order_id, "product_id": "BTC-USD", "side": side}
        answer = self.client.post("/orders", json=body | {"order_configuration": configuration})
        answer.raise_for_status()
        assert answer.json()["success"], answer.text
        return answer.json()

    def advance(self, candles: int) -> None:
        control = self.client.base_url.copy_with(raw_path=b"/sim/advance")
        self.client.post(control, json={"candles": candles}).raise_for_status()

    def everything(self) -> list[Any]:
        """What a customer can see of orders, fills, money and time."""
        pages = ("/orders/historical/batch", "/orders/historical/fills", "/accounts", "/time")
        return [self.get(page) for page in pages]

    def now_ms(self) -> int:
        return int(self.get("/time")["epochMillis"])

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(15)


def sample_starts() -> list[int]:
    """When the sample's candles start, in UNIX seconds."""
    sample = resources.files("cbbot_bridge.simulator") / "sample" / "BTC-USD-1m-6000.csv"
    with sample.open(encoding="utf-8") as file:
        return [int(datetime.fromisoformat(row["time"]).timestamp()) for row in csv.DictReader(file)]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts simulators; all of them are gone afterwards."""
    running: list[Simulator] = []

    def begin(*arguments: str) -> Simulator:
        command = [sys.executable, "-m", "cbbot_bridge.simulator", "--port", "0", *arguments]
        process = started_processes.start(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        running.append(Simulator(process))
        return running[-1]

    yield begin
    for simulator in running:
        simulator.client.close()
        if simulator.process.poll() is None:
            simulator.process.kill()
        simulator.process.wait(15)
        cast("IO[str]", simulator.process.stdout).close()


def test_it_says_where_it_listens_and_plays_the_sample(start: Start) -> None:
    simulator = start()
    line = simulator.first_line
    assert (line["event"], line["host"], line["speed"]) == ("listening", "127.0.0.1", 600)
    assert (line["candles"], line["source"]) == (6000, "BTC-USD-1m-6000.csv")
    # 4,200 of the 6,000 candles are history: the clock starts where candle 4,199 ends.
    assert line["now"] >= "2025-09-09T06:06:00.000Z"
    first, second = simulator.now_ms(), simulator.now_ms()
    assert second >= first
    # The hour before the first line, gaps and all: wherever a slow machine's clock stands by now.
    end = int(datetime.fromisoformat(line["now"]).timestamp()) // 60 * 60
    candles = simulator.get(
        "/market/products/BTC-USD/candles", start=end - 3600, end=end - 60, granularity="ONE_MINUTE"
    )
    played = [int(candle["start"]) for candle in reversed(candles["candles"])]
    assert played == [start for start in sample_starts() if end - 3600 <= start < end]
    assert played


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_cleanly(start: Start, number: signal.Signals) -> None:
    assert start().stop(number) == 0


def test_account_and_clock_go_on_after_a_restart_and_stand_still_between(start: Start, tmp_path: Path) -> None:
    arguments = ["--state", str(tmp_path / "state.json"), "--speed", "600"]
    simulator = start(*arguments)
    first = simulator.buy("a")
    accounts = [item["available_balance"] for item in simulator.get("/accounts")["accounts"]]
    before = simulator.now_ms()
    assert simulator.stop(signal.SIGTERM) == 0
    resume_ms = json.loads((tmp_path / "state.json.clock").read_text(encoding="utf-8"))["resume_ms"]
    assert resume_ms >= before
    again = start(*arguments)
    assert again.first_line["now"][:13] == "2025-09-09T06"
    assert resume_ms <= again.now_ms() < resume_ms + 600 * 60_000
    assert [item["available_balance"] for item in again.get("/accounts")["accounts"]] == accounts
    assert again.buy("a") == first


def test_after_a_kill_no_order_is_lost_and_time_does_not_go_back(start: Start, tmp_path: Path) -> None:
    arguments = ["--state", str(tmp_path / "state.json")]
    simulator = start(*arguments)
    order_ids = [simulator.buy(str(number))["success_response"]["order_id"] for number in range(5)]
    seen_ms = simulator.now_ms()
    simulator.stop(signal.SIGKILL)
    again = start(*arguments)
    assert again.now_ms() >= seen_ms
    assert [item["order_id"] for item in again.get("/orders/historical/batch")["orders"]] == order_ids[::-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_resting_orders_go_on_after_a_restart_as_if_there_had_been_none(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    def run(*, restarts: bool) -> list[Any]:
        path = tmp_path / f"{restarts}.json"
        arguments = ["--product", "BTC-USD", "--walk", "5", "--speed", "0", "--balance", "BTC=1", "--state", str(path)]
        simulator = start(*arguments)
        price = int(float(simulator.get("/market/products/BTC-USD")["price"]))
        for place in range(1, 9):
            for side, sign in (("BUY", -1), ("SELL", 1)):
                limit = {"base_size": "0.01", "limit_price": str(price + sign * 30 * place), "post_only": True}
                simulator.place(f"{side} {place}", side, limit_limit_gtc=limit)
        stop = {"base_size": "0.1", "limit_price": str(price - 900), "stop_price": str(price - 100)}
        simulator.place("stop", "SELL", stop_limit_stop_limit_gtc=stop | {"stop_direction": "STOP_DIRECTION_STOP_DOWN"})
        for _ in range(3):
            before = simulator.everything()
            if restarts:
                simulator.stop(number)
                simulator = start(*arguments)
                assert simulator.everything() == before
            simulator.advance(20)
        statuses = {order["status"] for order in simulator.get("/orders/historical/batch")["orders"]}
        assert statuses == {"OPEN", "FILLED"}
        order_ids = [order["order_id"] for order in simulator.get("/orders/historical/batch")["orders"]]
        simulator.client.post("/orders/batch_cancel", json={"order_ids": order_ids}).raise_for_status()
        holds = [account["hold"]["value"] for account in simulator.get("/accounts")["accounts"]]
        assert set(holds) == {"0"}
        return simulator.everything()

    assert run(restarts=True) == run(restarts=False)


def test_the_same_seed_and_the_same_orders_give_the_same_run(start: Start) -> None:
    def run(seed: str) -> object:
        simulator = start("--walk", seed, "--speed", "0")
        answers = []
        for number in range(3):
            simulator.advance(7)
            answers.append(simulator.buy(str(number)))
        return answers, simulator.get("/orders/historical/fills"), simulator.get("/accounts")

    assert run("11") == run("11")
    assert run("11") != run("12")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--csv", "no-such-file.csv"], "no-such-file.csv: no such file"),
        (["--speed", "-3"], "--speed"),
        (["--host", "256.1.1.1"], "cannot listen on 256.1.1.1"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: list[str], said: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "cbbot_bridge.simulator", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=os.environ,
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
