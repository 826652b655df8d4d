"""The books of one customer: orders, their fills, what is held for them, and what has changed.

Money is set aside when an order is taken, and goes back when the order ends, or fills for less. What a fill
costs stays set aside until it is posted; then money and base change hands. So a wallet's hold is at any time
what its orders hold together.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from cbbot.domain.order import Side
from cbbot.venue.deadlines import Deadline, Deadlines, Due
from cbbot.venue.exchange_terms import Terms
from cbbot.venue.holds import hold_of_fill, reserved_hold, working_hold
from cbbot.venue.matching import Trade, commission_of_both
from cbbot.venue.order_feed import OrderFeed
from cbbot.venue.portfolios import Portfolios
from cbbot.venue.product import Product
from cbbot.venue.venue_fill import Fill, Liquidity, TradeType
from cbbot.venue.venue_order import Order, OrderStatus

__all__ = ["NAMESPACE", "OrderLedger"]

NAMESPACE = uuid.UUID("6f6d1c52-0e0c-5c1c-9d43-0f2a4b1e7c11")
_REVERSED = "a fill was reversed"


class OrderLedger:
    """``orders`` by id in the order they were taken; ``fills`` in the order they happened, sequence 1 first.

    ``revision`` rises with every change that a state file is to keep. ``to_follow`` are orders that ended with
    something filled, and whose attached bracket has not been placed yet.
    """

    def __init__(self, products: dict[str, Product], portfolios: Portfolios, terms: Terms) -> None:
        self.products = products
        self.portfolios = portfolios
        self.terms = terms
        self.deadlines = Deadlines()
        self.feed = OrderFeed()
        self.orders: dict[str, Order] = {}
        self.fills: list[Fill] = []
        self.unposted: dict[int, Fill] = {}
        self.to_follow: dict[str, None] = {}
        self.revision = 0
        self._by_client_id: dict[str, str] = {}
        self._open: dict[tuple[str, str], dict[str, None]] = {}
        self._fills_of: dict[str, list[Fill]] = {}

    def find(self, client_order_id: str) -> Order | None:
        """The order that an id names."""
        order_id = self._by_client_id.get(client_order_id)
        return None if order_id is None else self.orders[order_id]

    def open_orders(self, product_id: str | None = None) -> list[Order]:
        """Orders that are not over, of one product or of all, the oldest first."""
        found = [
            self.orders[order_id]
            for (product, _), order_ids in self._open.items()
            if product_id in (None, product)
            for order_id in order_ids
        ]
        return sorted(found, key=lambda order: order.sequence)

    def open_count(self, product_id: str, portfolio_id: str) -> int:
        return len(self._open.get((product_id, portfolio_id), ()))

    def available(self, order: Order) -> int:
        """What the wallet that an order draws on has left, in the order's units, rounded down."""
        instrument = self.products[order.product_id].instrument
        wallets = self.portfolios.balances(order.portfolio_id)
        if order.side is Side.SELL:
            return instrument.base_units(wallets[instrument.base_currency].available)
        return instrument.ledger_down(wallets[instrument.quote_currency].available)

    def set_available(self, currency: str, amount: Decimal) -> None:
        """Let so much be available in the default portfolio. It comes from nowhere: a person adjusts the exchange."""
        wallets = self.portfolios.balances(self.portfolios.default)
        wallets.add(currency, amount - wallets[currency].available)
        self.revision += 1

    def take(self, order: Order) -> Order:
        """A new order, and set aside what it may cost: there must be as much."""
        order = self._with_hold(order, working_hold(order))
        self._by_client_id[order.client_order_id] = order.order_id
        self._record(order, order.created_ms)
        if order.expires_ms is not None:
            self.deadlines.add(Deadline(order.expires_ms, Due.EXPIRE, order.sequence, order.order_id))
        return order

    def restore(self, orders: Iterable[Order], fills: Iterable[Fill], unposted: Sequence[int]) -> None:
        """Put back what was written down."""
        for order in orders:
            self.orders[order.order_id] = order
            self._by_client_id[order.client_order_id] = order.order_id
            self._list(order)
            for deadline in _deadlines_of(order):
                self.deadlines.add(deadline)
        for fill in fills:
            self._keep(fill)
        for sequence in unposted:
            fill = self.fills[sequence - 1]
            self.unposted[sequence] = fill
            self.deadlines.add(Deadline(fill.post_ms, Due.POST, sequence, fill.order_id))

    def change(self, order: Order, now_ms: int) -> Order:
        """A new version of an order."""
        order = replace(order, updated_ms=max(now_ms, order.updated_ms))
        self._record(order, now_ms)
        return order

    def rehold(self, before: Order, after: Order, now_ms: int) -> Order:
        """A new version of an order that may cost something else than before; there must be as much."""
        change = working_hold(after) + reserved_hold(after) - working_hold(before) - reserved_hold(before)
        return self.change(self._with_hold(after, change), now_ms)

    def execute(self, order: Order, price: int, base: int, liquidity: Liquidity, now_ms: int) -> Order:
        """Fill a part of a limit order, its fee rounded up once over all its parts; over when nothing is left."""
        value = price * base
        taker, maker = order.taker_value, order.maker_value
        paid = commission_of_both(taker, maker, order.rates)
        if liquidity is Liquidity.TAKER:
            taker += value
        else:
            maker += value
        fee = commission_of_both(taker, maker, order.rates) - paid
        return self.add_fill(order, Trade(price, base, value, fee), liquidity, now_ms)

    def add_fill(self, order: Order, trade: Trade, liquidity: Liquidity, now_ms: int) -> Order:
        """Fill a part of an order with a trade as it is."""
        if order.status.terminal or trade.base <= 0:
            raise AssertionError(f"order {order.order_id} is {order.status}, it cannot be filled with {trade.base}")
        is_taker = liquidity is Liquidity.TAKER
        filled = replace(
            order,
            executed=order.executed + trade.base,
            taker_value=order.taker_value + (trade.value if is_taker else 0),
            maker_value=order.maker_value + (0 if is_taker else trade.value),
            base=order.base + trade.base,
            value=order.value + trade.value,
            commission=order.commission + trade.commission,
            fill_count=order.fill_count + 1,
            last_fill_ms=now_ms,
        )
        if filled.size and filled.executed > filled.size:
            raise AssertionError(f"order {order.order_id} would be filled with more than its size")
        over = filled.size > 0 and filled.executed == filled.size
        if over:
            whole = filled.base == filled.executed
            status, message = (OrderStatus.FILLED, "") if whole else (OrderStatus.CANCELLED, _REVERSED)
            filled = replace(filled, status=status, cancel_message=message, cancel_due_ms=None, pending_edit=None)
        change = working_hold(filled) + hold_of_fill(order.side, trade) - working_hold(order)
        if over:
            change -= reserved_hold(order)
        filled = self._with_hold(filled, change)
        fill = self._fill(filled, trade, liquidity, TradeType.FILL, str(uuid.uuid5(NAMESPACE, self._fill_name(filled))))
        delays = self.terms.delays
        fill = replace(fill, time_ms=now_ms, visible_ms=now_ms + delays.fills_ms, post_ms=now_ms + delays.post_ms)
        self._keep(fill)
        self.unposted[fill.sequence] = fill
        self.deadlines.add(Deadline(fill.post_ms, Due.POST, fill.sequence, fill.order_id))
        return self.change(filled, now_ms)

    def close(self, order: Order, status: OrderStatus, now_ms: int, message: str = "") -> Order:
        """End an order as it is, and give back what is held for the rest of it."""
        release = working_hold(order) + reserved_hold(order)
        ended = replace(order, status=status, cancel_message=message, cancel_due_ms=None, pending_edit=None)
        return self.change(self._with_hold(ended, -release), now_ms)

    def post(self, fill: Fill, now_ms: int) -> Order:
        """Let money and base change hands for a fill."""
        del self.unposted[fill.sequence]
        order, trade = self.orders[fill.order_id], fill.trade
        instrument = self.products[fill.product_id].instrument
        wallets = self.portfolios.balances(fill.portfolio_id)
        base = trade.base * instrument.base_increment
        if fill.side is Side.BUY:
            wallets.spend(instrument.quote_currency, instrument.money(trade.value + trade.commission))
            wallets.add(instrument.base_currency, base)
        else:
            wallets.spend(instrument.base_currency, base)
            wallets.add(instrument.quote_currency, instrument.money(trade.value - trade.commission))
        return self.change(replace(order, hold=order.hold - hold_of_fill(fill.side, trade)), now_ms)

    def fills_of(self, order_id: str) -> Sequence[Fill]:
        """The fills of an order, the oldest first."""
        return self._fills_of.get(order_id, ())

    def add_entry(self, origin: Fill, trade: Trade, trade_type: TradeType, now_ms: int) -> Fill:
        """A reversal or correction of a fill, and the order with its totals corrected. Balances are the caller's."""
        order = self.orders[origin.order_id]
        sign = trade_type.sign
        base = order.base + sign * trade.base
        changed = replace(
            order,
            base=base,
            value=order.value + sign * trade.value,
            commission=order.commission + sign * trade.commission,
            fill_count=order.fill_count + sign,
        )
        if order.status is OrderStatus.FILLED and base < order.executed:
            changed = replace(changed, status=OrderStatus.CANCELLED, cancel_message=_REVERSED)
        elif order.cancel_message == _REVERSED and base == order.executed:
            changed = replace(changed, status=OrderStatus.FILLED, cancel_message="")
        fill = self._fill(changed, trade, origin.liquidity, trade_type, origin.trade_id)
        fill = replace(fill, time_ms=now_ms, visible_ms=now_ms + self.terms.delays.fills_ms, post_ms=now_ms)
        self._keep(fill)
        self.change(changed, now_ms)
        return fill

    def _fill_name(self, order: Order) -> str:
        return f"{order.order_id} {len(self.fills_of(order.order_id))}"

    def _fill(self, order: Order, trade: Trade, liquidity: Liquidity, trade_type: TradeType, trade_id: str) -> Fill:
        return Fill(
            sequence=len(self.fills) + 1,
            entry_id=hashlib.sha256(self._fill_name(order).encode()).hexdigest(),
            trade_id=trade_id,
            order_id=order.order_id,
            portfolio_id=order.portfolio_id,
            product_id=order.product_id,
            side=order.side,
            in_quote=order.in_quote,
            trade=trade,
            liquidity=liquidity,
            trade_type=trade_type,
            time_ms=0,
            visible_ms=0,
            post_ms=0,
        )

    def _keep(self, fill: Fill) -> None:
        self.fills.append(fill)
        self._fills_of.setdefault(fill.order_id, []).append(fill)

    def _with_hold(self, order: Order, change: int) -> Order:
        if change == 0:
            return order
        instrument = self.products[order.product_id].instrument
        wallets = self.portfolios.balances(order.portfolio_id)
        if order.side is Side.SELL:
            currency, amount = instrument.base_currency, change * instrument.base_increment
        else:
            currency, amount = instrument.quote_currency, instrument.money(change)
        move: Callable[[str, Decimal], None] = wallets.hold if change > 0 else wallets.release
        move(currency, abs(amount))
        return replace(order, hold=order.hold + change)

    def _record(self, order: Order, now_ms: int) -> None:
        self.orders[order.order_id] = order
        self.revision += 1
        self._list(order)
        self.feed.append(order, now_ms)

    def _list(self, order: Order) -> None:
        open_ids = self._open.setdefault((order.product_id, order.portfolio_id), {})
        if order.status.terminal:
            open_ids.pop(order.order_id, None)
        else:
            open_ids[order.order_id] = None
        if order.attached and order.status.terminal and order.base and not order.attached_order_id:
            self.to_follow[order.order_id] = None
        else:
            self.to_follow.pop(order.order_id, None)


def _deadlines_of(order: Order) -> Iterator[Deadline]:
    if order.status.terminal:
        return
    if order.expires_ms is not None:
        yield Deadline(order.expires_ms, Due.EXPIRE, order.sequence, order.order_id)
    if order.cancel_due_ms is not None:
        yield Deadline(order.cancel_due_ms, Due.CANCEL, order.sequence, order.order_id)
    if order.pending_edit is not None:
        yield Deadline(order.pending_edit.due_ms, Due.EDIT, order.sequence, order.order_id)
