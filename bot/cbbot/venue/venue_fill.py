"""Fills: what an order got, entry by entry; they are added and never changed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cbbot.domain.order import Side
from cbbot.venue.matching import Trade

__all__ = ["Fill", "Liquidity", "TradeType"]


class Liquidity(StrEnum):
    """Whether the order rested in the book (maker) or took from it."""

    MAKER = "MAKER"
    TAKER = "TAKER"


class TradeType(StrEnum):
    """A REVERSAL takes its FILL back, a CORRECTION stands in for the one taken back. Both keep its trade id."""

    FILL = "FILL"
    REVERSAL = "REVERSAL"
    CORRECTION = "CORRECTION"

    @property
    def sign(self) -> int:
        """What an entry counts with when an order's fills are added up."""
        return -1 if self is TradeType.REVERSAL else 1


@dataclass(frozen=True, slots=True)
class Fill:
    """One entry. ``sequence`` rises by one from entry to entry over all orders; times are venue ms.

    It shows from ``visible_ms`` on; money and base change hands at ``post_ms``.
    """

    sequence: int
    entry_id: str
    trade_id: str
    order_id: str
    portfolio_id: str
    product_id: str
    side: Side
    in_quote: bool
    trade: Trade
    liquidity: Liquidity
    trade_type: TradeType
    time_ms: int
    visible_ms: int
    post_ms: int
