"""Whether an order with our id exists, asked before anybody is refused it.

Absence proves nothing as long as the order might only be invisible still, and nothing when the listing was
not read to its end.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot.domain.timestamps import rfc3339_ms
from cbbot_bridge.http_errors import UpstreamUnavailable
from cbbot_bridge.order_listing import CLOCK_MARGIN_SECONDS, OrderListing, incomplete
from cbbot_bridge.timekeeper import Timekeeper

__all__ = ["INVISIBLE_SECONDS", "OrderFinder"]

INVISIBLE_SECONDS: Final = 30.0
"""An order may stay unseen for so long, on the venue's clock."""

_LOOK_BACK_SECONDS: Final = 7 * 86_400.0


class OrderFinder:
    """Moments are on our monotonic clock; what has passed since is in the venue's seconds, which may be faster."""

    def __init__(self, listing: OrderListing, timekeeper: Timekeeper) -> None:
        self._listing = listing
        self._timekeeper = timekeeper

    def needed(self, known_since: float) -> bool:
        """Whether an id that was not sent since ``known_since`` may have been sent before, by an earlier process.

        An id is not expected to come back after a week.
        """
        return self._passed(known_since) < _LOOK_BACK_SECONDS

    def absence_counts(self, sent_at: float) -> bool:
        """Whether an order that was sent at ``sent_at`` or before would be visible by now."""
        return self._passed(sent_at) >= INVISIBLE_SECONDS

    async def find(
        self, client_order_id: str, product_id: str | None, sent_since: float | None, within_seconds: float
    ) -> dict[str, Any] | None:
        """The order, or None after a complete look. ``sent_since`` None: it may have been sent by an earlier process.

        Raises:
            Refused, Retryable: Coinbase could not be asked, or not for all of its orders.
        """
        back = _LOOK_BACK_SECONDS if sent_since is None else self._passed(sent_since)
        since_ms = self._timekeeper.now_ms() - int((back + CLOCK_MARGIN_SECONDS * self._timekeeper.pace) * 1000)
        try:
            async with asyncio.timeout(within_seconds):
                look = await self._listing.look(client_order_id, product_id, rfc3339_ms(max(since_ms, 0)))
        except TimeoutError:
            message = "Coinbase: the listing of orders was not read in time"
            raise UpstreamUnavailable(504, BridgeErrorCode.UPSTREAM_TIMEOUT, message) from None
        if look.order is None and not look.complete:
            raise incomplete("orders", look.pages, proof_wanted=look.proof_wanted)
        return look.order

    def _passed(self, moment: float) -> float:
        return (self._timekeeper.monotonic() - moment) * self._timekeeper.pace
