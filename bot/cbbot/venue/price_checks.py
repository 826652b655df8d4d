"""Checks of the prices of an order: on the product's scale, on the right side of each other and of the market."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from cbbot.domain.decimals import whole_units
from cbbot.domain.instrument import Instrument
from cbbot.domain.order import Side
from cbbot.errors import BadInput
from cbbot.venue.order_kinds import Configuration, OrderKind, Wanted, number
from cbbot.venue.refusals import OrderRefused, Reason
from cbbot.venue.venue_market import Market

__all__ = ["attached_legs", "check_stops", "limit_ticks", "stop_ticks"]

# A price so high is nobody's; and products of it with a size stay within exact decimals.
_HIGHEST = 10**15
_ATTACHED_KEY = "trigger_bracket_gtc"


def limit_ticks(price: Decimal | None, instrument: Instrument) -> int:
    """A limit price in ticks.

    Raises:
        OrderRefused: it is not above 0, or no multiple of the price increment.
    """
    if price is None:
        raise AssertionError("every order but a market order has a limit price")
    return _ticks(price, instrument, Reason.LIMIT_PRICE, Reason.LIMIT_PRICE_PRECISION)


def stop_ticks(price: Decimal, instrument: Instrument) -> int:
    """A stop price in ticks.

    Raises:
        OrderRefused: it is not above 0, or no multiple of the price increment.
    """
    return _ticks(price, instrument, Reason.STOP_PRICE, Reason.STOP_PRICE_PRECISION)


def _ticks(price: Decimal, instrument: Instrument, invalid: Reason, precision: Reason) -> int:
    ticks = whole_units(price, instrument.price_increment)
    if ticks is None:
        raise OrderRefused(precision)
    if not 0 < ticks <= _HIGHEST:
        raise OrderRefused(invalid)
    return ticks


def check_stops(fields: Wanted, side: Side, limit: int, stop: int, market: Market) -> None:
    """Raise when a stop would trigger at once, or lies on the wrong side of the limit."""
    last = 0 if market.last is None else market.last.price
    if fields.kind.is_bracket:
        _check_bracket(side, limit, stop, last)
    elif fields.kind.is_stop_limit:
        if fields.stop_up and stop <= last:
            raise OrderRefused(Reason.STOP_BELOW_LAST)
        if not fields.stop_up and stop >= last:
            raise OrderRefused(Reason.STOP_ABOVE_LAST)
        if side is Side.BUY and stop > limit:
            raise OrderRefused(Reason.STOP_ABOVE_LIMIT)
        if side is Side.SELL and stop < limit:
            raise OrderRefused(Reason.STOP_BELOW_LIMIT)


def _check_bracket(side: Side, limit: int, stop: int, last: int) -> None:
    if side is Side.BUY:
        raise OrderRefused(Reason.BRACKET_SIDE)
    if limit <= stop:
        raise OrderRefused(Reason.BRACKET_PRICES)
    if limit <= last:
        raise OrderRefused(Reason.BRACKET_LIMIT)
    if stop >= last:
        raise OrderRefused(Reason.BRACKET_STOP)


def attached_legs(
    attached: Configuration, kind: OrderKind, side: Side, price: int, instrument: Instrument
) -> tuple[int, int]:
    """Take profit and stop (ticks) of the bracket that is to follow an order.

    Args:
        price: of the order in ticks; the last price for a market order.

    Raises:
        OrderRefused: a bracket cannot follow such an order, a leg is missing or on the wrong side of its price.
    """
    fields = attached.get(_ATTACHED_KEY) if isinstance(attached, Mapping) and len(attached) == 1 else None
    if kind.order_type not in ("MARKET", "LIMIT") or not isinstance(fields, Mapping):
        raise OrderRefused(Reason.ATTACHED_KIND)
    if fields.get("base_size") or fields.get("quote_size"):
        raise OrderRefused(Reason.ATTACHED_KIND)
    if not fields.get("limit_price") or not fields.get("stop_trigger_price"):
        raise OrderRefused(Reason.ATTACHED_LEG_MISSING)
    if side is Side.SELL:
        raise OrderRefused(Reason.ATTACHED_SIDE)
    try:
        take, stop = number(fields["limit_price"]), number(fields["stop_trigger_price"])
    except BadInput as error:
        raise OrderRefused(Reason.NON_NUMERIC) from error
    take_ticks, stopped_ticks = limit_ticks(take, instrument), stop_ticks(stop, instrument)
    if take_ticks <= price:
        raise OrderRefused(Reason.ATTACHED_TAKE)
    if stopped_ticks >= price:
        raise OrderRefused(Reason.ATTACHED_STOP)
    return take_ticks, stopped_ticks
