"""Looking orders up: by Coinbase's id, or by ours in a listing read to its end.

*Could not ask* is an error, *looked everywhere and found nothing* is a 404 that says how far it looked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot.contract.bridge_orders import OrderSearch, OrderState
from cbbot.domain.timestamps import rfc3339_ms
from cbbot_bridge import translate
from cbbot_bridge.coinbase.rest import CoinbaseRest
from cbbot_bridge.executions import Fill, fill_of, order_state
from cbbot_bridge.http_errors import RequestRefused, UpstreamRefused
from cbbot_bridge.timekeeper import Timekeeper

__all__ = ["OrderLookup"]

_PAGE_SIZE = "100"
_MOST_PAGES = 50
# Clocks differ and Coinbase's created_time is not ours: look a little further back than asked.
_MARGIN_SECONDS = 600


class OrderLookup:
    """``resolved`` is told the client order id of every order that was found."""

    def __init__(self, rest: CoinbaseRest, timekeeper: Timekeeper, resolved: Callable[[str], None]) -> None:
        self._rest = rest
        self._timekeeper = timekeeper
        self._resolved = resolved

    async def by_order_id(self, order_id: str) -> OrderState:
        """The order with all its fills.

        Raises:
            RequestRefused: 404, Coinbase does not know it (yet: a new order stays unseen for seconds).
        """
        try:
            body = await self._rest.get(f"/orders/historical/{order_id}", private=True)
        except UpstreamRefused as error:
            if error.status != 404:
                raise
            message = f"Coinbase knows no order {order_id}; a new order may stay unseen for some seconds"
            raise RequestRefused(404, BridgeErrorCode.NOT_FOUND, message) from error
        order = body.get("order")
        if not isinstance(order, dict):
            raise translate.malformed("'order' is missing")
        return await self._with_fills(order)

    async def by_client_order_id(self, client_order_id: str, product_id: str, since: int) -> OrderState:
        """The order that our own id stands for; ``since`` in the venue's UNIX seconds.

        Raises:
            RequestRefused: 404 with an ``OrderSearch``.
        """
        until_ms = self._timekeeper.now_ms()
        margin = int(_MARGIN_SECONDS * max(self._timekeeper.rate, 1.0))
        since_ms = max(since - margin, 0) * 1000
        since_text = rfc3339_ms(since_ms)
        cursor = ""
        seen = 0
        cursors: set[str] = set()
        pages, last = 0, False
        while pages < _MOST_PAGES:
            body = await self._listing_page(product_id, since_text, cursor)
            orders = translate.objects(body, "orders")
            pages += 1
            seen += len(orders)
            for order in orders:
                if order.get("client_order_id") == client_order_id:
                    return await self._with_fills(order)
            cursor = str(body.get("cursor") or "")
            last = body.get("has_next") is not True
            if last or not cursor or cursor in cursors:
                break
            cursors.add(cursor)
        search = OrderSearch(
            since=since_text,
            until=rfc3339_ms(until_ms),
            looked_back_seconds=max(until_ms - since_ms, 0) // 1000,
            pages=pages,
            orders_seen=seen,
            complete=last,
        )
        raise _not_found(client_order_id, product_id, search)

    async def _listing_page(self, product_id: str, since: str, cursor: str) -> dict[str, Any]:
        params = [("product_ids", product_id), ("start_date", since), ("limit", _PAGE_SIZE)]
        if cursor:
            params.append(("cursor", cursor))
        return await self._rest.get("/orders/historical/batch", params, private=True)

    async def _with_fills(self, order: dict[str, Any]) -> OrderState:
        state = order_state(order, await self._fills(translate.text_of(order, "order_id")))
        if state.client_order_id:
            self._resolved(state.client_order_id)
        return state

    async def _fills(self, order_id: str) -> list[Fill]:
        """All fills of one order. There is no has_next here: an empty cursor or page is the end."""
        found: dict[str, Fill] = {}
        cursor = ""
        cursors: set[str] = set()
        for _ in range(_MOST_PAGES):
            params = [("order_ids", order_id), ("limit", _PAGE_SIZE)] + ([("cursor", cursor)] if cursor else [])
            body = await self._rest.get("/orders/historical/fills", params, private=True)
            fills = translate.objects(body, "fills")
            for number, fill in enumerate(fills):
                # A server that does not know the filter sends everybody's fills.
                if fill.get("order_id") == order_id:
                    found[str(fill.get("entry_id") or f"{cursor}/{number}")] = fill_of(fill)
            cursor = str(body.get("cursor") or "")
            if not fills or not cursor:
                return list(found.values())
            if cursor in cursors:
                raise translate.malformed("the fills' pages go in circles")
            cursors.add(cursor)
        raise translate.malformed(f"more than {_MOST_PAGES} pages of fills")


def _not_found(client_order_id: str, product_id: str, search: OrderSearch) -> RequestRefused:
    extent = "all" if search.complete else "only the newest"
    message = (
        f"no order {client_order_id!r} among {extent} {search.orders_seen} orders of {product_id} "
        f"since {search.since}, {search.looked_back_seconds} s before this look"
    )
    return RequestRefused(404, BridgeErrorCode.NOT_FOUND, message, {"search": search.model_dump()})
