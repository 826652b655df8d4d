"""Epochs that an earlier process of this bridge has let order, read off the ids of the exchange's orders.

A bridge keeps nothing on a disk. One that has just come up would let a bot order that was replaced a moment ago, if
its order came before the first word of its successor.
"""

from __future__ import annotations

import asyncio
from typing import Final

from cbbot.domain.own_order_id import epoch_and_sequence, id_prefix
from cbbot.domain.timestamps import rfc3339_ms
from cbbot.errors import CbbotError
from cbbot_bridge.bridge_access import EpochRegistry
from cbbot_bridge.order_listing import OrderListing
from cbbot_bridge.timekeeper import Timekeeper

__all__ = ["ListedEpochs"]

# By then every bot has asked for a price, with its epoch.
_NEW_SECONDS: Final = 60.0
_LOOK_BACK_SECONDS: Final = 3600.0
# An exit must not wait for a listing that does not come.
_PATIENCE_SECONDS: Final = 2.0


class ListedEpochs:
    """Teaches ``epochs`` what the exchange's orders tell, once for each bot, while the bridge is new.

    ``started`` is when this bridge came up, on the monotonic clock.
    """

    def __init__(self, listing: OrderListing, timekeeper: Timekeeper, epochs: EpochRegistry) -> None:
        self._listing = listing
        self._timekeeper = timekeeper
        self._epochs = epochs
        self.started = timekeeper.monotonic()
        self._looking: dict[str, asyncio.Lock] = {}
        self._looked: set[str] = set()

    async def learn(self, bot_id: str, product_id: str) -> None:
        """Before an order of a bot: a listing that fails, or takes too long, teaches nothing and stops nothing."""
        pace = self._timekeeper.pace
        if bot_id in self._looked or (self._timekeeper.monotonic() - self.started) * pace >= _NEW_SECONDS:
            return
        async with self._looking.setdefault(bot_id, asyncio.Lock()):
            if bot_id in self._looked:
                return
            prefix = id_prefix(bot_id)
            since_ms = max(self._timekeeper.now_ms() - int(_LOOK_BACK_SECONDS * pace * 1000), 0)
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    orders = await self._listing.all_since(prefix, product_id, rfc3339_ms(since_ms))
            except (CbbotError, TimeoutError):
                return
            self._looked.add(bot_id)
            found = (epoch_and_sequence(prefix, str(order.get("client_order_id") or "")) for order in orders)
            newest = max((own[0] for own in found if own is not None), default=0)
            if newest:
                self._epochs.learn(bot_id, newest)
