"""The one loop that asks every bot how it is, and passes on what the resource says to a running bot."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from cbbot.errors import CbbotError
from cbbot_operator import deletion
from cbbot_operator.bots import Bots, Command
from cbbot_operator.conditions import condition
from cbbot_operator.keys import Key, Names
from cbbot_operator.metrics import BOTS
from cbbot_operator.observed import Observed, Report
from cbbot_operator.reconciler import Reconciler
from cbbot_operator.tokens import tokens_in

__all__ = ["Poller", "command_for"]

_LOG = logging.getLogger(__name__)
_AT_ONCE = 20


def command_for(seen: Observed, report: Report) -> Command | None:
    """What the bot must be told so that it does what the resource says. Pure."""
    if report.status is None or seen.spec is None:
        return None
    if seen.deleting and deletion.has_finalizer(seen) and deletion.judge(seen).flatten:
        return "flatten"
    paused = "resource" in report.status.entries.paused_by
    if seen.spec.entries == "Paused" and not paused:
        return "pause-entries"
    return "resume" if seen.spec.entries == "Allowed" and paused else None


class Poller:
    """Asks all bots at an interval. ``wake`` asks for a full look at a TradingBot."""

    def __init__(
        self,
        reconciler: Reconciler,
        bots: Bots,
        wake: Callable[[Key], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._reconciler = reconciler
        self._bots = bots
        self._wake = wake
        self._now = now
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def run(self, seconds: float) -> None:
        """Poll for ever."""
        while True:
            started = asyncio.get_running_loop().time()
            await self.round()
            spent = asyncio.get_running_loop().time() - started
            await asyncio.sleep(max(0.0, seconds - spent))

    async def round(self) -> None:
        """Ask every bot once."""
        await asyncio.gather(*(self._visit(key) for key in list(self._reconciler.known)))
        self._count()

    async def _visit(self, key: Key) -> None:
        async with self._gate:
            try:
                await self._ask(key)
            except CbbotError as error:
                _LOG.warning("the status was not written: %s", error, extra={"tradingbot": str(key)})
                self._wake(key)

    async def _ask(self, key: Key) -> None:
        known = self._reconciler.known.get(key)
        if known is None:
            return
        seen = known.seen
        deployment = seen.child("Deployment", Names(key.name).bot)
        if deployment is None or not deployment["spec"].get("replicas", 1):
            await self._reconciler.refresh(key, None)
            return
        report = await self._bots.status(key, self._now())
        command = command_for(seen, report)
        if command is not None:
            _LOG.info("telling the bot: %s", command, extra={"tradingbot": str(key)})
            told = await self._bots.command(key, command, tokens_in(seen).control, self._now())
            if told.status is None:
                _LOG.warning("%s was not taken: %s", command, told.failure, extra={"tradingbot": str(key)})
            else:
                report = told
        await self._reconciler.refresh(key, report)
        # Pods are not watched: one that will not start is looked at again with every round.
        ready = condition(seen.status, "Ready")
        if seen.deleting or ready is None or ready["status"] != "True":
            self._wake(key)

    def _count(self) -> None:
        BOTS.clear()
        for known in self._reconciler.known.values():
            ready = condition(known.seen.status, "Ready") or {}
            mode = known.seen.spec.mode if known.seen.spec is not None else "Unknown"
            BOTS.labels(mode, ready.get("status", "Unknown")).inc()
