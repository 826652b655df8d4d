"""The kinds of orders that are taken, and their fields as a customer writes them, parsed once.

Each is a key of Coinbase's ``order_configuration``. Kinds that exist there and are not taken here
(``market_market_fok``, ``twap_limit_gtd``, ``scaled_limit_gtc``) are refused as unsupported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum

from cbbot.domain.decimals import parse_decimal
from cbbot.errors import BadInput
from cbbot.venue.refusals import OrderRefused, Reason

__all__ = ["Configuration", "OrderKind", "Wanted", "number", "wanted"]

Configuration = Mapping[str, Mapping[str, object]]
"""Coinbase's ``order_configuration``: one kind of order, and its fields."""

_GTC = "GOOD_UNTIL_CANCELLED"
_GTD = "GOOD_UNTIL_DATE_TIME"
_IOC = "IMMEDIATE_OR_CANCEL"
_FOK = "FILL_OR_KILL"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLAIN_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?|-?\.[0-9]+")


class OrderKind(Enum):
    """Key of the configuration, and what Coinbase calls its order type and time in force."""

    MARKET_IOC = ("market_market_ioc", "MARKET", _IOC)
    LIMIT_IOC = ("sor_limit_ioc", "LIMIT", _IOC)
    LIMIT_GTC = ("limit_limit_gtc", "LIMIT", _GTC)
    LIMIT_GTD = ("limit_limit_gtd", "LIMIT", _GTD)
    LIMIT_FOK = ("limit_limit_fok", "LIMIT", _FOK)
    STOP_LIMIT_GTC = ("stop_limit_stop_limit_gtc", "STOP_LIMIT", _GTC)
    STOP_LIMIT_GTD = ("stop_limit_stop_limit_gtd", "STOP_LIMIT", _GTD)
    BRACKET_GTC = ("trigger_bracket_gtc", "BRACKET", _GTC)
    BRACKET_GTD = ("trigger_bracket_gtd", "BRACKET", _GTD)

    def __init__(self, key: str, order_type: str, time_in_force: str) -> None:
        self.key = key
        self.order_type = order_type
        self.time_in_force = time_in_force

    @property
    def rests(self) -> bool:
        """Whether what is not filled at once stays in the book."""
        return self.time_in_force in (_GTC, _GTD)

    @property
    def is_dated(self) -> bool:
        return self.time_in_force == _GTD

    @property
    def is_market(self) -> bool:
        return self is OrderKind.MARKET_IOC

    @property
    def is_stop_limit(self) -> bool:
        return self.order_type == "STOP_LIMIT"

    @property
    def is_bracket(self) -> bool:
        return self.order_type == "BRACKET"


_BY_KEY = {kind.key: kind for kind in OrderKind}
_QUOTE_SIZED = (OrderKind.MARKET_IOC, OrderKind.LIMIT_IOC, OrderKind.LIMIT_GTC, OrderKind.LIMIT_GTD)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The fields of a configuration as numbers; exactly one of the sizes is given, prices where the kind has them."""

    kind: OrderKind
    base_size: Decimal | None = None
    quote_size: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    stop_up: bool = False
    end_ms: int | None = None
    post_only: bool = False


def wanted(configuration: Configuration) -> Wanted:
    """A configuration, parsed.

    Raises:
        OrderRefused: the kind is not taken, a field is missing, or no number where one is wanted.
    """
    if len(configuration) != 1:
        raise OrderRefused(Reason.UNSUPPORTED)
    ((key, fields),) = configuration.items()
    kind = _BY_KEY.get(key)
    if kind is None:
        raise OrderRefused(Reason.UNSUPPORTED)
    if not isinstance(fields, Mapping):
        raise OrderRefused(Reason.INVALID_CONFIGURATION)
    base_size, quote_size = _sizes(kind, fields)
    if kind.is_market:
        return Wanted(kind, base_size, quote_size)
    return Wanted(
        kind,
        base_size,
        quote_size,
        limit_price=_price(fields, "limit_price"),
        stop_price=_stop_price(kind, fields),
        stop_up=_stop_up(kind, fields),
        end_ms=_end_ms(fields) if kind.is_dated else None,
        post_only=_post_only(kind, fields),
    )


def number(value: object) -> Decimal:
    """A number in plain decimal text, as Coinbase takes it: no exponent, no sign but a minus, no blanks.

    Raises:
        BadInput: it is none.
    """
    if not isinstance(value, str) or not _PLAIN_NUMBER.fullmatch(value):
        raise BadInput(f"{value!r} is not a number in plain decimal text")
    return parse_decimal(value)


def _sizes(kind: OrderKind, fields: Mapping[str, object]) -> tuple[Decimal | None, Decimal | None]:
    base_size, quote_size = fields.get("base_size"), fields.get("quote_size")
    if quote_size is not None and kind.is_bracket:
        raise OrderRefused(Reason.BRACKET_IN_QUOTE)
    if (quote_size is None) == (base_size is None) or (quote_size is not None and kind not in _QUOTE_SIZED):
        raise OrderRefused(Reason.INVALID_CONFIGURATION)
    try:
        return (None, number(quote_size)) if base_size is None else (number(base_size), None)
    except BadInput as error:
        raise OrderRefused(Reason.NON_NUMERIC) from error


def _price(fields: Mapping[str, object], name: str) -> Decimal:
    if name not in fields:
        raise OrderRefused(Reason.INVALID_CONFIGURATION)
    try:
        return number(fields[name])
    except BadInput as error:
        raise OrderRefused(Reason.LIMIT_PRICE if name == "limit_price" else Reason.STOP_PRICE) from error


def _stop_price(kind: OrderKind, fields: Mapping[str, object]) -> Decimal | None:
    if kind.is_stop_limit:
        return _price(fields, "stop_price")
    return _price(fields, "stop_trigger_price") if kind.is_bracket else None


def _stop_up(kind: OrderKind, fields: Mapping[str, object]) -> bool:
    if not kind.is_stop_limit:
        return False
    direction = fields.get("stop_direction")
    if direction not in ("STOP_DIRECTION_STOP_UP", "STOP_DIRECTION_STOP_DOWN"):
        raise OrderRefused(Reason.INVALID_CONFIGURATION)
    return direction == "STOP_DIRECTION_STOP_UP"


def _end_ms(fields: Mapping[str, object]) -> int:
    text = fields.get("end_time")
    if not isinstance(text, str):
        raise OrderRefused(Reason.END_TIME)
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise OrderRefused(Reason.END_TIME)
        # In UTC too it must be a year that a record can show.
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise OrderRefused(Reason.END_TIME) from error
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _post_only(kind: OrderKind, fields: Mapping[str, object]) -> bool:
    post_only = fields.get("post_only", False)
    if not isinstance(post_only, bool):
        raise OrderRefused(Reason.INVALID_CONFIGURATION)
    if post_only and kind is OrderKind.LIMIT_FOK:
        raise OrderRefused(Reason.POST_ONLY_WITH_FOK)
    if post_only and kind not in (OrderKind.LIMIT_GTC, OrderKind.LIMIT_GTD):
        raise OrderRefused(Reason.INVALID_CONFIGURATION)
    return post_only
