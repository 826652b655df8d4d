"""The fills of one order: each counted once, reversals taken back. Pure.

A row's ``entry_id`` names it. Rows without one are named by their ``trade_id``, which is unique among
rows of type FILL only, so that others take their type and time to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any, Final

from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot_bridge import translate
from cbbot_bridge.http_errors import OrderUnknown

__all__ = ["WIDE", "Fill", "FillTotals", "OrderFills", "distinct", "fill_of", "totals"]

WIDE: Final = Context(prec=60)
_ZERO: Final = Decimal(0)
_SIGNS: Final = {"FILL": 1, "REVERSAL": -1}


@dataclass(frozen=True, slots=True)
class Fill:
    """One row. ``sign`` is 0 for a type whose meaning for the sum is not known.

    ``in_quote`` None: the row does not say in which currency its size is. ``commission`` None: it names no fee.
    """

    entry_id: str
    trade: tuple[str, ...]
    sign: int
    price: Decimal
    size: Decimal
    in_quote: bool | None
    commission: Decimal | None


@dataclass(frozen=True, slots=True)
class FillTotals:
    """Sums over fills: ``base`` in base units, ``value`` and ``commission`` in quote.

    ``commission`` is of the fills that name one, None when none does; ``every_fee``: all do.
    """

    base: Decimal
    value: Decimal
    commission: Decimal | None
    every_fee: bool


@dataclass(frozen=True, slots=True)
class OrderFills:
    """The distinct fills that were found. ``complete``: the listing was read to its end, and nothing kept back."""

    fills: Sequence[Fill] = ()
    complete: bool = True

    @property
    def summable(self) -> bool:
        return all(fill.sign for fill in self.fills)

    @property
    def reversed(self) -> bool:
        return any(fill.sign < 0 for fill in self.fills)

    def readings(self) -> list[FillTotals]:
        """What the fills may amount to: two answers when rows do not say which currency their size is in."""
        unclear = any(fill.in_quote is None for fill in self.fills)
        return [totals(self.fills, unsaid_in_quote=in_quote) for in_quote in ((False, True) if unclear else (False,))]


def fill_of(body: Mapping[str, Any]) -> Fill:
    """A row of the listing.

    Raises:
        UpstreamUnavailable: price or size is missing or makes no sense.
    """
    price = translate.decimal_of(body, "price")
    size = translate.decimal_of(body, "size")
    if price <= 0 or size < 0:
        raise translate.malformed(f"a fill of {size} at {price}")
    kind = str(body.get("trade_type") or "FILL")
    trade: tuple[str, ...] = (str(body.get("trade_id") or ""),)
    if trade == ("",) or kind != "FILL":
        trade = (*trade, kind, str(body.get("sequence_timestamp") or body.get("trade_time") or ""))
    if trade[0] == "":
        trade = (*trade, f"{price:f}", f"{size:f}", str(body.get("commission")))
    in_quote = body.get("size_in_quote")
    return Fill(
        entry_id=str(body.get("entry_id") or ""),
        trade=trade,
        sign=_SIGNS.get(kind, 0),
        price=price,
        size=size,
        in_quote=in_quote if isinstance(in_quote, bool) else None,
        commission=translate.decimal_or_none(body, "commission"),
    )


def distinct(fills: Iterable[Fill]) -> list[Fill]:
    """Each fill once, however many pages it stands on.

    Raises:
        OrderUnknown: two rows of one name say different things.
    """
    by_entry: dict[str, Fill] = {}
    by_trade: dict[tuple[str, ...], Fill] = {}
    found = []
    for fill in fills:
        same = by_entry.get(fill.entry_id) if fill.entry_id else None
        namesake = by_trade.get(fill.trade)
        if same is None and namesake is not None and not (fill.entry_id and namesake.entry_id):
            same = namesake
        if same is None:
            found.append(fill)
        elif (same.price, same.size, same.sign) != (fill.price, fill.size, fill.sign):
            message = (
                f"fill {fill.entry_id or fill.trade[0]} is {same.size} at {same.price} and {fill.size} at {fill.price}"
            )
            raise OrderUnknown(502, BridgeErrorCode.ORDER_CONTRADICTS.value, f"Coinbase contradicts itself: {message}")
        by_entry.setdefault(fill.entry_id, fill)
        by_trade.setdefault(fill.trade, fill)
    return found


def totals(fills: Sequence[Fill], *, unsaid_in_quote: bool = False) -> FillTotals:
    """The sums, reversals taken back; rows that do not say so are read as ``unsaid_in_quote`` wants."""
    base = value = charged = _ZERO
    named = 0
    for fill in fills:
        in_quote = unsaid_in_quote if fill.in_quote is None else fill.in_quote
        one_base = WIDE.divide(fill.size, fill.price) if in_quote else fill.size
        one_value = fill.size if in_quote else WIDE.multiply(fill.size, fill.price)
        base = WIDE.fma(one_base, fill.sign, base)
        value = WIDE.fma(one_value, fill.sign, value)
        if fill.commission is not None:
            named += 1
            charged = WIDE.fma(fill.commission, fill.sign, charged)
    return FillTotals(base, value, charged if named else None, every_fee=named == len(fills))
