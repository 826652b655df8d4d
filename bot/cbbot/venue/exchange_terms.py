"""On what terms an exchange takes orders: fees, delays, limits. They may be replaced while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from cbbot.venue.matching import FeeRates, Rate
from cbbot.venue.order_book import BookShape

__all__ = ["Delays", "Terms"]


@dataclass(frozen=True, slots=True)
class Delays:
    """How far what is seen lags behind what is, and how late what is asked for takes effect, in venue ms.

    Attributes:
        order_visible_ms: until so long after it was taken, nobody can see an order.
        fills_ms: so long after it happened a fill shows.
        post_ms: so long after a fill money and base change hands.
        pending_ms: until so long after it was taken an order shows as PENDING, with nothing filled.
        cancel_ms: so long after it was accepted a cancel takes effect; until then the order may fill.
        edit_ms: the same of an edit.
    """

    order_visible_ms: int = 0
    fills_ms: int = 0
    post_ms: int = 0
    pending_ms: int = 0
    cancel_ms: int = 0
    edit_ms: int = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """Fees, delays, how books look, and what else is refused.

    Attributes:
        shape: of the book of every market that is given no other.
        market_band_bps: a market order takes nothing further from the last price than that, and its rest is canceled.
        limit_band_bps: a BUY limit further above the last price, a SELL limit further below it, is refused.
        open_orders_cap: so many orders of one product may be open in a portfolio.
        refuse_duplicates: a used client_order_id is refused instead of answered with its order.
    """

    taker: Rate
    maker: Rate
    delays: Delays = field(default_factory=Delays)
    shape: BookShape = field(default_factory=BookShape)
    market_band_bps: int | None = None
    limit_band_bps: int | None = None
    open_orders_cap: int = 500
    refuse_duplicates: bool = False

    @property
    def rates(self) -> FeeRates:
        return FeeRates(self.taker, self.maker)
