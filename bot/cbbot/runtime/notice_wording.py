"""What a person reads in Slack of what a trader does. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

__all__ = ["wording"]

Fields = Mapping[str, object]
_SHOWN_PLACES: Final = Decimal("0.0001")
_CENTS: Final = Decimal("0.01")
# A refused order's refusal says it once; of an order that was sent, its fill says it.
_IN_DOUBT: Final = {"unknown": "nobody knows whether it was placed", "absent": "it was never placed"}


def wording(event: str, fields: Fields) -> str | None:
    """The sentence for a person; None for what needs none."""
    worded = _EVENTS.get(event)
    said = worded(fields) if worded is not None else None
    # What the exchange wrote may not call a channel together.
    return said and said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _opened(fields: Fields) -> str:
    verb = "bought" if fields["side"] == "BUY" else "sold"
    size, price, value = _plain(fields["base_size"]), _money(fields["price"]), _money(fields["value"])
    fee = _money(fields["fee"])
    return f":large_blue_circle: Lot {fields['lot']} opened: {verb} {size} at {price} for {value}, {fee} fee"


def _closed(fields: Fields) -> str:
    if "net_pnl" not in fields:
        return f":white_circle: Lot {fields['lot']} is {fields['detail']}"
    profit = Decimal(str(fields["net_pnl"]))
    mark, made = (":large_green_circle:", "won") if profit >= 0 else (":large_orange_circle:", "lost")
    reason = str(fields["reason"]).replace("_", " ")
    closed = f"{mark} Lot {fields['lot']} closed by {reason} at {_money(fields['price'])}"
    return f"{closed}: {made} {_money(abs(profit))}, equity {_money(fields['equity'])}"


def _in_doubt(fields: Fields) -> str | None:
    why = _IN_DOUBT.get(str(fields.get("outcome")))
    if why is None:
        return None
    order = f"{fields['side']} {_plain(fields['base_size'])} for lot {fields['lot']} ({fields['client_order_id']})"
    return f":warning: Order {order}: {why}. {fields['detail']}"


def _started(fields: Fields) -> str:
    return f":arrow_forward: Started, version {fields['version']}"


def _stopped(fields: Fields) -> str:
    lots = fields["open_lots"]
    if lots is None:
        return ":black_square_for_stop: Stopped before it knew of its lots"
    left = f"{lots} open lots, whose exits nobody watches now" if lots else "no open lots"
    return f":black_square_for_stop: Stopped with {left}"


def _detailed(mark: str, beginning: str) -> Callable[[Fields], str]:
    return lambda fields: f"{mark} {beginning}: {fields['detail']}"


_EVENTS: Final[Mapping[str, Callable[[Fields], str | None]]] = {
    "fill": _opened,
    "exit": _closed,
    "order": _in_doubt,
    "breaker": _detailed(":octagonal_sign:", "Breaker"),
    "halt": _detailed(":rotating_light:", "Halted"),
    "pause": _detailed(":double_vertical_bar:", "Pause"),
    "refusal": _detailed(":warning:", "Refused"),
    "error": _detailed(":rotating_light:", "Trouble"),
    "recovered": _detailed(":white_check_mark:", "Over"),
    "start": _started,
    "stop": _stopped,
}


def _plain(amount: object) -> str:
    return f"{Decimal(str(amount)).normalize():f}"


def _money(amount: object) -> str:
    """Cents, and what is less than a dollar to four places."""
    value = Decimal(str(amount))
    return f"{value.quantize(_CENTS if abs(value) >= 1 or value == 0 else _SHOWN_PLACES):f}"
