"""The exchange: takes one customer's orders, keeps them in the markets' books, and answers what became of them.

- A ``client_order_id`` names one order for ever. Asking again returns that order, whatever else the request
  says; nothing new happens. A refused request names nothing: its id stays free.
- A request is refused with Coinbase's reason or taken. Sizes and prices are rejected, never rounded.
- What an order can take it takes at once. The rest of a resting order waits in its market's book for prints;
  of others it is canceled. What an order may cost is held from the moment it is taken.
- What a customer can see lags (:class:`~cbbot.venue.exchange_terms.Delays`). Orders and balances themselves
  are right from the first moment.

Time is an argument and must not fall from call to call. The caller passes every print to :meth:`Exchange.on_print`
before it asks anything of a later time.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from cbbot.domain.order import Side
from cbbot.errors import BadInput
from cbbot.venue.amend_refusals import CancelFailure, EditRefusal
from cbbot.venue.amendments import Amendments, EditRequest
from cbbot.venue.balances import Balance, Balances
from cbbot.venue.deadlines import Due
from cbbot.venue.exchange_terms import Delays, Terms
from cbbot.venue.fill_corrections import correct_fill, reverse_fill
from cbbot.venue.holds import working_hold
from cbbot.venue.matching import Trade
from cbbot.venue.order_book import Book, BookShape, Level, match_buy_base, match_buy_quote, match_sell
from cbbot.venue.order_building import bracket_after, new_order
from cbbot.venue.order_checks import checked
from cbbot.venue.order_feed import Change
from cbbot.venue.order_ledger import NAMESPACE, OrderLedger
from cbbot.venue.order_matching import OrderMatching
from cbbot.venue.order_preview import EditPreview, Estimate, Preview, estimate
from cbbot.venue.portfolios import DEFAULT_PORTFOLIO, Portfolio, Portfolios
from cbbot.venue.prints import Print
from cbbot.venue.product import Gate, Product
from cbbot.venue.refusals import OrderRefused, Reason
from cbbot.venue.venue_fill import Fill
from cbbot.venue.venue_market import Market
from cbbot.venue.venue_order import Order, OrderRequest

__all__ = ["Delays", "Exchange", "Fill", "Placed", "Terms"]


class Placed(NamedTuple):
    """An order, and whether the request was a repetition of the one that made it."""

    order: Order
    repeated: bool


class Exchange:
    """One customer's orders and balances on a set of products. ``ledger`` and ``markets`` are for the snapshot."""

    def __init__(
        self,
        products: Iterable[Product],
        opening: Mapping[str, Decimal],
        terms: Terms,
        portfolio: Portfolio = DEFAULT_PORTFOLIO,
    ) -> None:
        self._products = {product.product_id: product for product in products}
        wallets = {currency: Balance(amount, Decimal(0)) for currency, amount in opening.items()}
        self.ledger = OrderLedger(self._products, Portfolios(portfolio, wallets), terms)
        self.markets = {item.market_id: Market(item.market_id, terms.shape) for item in self._products.values()}
        _check_scales(self._products.values())
        self.shapes: dict[str, BookShape] = {}
        self._matching = OrderMatching(self.ledger, self.markets)
        self._amendments = Amendments(self.ledger, self._matching)

    @property
    def products(self) -> Mapping[str, Product]:
        """Products as they are now, by id."""
        return self._products

    @property
    def terms(self) -> Terms:
        """May be replaced while the exchange runs; orders keep the fees they were taken at."""
        return self.ledger.terms

    @terms.setter
    def terms(self, terms: Terms) -> None:
        self.ledger.terms = terms
        for market in self.markets.values():
            market.reshape(self.shapes.get(market.market_id, terms.shape))

    def on_print(self, market_id: str, print_: Print) -> None:
        """A trade of others: time moves on to it, it fills what it reaches and triggers what waited for it."""
        self.advance(print_.time_ms)
        self._matching.print(self.markets[market_id], print_)
        self.advance(print_.time_ms)

    def advance(self, now_ms: int) -> None:
        """Let everything happen that is due by now: balances, edits, cancels, the end of dated orders."""
        while (deadline := self.ledger.deadlines.next_by(now_ms)) is not None:
            if deadline.due is Due.POST:
                # Gone already when it was posted early, to be reversed.
                fill = self.ledger.unposted.get(deadline.sequence)
                if fill is not None:
                    self.ledger.post(fill, deadline.time_ms)
            else:
                self._amendments.due(deadline)
            self._place_attached(deadline.time_ms)
        self._place_attached(now_ms)

    def has_open_orders(self, market_id: str) -> bool:
        """Whether an order waits in a market, or is to follow another; if none does, only its newest print matters."""
        return not self.markets[market_id].is_idle or bool(self.ledger.to_follow)

    def market_id(self, product_id: str) -> str:
        """The market in which a product's orders meet the book."""
        return self._products[product_id].market_id

    def last_print(self, product_id: str) -> Print | None:
        """The newest trade in a product's market; None before the first."""
        return self.markets[self.market_id(product_id)].last

    def book(self, product_id: str) -> Book | None:
        """The whole book of a product's market, our resting orders in it; None before the first print."""
        return self.markets[self.market_id(product_id)].shown(lambda order_id: self.ledger.orders[order_id].leaves)

    def place(self, request: OrderRequest, now_ms: int, portfolio: str | None = None) -> Placed:
        """Take an order, or answer with the order its id already names.

        Raises:
            OrderRefused: nothing was placed.
        """
        self.advance(now_ms)
        known = self.ledger.find(request.client_order_id)
        if known is not None:
            if self.terms.refuse_duplicates:
                raise OrderRefused(Reason.DUPLICATE)
            return Placed(known, True)
        order, trades = self._acceptable(request, portfolio or self.default_portfolio, now_ms)
        order = self.ledger.take(order)
        if order.kind.is_market:
            order = self._matching.enter_market(order, trades, now_ms)
        else:
            order = self._matching.enter(order, now_ms)
        self.advance(now_ms)
        return Placed(self.ledger.orders[order.order_id], False)

    def preview(self, request: OrderRequest, now_ms: int, portfolio: str | None = None) -> Preview:
        """What an order would cost, or why it would be refused."""
        self.advance(now_ms)
        preview_id = str(uuid.uuid5(NAMESPACE, f"preview {now_ms} {request}"))
        try:
            order, trades = self._acceptable(request, portfolio or self.default_portfolio, now_ms)
        except OrderRefused as refused:
            return Preview(preview_id, (refused.shown_in_preview,), Estimate())
        product = self._products[order.product_id]
        return Preview(preview_id, (), estimate(order, trades, self.markets[product.market_id], product))

    def _acceptable(self, request: OrderRequest, portfolio: str, now_ms: int) -> tuple[Order, list[Trade]]:
        """The order that a request would make, and for a market order what it would be matched with."""
        wanted = checked(request, self._products, self.markets, self.terms, now_ms)
        if self.ledger.open_count(request.product_id, portfolio) >= self.terms.open_orders_cap:
            raise OrderRefused(Reason.TOO_MANY_ORDERS)
        instrument = wanted.product.instrument
        wallets = self.ledger.portfolios.balances(portfolio)
        if instrument.base_currency not in wallets or instrument.quote_currency not in wallets:
            raise OrderRefused(Reason.NO_ACCOUNT)
        order = new_order(wanted, request, portfolio, len(self.ledger.orders) + 1, self.terms, now_ms)
        trades = self._matched(order) if order.kind.is_market else []
        needed = working_hold(order)
        if order.kind.is_market:
            cost = sum(trade.value + trade.commission for trade in trades)
            needed = order.asked if order.in_quote or order.side is Side.SELL else cost
        if needed > self.ledger.available(order):
            raise OrderRefused(Reason.INSUFFICIENT_FUND)
        return order, trades

    def _matched(self, order: Order) -> list[Trade]:
        """What a market order is matched with, within the price protection band."""
        market = self.markets[self.market_id(order.product_id)]
        levels: Sequence[Level] = market.takeable(order.side)
        band = self.terms.market_band_bps
        if band is not None and market.last is not None:
            last = market.last.price
            levels = [level for level in levels if abs(level.price - last) * 10_000 <= last * band]
        if order.side is Side.SELL:
            return match_sell(levels, order.size, order.rates.taker)
        if order.in_quote:
            return match_buy_quote(levels, order.asked, order.rates.taker)
        return match_buy_base(levels, order.size, order.rates.taker)

    def _place_attached(self, now_ms: int) -> None:
        """Place the brackets of orders that are over and whose base has been posted."""
        for order_id in list(self.ledger.to_follow):
            parent = self.ledger.orders[order_id]
            if parent.hold:
                continue
            instrument = self._products[parent.product_id].instrument
            wallet = self.ledger.portfolios.balances(parent.portfolio_id)[instrument.base_currency]
            available = instrument.base_units(wallet.available)
            sequence = len(self.ledger.orders) + 1
            bracket = bracket_after(parent, sequence, available, instrument, self.terms, now_ms)
            self.ledger.change(replace(parent, attached_order_id=bracket.order_id), now_ms)
            bracket = self.ledger.take(bracket)
            if not bracket.status.terminal:
                self._matching.enter(bracket, now_ms)

    def cancel(self, order_id: str, now_ms: int, portfolio: str | None = None) -> CancelFailure | None:
        """Ask for the end of an order; None when that was accepted."""
        self.advance(now_ms)
        failure = self._amendments.cancel(order_id, portfolio or self.default_portfolio, now_ms)
        self.advance(now_ms)
        return failure

    def edit(
        self,
        order_id: str,
        price: str,
        size: str,
        now_ms: int,
        stop_price: str = "",
        portfolio: str | None = None,
    ) -> EditRefusal | None:
        """Ask for another price and size; None when that was accepted. The size counts what is filled already.

        Less size at the same price keeps the place in the queue, everything else loses it.
        """
        self.advance(now_ms)
        request = EditRequest(order_id, price, size, stop_price)
        refusal = self._amendments.edit(request, portfolio or self.default_portfolio, now_ms)
        self.advance(now_ms)
        return refusal

    def edit_preview(
        self,
        order_id: str,
        price: str,
        size: str,
        now_ms: int,
        stop_price: str = "",
        portfolio: str | None = None,
    ) -> EditPreview:
        """What an order would cost after an edit, or why the edit would not be accepted."""
        self.advance(now_ms)
        request = EditRequest(order_id, price, size, stop_price)
        found = self._amendments.checked_edit(request, portfolio or self.default_portfolio)
        if isinstance(found, EditRefusal):
            return EditPreview(found, Estimate())
        product = self._products[found[1].product_id]
        return EditPreview(None, estimate(found[1], (), self.markets[product.market_id], product))

    def order(self, order_id: str, now_ms: int) -> Order | None:
        """An order, once it can be seen."""
        self.advance(now_ms)
        order = self.ledger.orders.get(order_id)
        return order if order is not None and order.visible_ms <= now_ms else None

    def orders(self, now_ms: int) -> Iterator[Order]:
        """All orders that can be seen, the newest first."""
        self.advance(now_ms)
        return (order for order in reversed(self.ledger.orders.values()) if order.visible_ms <= now_ms)

    def open_orders(self, now_ms: int, product_id: str | None = None) -> Iterator[Order]:
        """Orders that are not over and can be seen, the oldest first."""
        self.advance(now_ms)
        return (order for order in self.ledger.open_orders(product_id) if order.visible_ms <= now_ms)

    def fills(self, now_ms: int) -> Iterator[Fill]:
        """All fills that can be seen, the newest first."""
        self.advance(now_ms)
        return (fill for fill in reversed(self.ledger.fills) if fill.visible_ms <= now_ms)

    def find(self, client_order_id: str) -> Order | None:
        """The order that an id of the customer's names, seen or not."""
        return self.ledger.find(client_order_id)

    def balances(self, now_ms: int, portfolio: str | None = None) -> Balances:
        """The wallets of a portfolio as they show at a time. Read only."""
        self.advance(now_ms)
        return self.ledger.portfolios.balances(portfolio or self.default_portfolio)

    @property
    def revision(self) -> int:
        """Another one after every change of what a state file keeps."""
        return self.ledger.revision

    @property
    def last_change(self) -> int:
        """The number of the newest change of an order; 0 when there is none."""
        return self.ledger.feed.number

    def last_shown_change(self, now_ms: int) -> int:
        """Where somebody who looks at the orders now goes on with :meth:`changes`: nothing is missed."""
        self.advance(now_ms)
        return self.ledger.feed.newest_shown(now_ms)

    def changes(self, after: int, now_ms: int) -> list[Change] | None:
        """Every change of an order since a number, the oldest first, as far as it can be seen.

        None when they are no longer all kept: show every open order anew.
        """
        self.advance(now_ms)
        return self.ledger.feed.after(after, now_ms)

    def changed_orders(self, after: int) -> Iterator[Order]:
        """The newest state of every order that was changed since a number."""
        return (self.ledger.orders[order_id] for order_id in self.ledger.feed.changed_since(after))

    def fills_since(self, count: int) -> Sequence[Fill]:
        """All fills but the first ``count``, the oldest first, seen or not: they are only ever added."""
        return self.ledger.fills[count:]

    @property
    def portfolios(self) -> Mapping[str, Portfolio]:
        """Portfolios by id, the default one first."""
        return self.ledger.portfolios.by_id

    @property
    def default_portfolio(self) -> str:
        return self.ledger.portfolios.default

    def create_portfolio(self, name: str, now_ms: int) -> Portfolio:
        """A new portfolio, empty.

        Raises:
            PortfolioRefused: there are too many, or the name is empty or in use.
        """
        made = f"portfolio {len(self.portfolios)} {now_ms} {name}"
        portfolio = self.ledger.portfolios.create(str(uuid.uuid5(NAMESPACE, made)), name)
        self.ledger.revision += 1
        return portfolio

    def rename_portfolio(self, uuid_: str, name: str) -> Portfolio:
        """The portfolio under another name, or PortfolioRefused."""
        portfolio = self.ledger.portfolios.rename(uuid_, name)
        self.ledger.revision += 1
        return portfolio

    def delete_portfolio(self, uuid_: str) -> None:
        """Remove an empty portfolio that is not the default one, or PortfolioRefused."""
        self.ledger.portfolios.delete(uuid_)
        self.ledger.revision += 1

    def move_funds(self, currency: str, amount: Decimal, source: str, target: str, now_ms: int) -> None:
        """Move available money between portfolios, or PortfolioRefused."""
        self.advance(now_ms)
        self.ledger.portfolios.move(currency, amount, source, target)
        self.ledger.revision += 1

    def set_gates(self, product_id: str, gates: Iterable[Gate]) -> None:
        """Shut these gates of a product and open all others.

        ``trading_disabled``, ``is_disabled`` and ``auction_mode`` of the product that a market is named after stop
        its matching too: prints fill nothing until they are open again.
        """
        self._products[product_id] = replace(self._products[product_id], gates=frozenset(gates))
        self.ledger.revision += 1

    def set_status(self, product_id: str, status: str) -> None:
        """Give a product another status; only ``online`` takes orders."""
        self._products[product_id] = replace(self._products[product_id], status=status)
        self.ledger.revision += 1

    def set_shape(self, market_id: str, shape: BookShape) -> None:
        """Let one market's book look otherwise than the terms say."""
        self.shapes[market_id] = shape
        self.markets[market_id].reshape(shape)

    def reverse_fill(self, entry_id: str, now_ms: int) -> Fill:
        """Take a fill back: another entry under the same trade id, the order's totals and the balances corrected.

        Raises:
            BadInput: there is no such fill, it has been reversed, or what it brought has been spent.
        """
        self.advance(now_ms)
        return reverse_fill(self.ledger, entry_id, now_ms)

    def correct_fill(self, entry_id: str, price: int, now_ms: int) -> Fill:
        """Reverse a fill and put one at another price (ticks) in its place; the CORRECTION is returned.

        Raises:
            BadInput: as :meth:`reverse_fill`, or the other price costs more than there is; nothing has changed.
        """
        self.advance(now_ms)
        return correct_fill(self.ledger, entry_id, price, now_ms)


def _check_scales(products: Iterable[Product]) -> None:
    """Products that share a book count its prices and sizes in the same units."""
    scales: dict[str, tuple[Decimal, Decimal]] = {}
    for product in products:
        instrument = product.instrument
        scale = (instrument.price_increment, instrument.base_increment)
        if scales.setdefault(product.market_id, scale) != scale:
            raise BadInput(f"{product.product_id} shares a book with {product.market_id} and has other increments")
