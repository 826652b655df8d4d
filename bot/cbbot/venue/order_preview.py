"""What an order would cost: an estimate on the book as it is, and nothing changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal

from cbbot.domain.order import Side
from cbbot.venue.amend_refusals import EditRefusal
from cbbot.venue.matching import Trade, commission_of_both
from cbbot.venue.order_matching import within_limit
from cbbot.venue.product import Product
from cbbot.venue.venue_market import Market
from cbbot.venue.venue_order import Order, TriggerStatus

__all__ = ["EditPreview", "Estimate", "Preview", "estimate"]

_RATIO = Context(prec=28)
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Estimate:
    """In quote and base currency. ``average_price`` is that of what would fill at once, else the limit price."""

    order_total: Decimal = _NOTHING
    commission_total: Decimal = _NOTHING
    quote_size: Decimal = _NOTHING
    base_size: Decimal = _NOTHING
    best_bid: Decimal | None = None
    best_ask: Decimal | None = None
    average_price: Decimal = _NOTHING
    slippage: Decimal = _NOTHING


@dataclass(frozen=True, slots=True)
class Preview:
    """Of a new order. ``errors`` are Coinbase's reasons why it would be refused; then there are no figures."""

    preview_id: str
    errors: tuple[str, ...]
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class EditPreview:
    """Of an edit; ``refusal`` says why it would not be accepted."""

    refusal: EditRefusal | None
    estimate: Estimate


def estimate(order: Order, trades: Sequence[Trade], market: Market, product: Product) -> Estimate:
    """What an order that nothing has become of would cost.

    Args:
        trades: what a market order would be matched with; empty for others.
    """
    instrument = product.instrument
    taker = sum(trade.value for trade in trades)
    base, fee = sum(trade.base for trade in trades), sum(trade.commission for trade in trades)
    maker = 0
    if not order.kind.is_market:
        if order.trigger_status is not TriggerStatus.PENDING:
            levels = within_limit(market.takeable(order.side), order.side, order.limit, order.leaves)
            taker, base = sum(price * size for price, size in levels), sum(size for _, size in levels)
        maker = order.limit * (order.leaves - base) if order.kind.rests else 0
        fee = commission_of_both(taker, maker, order.rates)
    value = taker + maker
    total = value + fee if order.side is Side.BUY else value - fee
    filled = order.leaves if order.kind.rests else base
    average = _RATIO.divide(instrument.money(taker), base * instrument.base_increment) if base else _NOTHING
    book = market.others()
    bid = book.bids[0].price * instrument.price_increment if book and book.bids else None
    ask = book.asks[0].price * instrument.price_increment if book and book.asks else None
    best = ask if order.side is Side.BUY else bid
    slippage = _RATIO.divide(abs(average - best), best) if base and best else _NOTHING
    return Estimate(
        order_total=instrument.money(total),
        commission_total=instrument.money(fee),
        quote_size=instrument.money(value),
        base_size=filled * instrument.base_increment,
        best_bid=bid,
        best_ask=ask,
        average_price=average if base else order.limit * instrument.price_increment,
        slippage=slippage,
    )
