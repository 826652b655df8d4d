"""One market: the book that others make around the last print, and our orders in it.

Others' size is back at once after we took from it. Orders of ours do not meet each other: others' levels that
would cross an order of ours are not there, and we take nothing beyond the best price that we rest at ourselves.
"""

from __future__ import annotations

from collections.abc import Callable

from cbbot.domain.order import Side
from cbbot.venue.order_book import Book, BookShape, Level, book_after
from cbbot.venue.prints import Print
from cbbot.venue.resting_book import RestingSide
from cbbot.venue.stop_triggers import StopTriggers

__all__ = ["Market"]


class Market:
    """``last`` is the newest print; None before the first, and then there is no book either."""

    def __init__(self, market_id: str, shape: BookShape) -> None:
        self.market_id = market_id
        self.sides = {side: RestingSide(side) for side in Side}
        self.triggers = StopTriggers()
        self._shape = shape
        self._last: Print | None = None
        self._others: Book | None = None

    @property
    def last(self) -> Print | None:
        return self._last

    @property
    def shape(self) -> BookShape:
        return self._shape

    def reshape(self, shape: BookShape) -> None:
        """Show another book from now on."""
        self._shape, self._others = shape, None

    def print(self, print_: Print) -> None:
        """Take note of a trade."""
        self._last, self._others = print_, None

    @property
    def is_idle(self) -> bool:
        """Whether no order of ours waits here: then prints change nothing but the last price."""
        return not self.triggers and not any(side.queues for side in self.sides.values())

    def is_quiet(self, low: int, high: int) -> bool:
        """Whether trades from ``low`` to ``high`` reach no order of ours, so that they change the last price alone."""
        bid, ask = self.sides[Side.BUY].best(), self.sides[Side.SELL].best()
        return (bid is None or bid < low) and (ask is None or ask > high) and self.triggers.is_quiet(low, high)

    def others(self) -> Book | None:
        """What others show: the book around the last print, less what would cross an order of ours."""
        if self._last is None:
            return None
        if self._others is None:
            self._others = book_after(self._last, self._shape)
        book = self._others
        bid, ask = self.sides[Side.BUY].best(), self.sides[Side.SELL].best()
        if bid is None and ask is None:
            return book
        return Book(
            tuple(level for level in book.bids if ask is None or level.price < ask),
            tuple(level for level in book.asks if bid is None or level.price > bid),
            book.last,
        )

    def takeable(self, side: Side) -> tuple[Level, ...]:
        """The levels that an order of a side may take, the best first."""
        others = self.others()
        if others is None:
            return ()
        own = self.sides[Side.SELL if side is Side.BUY else Side.BUY].best()
        if side is Side.BUY:
            return tuple(level for level in others.asks if own is None or level.price <= own)
        return tuple(level for level in others.bids if own is None or level.price >= own)

    def crosses_own(self, side: Side, limit: int) -> bool:
        """Whether an order at a limit would meet one of ours."""
        own = self.sides[Side.SELL if side is Side.BUY else Side.BUY].best()
        if own is None:
            return False
        return own <= limit if side is Side.BUY else own >= limit

    def crosses(self, side: Side, limit: int) -> bool:
        """Whether an order at a limit would match at once, or meet one of ours."""
        takeable = self.takeable(side)
        if takeable and (takeable[0].price <= limit if side is Side.BUY else takeable[0].price >= limit):
            return True
        return self.crosses_own(side, limit)

    def shown_at(self, side: Side, price: int) -> int:
        """Others' size at a price: nothing inside the spread; beyond the levels shown the book goes on alike."""
        others = self.others()
        if others is None:
            return 0
        levels = others.bids if side is Side.BUY else others.asks
        if not levels:
            return 0
        inside = price > levels[0].price if side is Side.BUY else price < levels[0].price
        return 0 if inside else self._shape.level_size

    def shown(self, leaves: Callable[[str], int]) -> Book | None:
        """The whole book: others' levels and our resting orders.

        Args:
            leaves: base units left of an order.
        """
        others = self.others()
        if others is None:
            return None
        bids = self._with_own(others.bids, Side.BUY, leaves)
        asks = self._with_own(others.asks, Side.SELL, leaves)
        return Book(tuple(reversed(bids)), tuple(asks), others.last)

    def _with_own(self, levels: tuple[Level, ...], side: Side, leaves: Callable[[str], int]) -> list[Level]:
        sizes = dict(levels)
        for price, queue in self.sides[side].queues.items():
            own = sum(leaves(order_id) for order_id in queue.marks)
            sizes[price] = max(sizes.get(price, 0), queue.shown()) + own
        return [Level(price, sizes[price]) for price in sorted(sizes)]
