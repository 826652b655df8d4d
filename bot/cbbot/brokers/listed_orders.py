"""The bridge's list of orders as what the trader counts in: those that have an id of ours. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from cbbot.contract.bridge_orders import OrderState
from cbbot.domain.decimals import floor_units, parse_decimal
from cbbot.domain.instrument import Instrument
from cbbot.domain.order import OrderStatus
from cbbot.domain.timestamps import epoch_ms
from cbbot.trader.listed_order import ListedOrder

__all__ = ["listed_orders"]

# The rest of our ids behind the bot's: epoch and sequence number. Another bot's id may begin as ours does.
_EPOCH_AND_SEQUENCE: Final = re.compile("([0-9]{1,19})-([0-9]{1,15})")
_OVER_FOR_GOOD: Final = (OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.FAILED)


def listed_orders(instrument: Instrument, prefix: str, orders: Iterable[OrderState]) -> tuple[ListedOrder, ...]:
    """Those whose id is ``prefix``, an epoch and a sequence number.

    Raises:
        BadInput: an amount makes no sense.
    """
    found = ((order, _EPOCH_AND_SEQUENCE.fullmatch(order.client_order_id.removeprefix(prefix))) for order in orders)
    return tuple(_listed(instrument, order, int(own[1]), int(own[2])) for order, own in found if own is not None)


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
