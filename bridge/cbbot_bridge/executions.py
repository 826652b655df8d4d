"""What an order amounts to, from the order itself and from its fills. Pure.

Both become visible with a delay, and either may run ahead of the other. While an order goes on, the one
that tells of more is the better informed, up to what the order may fill at all. Of an order that is over,
its own totals are final: fills may lag behind them, but not go beyond.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Any

from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot.contract.bridge_orders import OrderState
from cbbot.domain.decimals import WIDE, plain
from cbbot.domain.order import OrderStatus
from cbbot_bridge import translate
from cbbot_bridge.http_errors import OrderUnknown
from cbbot_bridge.order_configuration import Asked, asked_of
from cbbot_bridge.order_fills import FillTotals, OrderFills

__all__ = ["order_state"]

_PLACES = Decimal("0.0000000000000001")
_ZERO = Decimal(0)

# A quote-sized fill's base is a quotient: equal to the order's size but for the last digits.
_SAME = Decimal("0.000001")


def order_state(body: Mapping[str, Any], fills: OrderFills) -> OrderState:
    """The order ``body`` with its ``fills``.

    Raises:
        UpstreamUnavailable: what money depends on is missing or makes no sense.
        OrderUnknown: order and fills contradict each other.
    """
    with localcontext(WIDE):
        return _order_state(body, fills)


def _order_state(body: Mapping[str, Any], fills: OrderFills) -> OrderState:
    status = translate.order_status(body.get("status"))
    asked = asked_of(body.get("order_configuration"))
    own = _own_totals(body)
    clear = bool(fills.fills) and fills.summable
    if status.terminal and own.base == 0 and not clear and _says_filled(body, status):
        raise _contradiction(body, f"is {status.value}, and says nowhere what was filled")
    agreeing = _agreeing(own, fills)
    believed = own
    if agreeing is None and fills.summable:
        believed = _corrected(body, own, fills) if status.terminal else _ahead(body, asked, own, fills)
    elif agreeing is not None and own.value == 0:
        believed = replace(own, value=agreeing.value)
    price = _amount(body, "average_filled_price")
    if believed is not own or price == 0:
        price = believed.value / believed.base if believed.base else _ZERO
    return OrderState(
        order_id=translate.text_of(body, "order_id"),
        client_order_id=str(body.get("client_order_id") or ""),
        product_id=translate.text_of(body, "product_id"),
        side=translate.side_of(body),
        status=status,
        created_time=str(body.get("created_time") or ""),
        kind=asked.kind,
        time_in_force=asked.time_in_force,
        base_size=_text(asked.base_size),
        quote_size=_text(asked.quote_size),
        limit_price=_text(asked.limit_price),
        stop_price=_text(asked.stop_price),
        pending_cancel=body.get("pending_cancel") is True,
        filled_size=_short(believed.base),
        average_filled_price=_short(price),
        filled_value=_short(believed.value),
        commission_total_usd=_commission(own, agreeing, fills),
        settled=body.get("settled") is True,
        fills_agree=agreeing is not None,
        reject_reason=_reject_reason(body),
    )


def _own_totals(body: Mapping[str, Any]) -> FillTotals:
    filled, value = _amount(body, "filled_size"), _amount(body, "filled_value")
    if filled > 0 and value == 0:
        value = filled * _amount(body, "average_filled_price")
    return FillTotals(filled, value, translate.decimal_or_none(body, "total_fees"), every_fee=True)


def _says_filled(body: Mapping[str, Any], status: OrderStatus) -> bool:
    """Whether an order without a size of its own tells in other words that something was filled: the size lags."""
    words = ("number_of_fills", "completion_percentage", "filled_value")
    return status is OrderStatus.FILLED or any(_amount(body, word) for word in words)


def _amount(body: Mapping[str, Any], key: str) -> Decimal:
    amount = translate.decimal_or_none(body, key) or _ZERO
    if amount < 0:
        raise translate.malformed(f"{key!r} of an order is {amount}")
    return amount


def _agreeing(own: FillTotals, fills: OrderFills) -> FillTotals | None:
    """The reading of the fills that says what the order says, if there is one."""
    if not (fills.complete and fills.summable):
        return None
    return next((reading for reading in fills.readings() if _about_equal(reading.base, own.base)), None)


def _corrected(body: Mapping[str, Any], own: FillTotals, fills: OrderFills) -> FillTotals:
    """Of an order that is over: its own totals, less what a reversal has taken back since."""
    readings = fills.readings()
    if all(_more(reading.base, own.base) for reading in readings):
        raise _contradiction(body, f"is over with {own.base} filled, its fills sum up to {readings[0].base}")
    if fills.complete and fills.reversed and len(readings) == 1 and 0 <= readings[0].base < own.base:
        return readings[0]
    return own


def _ahead(body: Mapping[str, Any], asked: Asked, own: FillTotals, fills: OrderFills) -> FillTotals:
    """Of an order that goes on: the fills' totals where they are ahead of the order's."""
    possible = [reading for reading in fills.readings() if _within(reading, asked)]
    if not possible:
        most = asked.base_size if asked.base_size is not None else asked.quote_size
        raise _contradiction(body, f"may fill {most}, its fills sum up to {fills.readings()[0].base}")
    ahead = [reading for reading in possible if reading.base > own.base]
    # Two that are possible: which one it is, the order will tell.
    return ahead[0] if len(ahead) == len(possible) == 1 else own


def _within(reading: FillTotals, asked: Asked) -> bool:
    """Whether the order, by its size, may have been filled so far."""
    if asked.base_size is not None and _more(reading.base, asked.base_size):
        return False
    return asked.quote_size is None or not _more(reading.value, asked.quote_size)


def _contradiction(body: Mapping[str, Any], words: str) -> OrderUnknown:
    message = f"order {body.get('order_id')} {words}: Coinbase contradicts itself; look at the account"
    return OrderUnknown(502, BridgeErrorCode.ORDER_CONTRADICTS.value, message)


def _more(left: Decimal, right: Decimal) -> bool:
    return left > right and not _about_equal(left, right)


def _about_equal(left: Decimal, right: Decimal) -> bool:
    return abs(left - right) <= _SAME * max(left, right)


def _commission(own: FillTotals, agreeing: FillTotals | None, fills: OrderFills) -> str | None:
    """The fills' own fees when they are complete (full digits), else the larger of what is known."""
    if agreeing is not None and agreeing.every_fee and agreeing.commission is not None:
        return _short(agreeing.commission)
    from_fills = fills.readings()[0].commission if fills.summable else None
    known = [amount for amount in (from_fills, own.commission) if amount is not None]
    return _short(max(known)) if known else None


def _short(value: Decimal) -> str:
    """At most 16 decimal places, without trailing zeros that say nothing."""
    if -int(value.as_tuple().exponent) > 16:
        value = value.quantize(_PLACES, context=WIDE)
    return plain(value)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _reject_reason(body: Mapping[str, Any]) -> str:
    reason = str(body.get("reject_reason") or "")
    return "" if reason == "REJECT_REASON_UNSPECIFIED" else reason
