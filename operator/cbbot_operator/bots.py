"""The bots' HTTP interface as the operator uses it: read the status, pause, resume, flatten."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Literal, Protocol, Self

import aiohttp
from pydantic import ValidationError

from cbbot.contract.bot_api import BotStatus
from cbbot.contract.ports import BOT_PORT
from cbbot_operator.bounded_answers import AnswerTooLarge, read_bounded
from cbbot_operator.keys import Key, Names
from cbbot_operator.observed import Report
from cbbot_operator.operator_metrics import POLLS
from cbbot_operator.unreadable_answers import why_unreadable

__all__ = ["Bots", "Command", "HttpBots", "service_address"]

Command = Literal["pause-entries", "resume", "flatten"]
_SECONDS = 4.0
# A status is 2 kB; with many warnings and refusals some more.
_MOST_BYTES = 65_536


class Bots(Protocol):
    """What the operator asks of bots. Tests have some in memory."""

    async def status(self, key: Key, now: datetime) -> Report: ...
    async def command(self, key: Key, command: Command, token: str, now: datetime) -> Report: ...


def service_address(key: Key) -> str:
    """The bot's Service, by its name in the cluster's DNS."""
    return f"http://{Names(key.name).of('bot')}.{key.namespace}.svc:{BOT_PORT}"


class HttpBots:
    """:class:`Bots` over HTTP. Use as an async context manager."""

    def __init__(self, address: Callable[[Key], str] = service_address, seconds: float = _SECONDS) -> None:
        self._address = address
        self.may_steer: Callable[[], bool] = lambda: True
        """Asked before each command."""
        self._timeout = aiohttp.ClientTimeout(total=seconds)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # Pods come and go behind a Service: a kept connection may lead to one that is gone.
        # How many are asked at a time is the caller's to say: a limit here would let one bot wait for another.
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def status(self, key: Key, now: datetime) -> Report:
        """The bot's own account of itself; a report with ``failure`` when it gives none."""
        return await self._ask("GET", key, "status", {}, now)

    async def command(self, key: Key, command: Command, token: str, now: datetime) -> Report:
        """Steer the bot, as the resource's voice; its answer is its new status."""
        if not self.may_steer():
            return Report(now, failure="not asked, for another operator may lead by now")
        headers = {"Authorization": f"Bearer {token}"}
        return await self._ask("POST", key, f"control/{command}?by=resource", headers, now)

    async def _ask(self, verb: str, key: Key, path: str, headers: dict[str, str], now: datetime) -> Report:
        if self._session is None:
            raise RuntimeError("HttpBots is used outside of its context")
        try:
            address = f"{self._address(key)}/{path}"
            async with self._session.request(verb, address, headers=headers, allow_redirects=False) as response:
                body = await read_bounded(response, _MOST_BYTES)
        except (aiohttp.ClientError, TimeoutError, OSError, AnswerTooLarge) as error:
            POLLS.labels("unreachable").inc()
            return Report(now, failure=f"the bot does not answer: {str(error) or type(error).__name__}")
        if response.status != 200:
            POLLS.labels("refused").inc()
            said = body.decode(errors="replace")[:200]
            return Report(now, failure=f"the bot answers {path} with {response.status}: {said}")
        try:
            status = BotStatus.model_validate_json(body)
        except ValidationError as error:
            POLLS.labels("unreadable").inc()
            return Report(now, failure=f"the bot's answer to {path} cannot be read: {why_unreadable(error)}")
        if (status.namespace, status.bot) != key:
            POLLS.labels("unreadable").inc()
            return Report(now, failure=f"another bot answers: {status.namespace}/{status.bot}")
        POLLS.labels("answered").inc()
        return Report(now, status)
