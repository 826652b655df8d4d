"""Orders and fills as JSON values, and back: integers as they are, texts of Coinbase's where they have a name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cbbot.domain.order import Side
from cbbot.venue.matching import FeeRates, Rate, Trade
from cbbot.venue.order_kinds import OrderKind
from cbbot.venue.venue_fill import Fill, Liquidity, TradeType
from cbbot.venue.venue_order import EditRecord, Order, OrderStatus, PendingEdit, TriggerStatus

__all__ = ["fill_from_json", "fill_json", "order_from_json", "order_json"]

_PLAIN = (
    "sequence",
    "order_id",
    "client_order_id",
    "portfolio_id",
    "product_id",
    "in_quote",
    "asked",
    "size",
    "limit",
    "stop",
    "stop_up",
    "post_only",
    "expires_ms",
    "created_ms",
    "visible_ms",
    "pending_until_ms",
    "updated_ms",
    "executed",
    "taker_value",
    "maker_value",
    "base",
    "value",
    "commission",
    "fill_count",
    "last_fill_ms",
    "hold",
    "cancel_due_ms",
    "cancel_message",
    "reject_message",
    "originating_order_id",
    "attached_order_id",
)
_PLAIN_OF_FILLS = (
    "sequence",
    "entry_id",
    "trade_id",
    "order_id",
    "portfolio_id",
    "product_id",
    "in_quote",
    "time_ms",
    "visible_ms",
    "post_ms",
)


def order_json(order: Order) -> dict[str, Any]:
    """One order with all that must be kept of it."""
    return {name: getattr(order, name) for name in _PLAIN} | {
        "side": order.side.value,
        "kind": order.kind.name,
        "configuration": {key: dict(fields) for key, fields in order.configuration.items()},
        "attached_configuration": order.attached_configuration
        and {key: dict(fields) for key, fields in order.attached_configuration.items()},
        "attached": order.attached and list(order.attached),
        "rates": [list(rate) for rate in order.rates],
        "status": order.status.value,
        "trigger_status": order.trigger_status.value,
        "pending_edit": order.pending_edit and list(order.pending_edit),
        "edits": [list(edit) for edit in order.edits],
    }


def order_from_json(item: Mapping[str, Any]) -> Order:
    """The order that :func:`order_json` wrote."""
    taker, maker = (Rate(*rate) for rate in item["rates"])
    attached, pending = item["attached"], item["pending_edit"]
    return Order(
        **{name: item[name] for name in _PLAIN},
        side=Side(item["side"]),
        kind=OrderKind[item["kind"]],
        configuration=item["configuration"],
        attached_configuration=item["attached_configuration"],
        attached=None if attached is None else (attached[0], attached[1]),
        rates=FeeRates(taker, maker),
        status=OrderStatus(item["status"]),
        trigger_status=TriggerStatus(item["trigger_status"]),
        pending_edit=None if pending is None else PendingEdit(*pending),
        edits=tuple(EditRecord(*edit) for edit in item["edits"]),
    )


def fill_json(fill: Fill) -> dict[str, Any]:
    """One fill with all that must be kept of it."""
    return {name: getattr(fill, name) for name in _PLAIN_OF_FILLS} | {
        "side": fill.side.value,
        "trade": list(fill.trade),
        "liquidity": fill.liquidity.value,
        "trade_type": fill.trade_type.value,
    }


def fill_from_json(item: Mapping[str, Any]) -> Fill:
    """The fill that :func:`fill_json` wrote."""
    return Fill(
        **{name: item[name] for name in _PLAIN_OF_FILLS},
        side=Side(item["side"]),
        trade=Trade(*item["trade"]),
        liquidity=Liquidity(item["liquidity"]),
        trade_type=TradeType(item["trade_type"]),
    )
