"""Kills bot and bridge at drawn moments, starts them again, and holds the bot to the exchange's books after each start.

A moment is met through the relays, which hold an order until whoever is to die is dead; where a kill has landed is
told afterwards from what was on the disk and what the exchange had taken, never from what was meant.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from simulation.account_audit import Audit
from simulation.trading_processes import PATIENCE_SECONDS, TradingProcesses, Unmet

__all__ = ["RESULT_NOT_SAVED", "SIGTERM", "Campaign", "Tally", "Violation"]

SIGTERM: Final = "SIGTERM to the bot"
GRACE_SECONDS: Final = 30
"""What `cbbot up` gives a bot after SIGTERM; a pod has more."""

RESULT_NOT_SAVED: Final = "between POST and saved result"


class Violation(Exception):
    """What must never be; the campaign's seed and the number of the kill are in it."""


class Moment(StrEnum):
    """When a kill is meant to come."""

    ORDERED = "the bot sends an order"
    SENT = "the bridge sends it on"
    TAKEN = "the exchange has taken it"
    ANSWERED = "the bridge answers"
    HEARD = "just after the bot has the answer"
    SAVING = "the bot saves what became of it"
    START = "during the start"
    ANY = "any moment"


_DRAWN: Final = {
    Moment.ORDERED: 2,
    Moment.SENT: 2,
    Moment.TAKEN: 5,
    Moment.ANSWERED: 4,
    Moment.HEARD: 3,
    Moment.SAVING: 2,
    Moment.START: 2,
    Moment.ANY: 2,
}
_LOST_SHARE: Final = 0.1
"""How many answers to orders are lost though nobody dies: the bot asks after the order, and sends it again."""
_AFTER_ANSWER: Final = (Moment.HEARD, Moment.SAVING)
VICTIMS: Final = {"bot": 4, "bridge": 2, "bot and bridge": 3, SIGTERM: 1}


@dataclass
class Tally:
    """What a campaign has done and found."""

    kills: Counter[str] = field(default_factory=Counter)
    windows: Counter[str] = field(default_factory=Counter)
    unsaved: Counter[str] = field(default_factory=Counter)
    stops: list[float] = field(default_factory=list)
    starts: int = 0
    audits: int = 0
    orders: int = 0
    trades: int = 0
    lost: int = 0
    doubled: int = 0
    answers_lost: int = 0
    slowest_ready: float = 0.0

    @property
    def killed(self) -> int:
        return self.kills.total()

    def lines(self) -> list[str]:
        return [
            f"SIGKILLs: {self.killed} (" + ", ".join(f"{name}: {n}" for name, n in self.kills.most_common()) + ")",
            *(f"  {window}: {times}" for window, times in self.windows.most_common()),
            "orders taken whose result was not saved: " + ", ".join(f"{name} {n}" for name, n in self.unsaved.items()),
            f"SIGTERMs: {len(self.stops)}, exit 0 each, the slowest after {max(self.stops, default=0):.1f} s",
            f"answers lost while nobody died: {self.answers_lost}",
            f"starts of the bot: {self.starts}, the slowest ready after {self.slowest_ready:.1f} s",
            f"comparisons with the exchange's books: {self.audits}",
            f"filled orders: {self.orders}, trades: {self.trades}, lost: {self.lost}, doubled: {self.doubled}",
        ]


