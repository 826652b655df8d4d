"""Asks the bot how it is doing, and tells it what the manifest says about entries.

The pause of entries reaches a bot through its control endpoint, here as in a cluster, so that
a restart of the bot alone cannot forget it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

import httpx
from pydantic import TypeAdapter, ValidationError

from cbbot.contract.bot_api import BotStatus, LotRow, NumberedTrade
from cbbot_operator.local.bot_port import LOOPBACK

__all__ = ["Seen", "Watch", "command_for"]

_TIMEOUT_SECONDS = 2.0
_TRADES = 20
_ROWS: TypeAdapter[tuple[NumberedTrade, ...] | None] = TypeAdapter(tuple[NumberedTrade, ...] | None)
_LOTS = TypeAdapter(tuple[LotRow, ...] | None)


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest answers. ``failure`` says why the very last question had none; ``trades`` are newest first."""

    status: BotStatus | None = None
    trades: tuple[NumberedTrade, ...] = ()
    failure: str = ""
    healthy_at: float = 0.0
    """When ``/healthz`` last said yes, on the event loop's clock."""
    ready_status: BotStatus | None = None
    """The newest that a ready bot gave."""
    lots: tuple[LotRow, ...] = ()
    """Open, oldest first; none while it is not known which there are."""


def command_for(entries: Literal["Allowed", "Paused"], status: BotStatus) -> str | None:
    """What the bot must be told for its pause by the manifest to be what ``entries`` says.

    Nothing while it starts: it takes no commands then.
    """
    if status.phase == "starting":
        return None
    paused = "resource" in status.entries.paused_by
    if paused == (entries == "Paused"):
        return None
    return "resume" if paused else "pause-entries"


class Watch:
    """Reads the bot at ``http://127.0.0.1:<port>``. Use as an async context manager."""

    def __init__(self, entries: Literal["Allowed", "Paused"], control_token: Path) -> None:
        self.seen = Seen()
        self._entries = entries
        self._token = control_token
        # Loopback: a proxy of the shell must not see these.
        self._client = httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT_SECONDS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def look(self, port: int) -> None:
        """Ask once; :attr:`seen` has the answers, or what they were before and why there were none."""
        address = f"http://{LOOPBACK}:{port}"
        healthy_at = await self._healthy_at(address)
        try:
            status = BotStatus.model_validate_json((await self._answer("GET", f"{address}/status")).content)
            command = command_for(self._entries, status)
            if command is not None:
                status = BotStatus.model_validate_json(
                    (await self._steer(f"{address}/control/{command}?by=resource")).content
                )
            answer = await self._answer("GET", f"{address}/trades?limit={_TRADES}")
            trades = _ROWS.validate_json(answer.content)
            lots = _LOTS.validate_json((await self._answer("GET", f"{address}/lots")).content) or ()
        except (httpx.HTTPError, ValidationError, ValueError, OSError) as error:
            # pydantic's message has a line for every field; the first says what was read.
            reason = (str(error) or type(error).__name__).splitlines()[0]
            self.seen = replace(self.seen, failure=f"the bot does not answer: {reason}", healthy_at=healthy_at)
            return
        ready_status = status if status.ready else self.seen.ready_status
        self.seen = Seen(status, trades or (), healthy_at=healthy_at, ready_status=ready_status, lots=lots)

    async def _healthy_at(self, address: str) -> float:
        try:
            await self._answer("GET", f"{address}/healthz")
        except httpx.HTTPError:
            return self.seen.healthy_at
        return asyncio.get_running_loop().time()

    async def _steer(self, address: str) -> httpx.Response:
        token = self._token.read_text(encoding="ascii").strip()
        return await self._answer("POST", address, {"Authorization": f"Bearer {token}"})

    async def _answer(self, verb: str, address: str, headers: dict[str, str] | None = None) -> httpx.Response:
        response = await self._client.request(verb, address, headers=headers)
        return response.raise_for_status()
