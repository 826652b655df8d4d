"""The last price of every followed product, and whether it is still good.

*Stale* is about us: how long ago, on the monotonic clock, anybody told us this price. ``ts`` is the
exchange's own time and puts ticks in order, as long as nothing speaks against it:

- a ``ts`` that the venue's clock cannot have reached yet is refused, and protects no price that has it; when a
  product's ticks have had no other for a while, it is the clock that is wrong, and they are taken without it;
- after lost messages, a new connection or a clock that was set back, what is told next wins;
- what was asked for well after the known price came wins: the venue has had time to tell all that it knew.

So a wrong tick lasts two seconds at most while others come, however it is stamped.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from cbbot.contract.bridge_api import Bbo, Price, TickAge
from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot.domain.timestamps import rfc3339_ms
from cbbot_bridge.http_errors import RequestRefused
from cbbot_bridge.machine_clocks import monotonic_seconds, unix_seconds
from cbbot_bridge.translate import seconds_of

__all__ = ["Prices", "Tick"]

_LOG = logging.getLogger(__name__)

_MAX_FOLLOWED = 50
_FORGET_AFTER_SECONDS = 120.0
# Coinbase's public answers may come from a cache that is a second old.
_CAUGHT_UP_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Tick:
    """A price as text; ``bid`` and ``ask`` where the source tells them.

    ``received`` is monotonic, and so is ``asked``: when a poll left. None for what came by itself.
    ``trade_id`` and ``traded_at`` (RFC 3339) are those of the trade at the price, empty where they are not told.
    """

    product_id: str
    price: str
    ts: str
    bid: str | None
    ask: str | None
    received: float
    asked: float | None = None
    trade_id: str = ""
    traded_at: str = ""

    def with_trade_of(self, known: Tick) -> Tick:
        """A tick that does not tell its trade may be of the known one, when that is at the same price."""
        if self.trade_id or self.traded_at or self.price != known.price:
            return self
        return replace(self, trade_id=known.trade_id, traded_at=known.traded_at)

    @property
    def known_from(self) -> float:
        """The venue told what it knew at this moment or later."""
        return self.received if self.asked is None else self.asked


@dataclass(frozen=True, slots=True)
class _Known:
    tick: Tick
    at: float | None  # its ts in UNIX seconds


class Prices:
    """Ticks by product. Configured products are followed always, others while somebody asks.

    ``latest_plausible`` tells the latest time, UNIX seconds, that the venue can have stamped a tick with;
    ``on_refused`` is called when one has a later time: either the tick is wrong or that limit. ``venue_ms`` tells
    the venue's time, which stands for a tick's where that cannot be read.
    """

    def __init__(
        self,
        products: Iterable[str],
        stale_seconds: float,
        monotonic: Callable[[], float] = monotonic_seconds,
        latest_plausible: Callable[[], float] = lambda: float("inf"),
        venue_ms: Callable[[], int] = lambda: int(unix_seconds() * 1000),
    ) -> None:
        self.configured = tuple(products)
        self._asked: dict[str, float] = {}
        self._ticks: dict[str, _Known] = {}
        self._stale_seconds = stale_seconds
        self._caught_up_seconds = min(_CAUGHT_UP_SECONDS, stale_seconds / 2)
        self._monotonic = monotonic
        self._latest_plausible = latest_plausible
        self._venue_ms = venue_ms
        self._doubted = float("-inf")
        # Since when, on the monotonic clock, all that a product's ticks say of their time is refused.
        self._refusing: dict[str, float] = {}
        self.refused: Counter[str] = Counter()
        self.on_refused: Callable[[], None] = lambda: None

    def follow(self, product_id: str) -> None:
        """Keeps a product's price coming for two minutes more.

        Raises:
            RequestRefused: more products are followed than the bridge can poll.
        """
        if product_id in self.configured:
            return
        self._forget_unasked()
        if product_id not in self._asked and len(self._asked) + len(self.configured) >= _MAX_FOLLOWED:
            message = f"already following {_MAX_FOLLOWED} products; ask for fewer"
            raise RequestRefused(429, BridgeErrorCode.TOO_MANY_PRODUCTS, message)
        self._asked[product_id] = self._monotonic()

    def unfollow(self, product_id: str) -> None:
        """Forgets a product that was only asked for: Coinbase does not know it."""
        if self._asked.pop(product_id, None) is not None:
            self._forget(product_id)

    def followed(self) -> tuple[str, ...]:
        self._forget_unasked()
        return (*self.configured, *self._asked)

    def to_poll(self, *, streaming: bool) -> tuple[str, ...]:
        """Products whose price does not come by itself, is in doubt, or is old: half of what makes it stale."""
        quiet = self._stale_seconds / 2
        return tuple(
            product
            for product in self.followed()
            if not streaming or product not in self.configured or self._age(product, quiet) >= quiet
        )

    def doubt(self) -> None:
        """What is known may have been overtaken unseen: the next word on each price wins, whatever its time."""
        self._doubted = self._monotonic()

    def heard(self, tick: Tick) -> None:
        """Takes a tick, unless a later one is known already or its time cannot be.

        An earlier trade at the known price says that nothing has happened since: the price is fresh.
        """
        at, limit = seconds_of(tick.ts), self._latest_plausible()
        if at is not None and at > limit:
            self._doubt_time(tick, limit)
            if tick.received - self._refusing[tick.product_id] < self._stale_seconds / 2:
                self.refused[tick.product_id] += 1
                return
            at = None
        else:
            self._refusing.pop(tick.product_id, None)
        if at is None:
            tick = replace(tick, ts=rfc3339_ms(self._venue_ms()))
        known = self._ticks.get(tick.product_id)
        tick = tick if known is None else tick.with_trade_of(known.tick)
        if known is None or known.at is None or at is None or at >= known.at or known.at > limit:
            taken = _Known(tick, at)
        elif self._is_overtaken(known.tick, tick):
            same = tick.price == known.tick.price
            taken = _Known(replace(tick, ts=known.tick.ts), known.at) if same else _Known(tick, at)
        elif tick.price == known.tick.price:
            taken = _Known(replace(known.tick.with_trade_of(tick), received=tick.received), known.at)
        else:
            taken = known
        self._ticks[tick.product_id] = taken

    def _is_overtaken(self, known: Tick, tick: Tick) -> bool:
        """Whether a tick wins although its time is the earlier one."""
        if self._is_doubted(known) and self._doubted <= tick.known_from:
            return True
        return tick.known_from - known.received >= self._caught_up_seconds

    def _is_doubted(self, tick: Tick) -> bool:
        return tick.received <= self._doubted

    def _doubt_time(self, tick: Tick, limit: float) -> None:
        if tick.product_id not in self._refusing:
            self._refusing[tick.product_id] = tick.received
            fields = {"product_id": tick.product_id, "ts": tick.ts[:40], "latest_plausible": round(limit, 3)}
            _LOG.warning("ticks from the future are refused", extra={"fields": fields})
        self.on_refused()

    def price(self, product_id: str) -> Price | None:
        """The last price; None before the first tick."""
        known = self._ticks.get(product_id)
        if known is None:
            return None
        tick = known.tick
        return Price(
            product_id=product_id,
            price=tick.price,
            ts=tick.ts,
            stale=self._is_stale(tick),
            trade_id=tick.trade_id,
            traded_at=tick.traded_at,
        )

    def fresh_bbo(self, product_id: str) -> Bbo | None:
        """Best bid and offer of a tick that is neither stale nor in doubt, if it told them."""
        known = self._ticks.get(product_id)
        if known is None or self._is_stale(known.tick) or self._is_doubted(known.tick):
            return None
        if not known.tick.bid or not known.tick.ask:
            return None
        return Bbo(bid=known.tick.bid, ask=known.tick.ask, ts=known.tick.ts)

    def ages(self) -> list[TickAge]:
        return [self._tick_age(product) for product in self.followed()]

    def _tick_age(self, product_id: str) -> TickAge:
        known = self._ticks.get(product_id)
        if known is None:
            return TickAge(product_id=product_id, age_seconds=None, stale=True)
        age = round(self._monotonic() - known.tick.received, 3)
        return TickAge(product_id=product_id, age_seconds=age, stale=self._is_stale(known.tick))

    def _age(self, product_id: str, unknown: float) -> float:
        known = self._ticks.get(product_id)
        if known is None or self._is_doubted(known.tick):
            return unknown
        return self._monotonic() - known.tick.received

    def _is_stale(self, tick: Tick) -> bool:
        return self._monotonic() - tick.received > self._stale_seconds

    def _forget_unasked(self) -> None:
        horizon = self._monotonic() - _FORGET_AFTER_SECONDS
        for product in [product for product, asked in self._asked.items() if asked < horizon]:
            del self._asked[product]
            self._forget(product)

    def _forget(self, product_id: str) -> None:
        self._ticks.pop(product_id, None)
        self._refusing.pop(product_id, None)
        self.refused.pop(product_id, None)
