"""The client order ids that have been sent, and what is known of their orders.

An id that is here was sent by this process. One that is not may have been sent by the process before it:
nothing is kept on a disk, so that a bridge needs none, and Coinbase's own listing is asked where it
matters (``cbbot_bridge.order_placing``). ``known_since`` tells from when on nothing was forgotten.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot.contract.bridge_orders import OrderPlaced
from cbbot_bridge.http_errors import OrderUnknown, RequestRefused
from cbbot_bridge.machine_clocks import monotonic_seconds
from cbbot_bridge.order_wish import Wish, difference

__all__ = ["SentOrder", "SentOrders"]

_MOST: Final = 5_000


class SentOrder:
    """One id. ``body`` is the create request as it left, None as long as certainly nothing was placed.

    ``first_sent`` and ``last_sent`` are when tries were made that may have placed it; ``placed`` is the order.
    """

    def __init__(self, client_order_id: str, wish: Wish) -> None:
        self.client_order_id = client_order_id
        self.wish = wish
        self.body: dict[str, Any] | None = None
        self.first_sent = self.last_sent = float("-inf")
        self.placed: OrderPlaced | None = None
        self.users = 0
        self.lock = asyncio.Lock()

    def sending(self, body: dict[str, Any], now: float) -> None:
        """From here on it may exist, whatever happens to the one who sends it."""
        if self.body is None:
            self.body, self.first_sent = body, now
        self.last_sent = now

    def not_placed(self) -> None:
        """It is certain that no order was placed."""
        self.body = None

    @property
    def worth_keeping(self) -> bool:
        return self.users > 0 or self.body is not None or self.placed is not None


class SentOrders:
    """Every id once. One request at a time has an id; another with the same wish waits for it.

    ``known_since`` and every other time here is on the monotonic clock.
    """

    def __init__(
        self, known_since: float, most: int = _MOST, monotonic: Callable[[], float] = monotonic_seconds
    ) -> None:
        self.known_since = known_since
        self._monotonic = monotonic
        self._most = most
        self._orders: OrderedDict[str, SentOrder] = OrderedDict()

    @asynccontextmanager
    async def claimed(self, client_order_id: str, wish: Wish, deadline: float) -> AsyncIterator[SentOrder]:
        """The id, for one request alone.

        Raises:
            RequestRefused: 409, the id stands for another wish.
            OrderUnknown: another request has had it until ``deadline``.
        """
        sent = self._orders.get(client_order_id)
        if sent is None:
            sent = self._orders[client_order_id] = SentOrder(client_order_id, wish)
        elif sent.wish != wish:
            raise id_in_use(client_order_id, "another request, with other product, side, size, price or kind")
        sent.users += 1
        try:
            try:
                async with asyncio.timeout(max(deadline - self._monotonic(), 0.0)):
                    await sent.lock.acquire()
            except TimeoutError:
                message = f"another request with client_order_id {client_order_id} is still under way"
                raise OrderUnknown(504, BridgeErrorCode.STILL_PENDING.value, message) from None
            try:
                yield sent
            finally:
                sent.lock.release()
        finally:
            sent.users -= 1
            if not sent.worth_keeping:
                self._orders.pop(client_order_id, None)
            self._forget_oldest()

    async def answered(self, prefix: str, seconds: float) -> None:
        """Until every request under way for an id with the prefix is over; no longer than ``seconds``."""
        under_way = [
            each for each in self._orders.values() if each.users > 0 and each.client_order_id.startswith(prefix)
        ]
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for each in under_way:
                    async with each.lock:
                        pass

    def found(self, order: Mapping[str, Any]) -> None:
        """A look has found ``order``: if it is what was sent under its id, its fate is no longer in doubt."""
        sent = self._orders.get(str(order.get("client_order_id") or ""))
        order_id = order.get("order_id")
        if sent is None or sent.body is None or sent.placed is not None or not isinstance(order_id, str):
            return
        if difference(sent.wish, sent.body, order) is None:
            sent.placed = OrderPlaced(order_id=order_id, client_order_id=sent.client_order_id)

    def placed_since(self, prefix: str, product_id: str, since: float) -> list[SentOrder]:
        """The orders that are known to exist, under ids with the prefix, sent at ``since`` or later."""
        sent = self._sent(prefix, product_id)
        return [each for each in sent if each.placed is not None and each.last_sent >= since]

    def in_doubt(self, prefix: str, product_id: str, since: float) -> list[SentOrder]:
        """The orders of which it is not known whether they exist, sent at ``since`` or later, or under way still."""
        sent = self._sent(prefix, product_id)
        return [each for each in sent if each.placed is None and (each.users > 0 or each.last_sent >= since)]

    def _sent(self, prefix: str, product_id: str) -> Iterator[SentOrder]:
        """Those under ids with the prefix of which it is not certain that nothing was placed."""
        for each in self._orders.values():
            if each.body is not None and each.client_order_id.startswith(prefix) and each.wish.product_id == product_id:
                yield each

    def all_among(self, listed: Collection[str], prefix: str, since: float) -> bool:
        """Whether every order under an id with the prefix that may have left at ``since`` or later is ``listed``."""
        if self.known_since > since:
            return False
        return all(
            each.client_order_id in listed
            for each in self._orders.values()
            if each.client_order_id.startswith(prefix)
            and (each.users > 0 or (each.body is not None and each.last_sent >= since))
        )

    def _forget_oldest(self) -> None:
        while len(self._orders) > self._most:
            oldest = next((each for each in self._orders.values() if not each.users), None)
            if oldest is None:
                return
            del self._orders[oldest.client_order_id]
            self.known_since = max(self.known_since, oldest.last_sent)


def id_in_use(client_order_id: str, stands_for: str) -> RequestRefused:
    """The refusal of a request whose id is taken."""
    message = (
        f"client_order_id {client_order_id} stands for {stands_for}; nothing was placed for this request: "
        "a new order needs a new id"
    )
    return RequestRefused(409, BridgeErrorCode.ID_IN_USE, message)
