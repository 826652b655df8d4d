"""The last price of every followed product, and whether it is still good.

*Stale* is about us: how long ago, on the monotonic clock, anybody told us this price. ``ts`` is the
exchange's own time and only puts ticks in order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from cbbot.contract.bridge_api import Bbo, Price, TickAge
from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot_bridge.http_errors import RequestRefused
from cbbot_bridge.translate import seconds_of

__all__ = ["Prices", "Tick"]

_MAX_FOLLOWED = 50
_FORGET_AFTER_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Tick:
    """A price as text; ``bid`` and ``ask`` where the source tells them; ``received`` is monotonic."""

    product_id: str
    price: str
    ts: str
    bid: str | None
    ask: str | None
    received: float


class Prices:
    """Ticks by product. Configured products are followed always, others while somebody asks."""

    def __init__(
        self, products: Iterable[str], stale_seconds: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._configured = tuple(products)
        self._asked: dict[str, float] = {}
        self._ticks: dict[str, Tick] = {}
        self._stale_seconds = stale_seconds
        self._monotonic = monotonic

    def follow(self, product_id: str) -> None:
        """Keeps a product's price coming for two minutes more.

        Raises:
            RequestRefused: more products are followed than the bridge can poll.
        """
        if product_id in self._configured:
            return
        self._forget_unasked()
        if product_id not in self._asked and len(self._asked) + len(self._configured) >= _MAX_FOLLOWED:
            message = f"already following {_MAX_FOLLOWED} products; ask for fewer"
            raise RequestRefused(429, BridgeErrorCode.TOO_MANY_PRODUCTS, message)
        self._asked[product_id] = self._monotonic()

    def followed(self) -> tuple[str, ...]:
        self._forget_unasked()
        return (*self._configured, *self._asked)

    def to_poll(self, *, streaming: bool) -> tuple[str, ...]:
        """Products whose price does not come by itself, or has not come for half of what makes it stale."""
        quiet = self._stale_seconds / 2
        return tuple(
            product
            for product in self.followed()
            if not streaming or product not in self._configured or self._age(product, quiet) >= quiet
        )

    def heard(self, tick: Tick) -> None:
        """Takes a tick, unless a later one is known already.

        An earlier trade at the known price says that nothing has happened since: the price is fresh.
        """
        known = self._ticks.get(tick.product_id)
        if known is not None and _is_older(tick.ts, known.ts):
            if tick.price == known.price:
                self._ticks[tick.product_id] = replace(known, received=tick.received)
            return
        self._ticks[tick.product_id] = tick

    def price(self, product_id: str) -> Price | None:
        """The last price; None before the first tick."""
        tick = self._ticks.get(product_id)
        if tick is None:
            return None
        return Price(product_id=product_id, price=tick.price, ts=tick.ts, stale=self._is_stale(tick))

    def fresh_bbo(self, product_id: str) -> Bbo | None:
        """Best bid and offer of a tick that is not stale, if it told them."""
        tick = self._ticks.get(product_id)
        if tick is None or not tick.bid or not tick.ask or self._is_stale(tick):
            return None
        return Bbo(bid=tick.bid, ask=tick.ask, ts=tick.ts)

    def ages(self) -> list[TickAge]:
        return [self._tick_age(product) for product in self.followed()]

    def _tick_age(self, product_id: str) -> TickAge:
        tick = self._ticks.get(product_id)
        if tick is None:
            return TickAge(product_id=product_id, age_seconds=None, stale=True)
        age = round(self._monotonic() - tick.received, 3)
        return TickAge(product_id=product_id, age_seconds=age, stale=self._is_stale(tick))

    def _age(self, product_id: str, unknown: float) -> float:
        tick = self._ticks.get(product_id)
        return unknown if tick is None else self._monotonic() - tick.received

    def _is_stale(self, tick: Tick) -> bool:
        return self._monotonic() - tick.received > self._stale_seconds

    def _forget_unasked(self) -> None:
        horizon = self._monotonic() - _FORGET_AFTER_SECONDS
        for product in [product for product, asked in self._asked.items() if asked < horizon]:
            del self._asked[product]
            self._ticks.pop(product, None)


def _is_older(left: str, right: str) -> bool:
    left_seconds, right_seconds = seconds_of(left), seconds_of(right)
    return left_seconds is not None and right_seconds is not None and left_seconds < right_seconds
