"""The three outcomes of a request to the bridge, and the codes of its errors.

What became of a request for an order, ``POST`` to ``/order/market``, ``/orders/market_buy``,
``/order/limit``, ``/order/stop_limit`` or ``/order/bracket``:

=================  ================================  =========================================
answer             body                              meaning
=================  ================================  =========================================
200                ``OrderPlaced``                   the order with this client order id exists
409                code ``id_in_use``                the id stands for another wish; nothing was
                                                     placed for this one
any other 4xx      ``ErrorAnswer``                   refused: this request placed nothing
5xx                ``outcome: "not_placed"``         this request never left; may be made again
5xx                ``outcome: "unknown"``            it may exist: look it up, or ask again
                                                     with the same client order id
any other 5xx      (a proxy's, say)                  read it as unknown
no answer at all                                     unknown
=================  ================================  =========================================

A repeat of an order that exists is answered 200, never refused: ids that have been sent are remembered, and
before one that is not known is refused, it is looked up. When an *earlier* request with the same id ended
unknown, neither a gate nor a refusal of Coinbase's settles it; only a look does.

What became of a change, ``DELETE`` or ``PATCH`` of ``/order/{order_id}``:

=================  ================================  =========================================
answer             body                              meaning
=================  ================================  =========================================
200                ``OrderState``                    canceled, or edited; parts may be filled
409                ``OrderUnchanged``                certainly not; ``order`` is how it stands
any other 4xx      ``ErrorAnswer``                   refused, nothing was changed
5xx                ``outcome: "not_sent"``           this request never left; may be made again
5xx                ``outcome: "unknown"``            look the order up, or ask again
=================  ================================  =========================================

Reads answer 5xx without an ``outcome``: nothing can have changed, they may be made again. The exception is an
order whose own totals and fills contradict each other (``order_contradicts``): what became of it is unknown.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["BridgeErrorCode", "ErrorAnswer", "ErrorDetail", "Outcome"]


class BridgeErrorCode(StrEnum):
    """The bridge's own codes. Any other ``code`` is Coinbase's reason, passed on as it came."""

    BAD_TOKEN = "bad_token"  # noqa: S105  a code's name, no secret
    NO_TOKEN_CONFIGURED = "no_token_configured"  # noqa: S105  a code's name, no secret
    NO_CREDENTIALS = "no_credentials"
    STALE_EPOCH = "stale_epoch"
    INVALID_INPUT = "invalid_input"
    NOT_FOUND = "not_found"
    TOO_LATE = "too_late"
    ID_IN_USE = "id_in_use"
    SIZE_TOO_SMALL = "size_too_small"
    PRICE_TOO_SMALL = "price_too_small"
    NOT_CANCELED = "not_canceled"
    NOT_EDITED = "not_edited"
    STILL_PENDING = "still_pending"
    ORDER_CONTRADICTS = "order_contradicts"
    PROOF_WANTED = "proof_wanted"
    KEY_MAY_NOT_TRADE = "key_may_not_trade"
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
    UPSTREAM_UNREACHABLE = "upstream_unreachable"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    UPSTREAM_ERROR = "upstream_error"
    UPSTREAM_MALFORMED = "upstream_malformed"
    INTERNAL = "internal"


Outcome = Literal["unknown", "not_placed", "not_sent"]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ErrorDetail(_Answer):
    """``code`` is for machines (``BridgeErrorCode`` or Coinbase's reason), ``message`` for people."""

    code: str = Field(examples=["INSUFFICIENT_FUND"])
    message: str = Field(examples=["Insufficient balance in source account"])


class ErrorAnswer(_Answer):
    """Every error. ``outcome`` stands in 5xx answers that concern an order; the tables above say which."""

    error: ErrorDetail
    outcome: Outcome | None = None
