"""Coinbase's orders and fills as they are listed: page by page, to an end that says that it is one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot_bridge import translate
from cbbot_bridge.coinbase.rest import CoinbaseRest, Params
from cbbot_bridge.http_errors import UpstreamRefused, UpstreamUnavailable
from cbbot_bridge.listing_pages import Pages
from cbbot_bridge.order_fills import Fill, OrderFills, distinct, fill_of

__all__ = ["CLOCK_MARGIN_SECONDS", "LISTING_SECONDS", "Look", "OrderListing", "incomplete"]

CLOCK_MARGIN_SECONDS: Final = 600.0
"""Clocks differ and Coinbase's created_time is not ours: so much further back is looked than an order was sent."""

_PAGE_SIZE: Final = "100"
# Of all orders since a moment there may be any number; a look ends before who asks has gone.
_LOOK_SECONDS: Final = 25.0
LISTING_SECONDS: Final = 100.0
_MOST_PAGES: Final = 50
_NOT_FOUND: Final = 404
# Orders that wait for something are not among the OPEN ones, and the two cannot be asked for at once.
_WAITING: Final = ("PENDING", "QUEUED", "CANCEL_QUEUED", "EDIT_QUEUED")


@dataclass(frozen=True, slots=True)
class Look:
    """A look for one order: the order, or how far and how completely the listing was read without finding it."""

    order: dict[str, Any] | None
    pages: int
    orders_seen: int
    complete: bool
    proof_wanted: bool = False


class OrderListing:
    """Reads of single orders, of listings of orders, and of fills.

    ``for_order``: an order waits for what is read, so that it waits for no other read.
    """

    def __init__(self, rest: CoinbaseRest, *, for_order: bool = False) -> None:
        self._rest = rest
        self._for_order = for_order

    async def order(self, order_id: str) -> dict[str, Any] | None:
        """One order; None when Coinbase knows none (yet: a new order stays unseen for seconds)."""
        try:
            body = await self._rest.get(f"/orders/historical/{order_id}", private=True, for_order=self._for_order)
        except UpstreamRefused as error:
            if error.status != _NOT_FOUND:
                raise
            return None
        order = body.get("order")
        if not isinstance(order, dict):
            raise translate.malformed("'order' is missing")
        if translate.text_of(order, "order_id").lower() != order_id.lower():
            raise translate.malformed(f"asked for order {order_id}, Coinbase answers with another")
        return order

    async def look(self, client_order_id: str, product_id: str | None, since: str) -> Look:
        """Looks for our own id in everything created since ``since`` (RFC 3339)."""
        params = [("start_date", since)] + ([("product_ids", product_id)] if product_id is not None else [])
        pages, seen = Pages(), 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):
                goes_on = True
                while goes_on:
                    body, orders = await self._page("batch", "orders", params, pages)
                    seen += len(orders)
                    for order in orders:
                        if order.get("client_order_id") == client_order_id:
                            return Look(order, pages.count + 1, seen, complete=True)
                    goes_on = pages.goes_on(body, len(orders))
        return Look(None, pages.count, seen, pages.complete, pages.proof_wanted)

    async def open_orders(self, product_id: str | None) -> list[dict[str, Any]]:
        """Every order that is not over.

        An order may change its state between two listings. Those that wait are listed on either side of those
        that are open, so that one which stays alive is seen at least once.

        Raises:
            UpstreamUnavailable: it is not certain that these are all.
        """
        found: dict[str, dict[str, Any]] = {}
        for statuses in (_WAITING, ("OPEN",), _WAITING):
            params = [("order_status", status) for status in statuses]
            if product_id is not None:
                params.append(("product_ids", product_id))
            for order in await self._all_orders(params, Pages(most=_MOST_PAGES)):
                # One without an id is told as one that cannot be read.
                found[str(order.get("order_id") or order.get("client_order_id") or "")] = order
        alive = (order for order in found.values() if not translate.order_status(order.get("status")).terminal)
        # A server that does not know the filter lists other products too.
        return [order for order in alive if product_id is None or order.get("product_id") == product_id]

    async def all_since(self, prefix: str, product_id: str, since: str) -> list[dict[str, Any]]:
        """Every order of a product under ids with the prefix created since ``since`` (RFC 3339), whatever its state.

        One that stands on two pages is told once, as it was listed last.

        Raises:
            UpstreamUnavailable: it is not certain that these are all.
        """

        def ours(order: dict[str, Any]) -> bool:
            # A server that does not know the filter lists other products too.
            name = str(order.get("client_order_id") or "")
            return name.startswith(prefix) and order.get("product_id", product_id) == product_id

        pages = Pages()
        try:
            async with asyncio.timeout(LISTING_SECONDS):
                listed = await self._all_orders([("start_date", since), ("product_ids", product_id)], pages, ours)
        except TimeoutError:
            message = (
                f"Coinbase: the list of the orders of {product_id} since {since} was not read to its end within "
                f"{LISTING_SECONDS:g} s, in {pages.count} pages of up to {_PAGE_SIZE}"
            )
            raise UpstreamUnavailable(504, BridgeErrorCode.UPSTREAM_TIMEOUT, message) from None
        # What changes between two pages pushes an order onto a second one; who adds up what was filled counts it once.
        return list({(order.get("client_order_id"), order.get("order_id")): order for order in listed}.values())

    async def fills(self, order_id: str) -> OrderFills:
        """The fills of one order; what is kept back or cut off leaves them incomplete."""
        pages, rows = Pages(most=_MOST_PAGES, by_cursor=True), list[Fill]()
        goes_on = True
        while goes_on:
            body, fills = await self._page("fills", "fills", [("order_ids", order_id)], pages)
            # A server that does not know the filter sends everybody's fills.
            rows.extend(fill_of(fill) for fill in fills if fill.get("order_id") == order_id)
            goes_on = pages.goes_on(body, len(fills))
        return OrderFills(distinct(rows), pages.complete)

    async def _all_orders(
        self, params: Params, pages: Pages, wanted: Callable[[dict[str, Any]], bool] = lambda _: True
    ) -> list[dict[str, Any]]:
        found = list[dict[str, Any]]()
        goes_on = True
        while goes_on:
            body, orders = await self._page("batch", "orders", params, pages)
            found.extend(order for order in orders if wanted(order))
            goes_on = pages.goes_on(body, len(orders))
        if not pages.complete:
            raise incomplete("orders", pages.count, proof_wanted=pages.proof_wanted)
        return found

    async def _page(
        self, listing: str, key: str, params: Params, pages: Pages
    ) -> tuple[dict[str, Any], Sequence[dict[str, Any]]]:
        query = [*params, ("limit", _PAGE_SIZE)] + ([("cursor", pages.cursor)] if pages.cursor else [])
        body = await self._rest.get(f"/orders/historical/{listing}", query, private=True, for_order=self._for_order)
        return body, translate.objects(body, key)


def incomplete(what: str, pages: int, *, proof_wanted: bool) -> UpstreamUnavailable:
    """The error of a listing that is needed whole and was not shown whole."""
    if proof_wanted:
        message = f"Coinbase wants a proof of identity (proof_token_required) before it lists all {what}"
        return UpstreamUnavailable(503, BridgeErrorCode.PROOF_WANTED, message)
    return translate.malformed(f"the listing of {what} did not end with a has_next of false, in {pages} pages")
