"""Orders meet the book: what a limit takes at once, where its rest waits, and what prints and stops make of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cbbot.domain.order import Side
from cbbot.venue.matching import Trade
from cbbot.venue.order_book import Level
from cbbot.venue.order_kinds import OrderKind
from cbbot.venue.order_ledger import OrderLedger
from cbbot.venue.prints import Print
from cbbot.venue.product import Gate
from cbbot.venue.venue_fill import Liquidity
from cbbot.venue.venue_market import Market
from cbbot.venue.venue_order import Order, OrderStatus, TriggerStatus

__all__ = ["OrderMatching", "within_limit"]

_NO_MATCHING = frozenset({Gate.AUCTION_MODE, Gate.TRADING_DISABLED, Gate.IS_DISABLED})
_SELF_TRADE = "self trade prevented"


def within_limit(levels: tuple[Level, ...], side: Side, limit: int, size: int) -> list[Level]:
    """What an order of a size takes of levels, the best first, without going beyond its limit."""
    taken: list[Level] = []
    for price, shown in levels:
        if size == 0 or (price > limit if side is Side.BUY else price < limit):
            break
        part = min(shown, size)
        taken.append(Level(price, part))
        size -= part
    return taken


class OrderMatching:
    """Works on the orders of a ledger in the markets of an exchange."""

    def __init__(self, ledger: OrderLedger, markets: Mapping[str, Market]) -> None:
        self._ledger = ledger
        self._markets = markets

    def enter(self, order: Order, now_ms: int) -> Order:
        """Let a limit order, stop or bracket into its market; what it cannot take rests, waits or ends."""
        market = self.market_of(order)
        if order.trigger_status is TriggerStatus.PENDING:
            if market.last is not None and order.kind.is_bracket and market.last.price <= order.stop:
                return self._trigger(order, now_ms)
            market.triggers.arm(order.order_id, order.sequence, order.stop, up=order.stop_up)
            if order.kind.is_stop_limit:
                return order
        return self._work(order, market, now_ms)

    def enter_market(self, order: Order, trades: list[Trade], now_ms: int) -> Order:
        """Fill a market order with what it was matched with, and end it."""
        for trade in trades:
            order = self._ledger.add_fill(order, trade, Liquidity.TAKER, now_ms)
        if order.status.terminal:
            return order
        status = OrderStatus.FILLED if order.in_quote and _is_spent(order, trades) else OrderStatus.CANCELLED
        return self._ledger.close(order, status, now_ms)

    def withdraw(self, order: Order) -> None:
        """Take an order out of its market, wherever it waits."""
        market = self.market_of(order)
        market.triggers.disarm(order.order_id)
        side, price = market.sides[order.side], order.working_limit
        queue = side.queues.get(price)
        if queue is not None and order.order_id in queue.marks:
            side.remove(order.order_id, price)

    def print(self, market: Market, print_: Print) -> None:
        """Fill what a print reaches, then let the stops go that it reaches.

        A print without a size is a price that moved: it goes through orders, and serves no queue at its own price.
        """
        market.print(print_)
        if market.is_idle or not self._matches(market):
            return
        for side in Side:
            self._fill_resting(market, side, print_)
        for order_id in market.triggers.reached(print_.price):
            self._trigger(self._ledger.orders[order_id], print_.time_ms)

    def market_of(self, order: Order) -> Market:
        return self._markets[self._ledger.products[order.product_id].market_id]

    def _fill_resting(self, market: Market, side: Side, print_: Print) -> None:
        resting, price, now_ms = market.sides[side], print_.price, print_.time_ms
        for order_id in resting.passed(price):
            order = self._ledger.orders[order_id]
            self._ledger.execute(order, order.working_limit, order.leaves, Liquidity.MAKER, now_ms)
            market.triggers.disarm(order_id)
        if price in resting.queues:
            # Others before us may have been served: that is to be kept too.
            self._ledger.revision += 1
        for order_id, base in resting.met(price, print_.size, self._leaves):
            order = self._ledger.execute(self._ledger.orders[order_id], price, base, Liquidity.MAKER, now_ms)
            if order.status.terminal:
                resting.remove(order_id, price)
                market.triggers.disarm(order_id)

    def _leaves(self, order_id: str) -> int:
        return self._ledger.orders[order_id].leaves

    def _trigger(self, order: Order, now_ms: int) -> Order:
        self.withdraw(order)
        order = self._ledger.change(replace(order, trigger_status=TriggerStatus.TRIGGERED), now_ms)
        return self._work(order, self.market_of(order), now_ms)

    def _work(self, order: Order, market: Market, now_ms: int) -> Order:
        side, limit = order.side, order.working_limit
        if self._matches(market):
            levels = within_limit(market.takeable(side), side, limit, order.leaves)
            if order.kind is OrderKind.LIMIT_FOK and sum(level.size for level in levels) < order.leaves:
                levels = []
            for level in levels:
                order = self._ledger.execute(order, level.price, level.size, Liquidity.TAKER, now_ms)
        if order.status.terminal:
            market.triggers.disarm(order.order_id)
            return order
        if not order.kind.rests:
            return self._ledger.close(order, OrderStatus.CANCELLED, now_ms)
        if market.crosses_own(side, limit):
            market.triggers.disarm(order.order_id)
            return self._ledger.close(order, OrderStatus.CANCELLED, now_ms, _SELF_TRADE)
        market.sides[side].add(order.order_id, limit, market.shown_at(side, limit))
        return order

    def _matches(self, market: Market) -> bool:
        product = self._ledger.products.get(market.market_id)
        return product is None or not product.gates & _NO_MATCHING


def _is_spent(order: Order, trades: list[Trade]) -> bool:
    """Whether what is left of a market order's money pays for less than one base unit at the last price paid."""
    if not trades:
        return False
    taker = order.rates.taker
    left = order.asked - order.value - order.commission
    return left * taker.denominator < trades[-1].price * (taker.denominator + taker.numerator)
