"""Order checks: what a market order passes before it meets the book, in Coinbase's manner: rejected, never rounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from cbbot.domain.decimals import floor_units, parse_decimal
from cbbot.domain.order import Side
from cbbot.errors import BadInput
from cbbot.venue.product import Gate, Product
from cbbot.venue.refusals import OrderRefused, Reason
from cbbot.venue.venue_order import Configuration, OrderRequest

__all__ = ["MarketOrder", "checked"]

_MARKET = "market_market_ioc"
_GATE_REASONS = {
    Gate.IS_DISABLED: Reason.TRADING_DISABLED,
    Gate.TRADING_DISABLED: Reason.TRADING_DISABLED,
    Gate.VIEW_ONLY: Reason.VIEW_ONLY,
    Gate.CANCEL_ONLY: Reason.MARKET_STATE,
    Gate.LIMIT_ONLY: Reason.MARKET_STATE,
    Gate.POST_ONLY: Reason.MARKET_STATE,
    Gate.AUCTION_MODE: Reason.MARKET_STATE,
}


@dataclass(frozen=True, slots=True)
class MarketOrder:
    """A market order that is well formed. ``size`` is ledger units when ``in_quote``, else base units."""

    product: Product
    side: Side
    in_quote: bool
    size: int


def checked(request: OrderRequest, products: Mapping[str, Product], last_price: int) -> MarketOrder:
    """The request as a market order.

    Args:
        last_price: ticks; what the smallest notional of an order by base size is measured with.

    Raises:
        OrderRefused: with the first reason found.
    """
    product = products.get(request.product_id)
    if product is None:
        raise OrderRefused(Reason.INVALID_PRODUCT)
    if request.side not in (Side.BUY, Side.SELL):
        raise OrderRefused(Reason.INVALID_SIDE)
    side = Side(request.side)
    for gate, reason in _GATE_REASONS.items():
        if gate in product.gates:
            raise OrderRefused(reason)
    in_quote, size = _size(request.configuration, side)
    if in_quote:
        return MarketOrder(product, side, True, _quote_size(size, product))
    return MarketOrder(product, side, False, _base_size(size, product, last_price))


def _size(configuration: Configuration, side: Side) -> tuple[bool, Decimal]:
    fields = configuration.get(_MARKET)
    if len(configuration) != 1 or fields is None:
        raise OrderRefused(Reason.UNSUPPORTED)
    quote_size, base_size = fields.get("quote_size"), fields.get("base_size")
    if (quote_size is None) == (base_size is None) or (quote_size is not None and side is Side.SELL):
        raise OrderRefused(Reason.INVALID_CONFIGURATION)
    text = base_size if quote_size is None else quote_size
    try:
        return quote_size is not None, parse_decimal(str(text))
    except BadInput as error:
        raise OrderRefused(Reason.NON_NUMERIC) from error


def _quote_size(size: Decimal, product: Product) -> int:
    instrument = product.instrument
    units = floor_units(size, instrument.quote_increment)
    if units * instrument.quote_increment != size:
        raise OrderRefused(Reason.QUOTE_PRECISION)
    if size <= 0 or size < instrument.min_notional:
        raise OrderRefused(Reason.QUOTE_TOO_SMALL)
    if size > product.quote_max_size:
        raise OrderRefused(Reason.QUOTE_TOO_LARGE)
    return units * instrument.quote_units


def _base_size(size: Decimal, product: Product, last_price: int) -> int:
    instrument = product.instrument
    units = instrument.base_units(size)
    if units * instrument.base_increment != size:
        raise OrderRefused(Reason.BASE_PRECISION)
    if units <= 0 or size < product.base_min_size or instrument.money(units * last_price) < instrument.min_notional:
        raise OrderRefused(Reason.BASE_TOO_SMALL)
    if size > product.base_max_size:
        raise OrderRefused(Reason.BASE_TOO_LARGE)
    return units
