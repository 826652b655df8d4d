"""Refusals of new orders, with Coinbase's own reasons.

Source: the NewOrderFailureReason and PreviewFailureReason enumerations of Advanced Trade.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple

from cbbot.errors import Refused

__all__ = ["OrderRefused", "Reason"]

# Each of the two enumerations has its own word for nothing.
_UNKNOWN = "UNKNOWN_FAILURE_REASON"
_UNKNOWN_PREVIEW = "UNKNOWN_PREVIEW_FAILURE_REASON"


class _Words(NamedTuple):
    error: str
    preview: str
    message: str


class Reason(Enum):
    """One reason each: the error, the preview failure reason, and a sentence for people."""

    INVALID_SIDE = _Words("INVALID_SIDE", "PREVIEW_INVALID_SIDE", "side must be BUY or SELL")
    INVALID_PRODUCT = _Words("INVALID_PRODUCT_ID", "PREVIEW_INVALID_PRODUCT_ID", "unknown product_id")
    UNSUPPORTED = _Words("UNSUPPORTED_ORDER_CONFIGURATION", _UNKNOWN_PREVIEW, "order configuration is not supported")
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
    NO_ACCOUNT = _Words("INVALID_LEDGER_BALANCE", _UNKNOWN_PREVIEW, "account is not available")
    TRADING_DISABLED = _Words("ORDER_ENTRY_DISABLED", "PREVIEW_TRADING_DISABLED", "trading is disabled")
    VIEW_ONLY = _Words("INELIGIBLE_PAIR", "PREVIEW_TRADING_DISABLED", "product is view only")
    MARKET_STATE = _Words(
        "ORDER_ENTRY_DISABLED",
        "PREVIEW_NOT_ALLOWED_BY_MARKET_STATE",
        "such orders are not taken in this state of the market",
    )
    HALTED = _Words("ORDER_ENTRY_DISABLED", "PREVIEW_PRODUCT_TRADING_HALTED", "the product is not online")
    LIMIT_PRICE = _Words("INVALID_LIMIT_PRICE", "PREVIEW_INVALID_LIMIT_PRICE", "limit_price must be a number above 0")
    LIMIT_PRICE_PRECISION = _Words(
        "INVALID_PRICE_PRECISION",
        "PREVIEW_INVALID_LIMIT_PRICE_PRECISION",
        "limit_price is no multiple of price_increment",
    )
    LIMIT_PRICE_TOO_FAR = _Words(
        "INVALID_LIMIT_PRICE", "PREVIEW_LIMIT_PRICE_TOO_FAR_FROM_MARKET", "limit_price is too far from the market"
    )
    POST_ONLY_CROSSES = _Words(
        "INVALID_LIMIT_PRICE_POST_ONLY",
        "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY",
        "a post-only order would match at once",
    )
    POST_ONLY_WITH_FOK = _Words(
        "POST_ONLY_NOT_ALLOWED_WITH_FOK", "PREVIEW_POST_ONLY_NOT_ALLOWED_WITH_FOK", "post_only and fill or kill exclude"
    )
    END_TIME = _Words("INVALID_REQUEST", "PREVIEW_INVALID_END_TIME", "end_time must be a time in the future (RFC 3339)")
    STOP_PRICE = _Words("INVALID_REQUEST", "PREVIEW_INVALID_STOP_PRICE", "stop price must be a number above 0")
    STOP_PRICE_PRECISION = _Words(
        "INVALID_PRICE_PRECISION",
        "PREVIEW_INVALID_STOP_PRICE_PRECISION",
        "stop price is no multiple of price_increment",
    )
    STOP_ABOVE_LIMIT = _Words(
        "INVALID_REQUEST", "PREVIEW_STOP_PRICE_ABOVE_LIMIT_PRICE", "a BUY needs its stop at or below its limit"
    )
    STOP_BELOW_LIMIT = _Words(
        "INVALID_REQUEST", "PREVIEW_STOP_PRICE_BELOW_LIMIT_PRICE", "a SELL needs its stop at or above its limit"
    )
    STOP_ABOVE_LAST = _Words(
        "INVALID_REQUEST", "PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE", "stop down: must be below the last trade price"
    )
    STOP_BELOW_LAST = _Words(
        "INVALID_REQUEST", "PREVIEW_STOP_PRICE_BELOW_LAST_TRADE_PRICE", "stop up: must be above the last trade price"
    )
    BRACKET_SIDE = _Words("INVALID_SIDE", "PREVIEW_INVALID_BRACKET_ORDER_SIDE", "a bracket sells what one has")
    BRACKET_IN_QUOTE = _Words(
        "UNSUPPORTED_ORDER_CONFIGURATION", "PREVIEW_QUOTE_SIZE_NOT_ALLOWED_FOR_BRACKET", "a bracket takes base_size"
    )
    BRACKET_PRICES = _Words(
        "INVALID_REQUEST", "PREVIEW_INVALID_BRACKET_PRICES", "a bracket's limit_price must be above its stop"
    )
    BRACKET_LIMIT = _Words(
        "INVALID_LIMIT_PRICE", "PREVIEW_INVALID_BRACKET_LIMIT_PRICE", "limit_price must be above the last trade price"
    )
    BRACKET_STOP = _Words(
        "INVALID_REQUEST",
        "PREVIEW_INVALID_BRACKET_STOP_TRIGGER_PRICE",
        "stop_trigger_price must be below the last trade price",
    )
    ATTACHED_KIND = _Words(
        "UNSUPPORTED_ORDER_CONFIGURATION",
        "PREVIEW_INVALID_ORDER_CONFIG",
        "only market and limit orders take an attached trigger_bracket_gtc without a size",
    )
    ATTACHED_SIDE = _Words(
        "INVALID_SIDE", "PREVIEW_INVALID_ORDER_SIDE_FOR_ATTACHED_TPSL", "a bracket follows a BUY, on spot"
    )
    ATTACHED_LEG_MISSING = _Words(
        "SINGLE_LEGGED_TPSL_NOT_ALLOWED",
        "PREVIEW_SINGLE_LEGGED_TPSL_NOT_ALLOWED",
        "give limit_price and stop_trigger_price",
    )
    ATTACHED_TAKE = _Words(
        "INVALID_REQUEST", "PREVIEW_INVALID_ATTACHED_TAKE_PROFIT_PRICE", "take profit must be above the order's price"
    )
    ATTACHED_STOP = _Words(
        "INVALID_REQUEST", "PREVIEW_INVALID_ATTACHED_STOP_LOSS_PRICE", "stop loss must be below the order's price"
    )
    TOO_MANY_ORDERS = _Words("COMMANDER_REJECTED_NEW_ORDER", _UNKNOWN_PREVIEW, "too many open orders of this product")
    DUPLICATE = _Words("DUPLICATE_CLIENT_ORDER_ID", _UNKNOWN_PREVIEW, "client_order_id has been used")
    NO_BOOK = _Words("INVALID_NO_LIQUIDITY", "PREVIEW_MISSING_PRODUCT_PRICE_BOOK", "no price yet")


# What an order is refused with has no preview reason; a preview still says why.
_IN_PREVIEW: Final[Mapping[Reason, str]] = {
    Reason.UNSUPPORTED: "PREVIEW_INVALID_ORDER_CONFIG",
    Reason.NO_ACCOUNT: "PREVIEW_INVALID_LEDGER_BALANCE",
}


class OrderRefused(Refused):
    """A new order was not taken; nothing has changed. The client order id stays free."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value.error, reason.value.message)
        self.reason = reason

    @property
    def preview_reason(self) -> str:
        return self.reason.value.preview

    @property
    def shown_in_preview(self) -> str:
        """The reason in a preview's ``errs``: they have the preview enumeration's words alone."""
        return _IN_PREVIEW.get(self.reason, self.preview_reason)

    @property
    def new_order_reason(self) -> str:
        """UNKNOWN when the preview reason says it all, as on the wire."""
        return self.code if self.preview_reason == _UNKNOWN_PREVIEW else _UNKNOWN
