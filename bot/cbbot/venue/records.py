"""Orders and fills as Coinbase's records, every field of them (spot, current shape)."""

from __future__ import annotations

from decimal import Context, Decimal

from cbbot.domain.instrument import Instrument
from cbbot.domain.order import Side
from cbbot.domain.timestamps import rfc3339_ms
from cbbot.venue.exchange import Fill
from cbbot.venue.venue_order import Order, OrderStatus
from cbbot.venue.wire import decimal_text

__all__ = ["fill_record", "order_record"]

_AVERAGE = Context(prec=28)


def _completion(order: Order) -> str:
    if order.status is OrderStatus.FILLED:
        return "100.00"
    done = order.value + order.commission if order.in_quote else order.base
    hundredths = 10_000 * done // order.asked
    return f"{hundredths // 100}.{hundredths % 100:02d}" if hundredths else "0"


def order_record(order: Order, instrument: Instrument, customer: str, portfolio: str, now_ms: int) -> dict[str, object]:
    """An order as it shows at a time."""
    value, fees = instrument.money(order.value), instrument.money(order.commission)
    after_fees = value + fees if order.side is Side.BUY else value - fees
    filled = order.base * instrument.base_increment
    settled = order.settle_ms <= now_ms
    held = order.base * instrument.base_increment if order.side is Side.SELL else after_fees
    return {
        "order_id": order.order_id,
        "product_id": order.product_id,
        "user_id": customer,
        "order_configuration": {kind: dict(fields) for kind, fields in order.configuration.items()},
        "side": order.side.value,
        "client_order_id": order.client_order_id,
        "status": order.status.value,
        "time_in_force": "IMMEDIATE_OR_CANCEL",
        "created_time": rfc3339_ms(order.created_ms),
        "completion_percentage": _completion(order),
        "filled_size": decimal_text(filled),
        "average_filled_price": decimal_text(_AVERAGE.divide(value, filled)) if order.base else "0",
        "fee": "",
        "number_of_fills": str(len(order.trades)),
        "filled_value": decimal_text(value),
        "pending_cancel": False,
        "size_in_quote": order.in_quote,
        "total_fees": decimal_text(fees),
        "size_inclusive_of_fees": order.in_quote,
        "total_value_after_fees": decimal_text(after_fees),
        "trigger_status": "INVALID_ORDER_TYPE",
        "order_type": "MARKET",
        "reject_reason": "REJECT_REASON_UNSPECIFIED",
        "settled": settled,
        "product_type": "SPOT",
        "reject_message": "",
        "cancel_message": "",
        "order_placement_source": "RETAIL_ADVANCED",
        "outstanding_hold_amount": "0" if settled else decimal_text(held),
        "is_liquidation": False,
        "last_fill_time": rfc3339_ms(order.created_ms) if order.trades else None,
        "edit_history": [],
        "leverage": "",
        "margin_type": "UNKNOWN_MARGIN_TYPE",
        "retail_portfolio_id": portfolio,
        "originating_order_id": "",
        "attached_order_id": "",
        "attached_order_configuration": None,
        "current_pending_replace": None,
        "commission_detail_total": _commission_detail(fees),
        "workable_size": "",
        "workable_size_completion_pct": "",
        "last_update_time": rfc3339_ms(order.created_ms),
    }


def _commission_detail(fees: Decimal) -> dict[str, str]:
    return {
        "total_commission": decimal_text(fees),
        "gst_commission": "",
        "withholding_commission": "",
        "client_commission": decimal_text(fees),
        "venue_commission": "",
        "regulatory_commission": "",
        "clearing_commission": "",
    }


def fill_record(fill: Fill, instrument: Instrument, customer: str, portfolio: str) -> dict[str, object]:
    """A fill. Of an order by quote size the ``size`` is the *quote* amount, as ``size_in_quote`` says."""
    order, trade = fill.order, fill.trade
    size = instrument.money(trade.value) if order.in_quote else trade.base * instrument.base_increment
    fees = instrument.money(trade.commission)
    return {
        "entry_id": fill.entry_id,
        "trade_id": fill.trade_id,
        "order_id": order.order_id,
        "trade_time": rfc3339_ms(order.created_ms),
        "trade_type": "FILL",
        "price": decimal_text(trade.price * instrument.price_increment),
        "size": decimal_text(size),
        "commission": decimal_text(fees),
        "product_id": order.product_id,
        "sequence_timestamp": rfc3339_ms(order.created_ms),
        "liquidity_indicator": "TAKER",
        "size_in_quote": order.in_quote,
        "user_id": customer,
        "side": order.side.value,
        "retail_portfolio_id": portfolio,
        "fillSource": "FILL_SOURCE_CLOB",
        "commission_detail_total": _commission_detail(fees),
    }
