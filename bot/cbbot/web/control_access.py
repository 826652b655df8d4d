"""Who may steer the bot: whoever has the control token; without a token, whoever sits at this machine.

A browser on this machine is not its user: a page from elsewhere may make it send a request here. So
without a token the request must name this machine, and come from no other page.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request

from cbbot.errors import Refused
from cbbot.process.bearer_tokens import shows
from cbbot.process.loopback import is_loopback

__all__ = ["Gate"]


class Gate:
    """A FastAPI dependency. ``token`` None: only loopback may steer."""

    def __init__(self, token: str | None) -> None:
        self._token = token or None

    def __call__(self, request: Request) -> None:
        """Lets the request through.

        Raises:
            Refused: ``bad_token`` or ``not_local``.
        """
        if self._token is not None:
            if not shows(request.headers.get("authorization"), self._token):
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
