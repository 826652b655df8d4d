"""Orders and fills as Coinbase's records, every field of them (spot, current shape)."""

from __future__ import annotations

from decimal import Context, Decimal

from cbbot.domain.instrument import Instrument
from cbbot.domain.order import Side
from cbbot.domain.timestamps import rfc3339_ms
from cbbot.venue.venue_fill import Fill
from cbbot.venue.venue_order import Order, OrderStatus
from cbbot.venue.wire import decimal_text

__all__ = [
    "average_price",
    "commission_detail",
    "completion_percentage",
    "fill_record",
    "hold_amount",
    "order_record",
    "shown_order",
    "shown_status",
]

_AVERAGE = Context(prec=28)


def shown_order(order: Order, now_ms: int) -> Order:
    """The order as it shows at a time: as long as it is PENDING, without what has become of it."""
    if now_ms >= order.pending_until_ms:
        return order
    return order.untouched()


def shown_status(order: Order, now_ms: int) -> OrderStatus:
    """The status that an order shows at a time."""
    return OrderStatus.PENDING if now_ms < order.pending_until_ms else order.status


def completion_percentage(order: Order) -> str:
    """How much of an order is filled: ``100.00``, ``50.00``, ``0``."""
    if order.status is OrderStatus.FILLED:
        return "100.00"
    done, all_ = (order.base, order.size) if order.size else (order.value + order.commission, order.asked)
    hundredths = 10_000 * done // all_
    return f"{hundredths // 100}.{hundredths % 100:02d}" if hundredths else "0"


def average_price(order: Order, instrument: Instrument) -> str:
    """The average price of what was filled; ``0`` for nothing."""
    if not order.base:
        return "0"
    return decimal_text(_AVERAGE.divide(instrument.money(order.value), order.base * instrument.base_increment))


def hold_amount(order: Order, instrument: Instrument) -> str:
    """What is on hold for an order: base of a SELL, quote of a BUY."""
    is_sell = order.side is Side.SELL
    return decimal_text(order.hold * instrument.base_increment if is_sell else instrument.money(order.hold))


def order_record(order: Order, instrument: Instrument, customer: str, now_ms: int) -> dict[str, object]:
    """An order as it shows at a time."""
    order = shown_order(order, now_ms)
    value, fees = instrument.money(order.value), instrument.money(order.commission)
    return {
        **_request_fields(order, customer),
        "status": order.status.value,
        "created_time": rfc3339_ms(order.created_ms),
        "completion_percentage": completion_percentage(order),
        "filled_size": decimal_text(order.base * instrument.base_increment),
        "average_filled_price": average_price(order, instrument),
        "fee": "",
        "number_of_fills": str(order.fill_count),
        "filled_value": decimal_text(value),
        "pending_cancel": order.cancel_due_ms is not None,
        "total_fees": decimal_text(fees),
        "total_value_after_fees": decimal_text(value + fees if order.side is Side.BUY else value - fees),
        "trigger_status": order.trigger_status.value,
        "reject_reason": "REJECT_REASON_UNSPECIFIED",
        "settled": order.status is OrderStatus.FILLED,
        "reject_message": order.reject_message,
        "cancel_message": order.cancel_message,
        "outstanding_hold_amount": hold_amount(order, instrument),
        "last_fill_time": None if order.last_fill_ms is None else rfc3339_ms(order.last_fill_ms),
        "edit_history": [
            {
                "price": decimal_text(edit.limit * instrument.price_increment),
                "size": decimal_text(edit.size * instrument.base_increment),
                "replace_accept_timestamp": rfc3339_ms(edit.accepted_ms),
            }
            for edit in order.edits
        ],
        "attached_order_id": order.attached_order_id,
        "current_pending_replace": _pending_replace(order, instrument),
        "commission_detail_total": commission_detail(fees),
        "workable_size": decimal_text(order.size * instrument.base_increment) if order.size else "",
        "workable_size_completion_pct": completion_percentage(order) if order.size else "",
        "last_update_time": rfc3339_ms(order.updated_ms),
    }


def _request_fields(order: Order, customer: str) -> dict[str, object]:
    """What an order was from the start."""
    return {
        "order_id": order.order_id,
        "product_id": order.product_id,
        "user_id": customer,
        "order_configuration": {key: dict(fields) for key, fields in order.configuration.items()},
        "side": order.side.value,
        "client_order_id": order.client_order_id,
        "time_in_force": order.kind.time_in_force,
        "size_in_quote": order.in_quote,
        "size_inclusive_of_fees": order.in_quote,
        "order_type": order.kind.order_type,
        "product_type": "SPOT",
        "order_placement_source": "RETAIL_ADVANCED",
        "is_liquidation": False,
        "leverage": "",
        "margin_type": "UNKNOWN_MARGIN_TYPE",
        "retail_portfolio_id": order.portfolio_id,
        "originating_order_id": order.originating_order_id,
        "attached_order_configuration": order.attached_configuration
        and {key: dict(fields) for key, fields in order.attached_configuration.items()},
    }


def _pending_replace(order: Order, instrument: Instrument) -> dict[str, str] | None:
    pending = order.pending_edit
    if pending is None:
        return None
    return {
        "price": decimal_text(pending.limit * instrument.price_increment),
        "size": decimal_text(pending.size * instrument.base_increment),
        "stop_price": decimal_text(pending.stop * instrument.price_increment) if pending.stop else "",
    }


def commission_detail(fees: Decimal) -> dict[str, str]:
    """Coinbase's break-down of a fee; here it is the client's alone."""
    return {
        "total_commission": decimal_text(fees),
        "gst_commission": "",
        "withholding_commission": "",
        "client_commission": decimal_text(fees),
        "venue_commission": "",
        "regulatory_commission": "",
        "clearing_commission": "",
    }


def fill_record(fill: Fill, instrument: Instrument, customer: str) -> dict[str, object]:
    """A fill. Of an order by quote size the ``size`` is the *quote* amount, as ``size_in_quote`` says."""
    trade = fill.trade
    size = instrument.money(trade.value) if fill.in_quote else trade.base * instrument.base_increment
    fees = instrument.money(trade.commission)
    return {
        "entry_id": fill.entry_id,
        "trade_id": fill.trade_id,
        "order_id": fill.order_id,
        "trade_time": rfc3339_ms(fill.time_ms),
        "trade_type": fill.trade_type.value,
        "price": decimal_text(trade.price * instrument.price_increment),
        "size": decimal_text(size),
        "commission": decimal_text(fees),
        "product_id": fill.product_id,
        "sequence_timestamp": rfc3339_ms(fill.time_ms),
        "liquidity_indicator": fill.liquidity.value,
        "size_in_quote": fill.in_quote,
        "user_id": customer,
        "side": fill.side.value,
        "retail_portfolio_id": fill.portfolio_id,
        "fillSource": "FILL_SOURCE_CLOB",
        "commission_detail_total": commission_detail(fees),
    }
