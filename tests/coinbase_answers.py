"""Coinbase's answers about orders, as tests need them: an answer is JSON, or made from the request."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx

__all__ = ["fill", "filled_order", "page", "placed", "refused", "resting"]


def placed(order_id: str = "o-1", **changes: Any) -> Callable[[httpx.Request], httpx.Response]:
    """Coinbase's yes to the very order it is asked for, but for ``changes`` in what it says of it."""

    def answer(request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        kept = {key: asked[key] for key in ("client_order_id", "product_id", "side")}
        body = {
            "success": True,
            "success_response": {"order_id": order_id, **kept, **changes},
            "order_configuration": changes.get("order_configuration", asked["order_configuration"]),
        }
        return httpx.Response(200, json=body)

    return answer


def refused(**reasons: str) -> dict[str, Any]:
    """Coinbase's no to a create request."""
    return {"success": False, "error_response": {"message": "no", "error_details": "", **reasons}}


def filled_order(number: int = 1, /, **changes: Any) -> dict[str, Any]:
    """Order ``o-<number>`` under our id ``c-<number>``: a BUY, filled."""
    return {
        "order_id": f"o-{number}",
        "client_order_id": f"c-{number}",
        "product_id": "BTC-USD",
        "side": "BUY",
        "status": "FILLED",
        "created_time": "2026-11-22T17:20:00Z",
        "filled_size": "0.3",
        "average_filled_price": "100",
        "filled_value": "30",
        "total_fees": "0.27",
        "settled": True,
        **changes,
    }


def fill(entry: str, size: str, order_id: str = "o-1", **changes: Any) -> dict[str, Any]:
    """A fill of ``size`` at 100; one without ``entry_id`` for an empty ``entry``."""
    names = {"entry_id": entry} if entry else {}
    row = {**names, "order_id": order_id, "price": "100", "size": size, "commission": "0.09", "size_in_quote": False}
    return {**row, **changes}


def page(orders: list[dict[str, Any]], cursor: str = "", **changes: Any) -> dict[str, Any]:
    """A page of the listing of orders."""
    return {"orders": orders, "has_next": bool(cursor), "cursor": cursor, **changes}


def resting(status: str = "OPEN", *, price: str = "70000", size: str = "0.3", **changes: Any) -> dict[str, Any]:
    """The answer with order ``o-1``, a limit order with nothing filled."""
    leg = {"base_size": size, "limit_price": price, "post_only": False}
    order = filled_order(
        status=status,
        filled_size="0",
        filled_value="0",
        average_filled_price="0",
        total_fees="0",
        settled=False,
        order_configuration={"limit_limit_gtc": leg},
    )
    return {"order": {**order, **changes}}
