"""The bridge's market data and balances as domain values: parsed here, once, and never again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from cbbot.brokers.bridge_client import BridgeClient
from cbbot.contract.bridge_api import Balance, CandleRow, Fees, Filters, NewestEpoch, NoTick, Price, VenueTime
from cbbot.domain.candle import Candle
from cbbot.domain.decimals import parse_decimal
from cbbot.domain.instrument import Instrument
from cbbot.domain.last_trade import LastTrade
from cbbot.errors import Retryable

__all__ = ["Balances", "BridgeMarket", "parse_candles"]

_Shape = TypeVar("_Shape", bound=BaseModel)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CANDLES = TypeAdapter(list[CandleRow])
_CANDLES_KEPT: Final = 1024


@dataclass(frozen=True, slots=True)
class Balances:
    """Available, in base units and ledger units."""

    base: int
    quote: int


class BridgeMarket:
    """Reads of one product. Every method raises Retryable or Refused as :meth:`BridgeClient.get` does."""

    def __init__(self, client: BridgeClient, product_id: str) -> None:
        self._client = client
        self._product_id = product_id

    async def instrument(self) -> Instrument:
        """The product's increments.

        Raises:
            BadInput: their amounts cannot be counted exactly.
        """
        filters = _shaped(Filters, await self._client.get("/exchange/filters", {"product_id": self._product_id}))
        return Instrument(
            product_id=self._product_id,
            price_increment=Decimal(filters.price_tick),
            base_increment=Decimal(filters.base_step),
            quote_increment=Decimal(filters.quote_step),
            min_notional=Decimal(filters.min_notional),
        )

    async def venue_ms(self) -> int:
        """The venue's time.

        Raises:
            Retryable: the bridge has just come up and cannot tell yet whether the venue's clock runs or stands.
        """
        answer = _shaped(VenueTime, await self._client.get("/time"))
        if not answer.rate_known:
            raise Retryable("bridge: GET /time: the rate of the venue's clock is not known yet")
        return answer.epoch_ms

    async def price(self, instrument: Instrument) -> tuple[int, LastTrade] | None:
        """The last price in ticks and the trade it is of; None when there is none or it is stale."""
        answer = await self._client.get("/price", {"product_id": self._product_id})
        if isinstance(answer, dict) and "error" in answer:
            _shaped(NoTick, answer)
            return None
        price = _shaped(Price, answer)
        ticks = instrument.ticks(parse_decimal(price.price))
        if ticks <= 0:
            raise Retryable(f"bridge: GET /price: {price.price} is no price")
        return None if price.stale else (ticks, _trade_of(price))

    async def candles(self, granularity: str, start: int, end: int) -> list[CandleRow]:
        """Candles with open times from ``start`` to ``end``, UNIX seconds, oldest first."""
        params = {
            "product_id": self._product_id,
            "granularity": granularity,
            "start": str(start),
            "end": str(end),
            "limit": "350",
        }
        try:
            return _CANDLES.validate_python(await self._client.get("/candles", params))
        except ValidationError as error:
            raise Retryable("bridge: GET /candles: an answer that is no list of candles") from error

    async def balances(self, instrument: Instrument) -> Balances:
        base, quote = await asyncio.gather(self._available("base"), self._available("quote"))
        return Balances(instrument.base_units(base), instrument.ledger_down(quote))

    async def newest_epoch(self, bot_id: str) -> int:
        """The newest epoch of a bot that the bridge has seen, 0 for none."""
        return _shaped(NewestEpoch, await self._client.get("/epoch", {"bot_id": bot_id})).epoch

    async def taker_rate_pct(self) -> Decimal:
        """What the venue takes of a market order, in percent."""
        return parse_decimal(_shaped(Fees, await self._client.get("/fees")).taker_rate) * 100

    async def _available(self, which: str) -> Decimal:
        answer = await self._client.get(f"/balance/{which}", {"product_id": self._product_id})
        return parse_decimal(_shaped(Balance, answer).available)


def parse_candles(instrument: Instrument, rows: Iterable[CandleRow]) -> tuple[list[Candle], int]:
    """The candles that make sense, and how many did not. Corrupt data is worse than no data."""
    sound: list[Candle] = []
    bad = 0
    candle_of = _candles_of(instrument)
    for row in rows:
        candle = candle_of(row.start, row.open, row.high, row.low, row.close, row.volume)
        if candle is not None and (not sound or candle.start > sound[-1].start):
            sound.append(candle)
        else:
            bad += 1
    return sound, bad


@lru_cache(maxsize=8)
def _candles_of(instrument: Instrument) -> Callable[[str, str, str, str, str, str], Candle | None]:
    """What makes the candle of a row's texts; None when its values cannot be."""

    # The same candles come again with every look at the newest one, and with every start.
    @lru_cache(maxsize=_CANDLES_KEPT)
    def candle_of(start: str, opened: str, high: str, low: str, close: str, volume: str) -> Candle | None:
        first, highest, lowest, last = (instrument.ticks(Decimal(text)) for text in (opened, high, low, close))
        units = instrument.volume_units(Decimal(volume))
        in_range = 0 < lowest <= min(first, last) and highest >= max(first, last) and units >= 0
        return Candle(int(start), first, highest, lowest, last, units) if in_range else None

    return candle_of


def _trade_of(price: Price) -> LastTrade:
    try:
        moment = datetime.fromisoformat(price.traded_at) if price.traded_at else None
    except ValueError:
        moment = None
    # Without a zone it is no moment.
    known = moment is not None and moment.tzinfo is not None
    return LastTrade(price.trade_id, (moment - _EPOCH) // timedelta(microseconds=1) if known and moment else 0)


def _shaped(shape: type[_Shape], answer: Any) -> _Shape:
    try:
        return shape.model_validate(answer)
    except ValidationError as error:
        raise Retryable(f"bridge: an answer that is no {shape.__name__}") from error
