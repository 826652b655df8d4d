"""Named changes of a true answer: what the exchange, or something before it, has been seen to make of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cbbot.domain.timestamps import rfc3339_ms

__all__ = ["CHANGES", "Body", "Change", "Changed"]

Body = dict[str, Any]
Changed = tuple[int, Body]
"""HTTP status and body."""

_FILLS: Final = ("/orders/historical/fills",)
_LISTINGS: Final = ("/orders/historical/batch", *_FILLS)
_PAGES: Final = ("/accounts", *_LISTINGS)
_PLACING: Final = ("/orders",)
_CLOCKS: Final = ("/time", "/v2/time")


@dataclass(frozen=True)
class Change:
    """What is done to the body of a 200. ``paths`` are the endpoints it is for; ``offset_seconds`` goes in too."""

    paths: tuple[str, ...]
    meaning: str
    make: Callable[[Body, float], Changed]


def _without_has_next(body: Body, _offset: float) -> Changed:
    body.pop("has_next", None)
    body["cursor"] = body.get("cursor") or "abc"
    return 200, body


def _has_next_as_text(body: Body, _offset: float) -> Changed:
    return 200, body | {"has_next": "true"}


def _proof_token(body: Body, _offset: float) -> Changed:
    """The newer half of the records is missing."""
    for name in ("orders", "fills"):
        if name in body:
            body[name] = body[name][-(-len(body[name]) // 2) :]
    return 200, body | {"proof_token_required": True}


def _without(name: str) -> Callable[[Body, float], Changed]:
    def change(body: Body, _offset: float) -> Changed:
        for fill in body.get("fills", ()):
            fill.pop(name, None)
        return 200, body

    return change


def _followed_by(*types: str) -> Callable[[Body, float], Changed]:
    """The newest fill, and after it others of its size and price. A reversal has the trade id of what it takes back."""

    def change(body: Body, _offset: float) -> Changed:
        fills = body.get("fills")
        if not fills:
            return 200, body
        newest = fills[0]
        later = [
            newest
            | {
                "entry_id": f"{place}{newest.get('entry_id', '')}"[:64],
                "trade_id": newest["trade_id"] if kind == "REVERSAL" else f"{newest['trade_id']}-{place}",
                "trade_type": kind,
            }
            for place, kind in enumerate(types, 1)
        ]
        return 200, body | {"fills": [*reversed(later), *fills]}

    return change


def _duplicate(body: Body, _offset: float) -> Changed:
    if not body.get("success"):
        return 200, body
    reason = "DUPLICATE_CLIENT_ORDER_ID"
    error = {
        "error": reason,
        "message": "client_order_id is not unique",
        "error_details": "",
        "preview_failure_reason": "UNKNOWN_PREVIEW_FAILURE_REASON",
        "new_order_failure_reason": reason,
    }
    return 200, {
        "success": False,
        "error_response": error,
        "order_configuration": body.get("order_configuration"),
    }


def _already_exists(body: Body, _offset: float) -> Changed:
    if not body.get("success"):
        return 200, body
    words = "an order with this client_order_id already exists"
    return 409, {"error": "ALREADY_EXISTS", "error_details": words, "message": words}


def _refused_with_order_id(body: Body, offset: float) -> Changed:
    if not body.get("success"):
        return 200, body
    order_id = body["success_response"]["order_id"]
    status, refused = _duplicate(body, offset)
    reason = "COMMANDER_REJECTED_NEW_ORDER"
    refused["error_response"] |= {"error": "UNKNOWN_FAILURE_REASON", "new_order_failure_reason": reason}
    return status, refused | {"order_id": order_id}


def _clock(body: Body, offset: float) -> Changed:
    if "epochMillis" in body:
        shown = int(body["epochMillis"]) + int(offset * 1000)
        return 200, {"iso": rfc3339_ms(shown), "epochSeconds": str(shown // 1000), "epochMillis": str(shown)}
    moment = datetime.fromisoformat(body["data"]["iso"]) + timedelta(seconds=offset)
    iso = moment.isoformat().replace("+00:00", "Z")
    return 200, {"data": {"iso": iso, "epoch": int(moment.timestamp())}}


CHANGES: Final = {
    "cursor_without_has_next": Change(_PAGES, "a cursor, and no has_next", _without_has_next),
    "has_next_as_text": Change(_PAGES, '`has_next` is the text `"true"`', _has_next_as_text),
    "proof_token_required": Change(
        _LISTINGS, "`proof_token_required`, and the newer half of the list missing", _proof_token
    ),
    "no_entry_id": Change(_FILLS, "fills have no `entry_id`", _without("entry_id")),
    "no_size_in_quote": Change(_FILLS, "fills have no `size_in_quote`", _without("size_in_quote")),
    "reversed_and_filled_again": Change(
        _FILLS, "the newest fill is taken back and comes again", _followed_by("REVERSAL", "FILL")
    ),
    "reversed_and_corrected": Change(
        _FILLS, "the newest fill is taken back and put right", _followed_by("REVERSAL", "CORRECTION")
    ),
    "reversed": Change(_FILLS, "the newest fill is taken back; the order's totals stay", _followed_by("REVERSAL")),
    "duplicate_client_order_id": Change(
        _PLACING, "the order is taken, and refused with DUPLICATE_CLIENT_ORDER_ID", _duplicate
    ),
    "already_exists": Change(_PLACING, "the order is taken, and answered with HTTP 409", _already_exists),
    "refused_with_order_id": Change(
        _PLACING, "the order is taken; `success` is false beside its `order_id`", _refused_with_order_id
    ),
    "clock": Change(_CLOCKS, "the clock is `offset_seconds` off", _clock),
}
"""By name."""
