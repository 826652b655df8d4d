"""The errors of each kind of endpoint, as OpenAPI tells them."""

from __future__ import annotations

from typing import Any

from cbbot.contract.bridge_errors import ErrorAnswer

__all__ = ["ACCOUNT_ERRORS", "MARKET_ERRORS", "ORDER_ERRORS", "TOKEN_ERRORS"]

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
ORDER_ERRORS: Responses = {
    **ACCOUNT_ERRORS,
    400: _error("Refused: nothing was placed", "INSUFFICIENT_FUND", "Insufficient balance in source account"),
    500: _error("A defect of the bridge; the fate of the order is not known", "internal", "see its log", "unknown"),
    502: _error("The fate of the order is not known, or it was not sent", "upstream_error", "HTTP 500", "unknown"),
    503: _error("Not sent, or its fate is not known", "upstream_unreachable", "no connection", "not_placed"),
    504: _error("No answer: the fate of the order is not known", "upstream_timeout", "no answer in time", "unknown"),
}
