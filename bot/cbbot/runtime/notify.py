"""Notices to a Slack webhook. The address is a secret and stands in no log; a failure never hurts trading."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

import httpx

from cbbot.views.bot_metrics import BotMetrics

__all__ = ["SlackNotices", "wording"]

_LOG = logging.getLogger(__name__)
_EVENTS: Final = frozenset({"fill", "exit", "breaker", "halt", "pause", "refusal"})
# A refused order is told of by its refusal.
_ORDER_OUTCOMES: Final = frozenset({"unknown", "absent"})
_WAITING: Final = 100
_LIMIT_SECONDS: Final = 5.0


class SlackNotices:
    """Call it with an event; run :meth:`run` beside it. ``proxy`` is on the way to Slack."""

    def __init__(
        self,
        webhook: str,
        name: str,
        metrics: BotMetrics,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        proxy: str | None = None,
    ) -> None:
        self._webhook = webhook
        self._name = name
        self._metrics = metrics
        self._queue: asyncio.Queue[str] = asyncio.Queue(_WAITING)
        self._transport = transport
        self._proxy = proxy

    def __call__(self, event: str, fields: Mapping[str, object]) -> None:
        text = wording(event, fields)
        if text is None:
            return
        if self._queue.full():
            self._metrics.notices_dropped.inc()
            return
        self._queue.put_nowait(f"{self._name}: {text}")

    async def run(self) -> None:
        """Sends what is waiting, one message at a time, for ever."""
        async with httpx.AsyncClient(
            timeout=_LIMIT_SECONDS,
            transport=self._transport,
            proxy=self._proxy,
            trust_env=False,  # the variables of proxies have been read and checked
            verify=httpx.create_ssl_context(),  # those of certificates still count
        ) as http:
            while True:
                text = await self._queue.get()
                try:
                    sent = (await http.post(self._webhook, json={"text": text})).is_success
                    problem = "refused"
                except (httpx.HTTPError, httpx.InvalidURL) as error:
                    # The error's text may hold the address.
                    sent, problem = False, type(error).__name__
                if not sent:
                    self._metrics.notices_dropped.inc()
                    _LOG.warning("notice not sent", extra={"fields": {"reason": problem}})


def wording(event: str, fields: Mapping[str, object]) -> str | None:
    """The message for a person; None for what needs none."""
    if event == "order" and fields.get("outcome") not in _ORDER_OUTCOMES:
        return None
    if event != "order" and event not in _EVENTS:
        return None
    return f"{event} " + ", ".join(f"{name} {value}" for name, value in fields.items())
