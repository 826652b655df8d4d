"""Answers to requests as Coinbase's records: previews, edits, cancels, and orders of the user channel."""

from __future__ import annotations

from decimal import Decimal

from cbbot.domain.instrument import Instrument
from cbbot.domain.order import Side
from cbbot.domain.timestamps import rfc3339_ms
from cbbot.venue.amend_refusals import CancelFailure, EditRefusal
from cbbot.venue.order_preview import EditPreview, Estimate, Preview
from cbbot.venue.records import average_price, commission_detail, completion_percentage, hold_amount, shown_order
from cbbot.venue.venue_order import Order
from cbbot.venue.wire import decimal_text

__all__ = ["cancel_record", "edit_preview_record", "edit_record", "preview_record", "user_record"]


def _optional(price: Decimal | None) -> str:
    return "" if price is None else decimal_text(price)


def _figures(estimate: Estimate) -> dict[str, object]:
    return {
        "order_total": decimal_text(estimate.order_total),
        "commission_total": decimal_text(estimate.commission_total),
        "quote_size": decimal_text(estimate.quote_size),
        "base_size": decimal_text(estimate.base_size),
        "best_bid": _optional(estimate.best_bid),
        "best_ask": _optional(estimate.best_ask),
        "slippage": decimal_text(estimate.slippage),
        "order_margin_total": "",
        "commission_detail_total": commission_detail(estimate.commission_total),
    }


def preview_record(preview: Preview) -> dict[str, object]:
    """The answer of ``POST /orders/preview``."""
    return {
        **_figures(preview.estimate),
        "errs": list(preview.errors),
        "warning": [],
        "is_max": False,
        "leverage": "",
        "long_leverage": "",
        "short_leverage": "",
        "preview_id": preview.preview_id,
        "est_average_filled_price": decimal_text(preview.estimate.average_price),
    }


def _errors(refusal: EditRefusal | None) -> list[dict[str, str]]:
    if refusal is None:
        return []
    return [{"edit_failure_reason": refusal.failure.value, "preview_failure_reason": refusal.preview}]


def edit_preview_record(preview: EditPreview) -> dict[str, object]:
    """The answer of ``POST /orders/edit_preview``."""
    return {
        **_figures(preview.estimate),
        "errors": _errors(preview.refusal),
        "average_filled_price": decimal_text(preview.estimate.average_price),
    }


def edit_record(refusal: EditRefusal | None) -> dict[str, object]:
    """The answer of ``POST /orders/edit``."""
    return {"success": refusal is None, "errors": _errors(refusal)}


def cancel_record(order_id: str, failure: CancelFailure | None) -> dict[str, object]:
    """One result of ``POST /orders/batch_cancel``."""
    reason = "UNKNOWN_CANCEL_FAILURE_REASON" if failure is None else failure.value
    return {"success": failure is None, "failure_reason": reason, "order_id": order_id}


_CHANNEL_TYPES = {"MARKET": "Market", "LIMIT": "Limit", "STOP_LIMIT": "Stop Limit", "BRACKET": "Bracket"}


def user_record(order: Order, instrument: Instrument, now_ms: int) -> dict[str, object]:
    """An order in a message of the user channel: its totals until now, no single fills."""
    order = shown_order(order, now_ms)
    value, fees = instrument.money(order.value), instrument.money(order.commission)
    if order.in_quote:
        leaves = instrument.money(order.limit * order.leaves)
    else:
        leaves = order.leaves * instrument.base_increment
    price, ticks = instrument.price_increment, (order.limit, order.stop)
    limit, stop = (decimal_text(tick * price) if tick else "" for tick in ticks)
    return {
        "order_id": order.order_id,
        "client_order_id": order.client_order_id,
        "cumulative_quantity": decimal_text(order.base * instrument.base_increment),
        "leaves_quantity": decimal_text(leaves),
        "avg_price": average_price(order, instrument),
        "total_fees": decimal_text(fees),
        "status": order.status.value,
        "product_id": order.product_id,
        "creation_time": rfc3339_ms(order.created_ms),
        "order_side": order.side.value,
        "order_type": _CHANNEL_TYPES[order.kind.order_type],
        "cancel_reason": order.cancel_message,
        "reject_reason": order.reject_message,
        "reject_Reason": order.reject_message,
        "completion_percentage": completion_percentage(order),
        "filled_value": decimal_text(value),
        "limit_price": limit,
        "stop_price": stop,
        "number_of_fills": str(order.fill_count),
        "outstanding_hold_amount": hold_amount(order, instrument),
        "post_only": "true" if order.post_only else "false",
        "time_in_force": order.kind.time_in_force,
        "trigger_status": order.trigger_status.value,
        "total_value_after_fees": decimal_text(value + fees if order.side is Side.BUY else value - fees),
        "product_type": "SPOT",
        "contract_expiry_type": "UNKNOWN_CONTRACT_EXPIRY_TYPE",
        "risk_managed_by": "UNKNOWN_RISK_MANAGEMENT_TYPE",
        "retail_portfolio_id": order.portfolio_id,
        "end_time": "" if order.expires_ms is None else rfc3339_ms(order.expires_ms),
        "start_time": "",
    }
