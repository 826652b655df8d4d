"""The customer's side of the exchange: takes market orders, keeps balances, orders and fills.

What it does with orders, all of it:

- A ``client_order_id`` names one order for ever. Asking again returns that order, whatever else
  the request says; nothing new happens. A refused request names nothing: its id stays free.
- A request is refused with Coinbase's reason or taken. Sizes are rejected, never rounded.
- A taken order is matched at once against the book it is given and is over: filled, or canceled
  with what it got. What it costs is held until it settles, then money and base change hands.
- What a customer can see lags: an order after ``order_visible``, its fills after ``fills``, the
  balances after ``settle`` ms. Orders and balances themselves are right from the first moment.

Time is an argument and must not fall from call to call.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from cbbot.domain.order import Side
from cbbot.venue.balances import Balances
from cbbot.venue.matching import Rate, Trade
from cbbot.venue.order_book import Book, match_buy_base, match_buy_quote, match_sell
from cbbot.venue.order_checks import MarketOrder, checked
from cbbot.venue.product import Product
from cbbot.venue.refusals import OrderRefused, Reason
from cbbot.venue.venue_order import Order, OrderRequest, OrderStatus

__all__ = ["Delays", "Exchange", "Fill", "Placed"]

_NAMESPACE = uuid.UUID("6f6d1c52-0e0c-5c1c-9d43-0f2a4b1e7c11")


@dataclass(frozen=True, slots=True)
class Delays:
    """How far what is seen lags behind what is, in venue ms."""

    order_visible_ms: int = 0
    fills_ms: int = 0
    settle_ms: int = 0


class Placed(NamedTuple):
    """An order, and whether the request was a repetition of the one that made it."""

    order: Order
    repeated: bool


class Fill(NamedTuple):
    """One fill of an order. ``sequence`` rises from fill to fill."""

    sequence: int
    entry_id: str
    trade_id: str
    order: Order
    trade: Trade


class Exchange:
    """One customer's orders and balances on a set of products."""

    def __init__(
        self, products: Iterable[Product], balances: Balances, taker: Rate, delays: Delays | None = None
    ) -> None:
        self.products: Mapping[str, Product] = {product.product_id: product for product in products}
        self.taker = taker
        self.delays = delays or Delays()
        self._balances = balances
        self._orders: dict[str, Order] = {}
        self._by_client_id: dict[str, Order] = {}
        self._unsettled: list[Order] = []

    @classmethod
    def resumed(
        cls,
        products: Iterable[Product],
        balances: Balances,
        taker: Rate,
        delays: Delays,
        orders: Iterable[Order],
        unsettled: Iterable[str],
    ) -> Exchange:
        """An exchange as it was when its :meth:`orders` and :meth:`unsettled` were written down."""
        exchange = cls(products, balances, taker, delays)
        for order in orders:
            exchange._remember(order)
        exchange._unsettled = [exchange._orders[order_id] for order_id in unsettled]
        return exchange

    def place(self, request: OrderRequest, book: Book | None, now_ms: int) -> Placed:
        """Take a market order, or answer with the order its id already names.

        Args:
            book: the book of the product's market now; None when nothing has been traded yet.

        Raises:
            OrderRefused: nothing was placed.
        """
        self.settle(now_ms)
        known = self._by_client_id.get(request.client_order_id)
        if known is not None:
            return Placed(known, True)
        if book is None:
            raise OrderRefused(Reason.NO_BOOK)
        market = checked(request, self.products, book.last)
        trades = self._match(market, book)
        self._hold(market, trades)
        order = self._order(request, market, trades, now_ms)
        self._remember(order)
        self._unsettled.append(order)
        self.settle(now_ms)
        return Placed(order, False)

    def _match(self, market: MarketOrder, book: Book) -> tuple[Trade, ...]:
        if market.side is Side.SELL:
            return tuple(match_sell(book.bids, market.size, self.taker))
        if market.in_quote:
            return tuple(match_buy_quote(book.asks, market.size, self.taker))
        return tuple(match_buy_base(book.asks, market.size, self.taker))

    def _hold(self, market: MarketOrder, trades: tuple[Trade, ...]) -> None:
        """Set aside what was asked for, or refuse; then keep only what the fills cost."""
        instrument = market.product.instrument
        for currency in (instrument.base_currency, instrument.quote_currency):
            if currency not in self._balances:
                raise OrderRefused(Reason.NO_ACCOUNT)
        if market.side is Side.SELL:
            currency = instrument.base_currency
            asked, used = (
                units * instrument.base_increment for units in (market.size, sum(trade.base for trade in trades))
            )
        else:
            currency = instrument.quote_currency
            cost = sum(trade.value + trade.commission for trade in trades)
            asked, used = (instrument.money(amount) for amount in (market.size if market.in_quote else cost, cost))
        if asked > self._balances[currency].available:
            raise OrderRefused(Reason.INSUFFICIENT_FUND)
        self._balances.hold(currency, asked)
        self._balances.release(currency, asked - used)

    def _order(self, request: OrderRequest, market: MarketOrder, trades: tuple[Trade, ...], now_ms: int) -> Order:
        sequence = len(self._orders) + 1
        return Order(
            sequence=sequence,
            order_id=str(uuid.uuid5(_NAMESPACE, f"{sequence} {now_ms} {request.client_order_id}")),
            client_order_id=request.client_order_id,
            product_id=request.product_id,
            side=market.side,
            configuration=request.configuration,
            in_quote=market.in_quote,
            asked=market.size,
            status=OrderStatus.FILLED if self._is_complete(market, trades) else OrderStatus.CANCELLED,
            trades=trades,
            created_ms=now_ms,
            visible_ms=now_ms + self.delays.order_visible_ms,
            fills_visible_ms=now_ms + self.delays.fills_ms,
            settle_ms=now_ms + self.delays.settle_ms,
        )

    def _is_complete(self, market: MarketOrder, trades: tuple[Trade, ...]) -> bool:
        """Nothing is left, or (by quote size) less than one base unit costs at the last price paid."""
        if not trades:
            return False
        if not market.in_quote:
            return sum(trade.base for trade in trades) == market.size
        left = market.size - sum(trade.value + trade.commission for trade in trades)
        return left * self.taker.denominator < trades[-1].price * (self.taker.denominator + self.taker.numerator)

    def _remember(self, order: Order) -> None:
        self._orders[order.order_id] = order
        self._by_client_id[order.client_order_id] = order

    def settle(self, now_ms: int) -> None:
        """Let money and base change hands for every order that is due."""
        due = [order for order in self._unsettled if order.settle_ms <= now_ms]
        if not due:
            return
        self._unsettled = [order for order in self._unsettled if order.settle_ms > now_ms]
        for order in due:
            instrument = self.products[order.product_id].instrument
            base = order.base * instrument.base_increment
            if order.side is Side.BUY:
                self._balances.spend(instrument.quote_currency, instrument.money(order.value + order.commission))
                self._balances.credit(instrument.base_currency, base)
            else:
                self._balances.spend(instrument.base_currency, base)
                self._balances.credit(instrument.quote_currency, instrument.money(order.value - order.commission))

    def balances(self, now_ms: int) -> Balances:
        """The wallets as they show at a time. Read only."""
        self.settle(now_ms)
        return self._balances

    def order(self, order_id: str, now_ms: int) -> Order | None:
        """An order, once it can be seen."""
        order = self._orders.get(order_id)
        return order if order is not None and order.visible_ms <= now_ms else None

    def orders(self, now_ms: int) -> Iterator[Order]:
        """All orders that can be seen, the newest first."""
        return (order for order in reversed(self._orders.values()) if order.visible_ms <= now_ms)

    def fills(self, now_ms: int) -> Iterator[Fill]:
        """All fills that can be seen, the newest first."""
        for order in reversed(self._orders.values()):
            if order.fills_visible_ms <= now_ms:
                yield from reversed([_fill(order, place, trade) for place, trade in enumerate(order.trades)])

    def all_orders(self) -> Iterator[Order]:
        """Every order ever taken, the oldest first, seen or not: for the state file."""
        return iter(self._orders.values())

    @property
    def revision(self) -> tuple[int, int]:
        """Another one after every change of orders or balances, and only then."""
        return len(self._orders), len(self._unsettled)

    def unsettled(self) -> list[str]:
        """Ids of the orders whose money has not moved yet."""
        return [order.order_id for order in self._unsettled]


_FILLS_PER_ORDER = 10_000


def _fill(order: Order, place: int, trade: Trade) -> Fill:
    name = f"{order.order_id} {place}"
    return Fill(
        order.sequence * _FILLS_PER_ORDER + place,
        hashlib.sha256(name.encode()).hexdigest(),
        str(uuid.uuid5(_NAMESPACE, name)),
        order,
        trade,
    )
