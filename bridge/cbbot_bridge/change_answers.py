"""What Coinbase answers to a request to cancel or edit, and what of an edit an order shows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from cbbot.contract.bridge_orders import OrderStatus
from cbbot_bridge import translate
from cbbot_bridge.coinbase.silent_reasons import SILENT_REASONS
from cbbot_bridge.order_configuration import asked_of

__all__ = ["Said", "edit_shows", "read_cancel_answer", "read_edit_answer"]

# An earlier request of the same kind is under way: no refusal.
_UNDER_WAY: Final = "DUPLICATE_CANCEL_REQUEST"


@dataclass(frozen=True, slots=True)
class Said:
    """``accepted``: Coinbase has taken the request, certainly not, or (None) does not tell. ``code`` is its reason."""

    accepted: bool | None = None
    code: str = ""


def read_cancel_answer(order_id: str, body: Mapping[str, Any]) -> Said:
    """The result for one order. ``UNKNOWN_CANCEL_FAILURE_REASON`` is what stands there after a success."""
    results = body.get("results")
    rows = [row for row in results if isinstance(row, dict)] if isinstance(results, list) else []
    ours = [row for row in rows if str(row.get("order_id") or "").lower() == order_id.lower()]
    if len(ours) != 1 or not isinstance(ours[0].get("success"), bool):
        return Said()
    code = str(ours[0].get("failure_reason") or "")
    if ours[0]["success"]:
        return Said(True)
    return Said(None if code == _UNDER_WAY else False, "" if code in SILENT_REASONS else code[:64])


def read_edit_answer(body: Mapping[str, Any]) -> Said:
    """A yes with errors is neither yes nor no. Older answers have the reason in ``error_response``.

    As with a create answer, the code does not tell where in Coinbase the reason was found.
    """
    errors = body.get("errors")
    rows = [row for row in errors if isinstance(row, dict)] if isinstance(errors, list) else []
    old = body.get("error_response")
    rows += [old] if isinstance(old, dict) else []
    keys = ("edit_failure_reason", "preview_failure_reason", "edit_order_failure_reason", "error")
    reasons = [row[key] for row in rows for key in keys if isinstance(row.get(key), str)]
    code = next((reason for reason in reasons if reason not in SILENT_REASONS), "").removeprefix("PREVIEW_")[:64]
    success = body.get("success")
    if success is True:
        return Said(None if rows else True, code)
    return Said(False if success is False else None, code)


def edit_shows(order: Mapping[str, Any], price: str, size: str) -> bool:
    """Whether the order has this price and size, and no edit of it is under way.

    Raises:
        UpstreamUnavailable: what it shows is no decimal.
    """
    if order.get("status") == OrderStatus.EDIT_QUEUED:
        return False
    wanted = (Decimal(price), Decimal(size))
    history = order.get("edit_history")
    edits = [edit for edit in history if isinstance(edit, dict)] if isinstance(history, list) else []
    if edits:
        newest = max(edits, key=lambda edit: str(edit.get("replace_accept_timestamp") or ""))
        return (translate.decimal_or_none(newest, "price"), translate.decimal_or_none(newest, "size")) == wanted
    asked = asked_of(order.get("order_configuration"))
    return (asked.limit_price, asked.base_size) == wanted
