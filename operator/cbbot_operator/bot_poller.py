"""The one loop that asks every bot how it is, and passes on what the resource says to a running bot."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from cbbot.contract.tradingbot import TradingBotSpec
from cbbot.errors import CbbotError
from cbbot_operator import credentials, deletion, pods
from cbbot_operator.bots import Bots, Command
from cbbot_operator.bridges import Bridges
from cbbot_operator.judgement import condition
from cbbot_operator.keys import Key
from cbbot_operator.observed import KeyReport, Observed, Report
from cbbot_operator.operator_metrics import BOTS, DEGRADED
from cbbot_operator.poll_lanes import PollLanes
from cbbot_operator.reconciler import Reconciler
from cbbot_operator.running_values import changed, running
from cbbot_operator.tokens import tokens_in

__all__ = ["Poller", "command_for", "of_the_newest"]

_LOG = logging.getLogger(__name__)
_EAGER_SECONDS = 2.0


def command_for(seen: Observed, report: Report) -> Command | None:
    """What the bot must be told so that it does what the resource says. Pure."""
    # A bot that is starting takes no commands, and what it says of pauses is what its state was saved with.
    if report.status is None or report.status.phase == "starting":
        return None
    paused = "resource" in report.status.entries.paused_by
    pause: Command | None = None if paused else "pause-entries"
    if seen.deleting and deletion.has_finalizer(seen):
        return "flatten" if deletion.judge(seen).flatten else pause
    if seen.spec is None:
        return None
    if seen.spec.entries == "Paused" or _is_to_leave_the_exchange(seen, seen.spec):
        return pause
    return "resume" if paused else None


def _is_to_leave_the_exchange(seen: Observed, spec: TradingBotSpec) -> bool:
    """Whether a bot that trades real money is to trade something else once it has no lots."""
    return running(seen).get("mode") == "Live" and bool(changed(seen, spec))


def of_the_newest(seen: Observed, report: Report) -> Report:
    """The report, unless an older process of the bot gave it. Pure.

    A pod on its way out answers beside the next one. Of a single pod a lower epoch is that of a restored state.
    """
    status, heard = report.status, seen.status.get("epoch")
    if status is None or status.epoch is None or heard is None or status.epoch >= heard:
        return report
    if len(pods.that_may_run(seen.pods, "bot")) < 2:  # one and another
        return report
    said = f"an older process of the bot answers (epoch {status.epoch}, and {heard} has been heard)"
    return Report(report.at, failure=said)


def _runs(seen: Observed) -> bool:
    """Whether there is a bot that could answer: one that was scaled to nothing or has not started cannot."""
    deployment = seen.deployment("bot")
    if deployment is None or not deployment.get("spec", {}).get("replicas", 1):
        return False
    phases = {pod.get("status", {}).get("phase") for pod in pods.of_component(seen.pods, "bot")}
    return "Running" in phases or bool(deployment.get("status", {}).get("availableReplicas"))


class Poller:
    """Asks all bots at an interval. ``wake`` asks for a full look at a TradingBot."""

    def __init__(
        self,
        reconciler: Reconciler,
        bots: Bots,
        bridges: Bridges,
        wake: Callable[[Key], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._reconciler = reconciler
        self._bots = bots
        self._bridges = bridges
        self._wake = wake
        self._now = now
        self._lanes = PollLanes()

    async def run(self, seconds: float) -> None:
        """Poll for ever: every bot at the interval, one that somebody may be waiting for in between."""
        due = clock = asyncio.get_running_loop().time()
        async with contextlib.aclosing(self):
            while True:
                everyone = clock >= due
                if everyone:
                    due = clock + seconds
                await self.round(everyone=everyone)
                await asyncio.sleep(min(_EAGER_SECONDS, seconds))
                clock = asyncio.get_running_loop().time()

    async def aclose(self) -> None:
        """End what is still being asked."""
        await self._lanes.aclose()

    async def round(self, *, everyone: bool = True) -> None:
        """Ask every bot once, or only those that somebody may be waiting for."""
        keys = [key for key in self._reconciler.known if everyone or self._is_awaited(key)]
        if everyone:
            self._lanes.keep(keys)
        await self._lanes.ask(keys, lambda key: self._visit(key, look=everyone))
        self._count()

    def _is_awaited(self, key: Key) -> bool:
        """Whether it is being deleted, or is not ready and may have something to say; what does not run wakes us by
        the watches.
        """
        known = self._reconciler.known.get(key)
        if known is None or self._is_ready(key):
            return False
        return known.seen.deleting or known.seen.report is not None or _runs(known.seen)

    def _is_ready(self, key: Key) -> bool:
        known = self._reconciler.known.get(key)
        ready = condition(known.seen.status, "Ready") if known is not None else None
        return known is not None and not known.seen.deleting and ready is not None and ready["status"] == "True"

    def _waits_unwatched(self, key: Key) -> bool:
        """Whether it waits for something that no watch shows, such as a Secret that somebody is to create."""
        known = self._reconciler.known.get(key)
        if known is None:
            return False
        if known.outcome.refusal is not None:
            return True
        if self._is_ready(key):
            return False
        # Nothing wakes for what is said of pods that are not ready.
        seen = known.seen
        return seen.existing_claim is not None or pods.warnings_due(seen.pods, seen.warned_at, self._now())

    def _may_go(self, key: Key) -> bool:
        """Whether a deletion that was held has nothing left to wait for."""
        known = self._reconciler.known.get(key)
        return known is not None and known.seen.deleting and deletion.judge(known.seen).release

    async def _visit(self, key: Key, *, look: bool) -> None:
        async with self._lanes.place(key):
            try:
                await self._ask(key)
                if (
                    self._key_may_be_taken_over(key)
                    or self._may_go(key)
                    or self._reconciler.update_is_due(key)
                    or (look and self._waits_unwatched(key))
                ):
                    self._wake(key)
            except CbbotError as error:
                _LOG.warning("the status was not written: %s", error, extra={"fields": {"tradingbot": str(key)}})
                self._wake(key)
            except Exception:  # noqa: BLE001  our bug with what one bot said must not stop the others
                _LOG.exception("asking the bot broke", extra={"fields": {"tradingbot": str(key)}})

    async def _ask(self, key: Key) -> None:
        known = self._reconciler.known.get(key)
        if known is None:
            return
        seen = known.seen
        if not _runs(seen):
            await self._reconciler.refresh(key, None)
            return
        # Together: a bridge that hangs does not make its bot's figures later than they are.
        key_report, answer = await asyncio.gather(self._ask_bridge(key, seen), self._bots.status(key, self._now()))
        report = of_the_newest(seen, answer)
        command = command_for(seen, report)
        if command is not None:
            _LOG.info("telling the bot: %s", command, extra={"fields": {"tradingbot": str(key)}})
            answer = await self._bots.command(key, command, tokens_in(seen).control, self._now())
            if answer.status is None:
                _LOG.warning(
                    "%s was not taken: %s", command, answer.failure, extra={"fields": {"tradingbot": str(key)}}
                )
            else:
                report = of_the_newest(seen, answer)
        await self._reconciler.refresh(key, report, key_report)

    async def _ask_bridge(self, key: Key, seen: Observed) -> KeyReport | None:
        """What the bridge sees of its API key; None when it was not asked."""
        if not credentials.is_to_ask(seen, self._now()):
            return None
        return await self._bridges.upstream(key, tokens_in(seen).bridge, self._now())

    def _key_may_be_taken_over(self, key: Key) -> bool:
        """Whether the bridge has proven a key that it does not run with yet."""
        known = self._reconciler.known.get(key)
        return known is not None and credentials.is_to_roll(known.seen)

    def _count(self) -> None:
        BOTS.clear()
        DEGRADED.clear()
        for known in self._reconciler.known.values():
            ready = condition(known.seen.status, "Ready") or {}
            mode = known.seen.spec.mode if known.seen.spec is not None else "Unknown"
            BOTS.labels(mode, ready.get("status", "Unknown"), ready.get("reason", "NotJudgedYet")).inc()
            degraded = condition(known.seen.status, "Degraded")
            if degraded is not None and degraded["status"] == "True":
                DEGRADED.labels(mode, degraded["reason"]).inc()
