"""``cbbot up`` as a person starts it, with the real simulator, bridge and bot.

Lots open and close on the example, money adds up to the last digit, the state goes on after a stop,
and however it ends no process is left.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cbbot.runtime.store import read_generation
from free_port import free_port
from started_processes import start

pytestmark = [pytest.mark.processes, pytest.mark.slow]

EXAMPLE = Path(__file__).parents[2] / "examples" / "try.yaml"
START = Decimal(1000)
PATIENCE_SECONDS = 100


class Up:
    """A running ``cbbot up`` whose output is read line by line."""

    def __init__(self, folder: Path, *options: str, manifest: Path = EXAMPLE) -> None:
        command = [sys.executable, "-m", "cbbot", "up", "-f", str(manifest), "--state-dir", str(folder), *options]
        # A shell full of settings: none may reach the bot.
        shell = os.environ | {"USD_EQUITY": "5", "PRODUCT_ID": "ETH-USD", "PORT": "1", "BRIDGE_URL": "http://nowhere"}
        self.process = start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=shell)
        self.lines: list[str] = []

    def line(self, pattern: str) -> re.Match[str]:
        """The next line that matches."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + PATIENCE_SECONDS
        for line in self.process.stdout:
            self.lines.append(line)
            found = re.search(pattern, line)
            if found:
                return found
            if time.monotonic() > deadline:
                break
        raise AssertionError(f"no line like {pattern!r} in:\n{''.join(self.lines)}")

    def bot(self) -> str:
        """The bot's address, as told."""
        return self.line(r"bot (http://127\.0\.0\.1:\d+)").group(1)

    def children(self) -> dict[str, int]:
        """Module to pid of every child."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                words = (folder / "cmdline").read_text().split("\0")
                if parent == self.process.pid and "-m" in words:
                    found[words[words.index("-m") + 1]] = int(folder.name)
        return found

    def end(self) -> int:
        """The exit code once it has ended; what it said is in :attr:`lines`."""
        assert self.process.stdout is not None
        self.lines += self.process.stdout.readlines()
        return self.process.wait(PATIENCE_SECONDS)

    @property
    def text(self) -> str:
        return "".join(self.lines)


@contextlib.contextmanager
def started(folder: Path, *options: str, manifest: Path = EXAMPLE) -> Iterator[Up]:
    up = Up(folder, *options, manifest=manifest)
    try:
        yield up
    finally:
        up.process.kill()
        up.process.communicate()


def ask(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310  the bot on loopback
        return json.load(answer)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def until(condition: Callable[[], Any]) -> Any:
    """The first answer that is true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        answer = condition()
        if answer:
            return answer
        select.select([], [], [], 0.1)
    raise AssertionError(f"never true: {condition}")


def at_one_moment(bot: str, trades: int) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]] | None:
    """Status, trades and lots of a ready bot with nothing closed in between, once there are enough trades.

    The log has a trade some milliseconds after the equity.
    """
    before = ask(f"{bot}/trades?limit=500")
    lots = ask(f"{bot}/lots")
    status = ask(f"{bot}/status")
    after = ask(f"{bot}/trades?limit=500")
    if not status["ready"] or before != after or len(before) < trades or not lots:
        return None
    logged = Decimal(status["equity_usd"]) == START + sum(Decimal(trade["net_pnl"]) for trade in before)
    return (status, before, lots) if logged else None


def as_saved(lot: dict[str, Any]) -> tuple[Any, ...]:
    """A lot of the state file in the words of GET /lots."""
    return lot["id"], lot["open_ticks"], lot["base"], lot["cost"], lot["entry_fee"], lot["stop"]


def as_reported(lot: dict[str, Any]) -> tuple[Any, ...]:
    return lot["lot"], lot["open_price"], lot["base_size"], lot["cost"], lot["entry_fee"], lot["stop_price"]


def test_the_example_trades_adds_up_and_goes_on_after_a_stop(tmp_path: Path) -> None:
    with started(tmp_path) as up:
        bot = up.bot()
        children = up.children()
        assert set(children) == {"cbbot_bridge.simulator", "cbbot_bridge", "cbbot"}
        status, trades, lots = until(lambda: at_one_moment(bot, trades=1))
        assert status["equity_usd"] == str(START + sum(Decimal(trade["net_pnl"]) for trade in trades))
        assert status["product_id"] == "BTC-USD", "the manifest's, not the shell's"
        assert lots, "something is open too"
        up.process.send_signal(signal.SIGINT)
        assert up.end() == 0, up.text
    assert not [pid for pid in children.values() if alive(pid)]
    assert "stopped cleanly" in up.text
    assert str(tmp_path) in up.text.splitlines()[-1]
    assert "Traceback" not in up.text

    saved = read_generation(tmp_path / "bot" / "bot_state.json")
    count = saved["trade_count"]
    with started(tmp_path, "--for", "12") as up:
        bot = up.bot()
        status, later, lots = until(lambda: at_one_moment(bot, trades=count))
        earlier = [trade for trade in later if trade["number"] <= count]
        assert earlier[-len(trades) :] == trades, "what was told before the stop is told after it"
        assert len(earlier) == count
        realised = sum(Decimal(trade["net_pnl"]) for trade in earlier)
        assert START + realised == Decimal(saved["account"]["start_equity"]) + Decimal(saved["account"]["realised"])
        assert status["equity_usd"] == str(START + sum(Decimal(trade["net_pnl"]) for trade in later))
        closed_since = {trade["lot"] for trade in later if trade["number"] > count}
        kept = {as_saved(lot) for lot in saved["lots"] if lot["id"] not in closed_since}
        assert kept <= {as_reported(lot) for lot in lots}
        assert status["epoch"] > saved["epoch"]
        assert up.end() == 0, up.text


