"""Who may steer the bot: whoever has the control token; without a token, whoever sits at this machine.

A browser on this machine is not its user: a page from elsewhere may make it send a request here. So
without a token the request must name this machine, and come from no other page.
"""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from fastapi import Request

from cbbot.contract.bot_api import Steering
from cbbot.errors import Refused
from cbbot.process.bearer_token import shown_token
from cbbot.process.loopback import is_loopback

__all__ = ["Gate"]


class Gate:
    """A FastAPI dependency. ``token`` None: only loopback may steer."""

    def __init__(self, token: str | None) -> None:
        self._token = token.encode() if token else None

    def __call__(self, request: Request) -> None:
        """Lets the request through.

        Raises:
            Refused: ``bad_token`` or ``not_local``.
        """
        if self._token is not None:
            given = shown_token(request.headers.get("authorization"))
            if not hmac.compare_digest(given.encode(), self._token):
                raise Refused("bad_token", "steering needs 'Authorization: Bearer <control token>'")
            return
        peer = request.client.host if request.client else ""
        origin = request.headers.get("origin")
        host = request.headers.get("host", "")
        from_here = is_loopback(peer) and is_loopback(urlsplit(f"//{host}").hostname or "")
        if not from_here or (origin is not None and urlsplit(origin).netloc != host):
            message = (
                "without a control token only this machine may steer; set CONTROL_TOKEN_FILE to steer from elsewhere"
            )
            raise Refused("not_local", message)

    def steering(self, request: Request) -> Steering:
        """What the request would be told, without steering anything."""
        try:
            self(request)
        except Refused as refused:
            return Steering(allowed=False, token_needed=refused.code == "bad_token")
        return Steering(allowed=True, token_needed=self._token is not None)
