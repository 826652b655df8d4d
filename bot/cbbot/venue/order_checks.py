"""Order checks: what a new order passes before it is taken, in Coinbase's manner: rejected, never rounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from cbbot.domain.decimals import whole_units
from cbbot.domain.order import Side
from cbbot.venue.exchange_terms import Terms
from cbbot.venue.matching import fill_market_buy_quote
from cbbot.venue.order_kinds import OrderKind, Wanted, wanted
from cbbot.venue.price_checks import attached_legs, check_stops, limit_ticks, stop_ticks
from cbbot.venue.product import Gate, Product
from cbbot.venue.refusals import OrderRefused, Reason
from cbbot.venue.venue_market import Market
from cbbot.venue.venue_order import OrderRequest

__all__ = ["CheckedOrder", "check_gates", "check_limit", "checked", "checked_base_size"]

_SHUT = {
    Gate.IS_DISABLED: Reason.TRADING_DISABLED,
    Gate.TRADING_DISABLED: Reason.TRADING_DISABLED,
    Gate.VIEW_ONLY: Reason.VIEW_ONLY,
    Gate.CANCEL_ONLY: Reason.MARKET_STATE,
}


@dataclass(frozen=True, slots=True)
class CheckedOrder:
    """An order that is well formed; the fields as in :class:`~cbbot.venue.venue_order.Order`."""

    product: Product
    side: Side
    kind: OrderKind
    in_quote: bool
    asked: int
    size: int
    limit: int = 0
    stop: int = 0
    stop_up: bool = False
    post_only: bool = False
    expires_ms: int | None = None
    attached: tuple[int, int] | None = None


def checked(
    request: OrderRequest,
    products: Mapping[str, Product],
    markets: Mapping[str, Market],
    terms: Terms,
    now_ms: int,
) -> CheckedOrder:
    """The request with its numbers on the product's scales.

    Raises:
        OrderRefused: with the first reason found.
    """
    product = products.get(request.product_id)
    if product is None:
        raise OrderRefused(Reason.INVALID_PRODUCT)
    if request.side not in (Side.BUY, Side.SELL):
        raise OrderRefused(Reason.INVALID_SIDE)
    side = Side(request.side)
    check_shut(product)
    fields = wanted(request.configuration)
    check_gates(product, fields.kind, post_only=fields.post_only)
    market = markets[product.market_id]
    if market.last is None:
        raise OrderRefused(Reason.NO_BOOK)
    if fields.kind.is_market:
        order = _market(fields, product, side, market.last.price)
    else:
        order = _limit(fields, product, side, market, terms, now_ms)
    if request.attached is None:
        return order
    legs = attached_legs(request.attached, order.kind, side, order.limit or market.last.price, product.instrument)
    return replace(order, attached=legs)


def check_shut(product: Product) -> None:
    """Raise when a product takes no order at all."""
    if product.status != "online":
        raise OrderRefused(Reason.HALTED)
    for gate, reason in _SHUT.items():
        if gate in product.gates:
            raise OrderRefused(reason)


def check_gates(product: Product, kind: OrderKind, *, post_only: bool) -> None:
    """Raise when the state of a product's market keeps out orders of a kind.

    ``limit_only``: no market orders. ``post_only``: nothing but post-only orders. ``auction_mode``: nothing
    that has to match at once, for nothing matches.
    """
    check_shut(product)
    gates = product.gates
    if Gate.LIMIT_ONLY in gates and kind.is_market:
        raise OrderRefused(Reason.MARKET_STATE)
    if Gate.POST_ONLY in gates and not post_only:
        raise OrderRefused(Reason.MARKET_STATE)
    if Gate.AUCTION_MODE in gates and not kind.rests:
        raise OrderRefused(Reason.MARKET_STATE)


def _market(fields: Wanted, product: Product, side: Side, last: int) -> CheckedOrder:
    if fields.quote_size is None:
        size = checked_base_size(fields.base_size, product, last)
        return CheckedOrder(product, side, fields.kind, False, size, size)
    if side is Side.SELL:
        raise OrderRefused(Reason.INVALID_CONFIGURATION)
    return CheckedOrder(product, side, fields.kind, True, _quote_size(fields.quote_size, product), 0)


def _limit(fields: Wanted, product: Product, side: Side, market: Market, terms: Terms, now_ms: int) -> CheckedOrder:
    instrument = product.instrument
    limit = limit_ticks(fields.limit_price, instrument)
    stop = 0 if fields.stop_price is None else stop_ticks(fields.stop_price, instrument)
    if fields.end_ms is not None and fields.end_ms <= now_ms:
        raise OrderRefused(Reason.END_TIME)
    if fields.quote_size is None:
        asked = size = checked_base_size(fields.base_size, product, limit)
    else:
        asked = _quote_size(fields.quote_size, product)
        size = fill_market_buy_quote(limit, asked, terms.rates.higher).base if side is Side.BUY else asked // limit
        if size == 0:
            raise OrderRefused(Reason.QUOTE_TOO_SMALL)
    check_stops(fields, side, limit, stop, market)
    check_limit(side, limit, fields.post_only, fields.kind, market, terms)
    return CheckedOrder(
        product,
        side,
        fields.kind,
        fields.quote_size is not None,
        asked,
        size,
        limit,
        stop,
        fields.stop_up,
        fields.post_only,
        fields.end_ms,
    )


def check_limit(side: Side, limit: int, post_only: bool, kind: OrderKind, market: Market, terms: Terms) -> None:
    """Raise when a limit is further through the market than allowed, or a post-only order would match at once."""
    last = 0 if market.last is None else market.last.price
    band = terms.limit_band_bps
    if band is not None and not kind.is_bracket and not kind.is_stop_limit:
        through = limit - last if side is Side.BUY else last - limit
        if through * 10_000 > last * band:
            raise OrderRefused(Reason.LIMIT_PRICE_TOO_FAR)
    if post_only and market.crosses(side, limit):
        raise OrderRefused(Reason.POST_ONLY_CROSSES)


def _quote_size(size: Decimal, product: Product) -> int:
    instrument = product.instrument
    units = whole_units(size, instrument.quote_increment)
    if units is None:
        raise OrderRefused(Reason.QUOTE_PRECISION)
    if size <= 0 or size < instrument.min_notional:
        raise OrderRefused(Reason.QUOTE_TOO_SMALL)
    if size > product.quote_max_size:
        raise OrderRefused(Reason.QUOTE_TOO_LARGE)
    return units * instrument.quote_units


def checked_base_size(size: Decimal | None, product: Product, price: int) -> int:
    """A base size in base units.

    Args:
        price: ticks; what the smallest notional is measured with.

    Raises:
        OrderRefused: it has too many digits, or is too small or too large.
    """
    instrument = product.instrument
    if size is None:
        raise AssertionError("an order has one of two sizes")
    units = whole_units(size, instrument.base_increment)
    if units is None:
        raise OrderRefused(Reason.BASE_PRECISION)
    if units <= 0 or size < product.base_min_size or instrument.money(units * price) < instrument.min_notional:
        raise OrderRefused(Reason.BASE_TOO_SMALL)
    if size > product.base_max_size:
        raise OrderRefused(Reason.BASE_TOO_LARGE)
    return units
