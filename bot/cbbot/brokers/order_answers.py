"""The bridge's word for an order, on the trader's integer scales; and whether it is our order at all. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from cbbot.contract.bridge_orders import OrderState
from cbbot.domain.decimals import nearest_units, parse_decimal
from cbbot.domain.instrument import Instrument
from cbbot.domain.order import Execution, OrderStatus, Side
from cbbot.domain.timestamps import epoch_ms
from cbbot.errors import BadInput
from cbbot.trader.intent import Intent, Purpose

__all__ = ["CLOCK_MARGIN_MS", "by_quote", "contradiction", "execution_of", "is_final", "may_be_final"]

CLOCK_MARGIN_MS: Final = 86_400_000
"""How far the venue's clock may have been set between our wish and its order. An id used twice is older than that."""


def by_quote(intent: Intent) -> bool:
    """Whether the order is sized in quote currency, as a BUY entry is."""
    return intent.purpose is Purpose.ENTRY and intent.side is Side.BUY


def is_final(order: OrderState) -> bool:
    """Over, and order and fills agree on what was executed: either may lag behind the other.

    Not by ``settled``: that is true of an order completely filled whose fills lag, and never of one that was
    canceled with a part of it filled. Nor while nothing is filled: then order and fills agree before either is there.
    """
    return order.status.terminal and order.fills_agree and _filled(order)


def may_be_final(order: OrderState) -> bool:
    """Whether the order can have ended as it stands, once its fills had time to come: filled with nothing it cannot."""
    return order.status.terminal and (order.status is not OrderStatus.FILLED or _filled(order))


def _filled(order: OrderState) -> bool:
    return parse_decimal(order.filled_size) > 0


def contradiction(instrument: Instrument, intent: Intent, order: OrderState) -> str | None:
    """What about ``order`` is not the intent's; None when it is our order."""
    if order.client_order_id and order.client_order_id != intent.client_order_id:
        return f"its id is {order.client_order_id}"
    if order.product_id != instrument.product_id:
        return f"it trades {order.product_id}, not {instrument.product_id}"
    if order.side is not intent.side:
        return f"it is a {order.side.value}, not a {intent.side.value}"
    if by_quote(intent):
        wanted, stated = Decimal(intent.quote_units) * instrument.quote_increment, order.quote_size
    else:
        wanted, stated = Decimal(intent.base) * instrument.base_increment, order.base_size
    if stated is not None and parse_decimal(stated) != wanted:
        return f"its size is {stated}, not {wanted:f}"
    created_ms = epoch_ms(order.created_time)
    if created_ms is not None and created_ms < intent.created_ms - CLOCK_MARGIN_MS:
        return f"it was created at {order.created_time}, before we wished for it"
    return None


def execution_of(instrument: Instrument, order: OrderState) -> Execution:
    """The venue's totals, rounded once and against us: up when we pay, down when we are paid, fees up.

    Raises:
        BadInput: a size was filled for nothing, which cannot be booked.
    """
    base = instrument.base_units(parse_decimal(order.filled_size))
    if base == 0:
        return Execution(order.order_id, 0, 0, 0, 0)
    paid = parse_decimal(order.filled_value)
    if paid <= 0:
        raise BadInput(f"order {order.order_id}: {order.filled_size} was filled for {order.filled_value}")
    value = instrument.ledger_up(paid) if order.side is Side.BUY else instrument.ledger_down(paid)
    average = parse_decimal(order.average_filled_price)
    price = instrument.ticks(average) if average > 0 else nearest_units(Decimal(value) / base, Decimal(1))
    fee = order.commission_total_usd
    commission = None if fee is None else instrument.ledger_up(parse_decimal(fee))
    return Execution(order.order_id, price, base, value, commission)
