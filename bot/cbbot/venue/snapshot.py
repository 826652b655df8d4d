"""The exchange's state as JSON values, and back: money as decimal text, sizes and prices as integers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from cbbot.domain.decimals import parse_decimal, plain
from cbbot.domain.order import Side
from cbbot.errors import BadInput
from cbbot.venue.balances import Balance, Balances
from cbbot.venue.exchange import Delays, Exchange
from cbbot.venue.matching import Rate, Trade
from cbbot.venue.product import Product
from cbbot.venue.venue_order import Order, OrderStatus

__all__ = ["from_json", "order_json", "to_json"]


def to_json(exchange: Exchange, now_ms: int) -> dict[str, Any]:
    """What a later :func:`from_json` needs to go on as if nothing had happened, but for its ``orders``.

    Those are :func:`order_json` of :meth:`Exchange.all_orders`. They only grow and never change, so a caller
    need not write them down anew each time.
    """
    return {
        "balances": {
            currency: [plain(balance.available), plain(balance.hold)]
            for currency, balance in exchange.balances(now_ms).items()
        },
        "unsettled": exchange.unsettled(),
    }


def from_json(
    state: Mapping[str, Any],
    products: Iterable[Product],
    opening: Mapping[str, Decimal],
    taker: Rate,
    delays: Delays,
) -> Exchange:
    """An exchange with the given state. Wallets that it lacks are opened with ``opening``.

    Raises:
        BadInput: the state is not what :func:`to_json` and :func:`order_json` write.
    """
    try:
        wallets = {currency: Balance(amount, Decimal(0)) for currency, amount in opening.items()}
        for currency, (available, hold) in state["balances"].items():
            wallets[currency] = Balance(parse_decimal(available), parse_decimal(hold))
        orders = [_order(item) for item in state["orders"]]
        return Exchange.resumed(products, Balances(wallets), taker, delays, orders, state["unsettled"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"the exchange's state is damaged: {error!r}") from error


def order_json(order: Order) -> dict[str, Any]:
    """One order with all that must be kept of it."""
    return {
        "sequence": order.sequence,
        "order_id": order.order_id,
        "client_order_id": order.client_order_id,
        "product_id": order.product_id,
        "side": order.side.value,
        "configuration": {kind: dict(fields) for kind, fields in order.configuration.items()},
        "in_quote": order.in_quote,
        "asked": order.asked,
        "status": order.status.value,
        "trades": [list(trade) for trade in order.trades],
        "times_ms": [order.created_ms, order.visible_ms, order.fills_visible_ms, order.settle_ms],
    }


def _order(item: Mapping[str, Any]) -> Order:
    created, visible, fills_visible, settle = item["times_ms"]
    return Order(
        sequence=item["sequence"],
        order_id=item["order_id"],
        client_order_id=item["client_order_id"],
        product_id=item["product_id"],
        side=Side(item["side"]),
        configuration=item["configuration"],
        in_quote=item["in_quote"],
        asked=item["asked"],
        status=OrderStatus(item["status"]),
        trades=tuple(Trade(*trade) for trade in item["trades"]),
        created_ms=created,
        visible_ms=visible,
        fills_visible_ms=fills_visible,
        settle_ms=settle,
    )