class Campaign:
    """``await run(kills=n)``; ``victims`` has how often each is drawn. ``tally`` is kept as it goes."""

    def __init__(self, folder: Path, seed: int, victims: Mapping[str, int] = VICTIMS) -> None:
        self._victims = victims
        self._draw = random.Random(seed)
        self._seed = seed
        self.tally = Tally()
        self.parts = TradingProcesses(
            folder, seed, ordered=self._ordered, sent=self._sent, taken=self._taken, answered=self._answered
        )
        self._posted: set[str] = set()
        self._held: set[str] = set()
        self._told: set[str] = set()
        self._moment: Moment | None = None
        self._victim = ""
        self._struck = asyncio.Event()
        self._jobs: set[asyncio.Task[None]] = set()
        self._starting = False
        self._failure: Violation | None = None

    async def run(self, *, kills: int = 0, stops: int = 0) -> Tally:
        """Until there were so many of both; ``victims`` says which come."""
        try:
            await self.parts.open()
            while self.tally.killed < kills or len(self.tally.stops) < stops:
                await self._round()
            await self._end()
            return self.tally
        except Unmet as error:
            raise self._violation(str(error)) from error
        finally:
            for job in self._jobs:
                job.cancel()
            await asyncio.gather(*self._jobs, return_exceptions=True)
            await self.parts.close()

    async def _round(self) -> None:
        """Everything runs, is compared, and is killed once."""
        moment = self._draw.choices(list(_DRAWN), list(_DRAWN.values()))[0]
        self._victim = self._draw.choices(list(self._victims), list(self._victims.values()))[0]
        if moment in (Moment.START, *_AFTER_ANSWER) and self._victim == "bridge":
            self._victim = "bot and bridge"
        self._struck.clear()
        self._starting = moment is Moment.START
        if self._starting:
            await self.parts.kill_bot()
            await self._all_run()
            await asyncio.sleep(self._draw.uniform(0, 2.5))
            await self._strike()
        else:
            await self._meet(moment)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._struck.wait()
        except TimeoutError:
            # No order came, or none that leads to a save: a busy machine's balances are too old to buy.
            self._moment = None
            await self._strike()
            await self._struck.wait()
        if self._failure is not None:
            raise self._failure

    async def _meet(self, moment: Moment) -> None:
        await self._all_run()
        await self.compared()
        await self._disturb()
        if moment is Moment.ANY:
            await asyncio.sleep(self._draw.uniform(0, 1.0))
            await self._strike()
        else:
            self._moment = moment

    async def _all_run(self) -> None:
        await asyncio.gather(self._bridge_runs(), self._bot_listens())

    async def _bridge_runs(self) -> None:
        if self.parts.bridge is not None:
            return
        await asyncio.sleep(self._draw.choice((0.0, 0.0, 0.3, 1.5)))
        await self.parts.start_bridge()

    async def _bot_listens(self) -> None:
        """What it tells at once of lots is what is on its disk."""
        if self.parts.bot is not None:
            return
        document = self.parts.document()
        await self.parts.start_bot()
        self.tally.starts += 1
        if document is None:
            return
        status = await self.parts.status()
        early = status["epoch"] == document["epoch"]
        # A state from before the account's orders were ever listed does not know which lots there are.
        known = document["accounted_ms"] >= 0 or bool(document["lots"])
        lots = len(document["lots"]) if known else None
        if early and (status["ready"] or status["open_lots"] != lots):
            raise self._violation(f"the start tells {status['open_lots']} lots, its state has {lots}")

    async def compared(self) -> None:
        """Ready, entries paused, and everything agrees; then entries go on."""
        began = time.monotonic()
        await self.parts.ready()
        self.tally.slowest_ready = max(self.tally.slowest_ready, time.monotonic() - began)
        (await self.parts.control("pause-entries")).raise_for_status()
        found = await self.parts.agreed()
        if found.differences:
            self._count(found)
            raise self._violation("\n".join(found.differences))
        self.tally.audits += 1
        status = await self.parts.status()
        if status["phase"] == "halted" or status["entries"]["paused_by"] != ["hand"]:
            raise self._violation(f"entries do not go on: {status}")
        (await self.parts.control("resume")).raise_for_status()

    def _count(self, found: Audit) -> None:
        self.tally.lost += len(found.lost)
        self.tally.doubled += len(found.doubled)

    async def _disturb(self) -> None:
        """How long new orders, fills and moved balances stay unseen from now on, in venue ms: below 30 s."""
        await self.parts.adjust(
            order_visible_delay_ms=self._draw.choice((0, 5_000, 20_000)),
            fills_delay_ms=self._draw.choice((0, 0, 5_000)),
            post_delay_ms=self._draw.choice((0, 0, 10_000)),
        )

    async def _end(self) -> None:
        """The lots leave by their own levels: all of them are watched."""
        await self._all_run()
        await self.compared()
        (await self.parts.control("pause-entries")).raise_for_status()
        await self.parts.until(lambda status: not status["open_lots"], "the lots' exits by their levels", 120)
        await self.compared()
        self.tally.orders, self.tally.trades = len(await self.parts.orders()), len(self.parts.trades())

    async def _ordered(self, order: str, _: bytes) -> bool:
        self._written_down(order)
        passes = await self._met(Moment.ORDERED)
        if passes:
            self._posted.add(order)
        return passes

    def _written_down(self, order: str) -> None:
        """An order is in the saved state before it leaves the bot."""
        document = self.parts.document() or {"intents": []}
        if order not in self._posted and order not in {each["client_order_id"] for each in document["intents"]}:
            self._failure = self._failure or self._violation(
                f"order {order} leaves, and the saved state does not have it"
            )

    async def _sent(self, _: str, __: bytes) -> bool:
        return await self._met(Moment.SENT)

    async def _taken(self, order: str, body: bytes) -> bool:
        try:
            if json.loads(body).get("success") is True:
                self._held.add(order)
        except ValueError:
            pass
        return await self._met(Moment.TAKEN) and not self._is_lost()

    def _is_lost(self) -> bool:
        lost = self._draw.random() < _LOST_SHARE
        self.tally.answers_lost += lost
        return lost

    async def _answered(self, _: str, __: bytes) -> bool:
        passes = await self._met(Moment.ANSWERED)
        if self._moment in _AFTER_ANSWER:
            saving, self._moment = self._moment is Moment.SAVING, None
            self._job(self._saving() if saving else self._later())
        return passes and not self._is_lost()

    async def _met(self, moment: Moment) -> bool:
        """Strikes when it is the moment; whether the message goes on: of one that has left its sender, either way."""
        if self._moment is not moment:
            return True
        self._moment = None
        # Whoever dies ends the connection, and with it the task that waits here.
        await asyncio.shield(self._job(self._strike()))
        return self._draw.random() < 0.5

    async def _later(self) -> None:
        await asyncio.sleep(self._draw.uniform(0, 0.02))
        await self._strike()

    async def _saving(self) -> None:
        """Strikes while a new generation is being written, or has just been."""
        temporary = self.parts.state.with_name(f"{self.parts.state.name}.tmp")
        before = self._stamp()
        end = time.monotonic() + 1
        while not temporary.exists() and self._stamp() == before and time.monotonic() < end:  # noqa: ASYNC110  a file
            await asyncio.sleep(0)
        await self._strike()

    def _stamp(self) -> int:
        return self.parts.state.stat().st_mtime_ns

    async def _strike(self) -> None:
        if self._victim == SIGTERM:
            # Its orders go on meanwhile.
            self._job(self._stopped())
            return
        if "bot" in self._victim:
            await self.parts.kill_bot()
        if "bridge" in self._victim:
            await self.parts.kill_bridge()
        self.tally.kills[self._victim] += 1
        self.tally.windows[self._window()] += 1
        self._struck.set()

    async def _stopped(self) -> None:
        began = time.monotonic()
        code = await self.parts.stop_bot()
        seconds = time.monotonic() - began
        self.tally.stops.append(seconds)
        if code != 0 or seconds > GRACE_SECONDS:
            self._failure = self._violation(f"SIGTERM: exit code {code} after {seconds:.1f} s")
        self._struck.set()

    def _job(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        job = asyncio.create_task(work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)
        return job

    def _window(self) -> str:
        """Where the kill has landed; each order counts once."""
        document = self.parts.document()
        open_ = {each["client_order_id"]: each["purpose"] for each in document["intents"]} if document else {}
        intents = open_.keys() - self._told
        self._told |= intents
        if taken := intents & self._held:
            self.tally.unsaved.update(open_[order] for order in taken)
            return RESULT_NOT_SAVED
        if intents - self._posted:
            return "between saved intent and POST"
        if intents:
            return "between POST and the exchange"
        return "during the start" if self._starting else "no order under way"

    def _violation(self, what: str) -> Violation:
        return Violation(f"seed {self._seed}, after {self.tally.killed} kills: {what}")
