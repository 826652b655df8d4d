"""What an order amounts to, from the order itself and from its fills. Pure.

Both become visible with a delay, and either may run ahead of the other. Sizes only ever grow, so
the one that tells of more is the better informed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from typing import Any

from cbbot.contract.bridge_orders import OrderState
from cbbot.domain.decimals import plain
from cbbot_bridge import translate

__all__ = ["Fill", "fill_of", "order_state"]

_WIDE = Context(prec=60)
_PLACES = Decimal("0.0000000000000001")
_ZERO = Decimal(0)

# A quote-sized fill's base is a quotient: equal to the order's size but for the last digits.
_SAME = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Fill:
    """One fill: ``base`` in base units, ``value`` and ``commission`` in quote. None: Coinbase named no fee."""

    base: Decimal
    value: Decimal
    commission: Decimal | None


def fill_of(body: Mapping[str, Any]) -> Fill:
    """A fill, whether its size is given in base or (``size_in_quote``) in quote."""
    price = translate.decimal_of(body, "price")
    size = translate.decimal_of(body, "size")
    if price <= 0 or size < 0:
        raise translate.malformed(f"a fill of {size} at {price}")
    commission = translate.decimal_or_none(body, "commission")
    if body.get("size_in_quote") is True:
        return Fill(_WIDE.divide(size, price), size, commission)
    return Fill(size, _WIDE.multiply(size, price), commission)


def order_state(body: Mapping[str, Any], fills: Sequence[Fill]) -> OrderState:
    """The order ``body`` with all its ``fills``."""
    with localcontext(_WIDE):
        return _order_state(body, fills)


def _order_state(body: Mapping[str, Any], fills: Sequence[Fill]) -> OrderState:
    filled = translate.decimal_or_none(body, "filled_size") or _ZERO
    price = translate.decimal_or_none(body, "average_filled_price") or _ZERO
    value = translate.decimal_or_none(body, "filled_value") or _ZERO
    fills_base = sum((fill.base for fill in fills), _ZERO)
    agree = _about_equal(fills_base, filled)
    if fills_base > filled and not agree:
        filled, value = fills_base, sum((fill.value for fill in fills), _ZERO)
        price = value / filled
    elif filled > 0 and value == 0:
        value = filled * price
    asked = _asked_sizes(body)
    return OrderState(
        order_id=translate.text_of(body, "order_id"),
        client_order_id=str(body.get("client_order_id") or ""),
        product_id=translate.text_of(body, "product_id"),
        side=translate.side_of(body),
        status=translate.order_status(body.get("status")),
        created_time=str(body.get("created_time") or ""),
        base_size=asked.get("base_size"),
        quote_size=asked.get("quote_size"),
        filled_size=_short(filled),
        average_filled_price=_short(price),
        filled_value=_short(value),
        commission_total_usd=_commission(body, fills, agree=agree),
        settled=body.get("settled") is True,
        fills_agree=agree,
        reject_reason=_reject_reason(body),
    )


def _about_equal(left: Decimal, right: Decimal) -> bool:
    return abs(left - right) <= _SAME * max(left, right)


def _commission(body: Mapping[str, Any], fills: Sequence[Fill], *, agree: bool) -> str | None:
    """The fills' own fees when they are complete (full digits), else the larger of what is known."""
    charged = [fill.commission for fill in fills if fill.commission is not None]
    from_fills = sum(charged, _ZERO) if charged else None
    from_order = translate.decimal_or_none(body, "total_fees")
    if from_fills is not None and agree and len(charged) == len(fills):
        return _short(from_fills)
    known = [amount for amount in (from_fills, from_order) if amount is not None]
    return _short(max(known)) if known else None


def _short(value: Decimal) -> str:
    """At most 16 decimal places, without trailing zeros that say nothing."""
    if -int(value.as_tuple().exponent) > 16:
        value = value.quantize(_PLACES, context=_WIDE)
    return plain(value)


def _asked_sizes(body: Mapping[str, Any]) -> dict[str, str]:
    configuration = body.get("order_configuration")
    if not isinstance(configuration, dict):
        return {}
    for leg in configuration.values():
        if isinstance(leg, dict):
            sizes = {key: translate.decimal_or_none(leg, key) for key in ("base_size", "quote_size")}
            return {key: plain(size) for key, size in sizes.items() if size is not None}
    return {}


def _reject_reason(body: Mapping[str, Any]) -> str:
    reason = str(body.get("reject_reason") or "")
    return "" if reason == "REJECT_REASON_UNSPECIFIED" else reason
