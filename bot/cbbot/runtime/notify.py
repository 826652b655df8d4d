"""Notices to a Slack webhook. The address is a secret and stands in no log; a failure never hurts trading.

Slack takes a message a second. What comes faster is put together, a line each; what is too much even for that is left
out, counted, and said.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import httpx

from cbbot.process.redaction import redacted
from cbbot.runtime.notice_wording import wording
from cbbot.views.bot_metrics import BotMetrics

__all__ = ["SlackNotices"]

_LOG = logging.getLogger(__name__)
_WAITING: Final = 100
_TOGETHER: Final = 20
_LIMIT_SECONDS: Final = 5.0
_PACE_SECONDS: Final = 1.0
_TRIES: Final = 3
_LONGEST_WAIT_SECONDS: Final = 60.0


class SlackNotices:
    """Call it with an event; run :meth:`run` beside it. ``name`` begins each line; ``proxy`` is on the way to Slack."""

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
        self._left_out = 0
        self._transport = transport
        self._proxy = proxy

    def __call__(self, event: str, fields: Mapping[str, object]) -> None:
        text = wording(event, fields)
        if text is None:
            return
        if self._queue.full():
            self._left_out += 1
            self._metrics.notices_dropped.inc()
            return
        self._queue.put_nowait(redacted(f"*{self._name}* {text}"))

    async def drained(self, seconds: float) -> None:
        """Returns when all that waits has been sent or given up, or after ``seconds``."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._queue.join(), seconds)

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
                lines = [await self._queue.get()]
                while len(lines) < _TOGETHER and not self._queue.empty():
                    lines.append(self._queue.get_nowait())
                await self._send(http, lines)
                for _ in lines:
                    self._queue.task_done()
                await asyncio.sleep(_PACE_SECONDS)

    async def _send(self, http: httpx.AsyncClient, lines: list[str]) -> None:
        left_out, self._left_out = self._left_out, 0
        more = [f"*{self._name}* and {left_out} more, which are in the log"] if left_out else []
        problem = await self._posted(http, "\n".join([*lines, *more]))
        if problem:
            self._metrics.notices_dropped.inc(len(lines))
            _LOG.warning("notice not sent", extra={"fields": {"reason": problem}})

    async def _posted(self, http: httpx.AsyncClient, text: str) -> str:
        """What kept it from being taken; empty when nothing did."""
        for _ in range(_TRIES):
            try:
                answer = await http.post(self._webhook, json={"text": text})
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                # The error's text may hold the address.
                return type(error).__name__
            if answer.is_success:
                return ""
            if answer.status_code != HTTPStatus.TOO_MANY_REQUESTS:
                break
            await asyncio.sleep(_wait_seconds(answer.headers.get("Retry-After", "")))
        return f"refused with {answer.status_code}"


def _wait_seconds(asked: str) -> float:
    """What a 429 asks for, within reason."""
    return min(max(float(asked), _PACE_SECONDS), _LONGEST_WAIT_SECONDS) if asked.isdigit() else _PACE_SECONDS
