"""Canceling and editing orders that rest: asked for, and then looked at until it is certain what became of it.

Coinbase's yes means that it has taken the request, not that it has done it: what is answered here is how
the order stands afterwards. A no is answered with how it stands, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot.contract.bridge_orders import OrderEdit, OrderState
from cbbot.domain.order import OrderStatus
from cbbot.errors import CbbotError, Refused, Retryable
from cbbot_bridge import translate
from cbbot_bridge.change_answers import Said, edit_shows, read_cancel_answer, read_edit_answer
from cbbot_bridge.coinbase.rest import CoinbaseRest, Posted, as_unavailable
from cbbot_bridge.coinbase.rest_answers import Meaning
from cbbot_bridge.exchange_account import ExchangeAccount
from cbbot_bridge.executions import order_state
from cbbot_bridge.http_errors import OrderUnknown, RequestRefused, UpstreamRefused, UpstreamUnavailable
from cbbot_bridge.market_data import Market
from cbbot_bridge.order_fills import OrderFills
from cbbot_bridge.order_listing import OrderListing
from cbbot_bridge.order_lookup import OrderLookup, not_known
from cbbot_bridge.order_request import edit_body

__all__ = ["OrderChanger"]

_CONFLICT: Final = 409
_FIRST_LOOK_SECONDS: Final = 0.05
_SLOWEST_LOOK_SECONDS: Final = 1.0

BeforeSend = Callable[[], None]
Done = Callable[[dict[str, Any]], bool]


class OrderChanger:
    """Cancels and edits."""

    def __init__(
        self,
        rest: CoinbaseRest,
        market: Market,
        account: ExchangeAccount,
        listing: OrderListing,
        lookup: OrderLookup,
    ) -> None:
        self._rest = rest
        self._market = market
        self._account = account
        self._listing = listing
        self._lookup = lookup

    async def cancel(self, order_id: str, before_send: BeforeSend = lambda: None) -> OrderState:
        """The order once it is canceled, by this request or before it; a part of it may be filled.

        Raises:
            RequestRefused: 404, there is none (yet); 409, certainly not canceled, with its state.
            UpstreamRefused: Coinbase's no to the request itself.
            UpstreamUnavailable: the request did not leave.
            OrderUnknown: it may be canceled yet.
        """
        deadline = self._rest.monotonic() + self._rest.order_seconds
        await self._account.require_trading()
        posted = await self._rest.post(
            "/orders/batch_cancel", {"order_ids": [order_id]}, before_send, deadline=deadline
        )
        said = self._read(posted, lambda body: read_cancel_answer(order_id, body))
        order = await self._look(order_id, said, _is_canceled, deadline)
        if _is_canceled(order):
            return await self._as_it_is(order, deadline)
        raise await self._unchanged(order, said, BridgeErrorCode.NOT_CANCELED, "canceled")

    async def edit(self, order_id: str, edit: OrderEdit, before_send: BeforeSend = lambda: None) -> OrderState:
        """The order once it shows the new price and size. One that shows them already is not asked to change.

        Raises:
            As :meth:`cancel`.
        """
        deadline = self._rest.monotonic() + self._rest.order_seconds
        await self._account.require_trading()
        before = await self._listing.order(order_id)
        if before is None:
            raise not_known(order_id)
        product = await self._market.product_for_order(translate.text_of(before, "product_id"))
        body = edit_body(order_id, edit, translate.side_of(before), product)

        def shows(order: dict[str, Any]) -> bool:
            return edit_shows(order, body["price"], body["size"])

        if shows(before):
            return await self._as_it_is(before, deadline)
        if translate.order_status(before.get("status")).terminal:
            raise await self._unchanged(before, Said(), BridgeErrorCode.NOT_EDITED, "edited")
        posted = await self._rest.post("/orders/edit", body, before_send, deadline=deadline)
        said = self._read(posted, read_edit_answer)
        order = await self._look(order_id, said, shows, deadline)
        if shows(order):
            return await self._as_it_is(order, deadline)
        if said.accepted is not False:
            # Over, and whether the edit came first is not to be seen.
            raise OrderUnknown(502, BridgeErrorCode.STILL_PENDING.value, _pending(order_id, order, "edited"))
        raise await self._unchanged(order, said, BridgeErrorCode.NOT_EDITED, "edited")

    def _read(self, posted: Posted, reading: Callable[[dict[str, Any]], Said]) -> Said:
        """What was said, with what an earlier, unanswered try may have done taken into account.

        Raises:
            UpstreamRefused, UpstreamUnavailable: nothing was changed.
        """
        answer = posted.answer
        if answer.meaning is Meaning.OK:
            said = reading(answer.body)
            return Said(None, said.code) if said.accepted is False and posted.may_have_acted else said
        if posted.may_have_acted or answer.status == _CONFLICT:
            return Said(None, answer.code if answer.meaning is Meaning.REFUSED else "")
        if answer.meaning is Meaning.REFUSED:
            raise UpstreamRefused(answer.status, answer.code, answer.message)
        raise as_unavailable(answer)

    async def _look(self, order_id: str, said: Said, done: Done, deadline: float) -> dict[str, Any]:
        """The order, when it is as it should be, or certain not to become so.

        Raises:
            RequestRefused: 404, Coinbase refuses and shows no such order.
            OrderUnknown: neither was to be seen within the time.
        """
        delay = _FIRST_LOOK_SECONDS
        seen: dict[str, Any] | None = None
        trouble = ""
        try:
            async with asyncio.timeout(max(deadline - self._rest.monotonic(), self._rest.least_seconds)):
                while True:
                    try:
                        order = await self._listing.order(order_id)
                        seen = order or seen
                        certain = order is not None and (done(order) or _settles(order, said))
                    except CbbotError as error:
                        trouble = f"; {error}"
                    else:
                        if order is None and said.accepted is False:
                            raise not_known(order_id)
                        if order is not None and certain:
                            return order
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, _SLOWEST_LOOK_SECONDS)
        except TimeoutError:
            pass
        raise OrderUnknown(504, BridgeErrorCode.STILL_PENDING.value, _pending(order_id, seen, "changed") + trouble)

    async def _as_it_is(self, order: dict[str, Any], deadline: float) -> OrderState:
        """An order that is as was asked for. That stands, whether its fills can be read or not.

        Raises:
            OrderUnknown: what it shows of itself makes no sense, or contradicts its fills.
        """
        within = max(deadline - self._rest.monotonic(), self._rest.least_seconds)
        try:
            async with asyncio.timeout(within):
                return await self._lookup.with_fills(order)
        except (Refused, Retryable, TimeoutError):
            pass
        try:
            return order_state(order, OrderFills(complete=False))
        except UpstreamUnavailable as error:
            raise OrderUnknown(error.status, error.code, f"order {order.get('order_id')}: {error}") from error

    async def _unchanged(self, order: dict[str, Any], said: Said, code: BridgeErrorCode, verb: str) -> RequestRefused:
        """The certain no, with the order as it stands."""
        try:
            state = (await self._lookup.with_fills(order)).model_dump(mode="json")
        except CbbotError:
            state = None
        message = f"order {order.get('order_id')} was not {verb}: it is {order.get('status')}"
        if said.accepted is False and said.code:
            return RequestRefused(_CONFLICT, said.code, f"{message} ({said.code})", {"order": state})
        return RequestRefused(_CONFLICT, code, message, {"order": state})


def _is_canceled(order: dict[str, Any]) -> bool:
    return translate.order_status(order.get("status")) is OrderStatus.CANCELLED


def _settles(order: dict[str, Any], said: Said) -> bool:
    """Whether the order will not become what was asked for any more: it is over, or goes on after a certain no."""
    status = translate.order_status(order.get("status"))
    under_way = status is OrderStatus.CANCEL_QUEUED or order.get("pending_cancel") is True
    return status.terminal or (said.accepted is False and not under_way)


def _pending(order_id: str, order: dict[str, Any] | None, verb: str) -> str:
    shown = f"it is {order.get('status')}" if order is not None else "it was not seen"
    return f"order {order_id}: Coinbase does not show yet whether it was {verb}, {shown}"
