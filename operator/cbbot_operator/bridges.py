"""The bridges' HTTP interface as the operator uses it: what they see of Coinbase and of their API key."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

import aiohttp
from pydantic import ValidationError

from cbbot.contract.bridge_api import Upstream
from cbbot.contract.ports import BRIDGE_PORT
from cbbot_operator.bounded_answers import AnswerTooLarge, read_bounded
from cbbot_operator.keys import Key, Names
from cbbot_operator.observed import KeyReport
from cbbot_operator.unreadable_answers import why_unreadable

__all__ = ["Bridges", "HttpBridges", "bridge_address"]

# A bridge tells what it knows within three seconds, whatever Coinbase does.
_TIMEOUT = aiohttp.ClientTimeout(total=6)
_MOST_BYTES = 256 * 1024


class Bridges(Protocol):
    """What the operator asks of bridges. Tests have some in memory."""

    async def upstream(self, key: Key, token: str, now: datetime) -> KeyReport: ...


def bridge_address(key: Key) -> str:
    """The bridge's Service, by its name in the cluster's DNS."""
    return f"http://{Names(key.name).of('bridge')}.{key.namespace}.svc:{BRIDGE_PORT}"


class HttpBridges:
    """:class:`Bridges` over HTTP. Use as an async context manager."""

    def __init__(self, address: Callable[[Key], str] = bridge_address) -> None:
        self._address = address
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # Pods come and go behind a Service: a kept connection may lead to one that is gone.
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def upstream(self, key: Key, token: str, now: datetime) -> KeyReport:
        """What the bridge sees; a report with ``failure`` when it does not tell."""
        if self._session is None:
            raise RuntimeError("HttpBridges is used outside of its context")
        headers = {"Authorization": f"Bearer {token}"}
        try:
            address = f"{self._address(key)}/upstream"
            async with self._session.get(address, headers=headers, allow_redirects=False) as response:
                body = await read_bounded(response, _MOST_BYTES)
        except (aiohttp.ClientError, TimeoutError, OSError, AnswerTooLarge) as error:
            return KeyReport(now, failure=f"the bridge does not answer: {str(error) or type(error).__name__}")
        if response.status != 200:
            return KeyReport(now, failure=f"the bridge answers /upstream with {response.status}")
        try:
            return KeyReport(now, Upstream.model_validate_json(body))
        except ValidationError as error:
            return KeyReport(now, failure=f"the bridge's answer to /upstream cannot be read: {why_unreadable(error)}")
