"""Looking orders up: by Coinbase's id, or by ours in a listing read to its end.

*Could not ask* is an error, *looked everywhere and found nothing* is a 404 that says how far it looked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Final

from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot.contract.bridge_orders import (
    OpenOrders,
    OrderInDoubt,
    OrderSearch,
    OrderState,
    OwnOrders,
    UnreadableOrder,
)
from cbbot.domain.decimals import plain
from cbbot.domain.order import OrderStatus
from cbbot.domain.timestamps import rfc3339_ms
from cbbot_bridge import translate
from cbbot_bridge.executions import order_state
from cbbot_bridge.http_errors import OrderUnknown, RequestRefused, UpstreamUnavailable
from cbbot_bridge.order_configuration import asked_of
from cbbot_bridge.order_fills import OrderFills
from cbbot_bridge.order_listing import CLOCK_MARGIN_SECONDS, Look, OrderListing
from cbbot_bridge.order_search import INVISIBLE_SECONDS
from cbbot_bridge.sent_orders import SentOrder, SentOrders
from cbbot_bridge.timekeeper import Timekeeper

__all__ = ["OrderLookup"]

_LOG = logging.getLogger(__name__)
_MOST_LOGGED: Final = 1_000
_UNDER_WAY_SECONDS: Final = 2.0
"""Lots are unwatched meanwhile: an order that takes longer is told by ``all_visible``."""


class OrderLookup:
    """``sent_orders`` learn of every order found, ``contradicted`` is called for each that contradicts itself.

    ``monotonic`` is the clock that ``sent_orders`` count on.
    """

    def __init__(
        self,
        listing: OrderListing,
        timekeeper: Timekeeper,
        sent_orders: SentOrders,
        contradicted: Callable[[], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._listing = listing
        self._timekeeper = timekeeper
        self._sent_orders = sent_orders
        self._contradicted = contradicted
        self._monotonic = monotonic
        self._logged: dict[tuple[str, str], None] = {}

    async def by_order_id(self, order_id: str) -> OrderState:
        """The order with all its fills.

        Raises:
            RequestRefused: 404, Coinbase does not know it (yet: a new order stays unseen for seconds).
            OrderUnknown: it contradicts itself.
        """
        order = await self._listing.order(order_id)
        if order is None:
            raise not_known(order_id)
        return await self.with_fills(order)

    async def by_client_order_id(self, client_order_id: str, product_id: str, since: int) -> OrderState:
        """The order that our own id stands for; ``since`` in the venue's UNIX seconds.

        Raises:
            RequestRefused: 404 with an ``OrderSearch``.
            OrderUnknown: it contradicts itself.
        """
        until_ms, since_ms = self._timekeeper.now_ms(), self._since_ms(since)
        look = await self._listing.look(client_order_id, product_id, rfc3339_ms(since_ms))
        if look.order is not None:
            return await self.with_fills(look.order)
        raise _not_found(client_order_id, product_id, since_ms, until_ms, look)

    async def open_orders(self, product_id: str | None) -> OpenOrders:
        """Every order that is not over, as the listing has it."""
        orders, unreadable = self._read(await self._listing.open_orders(product_id))
        return OpenOrders(orders=orders, size=len(orders), unreadable=unreadable)

    async def own_orders(self, prefix: str, product_id: str, since: int) -> OwnOrders:
        """Every order under ids that begin with ``prefix``; ``since`` in the venue's UNIX seconds.

        Raises:
            UpstreamUnavailable: it is not certain that these are all.
        """
        # Who lists them has just begun, and may sell what an order of the run before is selling at this moment.
        await self._sent_orders.answered(prefix, _UNDER_WAY_SECONDS / self._timekeeper.pace)
        until_ms, since_ms = self._timekeeper.now_ms(), self._since_ms(since)
        invisible_since = self._monotonic() - INVISIBLE_SECONDS / self._timekeeper.pace
        listed = await self._listing.all_since(prefix, product_id, rfc3339_ms(since_ms))
        names = {order["client_order_id"] for order in listed}
        sent_since = self._monotonic() - (until_ms - since_ms) / 1000.0 / self._timekeeper.pace
        taken = self._sent_orders.placed_since(prefix, product_id, sent_since)
        # A listing may lag behind the answer that an order was taken, for longer than a bot that begins waits for it.
        orders, unreadable = self._read(
            [*listed, *(self._as_sent(sent) for sent in taken if sent.client_order_id not in names)]
        )
        known = names | {sent.client_order_id for sent in taken}
        return OwnOrders(
            since=rfc3339_ms(since_ms),
            until=rfc3339_ms(until_ms),
            orders=orders,
            size=len(orders),
            unreadable=unreadable,
            in_doubt=[
                self._in_doubt(sent)
                for sent in self._sent_orders.in_doubt(prefix, product_id, invisible_since)
                if sent.client_order_id not in names
            ],
            all_visible=self._sent_orders.all_among(known, prefix, invisible_since),
        )

    def _as_sent(self, sent: SentOrder) -> dict[str, Any]:
        """An order that Coinbase has taken and does not list yet, as it was sent."""
        return {
            **(sent.body or {}),
            "order_id": sent.placed.order_id if sent.placed is not None else "",
            "status": OrderStatus.PENDING.value,
            "created_time": self._when_sent(sent),
        }

    def _in_doubt(self, sent: SentOrder) -> OrderInDoubt:
        asked = asked_of((sent.body or {}).get("order_configuration"))
        return OrderInDoubt(
            client_order_id=sent.client_order_id,
            side=sent.wish.side,
            base_size=None if asked.base_size is None else plain(asked.base_size),
            quote_size=None if asked.quote_size is None else plain(asked.quote_size),
            sent_time=self._when_sent(sent),
        )

    def _when_sent(self, sent: SentOrder) -> str:
        """The venue's time at which it left first."""
        ago_ms = (self._monotonic() - sent.first_sent) * 1000.0 * self._timekeeper.pace
        return rfc3339_ms(max(self._timekeeper.now_ms() - int(ago_ms), 0))

    def _read(self, listed: Iterable[dict[str, Any]]) -> tuple[list[OrderState], list[UnreadableOrder]]:
        """The orders of a listing, and those that cannot be read: one of them must not hide the others for ever."""
        orders, unreadable = list[OrderState](), list[UnreadableOrder]()
        for order in listed:
            try:
                orders.append(order_state(order, OrderFills()))
            except (UpstreamUnavailable, OrderUnknown) as error:
                unreadable.append(self._unreadable(order, error))
        return orders, unreadable

    def _unreadable(self, order: dict[str, Any], error: Exception) -> UnreadableOrder:
        if isinstance(error, OrderUnknown):
            self._note_contradiction(order, error)
        names = {name: str(order.get(name) or "") for name in ("client_order_id", "order_id")}
        if not isinstance(error, OrderUnknown) and self._is_news(names["order_id"], str(error)):
            _LOG.warning("an order cannot be read", extra={"fields": {**names, "reason": str(error)}})
        return UnreadableOrder(**names, reason=str(error))

    def _note_contradiction(self, order: dict[str, Any], error: OrderUnknown) -> None:
        fields = {"order_id": order.get("order_id"), "client_order_id": order.get("client_order_id")}
        if self._is_news(str(fields["order_id"]), str(error)):
            _LOG.error("order contradicts itself", extra={"fields": {**fields, "reason": str(error)}})
        self._contradicted()

    def _is_news(self, order_id: str, reason: str) -> bool:
        """Whether this of the order was not logged yet: it is looked at again for as long as it is like that."""
        if (order_id, reason) in self._logged:
            return False
        self._logged[order_id, reason] = None
        if len(self._logged) > _MOST_LOGGED:
            del self._logged[next(iter(self._logged))]
        return True

    def _since_ms(self, since: int) -> int:
        margin = int(CLOCK_MARGIN_SECONDS * self._timekeeper.pace)
        return max(since - margin, 0) * 1000

    async def with_fills(self, order: dict[str, Any]) -> OrderState:
        self._sent_orders.found(order)
        try:
            return order_state(order, await self._listing.fills(translate.text_of(order, "order_id")))
        except OrderUnknown as error:
            self._note_contradiction(order, error)
            raise


def not_known(order_id: str) -> RequestRefused:
    message = f"Coinbase knows no order {order_id}; a new order may stay unseen for some seconds"
    return RequestRefused(404, BridgeErrorCode.NOT_FOUND, message)


def _not_found(client_order_id: str, product_id: str, since_ms: int, until_ms: int, look: Look) -> RequestRefused:
    search = OrderSearch(
        since=rfc3339_ms(since_ms),
        until=rfc3339_ms(until_ms),
        looked_back_seconds=max(until_ms - since_ms, 0) // 1000,
        pages=look.pages,
        orders_seen=look.orders_seen,
        complete=look.complete,
    )
    extent = "all" if search.complete else "only a part of the"
    message = (
        f"no order {client_order_id!r} among {extent} {search.orders_seen} orders of {product_id} "
        f"since {search.since}, {search.looked_back_seconds} s before this look"
    )
    return RequestRefused(404, BridgeErrorCode.NOT_FOUND, message, {"search": search.model_dump()})
