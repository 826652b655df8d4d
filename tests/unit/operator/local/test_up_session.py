"""One session of cbbot up with a small stand-in for the bot: what it is told, when it is replaced, how it all ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from cbbot.contract.bot_api import BotStatus
from cbbot_operator.local.child_log_lines import LogLine
from cbbot_operator.local.folder import StateFolder
from cbbot_operator.local.manifest import parse_manifest
from cbbot_operator.local.plan import Part, Plan
from cbbot_operator.local.screen import Screen
from cbbot_operator.local.session import Outcome, Session
from cbbot_operator.local.supervisor import Patience

STATUS: dict[str, Any] = {
    "bot": "try",
    "namespace": "",
    "product_id": "BTC-USD",
    "mode": "live",
    "venue": "Simulator",
    "ready": True,
    "phase": "trading",
    "reason": "",
    "epoch": 7,
    "version": "0.1.0",
    "equity_usd": "1000",
    "equity_marked_usd": "999",
    "daily_pnl_usd": "0",
    "unrealized_pnl_usd": "-1",
    "exposure_usd": "100",
    "open_lots": 2,
    "breaker_tripped": False,
    "entries": {"allowed": True, "paused_by": []},
    "last_price": "110123.45",
    "price_age_seconds": 0.0,
    "last_decision": None,
    "model": {"mode": "baseline", "last_fit_at": None},
    "pending_orders": 0,
    "last_save_at": None,
    "clock_offset_ms": 0,
    "warnings": [],
    "started_at": "2025-09-09T12:00:00Z",
}
# Answers like a bot: steered, it writes down how; without the file `healthy` its /healthz says 503.
BOT = """
import json, os, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
status = json.loads(os.environ["STATUS"])
class Bot(BaseHTTPRequestHandler):
    def answer(self, code, body):
        text = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def do_GET(self):
        if self.path == "/healthz":
            self.answer(200 if os.path.exists("healthy") else 503, {})
        else:
            self.answer(200, status if self.path == "/status" else [])
    def do_POST(self):
        with open("steered", "a") as file:
            file.write(f"{self.path} {self.headers['Authorization']}\\n")
        status["entries"] = {"allowed": False, "paused_by": ["resource"]}
        self.answer(200, status)
    def log_message(self, *_):
        pass
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
server = HTTPServer(("127.0.0.1", 0), Bot)
print(json.dumps({"event": "listening", "port": server.server_port}), flush=True)
server.serve_forever()
"""


class Watched:
    """A display that calls ``look`` with every screen and keeps what it was told."""

    seconds = 0.02

    def __init__(self, look: Callable[[Screen], None]) -> None:
        self._look = look
        self.printed: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def log_room(self) -> int:
        return 5

    def show(self, screen: Screen) -> None:
        self._look(screen)

    def tell(self, line: LogLine) -> None:
        self.printed.append(str(line))


def ran(
    folder: Path,
    look: Callable[[Screen], None],
    *,
    entries: str = "Allowed",
    script: str = BOT,
    patience: Patience | None = None,
    seconds: float = 30,
    notes: tuple[str, ...] = (),
    status: dict[str, Any] | None = None,
) -> tuple[Outcome, list[str]]:
    state = StateFolder(folder)
    state.prepare()
    manifest = parse_manifest(
        "apiVersion: cbbot.io/v1alpha1\nkind: TradingBot\nmetadata: {name: btc}\n"
        f"spec: {{product: {{id: BTC-USD}}, entries: {entries}}}\n",
        "bot.yaml",
    )
    bot = Part(
        "bot", (sys.executable, "-E", "-c", script), {"STATUS": json.dumps(STATUS | (status or {}))}, grace_seconds=5
    )
    display = Watched(look)

    async def run() -> Outcome:
        session = Session(manifest, Plan((bot,), notes), state, seconds=seconds, patience=patience)
        return await session.run(display)

    return asyncio.run(run()), display.printed


def interrupt(number: signal.Signals = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


def stop_once(condition: Callable[[Screen], bool], number: signal.Signals = signal.SIGINT) -> Callable[[Screen], None]:
    """Ctrl-C, or another signal, when ``condition`` holds, once."""
    done = False

    def look(screen: Screen) -> None:
        nonlocal done
        if not done and condition(screen):
            done = True
            interrupt(number)

    return look


def answered(screen: Screen) -> bool:
    return screen.seen.status is not None


def test_ctrl_c_is_the_normal_end_and_says_what_is_open_and_where(tmp_path: Path) -> None:
    outcome, printed = ran(tmp_path, stop_once(answered), notes=("nobody is notified",))
    assert outcome.code == 0
    assert outcome.lines[0] == "stopped cleanly"
    assert outcome.lines[1].startswith("open: 2 lots that cost 100.00 USD; equity 1,000.0000 USD, marked 999.0000 USD")
    assert outcome.lines[1].endswith("their stops are watched by nobody until the bot runs again")
    assert outcome.lines[2] == f"state: {tmp_path}; the next cbbot up goes on from there"
    assert any("WARNING nobody is notified" in line for line in printed)


def test_without_lots_it_says_which_orders_may_still_become_some(tmp_path: Path) -> None:
    outcome, _ = ran(tmp_path, stop_once(answered), status={"open_lots": 0, "pending_orders": 1, "given_up_orders": 1})
    assert outcome.lines[1] == (
        "no lots are open; equity 1,000.0000 USD; 2 orders may still be carried out, and their lots are watched by "
        "nobody until the bot runs again"
    )


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"open_lots": 0, "equity_usd": "0"}, ""),
        ({"open_lots": None, "equity_usd": None}, ""),
        (
            {"as_of": "2025-09-09T12:37:00Z"},
            ", saved 2025-09-09T12:37:00Z with 2 open lots and equity 1,000.0000 USD",
        ),
    ],
)
def test_a_bot_that_never_was_ready_is_not_said_to_have_nothing_open(
    tmp_path: Path, figures: dict[str, Any], said: str
) -> None:
    starting = {"ready": False, "phase": "starting", "reason": "the bridge", **figures}
    outcome, _ = ran(tmp_path, stop_once(answered), entries="Paused", status=starting)
    assert outcome.lines[1] == f"the bot was never ready: what is open is in its state{said}"
    assert not (tmp_path / "steered").exists()


def test_a_bot_that_is_not_ready_any_more_has_the_figures_of_when_it_was(tmp_path: Path) -> None:
    # Ready once, then as after a restart without its bridge.
    again = BOT.replace(
        "def do_GET(self):",
        "def do_GET(self):\n        if self.path == '/trades?limit=20':\n"
        "            status.update(ready=False, phase='starting', open_lots=0, equity_usd='0')",
    )
    unready = stop_once(lambda screen: screen.seen.status is not None and not screen.seen.status.ready)
    outcome, _ = ran(tmp_path, unready, script=again)
    assert outcome.lines[1].startswith("when it was last ready: open: 2 lots that cost 100.00 USD; equity 1,000.0000")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_another_signal_stops_as_cleanly_and_is_told_by_the_code(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    outcome, _ = ran(tmp_path, stop_once(answered, number))
    assert (outcome.code, outcome.clean) == (code, True)
    assert outcome.lines[0] == "stopped cleanly"


def test_signals_that_nohup_or_a_shell_has_us_ignore_stay_ignored(tmp_path: Path) -> None:
    numbers = [signal.SIGINT, signal.SIGHUP, signal.SIGTERM]
    shows = 0

    def look(screen: Screen) -> None:
        nonlocal shows
        shows += answered(screen)
        # One after the other, a few screens apart.
        if shows % 5 == 1 and numbers:
            interrupt(numbers.pop(0))

    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        outcome, _ = ran(tmp_path, look)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert (outcome.code, outcome.lines[0]) == (143, "stopped cleanly")
    assert shows > 10


def test_it_stops_by_itself_after_the_time_asked_for(tmp_path: Path) -> None:
    outcome, _ = ran(tmp_path, lambda _: None, seconds=0)
    assert outcome.code == 0
    assert outcome.lines[1] == "the bot never answered: what is open is in its state"


def test_the_manifest_s_pause_is_sent_with_the_control_token(tmp_path: Path) -> None:
    (tmp_path / "healthy").touch()
    outcome, _ = ran(
        tmp_path,
        stop_once(lambda screen: screen.seen.status is not None and not screen.seen.status.entries.allowed),
        entries="Paused",
    )
    assert outcome.code == 0
    token = (tmp_path / "tokens" / "control-token").read_text()
    assert (tmp_path / "steered").read_text() == f"/control/pause-entries?by=resource Bearer {token}\n"


def test_a_bot_that_may_enter_is_not_steered(tmp_path: Path) -> None:
    ran(tmp_path, stop_once(answered))
    assert not (tmp_path / "steered").exists()


def test_a_bot_that_runs_but_is_not_healthy_is_replaced(tmp_path: Path) -> None:
    outcome, printed = ran(
        tmp_path,
        stop_once(lambda screen: screen.parts[0].restarts > 0 and screen.parts[0].state == "running"),
        patience=Patience(first_pause=0.01, healthy=0.1),
    )
    assert outcome.code == 0
    assert any("bot runs but is not healthy for 0.1 s" in line for line in printed)


def test_a_healthy_bot_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "healthy").touch()
    patience = 2.0  # longer than a look takes on a busy machine
    answered_at: list[float] = []

    def for_longer(screen: Screen) -> bool:
        if screen.seen.status is not None:
            answered_at.append(time.monotonic())
        return bool(answered_at) and answered_at[-1] - answered_at[0] > 1.5 * patience

    _, printed = ran(tmp_path, stop_once(for_longer), patience=Patience(healthy=patience))
    assert len(answered_at) > 3
    assert not [line for line in printed if "not healthy" in line]


def test_a_bot_that_cannot_be_kept_ends_it_with_its_last_words(tmp_path: Path) -> None:
    script = "import sys; print('the state is damaged', file=sys.stderr); sys.exit(3)"
    outcome, _ = ran(tmp_path, lambda _: None, script=script)
    assert outcome.code == 3
    assert outcome.lines[0] == "bot cannot be kept running: it refused to start for safety (exit code 3)"
    assert [line.text for line in outcome.tail] == ["the state is damaged"]


def test_a_second_ctrl_c_waits_for_nothing(tmp_path: Path) -> None:
    deaf = BOT.replace("lambda *_: sys.exit(0)", "signal.SIG_IGN")

    def look(screen: Screen) -> None:
        if answered(screen):
            interrupt()

    outcome, _ = ran(tmp_path, look, script=deaf)
    assert outcome.code == 130
    assert outcome.lines[0] == "killed: stopped without waiting"


def test_the_stand_in_s_status_is_a_status() -> None:
    assert BotStatus.model_validate(STATUS).open_lots == 2
