"""An exchange with one or more products, and short ways to ask things of it: shared by the tests of the venue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from cbbot.domain.instrument import BTC_USD
from cbbot.domain.order import Side
from cbbot.venue.exchange import Delays, Exchange, Terms
from cbbot.venue.matching import fee_rate
from cbbot.venue.order_book import BookShape
from cbbot.venue.prints import Print
from cbbot.venue.product import Product
from cbbot.venue.refusals import OrderRefused, Reason
from cbbot.venue.snapshot import fill_json, from_json, order_json, to_json
from cbbot.venue.venue_order import Order, OrderRequest

__all__ = [
    "BTC",
    "CENT",
    "MAKER",
    "TAKER",
    "USDC",
    "Market",
    "bracket",
    "hold",
    "legs",
    "limit",
    "market",
    "refusal",
    "stop",
]

TAKER, MAKER = fee_rate(Decimal("0.01")), fee_rate(Decimal("0.005"))
BTC = Product(BTC_USD, "Bitcoin", "US Dollar", alias_to=("BTC-USDC",))
USDC = Product(replace(BTC_USD, product_id="BTC-USDC"), "Bitcoin", "USDC", alias="BTC-USD")
CENT = 1_000_000
"""Base units of 0.01 BTC, which at 100 USD cost 1 USD: the unit of sizes in these tests."""


class Market:
    """An exchange whose BTC-USD book has 1 BTC at every price around 100 USD: bid 100.00, ask 100.01.

    Maker 0.5 %, taker 1 %. Time stands still until somebody moves it.
    """

    def __init__(
        self,
        *,
        products: Iterable[Product] = (BTC, USDC),
        delays: Delays | None = None,
        shape: BookShape | None = None,
        last: int | None = 10_000,
        wallets: dict[str, str] | None = None,
        **terms: Any,
    ) -> None:
        shape = shape or BookShape(levels=5, level_size=100 * CENT)
        amounts = {"BTC": "10", "USD": "1000", "USDC": "500"} | (wallets or {})
        opening = {currency: Decimal(amount) for currency, amount in amounts.items()}
        self.products = tuple(products)
        self.exchange = Exchange(self.products, opening, Terms(TAKER, MAKER, delays or Delays(), shape, **terms))
        self.now_ms = 1_000
        self.number = 0
        if last is not None:
            self.print(last)

    def print(self, price: int, size: int = 0, maker: Side = Side.BUY) -> None:
        """A trade of others; with a hit bid the ask is one tick above it."""
        self.number += 1
        self.exchange.on_print("BTC-USD", Print(self.number, self.now_ms, price, size, maker))

    def wait(self, ms: int) -> None:
        """Let time pass."""
        self.now_ms += ms
        self.exchange.advance(self.now_ms)

    def place(self, request: OrderRequest, portfolio: str | None = None) -> Order:
        """Place an order, and what became of it at once."""
        return self.exchange.place(request, self.now_ms, portfolio).order

    def now(self, order: Order) -> Order:
        """What has become of an order."""
        found = self.exchange.order(order.order_id, self.now_ms)
        assert found is not None
        return found

    def wallet(self, currency: str) -> tuple[Decimal | int, Decimal | int]:
        """Available and hold."""
        balance = self.exchange.balances(self.now_ms)[currency]
        return balance.available, balance.hold

    def total(self, currency: str) -> Decimal:
        """Available and hold together."""
        return sum(self.exchange.balances(self.now_ms)[currency], Decimal(0))

    def resume(self) -> None:
        """Write the exchange down and go on with what is read back."""
        exchange = self.exchange
        state = to_json(exchange, self.now_ms)
        state["orders"] = [order_json(order) for order in exchange.changed_orders(0)]
        state["fills"] = [fill_json(fill) for fill in exchange.fills_since(0)]
        self.exchange = from_json(state, self.products, {}, exchange.terms)


def _number(value: int | str, increment: Decimal) -> str:
    return value if isinstance(value, str) else f"{value * increment:f}"


def _fields(size: int | str, limit_: int | str, **more: object) -> dict[str, object]:
    sizes = {} if "quote_size" in more else {"base_size": _number(size, BTC_USD.base_increment)}
    return {**sizes, "limit_price": _number(limit_, BTC_USD.price_increment), **more}


def market(name: str, side: str, product: str = "BTC-USD", attached: Any = None, **fields: object) -> OrderRequest:
    """A market order: ``quote_size`` or ``base_size`` as text."""
    return OrderRequest(name, product, side, {"market_market_ioc": fields}, attached)


def limit(
    name: str,
    side: str,
    size: int | str,
    limit_: int | str,
    kind: str = "limit_limit_gtc",
    *,
    product: str = "BTC-USD",
    attached: Any = None,
    **more: object,
) -> OrderRequest:
    """A limit order: base units, ticks; numbers as text are taken as they are."""
    return OrderRequest(name, product, side, {kind: _fields(size, limit_, **more)}, attached)


def stop(
    name: str, side: str, size: int | str, stop_: int | str, limit_: int | str, *, up: bool, **more: object
) -> OrderRequest:
    """A stop-limit order, dated when ``end_time`` is given."""
    kind = "stop_limit_stop_limit_gtd" if "end_time" in more else "stop_limit_stop_limit_gtc"
    direction = "STOP_DIRECTION_STOP_UP" if up else "STOP_DIRECTION_STOP_DOWN"
    more = {"stop_price": _number(stop_, BTC_USD.price_increment), "stop_direction": direction, **more}
    return OrderRequest(name, "BTC-USD", side, {kind: _fields(size, limit_, **more)})


def bracket(
    name: str, size: int | str, take: int | str, stop_: int | str, side: str = "SELL", **more: object
) -> OrderRequest:
    """A bracket, dated when ``end_time`` is given."""
    kind = "trigger_bracket_gtd" if "end_time" in more else "trigger_bracket_gtc"
    more = {"stop_trigger_price": _number(stop_, BTC_USD.price_increment), **more}
    return OrderRequest(name, "BTC-USD", side, {kind: _fields(size, take, **more)})


def legs(take: int | str, stop_: int | str) -> dict[str, dict[str, object]]:
    """An attached bracket."""
    take_text, stop_text = (_number(price, BTC_USD.price_increment) for price in (take, stop_))
    return {"trigger_bracket_gtc": {"limit_price": take_text, "stop_trigger_price": stop_text}}


def refusal(case: Market, request: OrderRequest) -> Reason | None:
    """Why an order is refused; None when it is taken."""
    try:
        case.place(request)
    except OrderRefused as refused:
        return refused.reason
    return None


def hold(order: Order) -> Decimal | int:
    """What is held for an order, in its currency."""
    return order.hold * BTC_USD.base_increment if order.side is Side.SELL else BTC_USD.money(order.hold)
