"""The exchange's state as JSON values, and back: money as decimal text, sizes and prices as integers.

Orders and fills are written apart from the rest, so that a caller need not write them down anew each time:
fills are only ever added, and of several entries of one order the last counts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

from cbbot.domain.decimals import parse_decimal, plain
from cbbot.domain.order import Side
from cbbot.errors import BadInput
from cbbot.venue.balances import Balance
from cbbot.venue.exchange import Exchange, Terms
from cbbot.venue.order_book import BookShape
from cbbot.venue.order_json import fill_from_json, fill_json, order_from_json, order_json
from cbbot.venue.portfolios import DEFAULT_PORTFOLIO, Portfolio
from cbbot.venue.prints import Print
from cbbot.venue.product import Gate, Product
from cbbot.venue.resting_book import PriceQueue
from cbbot.venue.venue_market import Market
from cbbot.venue.venue_order import Order, TriggerStatus

__all__ = ["fill_json", "from_json", "order_json", "to_json"]


def to_json(exchange: Exchange, now_ms: int) -> dict[str, Any]:
    """What a later :func:`from_json` needs to go on as if nothing had happened, but for ``orders`` and ``fills``.

    Those are :func:`order_json` of :meth:`Exchange.changed_orders` and :func:`fill_json` of
    :meth:`Exchange.fills_since`. The terms are not kept: they are the caller's.
    """
    exchange.advance(now_ms)
    ledger = exchange.ledger
    return {
        "portfolios": [
            {
                "portfolio": list(portfolio),
                "balances": {
                    currency: [plain(balance.available), plain(balance.hold)]
                    for currency, balance in ledger.portfolios.balances(portfolio.uuid).items()
                },
            }
            for portfolio in exchange.portfolios.values()
        ],
        "products": {
            product.product_id: {"gates": sorted(product.gates), "status": product.status}
            for product in exchange.products.values()
        },
        "markets": {market_id: _market_json(market) for market_id, market in exchange.markets.items()},
        "shapes": {market_id: asdict(shape) for market_id, shape in exchange.shapes.items()},
        "unposted": list(ledger.unposted),
        "changes": ledger.feed.number,
        "revision": ledger.revision,
    }


def from_json(
    state: Mapping[str, Any],
    products: Iterable[Product],
    opening: Mapping[str, Decimal],
    terms: Terms,
) -> Exchange:
    """An exchange with the given state. Wallets that it lacks are opened with ``opening``.

    Raises:
        BadInput: the state is not what :func:`to_json`, :func:`order_json` and :func:`fill_json` write.
    """
    try:
        first = Portfolio(*state["portfolios"][0]["portfolio"]) if state["portfolios"] else DEFAULT_PORTFOLIO
        exchange = Exchange((_product(product, state["products"]) for product in products), opening, terms, first)
        for item in state["portfolios"]:
            _restore_portfolio(exchange, item, opening)
        for market_id, shape in state["shapes"].items():
            exchange.set_shape(market_id, BookShape(**shape))
        orders = {item["order_id"]: order_from_json(item) for item in state["orders"]}
        by_sequence = sorted(orders.values(), key=lambda order: order.sequence)
        if gone := {order.product_id for order in by_sequence} - set(exchange.products):
            raise BadInput(f"the exchange's state has orders of {', '.join(sorted(gone))}, which are not traded here")
        fills = [fill_from_json(item) for item in state["fills"]]
        exchange.ledger.restore(by_sequence, fills, state["unposted"])
        exchange.ledger.feed.resume(state["changes"], orders)
        exchange.ledger.revision = state["revision"]
        for market_id, market in state["markets"].items():
            _restore_market(exchange.markets[market_id], market)
        for order in by_sequence:
            _arm(exchange, order)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"the exchange's state is damaged: {error!r}") from error
    return exchange


def _product(product: Product, saved: Mapping[str, Any]) -> Product:
    item = saved.get(product.product_id)
    if item is None:
        return product
    return replace(product, gates=frozenset(Gate(gate) for gate in item["gates"]), status=item["status"])


def _restore_portfolio(exchange: Exchange, item: Mapping[str, Any], opening: Mapping[str, Decimal]) -> None:
    portfolio = Portfolio(*item["portfolio"])
    is_default = portfolio.uuid == exchange.default_portfolio
    nothing = Decimal(0)
    wallets = {currency: Balance(amount if is_default else nothing, nothing) for currency, amount in opening.items()}
    for currency, (available, hold) in item["balances"].items():
        wallets[currency] = Balance(parse_decimal(available), parse_decimal(hold))
    exchange.ledger.portfolios.add(portfolio, wallets)


def _market_json(market: Market) -> dict[str, Any]:
    last = market.last
    return {
        "last": last and [last.number, last.time_ms, last.price, last.size, last.maker.value],
        "queues": {
            side.value: [
                [price, queue.eaten, [[order_id, mark] for order_id, mark in queue.marks.items()]]
                for price, queue in sorted(market.sides[side].queues.items())
            ]
            for side in Side
        },
    }


def _restore_market(market: Market, item: Mapping[str, Any]) -> None:
    if item["last"] is not None:
        number, time_ms, price, size, maker = item["last"]
        market.print(Print(number, time_ms, price, size, Side(maker)))
    for side, queues in item["queues"].items():
        for price, eaten, marks in queues:
            queue = PriceQueue(eaten, OrderedDict((order_id, mark) for order_id, mark in marks))
            market.sides[Side(side)].restore(price, queue)


def _arm(exchange: Exchange, order: Order) -> None:
    if order.trigger_status is TriggerStatus.PENDING and not order.status.terminal:
        market = exchange.markets[exchange.market_id(order.product_id)]
        market.triggers.arm(order.order_id, order.sequence, order.stop, up=order.stop_up)
