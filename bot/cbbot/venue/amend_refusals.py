"""Why an order was not canceled or edited, in Coinbase's own words."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

__all__ = ["CancelFailure", "EditFailure", "EditRefusal"]


class CancelFailure(StrEnum):
    """``failure_reason`` of a cancel. One that was accepted says ``UNKNOWN_CANCEL_FAILURE_REASON``."""

    INVALID_REQUEST = "INVALID_CANCEL_REQUEST"
    UNKNOWN_ORDER = "UNKNOWN_CANCEL_ORDER"
    DUPLICATE_REQUEST = "DUPLICATE_CANCEL_REQUEST"
    NOT_ALLOWED = "NOT_ALLOWED_TO_CANCEL"
    FULLY_FILLED = "ORDER_IS_FULLY_FILLED"
    BEING_REPLACED = "ORDER_IS_BEING_REPLACED"


class EditFailure(StrEnum):
    """``edit_failure_reason``."""

    UNKNOWN = "UNKNOWN_EDIT_ORDER_FAILURE_REASON"
    NOT_FOUND = "ORDER_NOT_FOUND"
    ALREADY_FILLED = "ORDER_ALREADY_FILLED"
    NOT_OPEN = "ONLY_OPEN_ORDERS_CAN_BE_EDITED"
    NOT_LIMIT = "ONLY_LIMIT_ORDER_EDITS_SUPPORTED"
    IN_QUOTE = "SIZE_IN_QUOTE_EDITS_NOT_ALLOWED"
    INVALID_SIZE = "INVALID_EDITED_SIZE"
    INVALID_PRICE = "INVALID_EDITED_PRICE"
    BELOW_FILLED = "CANNOT_EDIT_TO_BELOW_FILLED_SIZE"
    NOTHING_NEW = "EDIT_REQUEST_EQUAL_TO_ORIGINAL_REQUEST"
    BEING_REPLACED = "ORDER_IS_ALREADY_BEING_REPLACED"
    PENDING_CANCEL = "CANNOT_EDIT_ORDER_PENDING_CANCEL"
    NO_STOP_PRICE = "FIELD_STOPPRICE_NOT_SUPPORTED"
    TRIGGERED = "CANNOT_EDIT_STOP_PRICE_FOR_TRIGGERED_ORDER"


class EditRefusal(NamedTuple):
    """An edit that was not taken; ``preview`` is the preview_failure_reason where that says more."""

    failure: EditFailure
    preview: str = "UNKNOWN_PREVIEW_FAILURE_REASON"
