"""kopf's way in: by the credentials that our own requests use."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import kopf

from cbbot_operator.api_access import Credentials, NoAccess
from cbbot_operator.connection import open_session
from cbbot_operator.watch_evidence import WatchEvidence

__all__ = ["Login", "watch_login"]

_AGAIN_SECONDS = 2.0

Login = Callable[..., Awaitable[kopf.AiohttpSession]]


def watch_login(credentials: Credentials, evidence: WatchEvidence) -> Login:
    """A login handler. The sessions it gives tell ``evidence`` what arrives; kopf closes them."""
    last: float | None = None

    async def login(**_: Any) -> kopf.AiohttpSession:
        nonlocal last
        if last is not None:
            # kopf logs in at once after every 401, even where nothing else is to be had.
            await asyncio.sleep(last + _AGAIN_SECONDS - time.monotonic())
        last = time.monotonic()
        try:
            access = await credentials.access()
        except NoAccess as error:
            raise kopf.TemporaryError(str(error), delay=_AGAIN_SECONDS) from error
        session = open_session(credentials, access, middlewares=(evidence.observe,))
        return kopf.AiohttpSession(server=access.server, aiohttp_session=session)

    return login
