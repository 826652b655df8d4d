"""The bridge's list of orders as what the trader counts in: those that have an id of ours. Pure."""

from __future__ import annotations

import re
from typing import Final

from cbbot.contract.bridge_orders import OrderState, OwnOrders
from cbbot.domain.decimals import floor_units, parse_decimal
from cbbot.domain.instrument import Instrument
from cbbot.domain.order import OrderStatus, Side
from cbbot.domain.timestamps import epoch_ms
from cbbot.errors import BadInput
from cbbot.trader.listed_order import ListedOrder

__all__ = ["listed_orders"]

# The rest of our ids behind the bot's: epoch and sequence number. Another bot's id may begin as ours does.
_EPOCH_AND_SEQUENCE: Final = re.compile("([0-9]{1,19})-([0-9]{1,15})")
_OVER_FOR_GOOD: Final = (OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.FAILED)


def listed_orders(instrument: Instrument, prefix: str, answer: OwnOrders) -> tuple[ListedOrder, ...]:
    """Those whose id is ``prefix``, an epoch and a sequence number; what cannot be read of them is a ``problem``."""
    found: list[ListedOrder] = []
    for order in answer.orders:
        if (own := _own(prefix, order.client_order_id)) is not None:
            try:
                found.append(_listed(instrument, order, *own))
            except BadInput as error:
                found.append(_unreadable(order.client_order_id, order.order_id, str(error), *own))
    unreadable = (
        _unreadable(each.client_order_id, each.order_id, each.reason, *own)
        for each in answer.unreadable
        if (own := _own(prefix, each.client_order_id)) is not None
    )
    return (*found, *unreadable)


def _own(prefix: str, client_order_id: str) -> tuple[int, int] | None:
    """Epoch and sequence number of an id of ours."""
    numbers = _EPOCH_AND_SEQUENCE.fullmatch(client_order_id.removeprefix(prefix))
    return None if numbers is None else (int(numbers[1]), int(numbers[2]))


def _unreadable(client_order_id: str, order_id: str, problem: str, epoch: int, sequence: int) -> ListedOrder:
    return ListedOrder(
        client_order_id, epoch, sequence, order_id, Side.BUY, 0, 0, 0, 0, unfilled=False, problem=problem
    )


def _listed(instrument: Instrument, order: OrderState, epoch: int, sequence: int) -> ListedOrder:
    price = parse_decimal(order.average_filled_price)
    by_quote = order.quote_size is not None
    return ListedOrder(
        client_order_id=order.client_order_id,
        epoch=epoch,
        sequence=sequence,
        order_id=order.order_id,
        side=order.side,
        base=0 if by_quote or order.base_size is None else instrument.base_units(parse_decimal(order.base_size)),
        quote_units=floor_units(parse_decimal(order.quote_size), instrument.quote_increment) if order.quote_size else 0,
        created_ms=max(epoch_ms(order.created_time) or 0, 0),
        price=instrument.ticks(price) if price > 0 else 0,
        unfilled=order.status in _OVER_FOR_GOOD and parse_decimal(order.filled_size) == 0,
    )
