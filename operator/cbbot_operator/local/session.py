"""One ``cbbot up``: start, show, stop, and say what is left."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from typing import Any

from cbbot.contract.bot_api import BotStatus
from cbbot.process.stop_signals import handled_stops, stopped_by
from cbbot_operator.local.bot_port import LOOPBACK
from cbbot_operator.local.child_log_lines import LogBuffer, LogLine
from cbbot_operator.local.display import Display
from cbbot_operator.local.folder import StateFolder
from cbbot_operator.local.manifest import Manifest
from cbbot_operator.local.number_text import money
from cbbot_operator.local.plan import Plan
from cbbot_operator.local.screen import PartState, Screen
from cbbot_operator.local.supervisor import Ended, Patience, Supervisor
from cbbot_operator.local.watch import Seen, Watch

__all__ = ["Outcome", "Session"]

_TAIL = 15


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went: the exit code, lines for the person, and the last lines of a part that ended it all.

    ``clean``: every part stopped by itself because it was told to, whatever the code.
    """

    code: int
    lines: tuple[str, ...]
    tail: tuple[LogLine, ...] = ()
    clean: bool = False


class Session:
    """Runs a plan until a signal, ``seconds`` have passed, or a part cannot be kept running."""

    def __init__(
        self, manifest: Manifest, plan: Plan, folder: StateFolder, *, seconds: float | None, patience: Patience | None
    ) -> None:
        self._manifest = manifest
        self._plan = plan
        self._folder = folder
        self._seconds = seconds
        self._patience = patience
        self._stop = asyncio.Event()
        self._signals: list[signal.Signals] = []

    def ask_to_stop(self) -> None:
        """As the first Ctrl-C does."""
        self._stop.set()

    async def run(self, display: Display) -> Outcome:
        """Everything from the first start to the last stop. No child is left when it returns."""
        log = LogBuffer(display.tell)
        supervisor = Supervisor(self._plan.parts, self._folder.root, log, self._patience)
        with handled_stops(asyncio.get_running_loop(), lambda number: self._signalled(number, supervisor)):
            return await self._run(display, supervisor, log)

    async def _run(self, display: Display, supervisor: Supervisor, log: LogBuffer) -> Outcome:
        try:
            for note in self._plan.notes:
                log.say("warning", note)
            log.say("info", f"state {self._folder.root}")
            async with Watch(self._manifest.spec.entries, self._folder.control_token) as watch:
                supervisor.start()
                await self._show_until_over(display, supervisor, watch, log)
                clean = await self._finish(display, supervisor, watch, log)
        finally:
            supervisor.kill()
        return self._outcome(supervisor, watch.seen, log, clean=clean)

    def _signalled(self, number: signal.Signals, supervisor: Supervisor) -> None:
        """The first signal stops; at the second nothing is waited for any more."""
        self._signals.append(number)
        self.ask_to_stop()
        if len(self._signals) > 1:
            supervisor.kill()

    async def _show_until_over(self, display: Display, supervisor: Supervisor, watch: Watch, log: LogBuffer) -> None:
        loop = asyncio.get_running_loop()
        until = None if self._seconds is None else loop.time() + self._seconds
        stop = asyncio.create_task(self._stop.wait())
        over: set[asyncio.Future[Any]] = {stop, supervisor.ended}
        address_logged = False
        try:
            while not any(end.done() for end in over):
                port = supervisor.ports.get("bot")
                if port is not None:
                    if not address_logged:
                        log.say("info", f"bot http://{LOOPBACK}:{port}")
                        address_logged = True
                    await watch.look(port)
                    await self._replace_if_stuck(supervisor, watch.seen, log)
                display.show(self._screen(display, supervisor, watch.seen, log))
                left = display.seconds if until is None else min(display.seconds, until - loop.time())
                if left <= 0:
                    break
                await asyncio.wait(over, timeout=left, return_when="FIRST_COMPLETED")
        finally:
            stop.cancel()

    async def _replace_if_stuck(self, supervisor: Supervisor, seen: Seen, log: LogBuffer) -> None:
        """What a liveness probe does in a cluster."""
        bot = supervisor.kept["bot"]
        bound = supervisor.patience.healthy
        if bot.state == "running" and asyncio.get_running_loop().time() - max(seen.healthy_at, bot.since) > bound:
            log.say("error", f"bot runs but is not healthy for {bound:g} s (GET /healthz): stopping it")
            await supervisor.replace("bot")

    async def _finish(self, display: Display, supervisor: Supervisor, watch: Watch, log: LogBuffer) -> bool:
        """A last look at what is open, then the stop, shown while it lasts; whether all stopped by themselves."""
        port = supervisor.ports.get("bot")
        bot = supervisor.kept.get("bot")
        if port is not None and bot is not None and bot.child is not None:
            await watch.look(port)
        log.say("info", "stopping: bot, bridge, simulator" if "simulator" in supervisor.kept else "stopping")
        stopping = asyncio.create_task(supervisor.stop())
        while not stopping.done():
            display.show(self._screen(display, supervisor, watch.seen, log))
            await asyncio.wait({stopping}, timeout=display.seconds)
        display.show(self._screen(display, supervisor, watch.seen, log))
        return stopping.result()

    def _screen(self, display: Display, supervisor: Supervisor, seen: Seen, log: LogBuffer) -> Screen:
        spec = self._manifest.spec
        port = supervisor.ports.get("bot")
        return Screen(
            title=f" {self._manifest.name} · {spec.product.id} · {spec.mode} · {spec.exchange.venue} ",
            live=spec.mode == "Live",
            folder=str(self._folder.root),
            address=f"http://{LOOPBACK}:{port}" if port else "",
            parts=[PartState(name, kept.state, kept.restarts) for name, kept in supervisor.kept.items()],
            seen=seen,
            log=log.newest(display.log_room()),
        )

    def _outcome(self, supervisor: Supervisor, seen: Seen, log: LogBuffer, *, clean: bool) -> Outcome:
        lines = [self._left_open(seen), f"state: {self._folder.root}; the next cbbot up goes on from there"]
        if supervisor.ended.done():
            ended: Ended = supervisor.ended.result()
            first = f"{ended.part} cannot be kept running: {ended.reason} (exit code {ended.code})"
            return Outcome(ended.code, (first, *lines), tuple(log.newest(_TAIL, ended.part)))
        if len(self._signals) > 1:
            return Outcome(stopped_by(self._signals[0]), ("killed: stopped without waiting", *lines))
        if not clean:
            return Outcome(1, ("stopped, but not everything in time: see above what was killed", *lines))
        # Ctrl-C is how a person ends it; of any other signal whoever started it is told.
        code = stopped_by(self._signals[0]) if self._signals and self._signals[0] != signal.SIGINT else 0
        return Outcome(code, ("stopped cleanly", *lines), clean=True)

    def _left_open(self, seen: Seen) -> str:
        newest, status = seen.status, seen.ready_status
        if newest is None:
            return "the bot never answered: what is open is in its state"
        if status is None:
            return f"the bot was never ready: what is open is in its state{_saved(newest)}"
        # A bot that was started again and is not ready has no figures of its own yet.
        last = "" if newest.ready else "when it was last ready: "
        if not status.open_lots:
            return f"{last}no lots are open; equity {money(status.equity_usd, 4)} USD{_may_come(status)}"
        line = (
            f"{last}open: {status.open_lots} lots that cost {money(status.exposure_usd)} USD; "
            f"equity {money(status.equity_usd, 4)} USD, marked {money(status.equity_marked_usd, 4)} USD"
        )
        if status.mode == "live":
            line += "; their stops are watched by nobody until the bot runs again"
        return line


def _may_come(status: BotStatus) -> str:
    """That orders of which the end is not known may still become lots."""
    orders = (status.pending_orders or 0) + (status.given_up_orders or 0)
    if not orders:
        return ""
    return f"; {orders} orders may still be carried out, and their lots are watched by nobody until the bot runs again"


def _saved(status: BotStatus) -> str:
    """What the state was last saved with, as a bot that is not ready tells it."""
    if status.as_of is None or status.open_lots is None:
        return ""
    return f", saved {status.as_of} with {status.open_lots} open lots and equity {money(status.equity_usd, 4)} USD"
