"""One life of the bot: the real one, from reading its folder to its end, in a process that may die at any step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx

from cbbot.brokers.bridge_client import BridgeClient, BridgeRequests
from cbbot.contract.settings import Settings
from cbbot.errors import CbbotError
from cbbot.runtime.live_bot import LiveBot
from cbbot.runtime.opened_state import open_state
from cbbot.runtime.status_answer import About
from cbbot.soak.exchange_side import Faults
from cbbot.soak.interrupted_calls import interrupted
from cbbot.soak.simulated_processes import ProcessDied, SimulatedProcess
from cbbot.views.bot_metrics import BotMetrics

__all__ = ["BOT_SITES", "BotLife", "Posted"]

BOT_SITES: dict[str, tuple[str, ...]] = {"disk.thread": ("hung_before", "hung_within", "hung_after", "slow")}
"""Where the bot's own half waits for something that may not come."""

# A save has about so many.
_OPERATIONS: Final = 16

Posted = Callable[[dict[str, str]], None]


class BotLife:
    """``bot`` is None until the folder is read. ``ended`` is done when the process is gone: its words, or empty.

    ``posted`` is told of every order that is about to leave, ``priced`` of every price that has come.
    """

    def __init__(
        self,
        settings: Settings,
        state_file: Path,
        requests: BridgeRequests,
        faults: Faults,
        machine_ms: Callable[[], int],
        metrics: BotMetrics,
        posted: Posted,
        priced: Callable[[], None],
        instance: str,
    ) -> None:
        self.process = SimulatedProcess("bot", self._died)
        self.bot: LiveBot | None = None
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._settings = settings
        self._state_file = state_file
        self._faults = faults
        self._machine_ms = machine_ms
        self._metrics = metrics
        watched = _Watched(requests, posted, priced)
        self._client = BridgeClient(settings.bridge_url, "soak", http=watched, instance=instance)
        self.process.spawn(self._run())

    async def _run(self) -> None:
        words = ""
        try:
            opened = open_state(self._state_file, self._settings, self._settings.bridge_url, self._in_thread)
            about = About(
                settings=self._settings,
                bot=opened.identity.bot_id,
                namespace="",
                venue=self._settings.bridge_url,
                version="soak",
                started_ms=self._machine_ms(),
                warnings=opened.warnings,
            )
            self.bot = LiveBot(
                about,
                self._client,
                opened,
                metrics=self._metrics,
                in_thread=self._in_thread,
                now_ms=self._machine_ms,
            )
            await self.bot.run()
        except ProcessDied:
            return
        except (CbbotError, OSError) as error:
            words = f"{type(error).__name__}: {error}"
        self._end(words)

    def _end(self, words: str) -> None:
        if not self.ended.done():
            self.ended.set_result(words)
        self.process.kill()

    def _died(self) -> None:
        if not self.ended.done():
            self.ended.set_result("")

    async def _in_thread(self, call: Callable[[], None]) -> None:
        """As ``in_daemon_thread``: cancelled, it returns at once, and the call goes on."""
        work = asyncio.get_running_loop().create_task(self._on_disk(call))
        await asyncio.shield(work)

    async def _on_disk(self, call: Callable[[], None]) -> None:
        fault = self._faults.at("disk.thread")
        kind, seconds = (fault.kind, fault.seconds) if fault is not None else ("", 0.0)
        await asyncio.sleep(seconds if kind == "hung_before" else 0.002)
        if fault is not None and kind == "hung_within":
            await interrupted(call, 1 + int(fault.share * _OPERATIONS), seconds)
        else:
            call()
        await asyncio.sleep({"hung_after": seconds, "slow": min(seconds, 3.0)}.get(kind, 0.001))


class _Watched:
    """The connection: tells of every order that leaves before it does, and of every price that has come."""

    def __init__(self, requests: BridgeRequests, posted: Posted, priced: Callable[[], None]) -> None:
        self._requests = requests
        self._posted = posted
        self._priced = priced
        self.headers = requests.headers
        self.aclose = requests.aclose

    async def get(self, url: str, *, params: Any, timeout: httpx.Timeout) -> httpx.Response:  # noqa: ASYNC109  httpx has it so
        answer = await self._requests.get(url, params=params, timeout=timeout)
        if url.endswith("/price") and answer.is_success:
            self._priced()
        return answer

    async def post(self, url: str, *, json: Any, timeout: httpx.Timeout) -> httpx.Response:  # noqa: ASYNC109  httpx has it so
        self._posted(json)
        return await self._requests.post(url, json=json, timeout=timeout)
