"""Market orders: sent once in effect, and never reported as something they may not be.

Before an order leaves, its body is remembered under its client order id until its fate is known. A
repeat of an order whose fate is not known sends the remembered body, whatever the bid is by now, and
passes no gate: it is not a new order. If Coinbase then refuses the repeat, that is still no proof that
the first one was not taken; ``GET /order`` has to tell.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from cbbot.contract.bridge_api import MarketOrder, OrderPlaced
from cbbot.errors import Refused, Retryable
from cbbot_bridge import translate
from cbbot_bridge.coinbase.rest import CoinbaseRest, Posted, as_unavailable
from cbbot_bridge.coinbase.rest_answers import Meaning
from cbbot_bridge.http_errors import OrderUnknown, UpstreamRefused
from cbbot_bridge.market_data import Market
from cbbot_bridge.order_request import check_gates, create_body, needs_bid
from cbbot_bridge.prices import Prices

__all__ = ["OrderPlacer"]

_LOG = logging.getLogger(__name__)

_MOST_UNRESOLVED = 1000
_PRODUCT_SECONDS = 10.0
# Increments hardly ever change, and an exit must not wait for an outage of the product endpoint.
_PRODUCT_AT_WORST_SECONDS = 3600.0
_SAYS_NOTHING = ("", "UNKNOWN_FAILURE_REASON", "UNKNOWN", "unknown")


class OrderPlacer:
    """Places market orders."""

    def __init__(self, rest: CoinbaseRest, market: Market, prices: Prices) -> None:
        self._rest = rest
        self._market = market
        self._prices = prices
        self._unresolved: OrderedDict[str, dict[str, Any]] = OrderedDict()

    async def place(self, order: MarketOrder, before_send: Callable[[], None] = lambda: None) -> OrderPlaced:
        """Places ``order``, or returns the order that its client order id already stands for.

        ``before_send`` is the last check before the request leaves; it raises RequestRefused.

        Raises:
            RequestRefused, UpstreamRefused: nothing was placed.
            UpstreamUnavailable: this request placed nothing and may be made again.
            OrderUnknown: it may or may not have been placed.
        """
        body = self._unresolved.get(order.client_order_id)
        if body is None:
            fresh = await self._body(order)
            # Another request with this id may have got here first while the product was read.
            body = self._unresolved.get(order.client_order_id, fresh)
            repeated = body is not fresh
        else:
            repeated = True
        self._remember(order.client_order_id, body)
        try:
            posted = await self._rest.post("/orders", body, before_send)
            placed = self._conclude(order.client_order_id, posted, repeated=repeated)
        except OrderUnknown as unknown:
            fields = {"client_order_id": order.client_order_id, "code": unknown.code, "reason": str(unknown)}
            _LOG.error("order outcome unknown", extra={"fields": fields})
            raise
        except (Refused, Retryable):
            # These say for certain that this request placed nothing; not so for an earlier one.
            if not repeated:
                self.resolved(order.client_order_id)
            raise
        self.resolved(order.client_order_id)
        fields = {"client_order_id": order.client_order_id, "order_id": placed.order_id, "side": order.side.value}
        _LOG.info("order placed", extra={"fields": fields})
        return placed

    def resolved(self, client_order_id: str) -> None:
        """The fate of this order is known."""
        self._unresolved.pop(client_order_id, None)

    async def _body(self, order: MarketOrder) -> dict[str, Any]:
        product = await self._market.product(
            order.product_id, younger_than=_PRODUCT_SECONDS, at_worst=_PRODUCT_AT_WORST_SECONDS, for_order=True
        )
        check_gates(product)
        bid: Decimal | None = None
        if needs_bid(order):
            bbo = self._prices.fresh_bbo(order.product_id) or await self._market.bbo(order.product_id, for_order=True)
            bid = Decimal(bbo.bid)
            if bid <= 0:
                raise translate.malformed(f"the bid of {order.product_id} is {bid}")
        return create_body(order, product, bid)

    def _remember(self, client_order_id: str, body: dict[str, Any]) -> None:
        self._unresolved[client_order_id] = body
        while len(self._unresolved) > _MOST_UNRESOLVED:
            self._unresolved.popitem(last=False)

    def _conclude(self, client_order_id: str, posted: Posted, *, repeated: bool) -> OrderPlaced:
        answer = posted.answer
        in_doubt = posted.may_have_acted or repeated
        if answer.meaning is Meaning.OK and answer.body.get("success") is True:
            return _placed(client_order_id, answer.body)
        if answer.meaning is Meaning.OK and answer.body.get("success") is not False:
            raise OrderUnknown(502, "upstream_malformed", "Coinbase's answer does not tell whether it took the order")
        if answer.meaning is Meaning.OK:
            refusal = _refusal(answer.body)
        elif answer.meaning is Meaning.REFUSED:
            refusal = UpstreamRefused(answer.status, answer.code, answer.message)
        elif in_doubt:
            unavailable = as_unavailable(answer)
            raise OrderUnknown(unavailable.status, unavailable.code, f"{unavailable}; it may have taken the order")
        else:
            raise as_unavailable(answer)
        if in_doubt:
            message = f"refused now ({refusal}), but an earlier try may have been taken: look it up with GET /order"
            raise OrderUnknown(502, refusal.code, message)
        raise refusal


def _placed(client_order_id: str, body: dict[str, Any]) -> OrderPlaced:
    success = body.get("success_response")
    detail: dict[str, Any] = success if isinstance(success, dict) else {}
    # Older answers carry the id at the top only.
    order_id = detail.get("order_id") or body.get("order_id")
    if not isinstance(order_id, str) or not order_id:
        raise OrderUnknown(502, "upstream_malformed", "Coinbase took the order but named no order_id")
    known_as = detail.get("client_order_id")
    own_id = known_as if isinstance(known_as, str) and known_as else client_order_id
    return OrderPlaced.model_validate({**body, "success": True, "order_id": order_id, "client_order_id": own_id})


def _refusal(body: dict[str, Any]) -> UpstreamRefused:
    """Coinbase's reason; the prefix that says where in Coinbase it was found is left out of the code."""
    detail = body.get("error_response")
    fields: dict[str, Any] = detail if isinstance(detail, dict) else {}
    candidates = [fields.get(key) for key in ("new_order_failure_reason", "preview_failure_reason", "error")]
    candidates.append(body.get("failure_reason"))
    reason = next((text for text in candidates if isinstance(text, str) and text not in _SAYS_NOTHING), "REFUSED")
    message = fields.get("message") or fields.get("error_details") or "Coinbase gives no further reason"
    return UpstreamRefused(400, reason.removeprefix("PREVIEW_")[:64], f"{message} ({reason})"[:400])
