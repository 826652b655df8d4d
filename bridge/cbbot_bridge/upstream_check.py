"""What ``GET /upstream`` tells: Coinbase as seen from here. Asked at most every ten seconds."""

from __future__ import annotations

import asyncio

from cbbot.contract.bridge_api import CredentialCheck, Upstream
from cbbot.errors import BadInput, CbbotError
from cbbot_bridge.assembly import Bridge
from cbbot_bridge.exchange_account import ExchangeAccount

__all__ = ["UpstreamCheck"]

_GOOD_FOR_SECONDS = 10.0
# Coinbase is asked for longer than anybody waits, when it says 401 again and again: the next who asks gets that answer.
_PATIENCE_SECONDS = 3.0
_MUCH_SKEW_MS = 5_000


class UpstreamCheck:
    """Asks Coinbase for its time and for the key's permissions, and remembers the answer for a while."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._asking: asyncio.Task[None] | None = None
        self._asked_at = float("-inf")
        self._reachable = False
        files = bridge.settings.key_files
        self._fingerprint = files.fingerprint if files is not None else ""
        self._credentials = self._marked(CredentialCheck(configured=bridge.settings.can_order, valid=None))
        self._next: CredentialCheck | None = None

    async def report(self) -> Upstream:
        """What is known, not older than ten seconds unless Coinbase takes longer to answer."""
        if self._asking is None and self._bridge.clocks.monotonic() - self._asked_at >= _GOOD_FOR_SECONDS:
            self._asking = asyncio.create_task(self._ask(), name="upstream check")
        if (asking := self._asking) is not None:
            done, _ = await asyncio.wait([asking], timeout=_PATIENCE_SECONDS)
            for task in done:
                task.result()
        bridge = self._bridge
        return Upstream(
            reachable=self._reachable,
            base=bridge.settings.api_base,
            clock_skew_ms=bridge.timekeeper.offset_ms(),
            clock_rate=bridge.timekeeper.rate,
            credentials=self._credentials,
            next_credentials=self._next,
            websocket=bridge.websocket_state(),
            ticks=bridge.prices.ages(),
            rate_budget=bridge.budget_left(),
            warnings=self._warnings(),
        )

    async def _ask(self) -> None:
        try:
            self._reachable = await self._bridge.timekeeper.try_sample()
            if self._bridge.settings.can_order:
                self._credentials = self._marked(await _proven(self._bridge.account))
                self._next = await self._key_in_the_files()
            self._asked_at = self._bridge.clocks.monotonic()
        finally:
            self._asking = None

    def _marked(self, check: CredentialCheck) -> CredentialCheck:
        return check.model_copy(update={"fingerprint": self._fingerprint})

    async def _key_in_the_files(self) -> CredentialCheck | None:
        """The key in the files tried at Coinbase, where it is another than the one in use."""
        files = self._bridge.settings.key_files
        fingerprint = files.fingerprint_now() if files is not None else ""
        if files is None or fingerprint in ("", files.fingerprint):
            return None
        try:
            check = await _proven(self._bridge.account_of(files.signer_now()))
        except BadInput as error:
            check = CredentialCheck(configured=True, valid=False, refusal=str(error))
        return check.model_copy(update={"fingerprint": fingerprint})

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


async def _proven(account: ExchangeAccount) -> CredentialCheck:
    try:
        return await account.credentials()
    except CbbotError as error:
        return CredentialCheck(configured=True, valid=None, refusal=str(error))
