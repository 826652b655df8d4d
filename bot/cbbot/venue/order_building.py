"""New orders, from what was checked; and the bracket that follows an order that has filled."""

from __future__ import annotations

import uuid

from cbbot.domain.instrument import Instrument
from cbbot.domain.order import Side
from cbbot.venue.exchange_terms import Terms
from cbbot.venue.order_checks import CheckedOrder
from cbbot.venue.order_kinds import Configuration, OrderKind
from cbbot.venue.order_ledger import NAMESPACE
from cbbot.venue.venue_order import Order, OrderRequest, OrderStatus, TriggerStatus
from cbbot.venue.wire import decimal_text

__all__ = ["bracket_after", "new_order"]


def new_order(
    checked: CheckedOrder, request: OrderRequest, portfolio: str, sequence: int, terms: Terms, now_ms: int
) -> Order:
    """An order as it is before anything has become of it."""
    return Order(
        sequence=sequence,
        order_id=_order_id(sequence, now_ms, request.client_order_id),
        client_order_id=request.client_order_id,
        portfolio_id=portfolio,
        product_id=checked.product.product_id,
        side=checked.side,
        kind=checked.kind,
        configuration=request.configuration,
        attached_configuration=request.attached,
        in_quote=checked.in_quote,
        asked=checked.asked,
        size=checked.size,
        limit=checked.limit,
        stop=checked.stop,
        stop_up=checked.stop_up,
        post_only=checked.post_only,
        expires_ms=checked.expires_ms,
        attached=checked.attached,
        rates=terms.rates,
        created_ms=now_ms,
        visible_ms=now_ms + terms.delays.order_visible_ms,
        pending_until_ms=now_ms + terms.delays.pending_ms,
        updated_ms=now_ms,
        trigger_status=TriggerStatus.PENDING if checked.stop else TriggerStatus.NONE,
    )


def bracket_after(
    parent: Order, sequence: int, available: int, instrument: Instrument, terms: Terms, now_ms: int
) -> Order:
    """The bracket for what an order has filled; FAILED when its base has been used otherwise.

    Args:
        available: base units that the wallet has.
    """
    if parent.attached is None:
        raise AssertionError(f"nothing is attached to order {parent.order_id}")
    limit, stop = parent.attached
    client_order_id = str(uuid.uuid5(NAMESPACE, f"bracket of {parent.order_id}"))
    covered = available >= parent.base
    return Order(
        sequence=sequence,
        order_id=_order_id(sequence, now_ms, client_order_id),
        client_order_id=client_order_id,
        portfolio_id=parent.portfolio_id,
        product_id=parent.product_id,
        side=Side.SELL,
        kind=OrderKind.BRACKET_GTC,
        configuration=_bracket_configuration(parent, instrument),
        attached_configuration=None,
        in_quote=False,
        asked=parent.base,
        size=parent.base,
        limit=limit,
        stop=stop,
        stop_up=False,
        post_only=False,
        expires_ms=None,
        attached=None,
        rates=terms.rates,
        created_ms=now_ms,
        visible_ms=now_ms + terms.delays.order_visible_ms,
        pending_until_ms=now_ms + terms.delays.pending_ms,
        updated_ms=now_ms,
        status=OrderStatus.OPEN if covered else OrderStatus.FAILED,
        trigger_status=TriggerStatus.PENDING,
        reject_message="" if covered else "Insufficient balance in source account",
        originating_order_id=parent.order_id,
    )


def _order_id(sequence: int, now_ms: int, client_order_id: str) -> str:
    return str(uuid.uuid5(NAMESPACE, f"{sequence} {now_ms} {client_order_id}"))


def _bracket_configuration(parent: Order, instrument: Instrument) -> Configuration:
    legs = (parent.attached_configuration or {})[OrderKind.BRACKET_GTC.key]
    base_size = decimal_text(parent.base * instrument.base_increment)
    return {OrderKind.BRACKET_GTC.key: {"base_size": base_size, **legs}}
