"""The bridge as a source of candles: asked again with growing pauses while it may still answer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from cbbot.brokers.bridge_client import BridgeClient
from cbbot.contract.bridge_api import CandleRow, VenueTime
from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot.domain.candle import Granularity
from cbbot.errors import BadInput, CbbotError, Refused, Retryable
from cbbot.research.backfill.grid import Window
from cbbot.research.backfill.rows import Row

__all__ = ["CandleSource"]

_CANDLES = TypeAdapter(list[CandleRow])
# Whoever types a wrong address shall not wait for long; an outage in the middle may last a while.
_FIRST_TRIES: Final = 3
_TRIES: Final = 12
_SHORTEST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 20.0
# Passing states, whatever status a proxy on the way gave them.
_PASSING: Final = (BridgeErrorCode.RATE_LIMITED, "HTTP_429", "HTTP_408")


_Answer = TypeVar("_Answer")


class CandleSource:
    """``on_problem`` hears, in words, of every pause. Any method raises CbbotError when it gives up."""

    def __init__(
        self,
        client: BridgeClient,
        product_id: str,
        on_problem: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        dice: random.Random | None = None,
    ) -> None:
        self._client = client
        self._product_id = product_id
        self._on_problem = on_problem
        self._sleep = sleep
        self._dice = dice or random.Random()  # noqa: S311  jitter is no secret
        self._answered = False

    async def now_ms(self) -> int:
        """The venue's time in ms since the epoch."""
        return (await self._asked("/time", {}, VenueTime.model_validate)).epoch_ms

    async def check_product(self) -> None:
        """That the venue knows the product.

        Raises:
            BadInput: it does not.
        """
        try:
            await self._asked(f"/product/{self._product_id}", {}, lambda answer: answer)
        except Refused as error:
            if error.code.lower() in (BridgeErrorCode.NOT_FOUND, "http_404", "invalid_argument"):
                raise BadInput(f"--product {self._product_id}: the venue has no such product") from error
            raise

    async def candles(self, granularity: Granularity, window: Window) -> list[Row]:
        """Candles that open in the window, as the venue gives them; the newest may be in progress."""
        params = {
            "product_id": self._product_id,
            "granularity": granularity.value,
            "start": str(window.first),
            "end": str(window.last),
        }
        return await self._asked("/candles", params, _rows)

    async def _asked(self, path: str, params: Mapping[str, str], shaped: Callable[[Any], _Answer]) -> _Answer:
        tries = 0
        while True:
            tries += 1
            try:
                answer = shaped(await self._client.get(path, params))
            except ValidationError as error:
                # Half an answer, or that of something else that listens there.
                problem: CbbotError = Retryable(f"bridge: GET {path}: an answer of another shape")
                problem.__cause__ = error
            except Retryable as error:
                problem = error
            except Refused as error:
                self._answered = True
                if error.code not in _PASSING:
                    raise
                problem = error
            else:
                self._answered = True
                return answer
            if tries >= (_TRIES if self._answered else _FIRST_TRIES):
                raise problem
            pause = self._pause(tries)
            self._on_problem(f"{problem}; asking again in {pause:.1f} s")
            await self._sleep(pause)

    def _pause(self, tries: int) -> float:
        ceiling = min(_SHORTEST_PAUSE_SECONDS * 2.0 ** (tries - 1), _LONGEST_PAUSE_SECONDS)
        return self._dice.uniform(ceiling / 2, ceiling)


def _rows(answer: Any) -> list[Row]:
    return [
        Row(int(row.start), row.open, row.high, row.low, row.close, row.volume)
        for row in _CANDLES.validate_python(answer)
    ]
