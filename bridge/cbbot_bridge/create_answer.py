"""What Coinbase's answer to a create request says of the order. Pure.

Whatever is not a plain yes or a plain no is neither: an answer that names an order while it refuses, or
says that the id is taken, speaks of an order that exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot.contract.bridge_orders import OrderPlaced
from cbbot_bridge.coinbase.rest_answers import Answer, Meaning
from cbbot_bridge.coinbase.silent_reasons import SILENT_REASONS
from cbbot_bridge.http_errors import OrderUnknown, UpstreamRefused

__all__ = ["Taken", "read_create_answer"]

_REASONS: Final = ("new_order_failure_reason", "preview_failure_reason", "error")
# Parts of Coinbase's codes that mean: there is an order with this id.
_ID_IS_TAKEN: Final = ("DUPLICATE", "ALREADY_EXISTS")
_CONFLICT: Final = 409


@dataclass(frozen=True, slots=True)
class Taken:
    """An order with this id seems to exist, and the answer is not it. ``reason`` is Coinbase's."""

    reason: UpstreamRefused


def read_create_answer(client_order_id: str, answer: Answer) -> OrderPlaced | UpstreamRefused | OrderUnknown | Taken:
    """The meaning of an answer that is OK or REFUSED."""
    if answer.meaning is Meaning.REFUSED:
        refusal = UpstreamRefused(answer.status, answer.code, answer.message)
        return Taken(refusal) if answer.status == _CONFLICT or _id_is_taken(answer.code) else refusal
    body = answer.body
    if body.get("success") is True:
        return _placed(client_order_id, body)
    if body.get("success") is not False:
        return _unclear("Coinbase's answer does not tell whether it took the order")
    reasons = [*_reasons(body)]
    refusal = _refusal(body, reasons)
    return Taken(refusal) if any(map(_id_is_taken, reasons)) or _order_id(body) else refusal


def _id_is_taken(code: str) -> bool:
    return any(part in code.upper() for part in _ID_IS_TAKEN)


def _unclear(message: str) -> OrderUnknown:
    return OrderUnknown(502, BridgeErrorCode.UPSTREAM_MALFORMED.value, message)


def _part(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = body.get(key)
    return part if isinstance(part, dict) else {}


def _order_id(body: Mapping[str, Any]) -> str:
    """Older answers carry the id at the top only."""
    for part in (_part(body, "success_response"), body, _part(body, "error_response")):
        order_id = part.get("order_id")
        if isinstance(order_id, str) and order_id:
            return order_id
    return ""


def _placed(client_order_id: str, body: dict[str, Any]) -> OrderPlaced | OrderUnknown:
    order_id = _order_id(body)
    if not order_id:
        return _unclear("Coinbase took the order but named no order_id")
    known_as = _part(body, "success_response").get("client_order_id")
    if known_as not in (None, "", client_order_id):
        return _unclear(f"Coinbase's answer is about client_order_id {str(known_as)[:128]!r}, not about this order")
    return OrderPlaced.model_validate(
        {**body, "success": True, "order_id": order_id, "client_order_id": client_order_id}
    )


def _reasons(body: Mapping[str, Any]) -> list[str]:
    fields = _part(body, "error_response")
    candidates = [*(fields.get(key) for key in _REASONS), body.get("failure_reason")]
    return [text for text in candidates if isinstance(text, str) and text not in SILENT_REASONS]


def _refusal(body: Mapping[str, Any], reasons: list[str]) -> UpstreamRefused:
    """Coinbase's reason; the prefix that says where in Coinbase it was found is left out of the code."""
    fields = _part(body, "error_response")
    reason = reasons[0] if reasons else "REFUSED"
    message = fields.get("message") or fields.get("error_details") or "Coinbase gives no further reason"
    return UpstreamRefused(400, reason.removeprefix("PREVIEW_")[:64], f"{message} ({reason})"[:400])
