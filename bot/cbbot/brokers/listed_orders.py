"""The bridge's list of orders as what the trader counts in: those that have an id of ours. Pure."""

from __future__ import annotations

from typing import Final

from cbbot.contract.bridge_orders import OrderInDoubt, OrderState, OwnOrders
from cbbot.domain.decimals import floor_units, parse_decimal
from cbbot.domain.instrument import Instrument
from cbbot.domain.order import OrderStatus, Side
from cbbot.domain.own_order_id import epoch_and_sequence
from cbbot.domain.timestamps import epoch_ms
from cbbot.errors import BadInput
from cbbot.trader.listed_order import ListedOrder

__all__ = ["listed_orders"]

_OVER_FOR_GOOD: Final = (OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.FAILED)


def listed_orders(instrument: Instrument, prefix: str, answer: OwnOrders) -> tuple[ListedOrder, ...]:
    """Those whose id is ``prefix``, an epoch and a sequence number; what cannot be read of them is a ``problem``."""
    found: list[ListedOrder] = []
    for order in answer.orders:
        if (own := epoch_and_sequence(prefix, order.client_order_id)) is not None:
            try:
                found.append(_listed(instrument, order, *own))
            except BadInput as error:
                found.append(_unreadable(order.client_order_id, order.order_id, str(error), *own))
    unreadable = (
        _unreadable(each.client_order_id, each.order_id, each.reason, *own)
        for each in answer.unreadable
        if (own := epoch_and_sequence(prefix, each.client_order_id)) is not None
    )
    until_ms = epoch_ms(answer.until) or 0
    in_doubt = (
        _in_doubt(instrument, each, until_ms, *own)
        for each in answer.in_doubt
        if (own := epoch_and_sequence(prefix, each.client_order_id)) is not None
    )
    return (*found, *unreadable, *in_doubt)


def _unreadable(client_order_id: str, order_id: str, problem: str, epoch: int, sequence: int) -> ListedOrder:
    return ListedOrder(
        client_order_id, epoch, sequence, order_id, Side.BUY, 0, 0, 0, 0, unfilled=False, problem=problem
    )


def _listed(instrument: Instrument, order: OrderState, epoch: int, sequence: int) -> ListedOrder:
    price = parse_decimal(order.average_filled_price)
    base, quote_units = _sizes(instrument, order)
    return ListedOrder(
        client_order_id=order.client_order_id,
        epoch=epoch,
        sequence=sequence,
        order_id=order.order_id,
        side=order.side,
        base=base,
        quote_units=quote_units,
        created_ms=max(epoch_ms(order.created_time) or 0, 0),
        price=instrument.ticks(price) if price > 0 else 0,
        unfilled=order.status in _OVER_FOR_GOOD and parse_decimal(order.filled_size) == 0,
    )


def _in_doubt(instrument: Instrument, order: OrderInDoubt, until_ms: int, epoch: int, sequence: int) -> ListedOrder:
    """The request may leave once more: as late as the list is, for all that is known."""
    base, quote_units = _sizes(instrument, order)
    return ListedOrder(
        client_order_id=order.client_order_id,
        epoch=epoch,
        sequence=sequence,
        order_id="",
        side=order.side,
        base=base,
        quote_units=quote_units,
        created_ms=max(epoch_ms(order.sent_time) or 0, 0),
        price=0,
        unfilled=False,
        in_doubt=True,
        sent_ms=until_ms,
    )


def _sizes(instrument: Instrument, order: OrderState | OrderInDoubt) -> tuple[int, int]:
    """Base and quote units, 0 for the one by which it was not sized."""
    if order.quote_size is not None:
        return 0, floor_units(parse_decimal(order.quote_size), instrument.quote_increment)
    return (instrument.base_units(parse_decimal(order.base_size)) if order.base_size is not None else 0), 0
