"""The three outcomes of a request to the bridge, and the codes of its errors.

What became of ``POST /order/market`` and ``POST /orders/market_buy``:

=================  ================================  =========================================
answer             body                              meaning
=================  ================================  =========================================
200                ``OrderPlaced``                   the order with this client order id exists
4xx                ``ErrorAnswer``                   refused: this request placed nothing
5xx                ``outcome: "not_placed"``         this request never left; may be made again
5xx                ``outcome: "unknown"``            it may exist: look it up, or ask again with
                                                     the same client order id
any other 5xx      (a proxy's, say)                  read it as unknown
no answer at all                                     unknown
=================  ================================  =========================================

A refusal speaks of its own request only. When an *earlier* request with the same id ended unknown,
``GET /order`` settles it, a later refusal does not. The bridge itself never answers such a repeat
with a 4xx of Coinbase's while it remembers the first one.

Reads answer 5xx without an ``outcome``: nothing can have changed, they may be made again.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["BridgeErrorCode", "ErrorAnswer", "ErrorDetail"]


class BridgeErrorCode(StrEnum):
    """The bridge's own codes. Any other ``code`` is Coinbase's reason, passed on as it came."""

    BAD_TOKEN = "bad_token"  # noqa: S105  a code's name, no secret
    NO_TOKEN_CONFIGURED = "no_token_configured"  # noqa: S105  a code's name, no secret
    NO_CREDENTIALS = "no_credentials"
    STALE_EPOCH = "stale_epoch"
    INVALID_INPUT = "invalid_input"
    NOT_FOUND = "not_found"
    SIZE_TOO_SMALL = "size_too_small"
    TRADING_DISABLED = "trading_disabled"
    CANCEL_ONLY = "cancel_only"
    LIMIT_ONLY = "limit_only"
    POST_ONLY = "post_only"
    AUCTION_MODE = "auction_mode"
    VIEW_ONLY = "view_only"
    RATE_LIMITED = "rate_limited"
    BUSY = "busy"
    TOO_MANY_PRODUCTS = "too_many_products"
    UPSTREAM_UNAUTHORIZED = "upstream_unauthorized"
    UPSTREAM_FORBIDDEN = "upstream_forbidden"
    UPSTREAM_UNREACHABLE = "upstream_unreachable"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    UPSTREAM_ERROR = "upstream_error"
    UPSTREAM_MALFORMED = "upstream_malformed"
    INTERNAL = "internal"


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ErrorDetail(_Answer):
    """``code`` is for machines (``BridgeErrorCode`` or Coinbase's reason), ``message`` for people."""

    code: str = Field(examples=["INSUFFICIENT_FUND"])
    message: str = Field(examples=["Insufficient balance in source account"])


class ErrorAnswer(_Answer):
    """Every error. ``outcome`` stands in 5xx answers to order requests only."""

    error: ErrorDetail
    outcome: Literal["unknown", "not_placed"] | None = None
