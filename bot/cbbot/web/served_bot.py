"""What the HTTP server needs of a bot. ``cbbot.runtime`` has one; tests have another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from cbbot.contract.bot_api import BotStatus, DecisionRow, LotRow, NumberedTrade
from cbbot.contract.bridge_api import CandleRow

__all__ = ["Bot"]


class Bot(Protocol):
    """Reads answer at once. Controls return once they are durable, and raise Retryable when that cannot be now."""

    @property
    def alive(self) -> bool: ...

    @property
    def readiness(self) -> tuple[bool, str]: ...

    def status(self) -> BotStatus: ...

    def lots(self) -> list[LotRow] | None: ...

    def trades(self, limit: int, before: int | None) -> list[NumberedTrade]: ...

    def decisions(self, limit: int) -> list[DecisionRow]: ...

    def candles(self, limit: int) -> list[CandleRow]: ...

    def events(self) -> AsyncIterator[tuple[str, Mapping[str, object]]]: ...

    def exposition(self) -> bytes: ...

    async def pause_entries(self, by: str) -> None: ...

    async def resume_entries(self, by: str) -> None: ...

    async def flatten(self) -> None: ...
