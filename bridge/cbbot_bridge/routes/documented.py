"""The errors of each kind of endpoint, as OpenAPI tells them."""

from __future__ import annotations

from typing import Any

from cbbot.contract.bridge_errors import ErrorAnswer
from cbbot.contract.bridge_orders import OrderUnchanged

__all__ = ["ACCOUNT_ERRORS", "CHANGE_ERRORS", "LOOK_ERRORS", "MARKET_ERRORS", "ORDER_ERRORS", "TOKEN_ERRORS"]

Responses = dict[int | str, dict[str, Any]]


def _error(description: str, code: str, message: str, outcome: str | None = None) -> dict[str, Any]:
    example: dict[str, Any] = {"error": {"code": code, "message": message}}
    if outcome:
        example["outcome"] = outcome
    return {
        "model": ErrorAnswer,
        "description": description,
        "content": {"application/json": {"example": example}},
    }


_INPUT: Responses = {
    409: _error("A newer instance of this bot is running", "stale_epoch", "X-Bot-Epoch 7 of bot 'btc' is older than 8"),
    422: _error("Input that cannot be used; the message names the field", "invalid_input", "limit: must be 1 to 350"),
}
_REFUSED: Responses = {
    400: _error("Coinbase refuses, with its reason", "INVALID_ARGUMENT", "granularity argument is invalid"),
    403: _error("Not allowed: here or at Coinbase", "PERMISSION_DENIED", "Missing required scopes"),
    404: _error("No such thing", "NOT_FOUND", "Product NOPE-USD not supported"),
    429: _error("Too much is asked for", "too_many_products", "already following 50 products; ask for fewer"),
}
_UNAVAILABLE: Responses = {
    502: _error("Coinbase's answer cannot be used", "upstream_error", "Coinbase: Coinbase answered HTTP 500"),
    503: _error("Coinbase cannot be asked now", "upstream_unreachable", "Coinbase: no connection (ConnectionTimeout)"),
    504: _error("Coinbase did not answer in time", "upstream_timeout", "Coinbase: no answer in time"),
}

TOKEN_ERRORS: Responses = {
    401: _error("The bridge token is wrong or missing", "bad_token", "the Authorization header does not carry it"),
    403: _REFUSED[403],
    **_INPUT,
}
MARKET_ERRORS: Responses = {**_INPUT, **_REFUSED, **_UNAVAILABLE}
ACCOUNT_ERRORS: Responses = {
    **MARKET_ERRORS,
    **TOKEN_ERRORS,
    503: _error("No keys, or Coinbase cannot be asked now", "no_credentials", "the bridge has no API key"),
}
LOOK_ERRORS: Responses = {
    **ACCOUNT_ERRORS,
    502: _error(
        "Coinbase's answer cannot be used, or contradicts itself",
        "order_contradicts",
        "order o-1 is over with 0.001 filled, its fills sum up to 0.002",
        "unknown",
    ),
}
ORDER_ERRORS: Responses = {
    **ACCOUNT_ERRORS,
    400: _error("Refused: nothing was placed", "INSUFFICIENT_FUND", "Insufficient balance in source account"),
    403: _error("Not allowed: here or at Coinbase", "key_may_not_trade", "the API key may not trade"),
    409: _error(
        "The id stands for another order, or a newer instance of this bot is running",
        "id_in_use",
        "client_order_id btc-7-1 stands for another request; nothing was placed for this request",
    ),
    500: _error("A defect of the bridge; the fate of the order is not known", "internal", "see its log", "unknown"),
    502: _error("The fate of the order is not known, or it was not sent", "upstream_error", "HTTP 500", "unknown"),
    503: _error("Not sent, or its fate is not known", "upstream_unreachable", "no connection", "not_placed"),
    504: _error("No answer: the fate of the order is not known", "upstream_timeout", "no answer in time", "unknown"),
}
CHANGE_ERRORS: Responses = {
    **ORDER_ERRORS,
    400: _error("Refused: nothing was changed", "INVALID_ARGUMENT", "order_id argument is invalid"),
    409: {
        "model": OrderUnchanged,
        "description": "Certainly not done; or a newer instance of this bot is running",
        "content": {
            "application/json": {
                "example": {
                    "error": {"code": "ORDER_IS_FULLY_FILLED", "message": "order o-1 was not canceled: it is FILLED"},
                    "order": None,
                }
            }
        },
    },
    500: _error("A defect of the bridge; what became of it is not known", "internal", "see its log", "unknown"),
    502: _error("What became of it is not known, or it was not sent", "upstream_error", "HTTP 500", "unknown"),
    503: _error("Not sent, or what became of it is not known", "upstream_unreachable", "no connection", "not_sent"),
    504: _error("What became of it is not known", "still_pending", "order o-1 is CANCEL_QUEUED", "unknown"),
}
