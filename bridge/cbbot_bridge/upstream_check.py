"""What ``GET /upstream`` tells: Coinbase as seen from here. Asked at most every ten seconds."""

from __future__ import annotations

import asyncio

from cbbot.contract.bridge_api import CredentialCheck, Upstream
from cbbot.errors import CbbotError
from cbbot_bridge.assembly import Bridge

__all__ = ["UpstreamCheck"]

_GOOD_FOR_SECONDS = 10.0
_MUCH_SKEW_MS = 5_000


class UpstreamCheck:
    """Asks Coinbase for its time and for the key's permissions, and remembers the answer for a while."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._lock = asyncio.Lock()
        self._asked_at = float("-inf")
        self._reachable = False
        self._credentials = CredentialCheck(configured=bridge.settings.can_order, valid=None)

    async def report(self) -> Upstream:
        async with self._lock:
            if self._bridge.clocks.monotonic() - self._asked_at >= _GOOD_FOR_SECONDS:
                await self._ask()
                self._asked_at = self._bridge.clocks.monotonic()
        bridge = self._bridge
        return Upstream(
            reachable=self._reachable,
            base=bridge.settings.api_base,
            clock_skew_ms=bridge.timekeeper.offset_ms(),
            clock_rate=bridge.timekeeper.rate,
            credentials=self._credentials,
            websocket=bridge.websocket_state(),
            ticks=bridge.prices.ages(),
            rate_budget=bridge.budget_left(),
            warnings=self._warnings(),
        )

    async def _ask(self) -> None:
        self._reachable = await self._bridge.timekeeper.try_sample()
        if not self._bridge.settings.can_order:
            return
        try:
            self._credentials = await self._bridge.account.credentials()
        except CbbotError:
            self._credentials = CredentialCheck(configured=True, valid=None)

    def _warnings(self) -> list[str]:
        bridge = self._bridge
        found = list(bridge.settings.warnings)
        if not self._reachable:
            found.append(f"{bridge.settings.api_base} cannot be reached")
        if self._credentials.valid is False:
            found.append("Coinbase does not accept the API key")
        if self._credentials.can_transfer:
            found.append("the API key may transfer money out: use one that may view and trade only")
        if self._credentials.can_trade is False:
            found.append("the API key may not trade")
        offset = bridge.timekeeper.offset_ms()
        if bridge.timekeeper.rate == 1.0 and offset is not None and abs(offset) > _MUCH_SKEW_MS:
            found.append(f"this machine's clock is {offset / 1000:.1f} s behind the venue's: set it right")
        found.extend(
            f"Coinbase does not stream {product}: its price is polled" for product in bridge.stream.refused_products
        )
        if bridge.access.closed:
            found.append("no BRIDGE_TOKEN: orders are refused")
        return found