def test_a_second_up_on_the_same_state_is_refused_and_a_kill_leaves_nothing(tmp_path: Path) -> None:
    with started(tmp_path) as up:
        up.bot()
        children = up.children()
        with started(tmp_path) as second:
            assert second.end() == 3
            assert f"another cbbot up (process {up.process.pid}) runs on {tmp_path}" in second.text
            assert second.text.count("\n") == 1
        assert all(alive(pid) for pid in children.values()), "the first is left alone"
        up.process.kill()
        up.process.wait()
        until(lambda: not [pid for pid in children.values() if alive(pid)])
    with started(tmp_path, "--for", "0") as up:
        assert up.end() == 0, "the lock went with the process"


def test_a_part_that_is_killed_comes_back_and_trading_goes_on(tmp_path: Path) -> None:
    with started(tmp_path) as up:
        bot = up.bot()
        until(lambda: ask(f"{bot}/status")["phase"] == "trading")
        epoch = ask(f"{bot}/status")["epoch"]
        for module in ("cbbot_bridge.simulator", "cbbot_bridge", "cbbot"):
            os.kill(up.children()[module], signal.SIGKILL)

        def trading_again() -> bool:
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                status = ask(f"{bot}/status")
                return bool(status["phase"] == "trading" and status["epoch"] > epoch and status["last_price"])
            return False

        until(trading_again)
        up.process.send_signal(signal.SIGTERM)
        assert up.end() == 143, up.text
    assert "stopped cleanly" in up.text
    assert len(re.findall(r"was ended by SIGKILL; starting it again", up.text)) == 3


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def test_without_a_port_the_bot_is_on_8080_or_the_next_free_one_and_says_so(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        # Other tests may be at it on this machine: then it is taken all the same.
        with contextlib.suppress(OSError):
            stack.enter_context(socket.create_server(("127.0.0.1", 8080)))
        with started(tmp_path / "a") as up:
            instead = up.line(r"WARNING port 8080 is taken: bot listens on (\d+) instead").group(1)
            address = up.bot()
            assert port_of(address) >= int(instead) > 8080
            assert ask(f"{address}/status")["product_id"] == "BTC-USD"


def test_the_port_asked_for_is_the_bot_s_run_after_run_and_refused_when_taken(tmp_path: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        with started(tmp_path / "new", "--port", str(port)) as up:
            assert up.end() == 2
            (line,) = up.text.splitlines()
        assert not (tmp_path / "new").exists(), "it was refused before anything was made"
        assert line.startswith(f"cbbot up: --port {port}: cannot listen on 127.0.0.1:{port}: Address already in use; ")
    for _ in range(2):
        with started(tmp_path, "--port", str(port)) as up:
            bot = up.bot()
            assert port_of(bot) == port
            until(lambda: ask(f"{bot}/status")["ready"])  # noqa: B023  asked within the round
            with started(tmp_path, "--port", str(port)) as second:
                assert second.end() == 3, "that another runs on the state is what matters"
            up.process.send_signal(signal.SIGINT)
            assert up.end() == 0, up.text


def test_what_the_bot_refuses_ends_up_with_its_code_and_its_words(tmp_path: Path) -> None:
    (tmp_path / "bot").mkdir(parents=True)
    for name in ("bot_state.json", "bot_state.json.prev"):
        (tmp_path / "bot" / name).write_text("damaged")
    with started(tmp_path) as up:
        assert up.end() == 3, up.text
    assert "bot cannot be kept running: it refused to start for safety (exit code 3)" in up.text
    assert "bot_state.json" in up.text


def test_a_bad_manifest_is_reported_line_by_line(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(
        EXAMPLE.read_text().replace("riskPerTradePct: 5", "riskPerTradePct: 500").replace("Paper\n", "Papper\n")
    )
    with started(tmp_path / "state", manifest=bad) as up:
        assert up.end() == 2
    assert [line.split(": ")[2] for line in up.lines] == ["spec.mode", "spec.risk.riskPerTradePct"]
    assert not (tmp_path / "state").exists(), "nothing is made for a manifest that cannot be used"


def test_a_terminal_shows_the_table_and_ctrl_c_stops_it(tmp_path: Path) -> None:
    terminal, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    command = [sys.executable, "-m", "cbbot", "up", "-f", str(EXAMPLE), "--state-dir", str(tmp_path)]
    shell = os.environ | {"TERM": "xterm-256color"}
    with start(command, stdin=inner, stdout=inner, stderr=inner, env=shell, start_new_session=True) as up:
        seen = ""

        def shows(pattern: str) -> bool:
            nonlocal seen
            seen += os.read(terminal, 65536).decode(errors="replace")
            return re.search(pattern, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)) is not None

        try:
            until(lambda: shows(r"equity +1,000\.\d{4} USD"))
            until(lambda: shows(r"decision at [\d,.]+: buy, "))
            up.send_signal(signal.SIGINT)
            until(lambda: shows("stopped cleanly"))
            assert up.wait(PATIENCE_SECONDS) == 0
        finally:
            up.kill()
            os.close(terminal)
            os.close(inner)
