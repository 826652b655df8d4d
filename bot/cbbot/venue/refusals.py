"""Refusals of new orders, with Coinbase's own reasons.

Source: the NewOrderFailureReason and PreviewFailureReason enumerations of Advanced Trade.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from cbbot.errors import Refused

__all__ = ["OrderRefused", "Reason"]

_UNKNOWN = "UNKNOWN_FAILURE_REASON"


class _Words(NamedTuple):
    error: str
    preview: str
    message: str


class Reason(Enum):
    """One reason each: the error, the preview failure reason, and a sentence for people."""

    INVALID_SIDE = _Words("INVALID_SIDE", "PREVIEW_INVALID_SIDE", "side must be BUY or SELL")
    INVALID_PRODUCT = _Words("INVALID_PRODUCT_ID", "PREVIEW_INVALID_PRODUCT_ID", "unknown product_id")
    UNSUPPORTED = _Words("UNSUPPORTED_ORDER_CONFIGURATION", _UNKNOWN, "order configuration is not supported")
    INVALID_CONFIGURATION = _Words(
        "UNSUPPORTED_ORDER_CONFIGURATION",
        "PREVIEW_INVALID_ORDER_CONFIG",
        "give exactly one of quote_size and base_size; a SELL takes base_size",
    )
    NON_NUMERIC = _Words("INVALID_REQUEST", "PREVIEW_NON_NUMERIC_ORDER_SIZE", "order size is not a number")
    BASE_PRECISION = _Words(
        "INVALID_SIZE_PRECISION", "PREVIEW_INVALID_SIZE_PRECISION", "base_size is no multiple of base_increment"
    )
    QUOTE_PRECISION = _Words(
        "INVALID_SIZE_PRECISION", "PREVIEW_INVALID_QUOTE_SIZE_PRECISION", "quote_size is no multiple of quote_increment"
    )
    BASE_TOO_SMALL = _Words("INVALID_REQUEST", "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL", "order is below the minimum size")
    BASE_TOO_LARGE = _Words("INVALID_REQUEST", "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE", "order is above base_max_size")
    QUOTE_TOO_SMALL = _Words("INVALID_REQUEST", "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL", "order is below quote_min_size")
    QUOTE_TOO_LARGE = _Words("INVALID_REQUEST", "PREVIEW_INVALID_QUOTE_SIZE_TOO_LARGE", "order is above quote_max_size")
    INSUFFICIENT_FUND = _Words(
        "INSUFFICIENT_FUND", "PREVIEW_INSUFFICIENT_FUND", "Insufficient balance in source account"
    )
    NO_ACCOUNT = _Words("INVALID_LEDGER_BALANCE", _UNKNOWN, "account is not available")
    TRADING_DISABLED = _Words("ORDER_ENTRY_DISABLED", "PREVIEW_TRADING_DISABLED", "trading is disabled")
    VIEW_ONLY = _Words("INELIGIBLE_PAIR", "PREVIEW_TRADING_DISABLED", "product is view only")
    MARKET_STATE = _Words(
        "ORDER_ENTRY_DISABLED", "PREVIEW_NOT_ALLOWED_BY_MARKET_STATE", "market orders are not taken in this state"
    )
    NO_BOOK = _Words("INVALID_NO_LIQUIDITY", "PREVIEW_MISSING_PRODUCT_PRICE_BOOK", "no price yet")


class OrderRefused(Refused):
    """A new order was not taken; nothing has changed. The client order id stays free."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value.error, reason.value.message)
        self.reason = reason

    @property
    def preview_reason(self) -> str:
        return self.reason.value.preview

    @property
    def new_order_reason(self) -> str:
        """UNKNOWN when the preview reason says it all, as on the wire."""
        return self.code if self.preview_reason == _UNKNOWN else _UNKNOWN
