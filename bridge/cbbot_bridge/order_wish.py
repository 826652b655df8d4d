"""What somebody wants under a client order id; and whether an order that was found is that. Pure.

One id stands for one wish for ever. Two requests are the same wish when they mean the same, however they
write their numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cbbot.contract.bridge_orders import (
    BracketOrder,
    LimitOrder,
    MarketOrder,
    OrderKind,
    StopDirection,
    StopLimitOrder,
    TimeInForce,
)
from cbbot.domain.order import Side
from cbbot_bridge.order_configuration import asked_of

__all__ = ["AnyOrder", "Wish", "difference", "wish_of"]

AnyOrder = MarketOrder | LimitOrder | StopLimitOrder | BracketOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """An order as it was asked for, before it is rounded. ``stop_price`` is a bracket's trigger too.

    ``attached``: limit and trigger of the bracket that is to follow the order's fills.
    """

    kind: OrderKind
    product_id: str
    side: Side
    time_in_force: TimeInForce
    base_size: Decimal | None = None
    quote_size: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    stop_direction: StopDirection | None = None
    end_time: str | None = None
    post_only: bool = False
    attached: tuple[Decimal, Decimal] | None = None

    @property
    def needs_bid(self) -> bool:
        """Whether a bid is needed to turn the quote size into base."""
        return self.side is Side.SELL and self.quote_size is not None


def wish_of(order: AnyOrder) -> Wish:
    common: dict[str, Any] = {"product_id": order.product_id, "side": order.side}
    if isinstance(order, MarketOrder | LimitOrder) and order.attached is not None:
        common["attached"] = (Decimal(order.attached.limit_price), Decimal(order.attached.stop_trigger_price))
    if isinstance(order, MarketOrder):
        sizes = {"base_size": order.base_size, "quote_size": order.quote_size}
        common |= {key: Decimal(size) for key, size in sizes.items() if size is not None}
        return Wish(kind=OrderKind.MARKET, time_in_force=TimeInForce.IOC, **common)
    common |= {
        "time_in_force": order.time_in_force,
        "base_size": Decimal(order.base_size),
        "limit_price": Decimal(order.limit_price),
        "end_time": order.end_time,
    }
    match order:
        case LimitOrder():
            return Wish(kind=OrderKind.LIMIT, post_only=order.post_only, **common)
        case StopLimitOrder():
            usual = StopDirection.UP if order.side is Side.BUY else StopDirection.DOWN
            direction = order.stop_direction or usual
            stop_price = Decimal(order.stop_price)
            return Wish(kind=OrderKind.STOP_LIMIT, stop_price=stop_price, stop_direction=direction, **common)
        case BracketOrder():
            return Wish(kind=OrderKind.BRACKET, stop_price=Decimal(order.stop_trigger_price), **common)


def difference(wish: Wish, sent: Mapping[str, Any] | None, found: Mapping[str, Any]) -> str | None:
    """In what ``found``, an order or a create answer of Coinbase's, is not what was wished for; None: in nothing.

    ``sent`` is the create request as it left, rounded; without it sizes and prices are not compared. Neither
    are those of an order that was edited since, nor a base size that was made of a quote size at some bid.

    Raises:
        UpstreamUnavailable: a size or price of ``found`` is no decimal.
    """
    for key, wanted in (("product_id", wish.product_id), ("side", wish.side.value)):
        stated = found.get(key)
        if stated and stated != wanted:
            return f"its {key} is {stated}, not {wanted}"
    asked = asked_of(found.get("order_configuration"))
    if asked.kind is not None and asked.kind is not wish.kind:
        return f"it is of kind {asked.kind}, not {wish.kind}"
    if sent is None or found.get("edit_history"):
        return None
    mine = asked_of(sent.get("order_configuration"))
    for name in ("base_size", "quote_size", "limit_price", "stop_price"):
        wanted_size, stated_size = getattr(mine, name), getattr(asked, name)
        if name == "base_size" and wish.needs_bid:
            continue
        if wanted_size is not None and stated_size is not None and wanted_size != stated_size:
            return f"its {name} is {stated_size}, not {wanted_size}"
    return None
