"""Faults on demand: a request is delayed, or answered with an error before or after it took effect."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cbbot.errors import BadInput

__all__ = ["Fault", "FaultyGate", "PendingFaults", "parse_fault"]

_LONGEST_DELAY = 600.0


@dataclass(slots=True)
class Fault:
    """What happens to the next ``times`` requests of a method whose path ends in ``path``.

    ``delay_seconds`` passes first. ``status`` 0 lets the request through then; any other is
    answered instead, with a ``body`` that is ``json``, ``html`` or ``empty``. With ``after_effect``
    the request is carried out and its answer thrown away.
    """

    path: str
    method: str = "GET"
    times: int = 1
    delay_seconds: float = 0.0
    status: int = 0
    body: str = "json"
    after_effect: bool = False

    def answer(self) -> Response:
        """The faulty answer."""
        if self.body == "empty":
            return Response(status_code=self.status)
        if self.body == "html":
            return HTMLResponse(f"<html><body><h1>{self.status}</h1></body></html>", self.status)
        if self.status == 429:
            errors = [{"id": "rate_limit_exceeded", "message": "Too many requests"}]
            return JSONResponse({"errors": errors}, self.status)
        word = "INTERNAL" if self.status >= 500 else "unknown"
        return JSONResponse({"error": word, "error_details": "", "message": "fault on demand"}, self.status)


def parse_fault(fields: Mapping[str, object]) -> Fault:
    """A fault from JSON fields.

    Raises:
        BadInput: an unknown field, or a value that is none.
    """
    kinds = {"path": str, "method": str, "times": int, "status": int, "body": str, "after_effect": bool}
    known = {*kinds, "delay_seconds"}
    for name, value in fields.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        sound = number if name == "delay_seconds" else type(value) is kinds.get(name)
        if name not in known or not sound:
            raise BadInput(f"fault: {name}={value!r} is not a field of a fault; known are {', '.join(sorted(known))}")
    fault = Fault(**{"path": "", **fields})  # type: ignore[arg-type]  # every field was checked above
    if not fault.path or fault.times < 1 or not 0 <= fault.delay_seconds <= _LONGEST_DELAY:
        raise BadInput(f"fault: path must not be empty, times >= 1, delay_seconds 0 to {_LONGEST_DELAY:g}")
    if not (fault.status == 0 or 400 <= fault.status <= 599) or fault.body not in ("json", "html", "empty"):
        raise BadInput("fault: status is 0 (none) or 400 to 599, body is json, html or empty")
    return fault


@dataclass(slots=True)
class PendingFaults:
    """The faults that are still to happen."""

    faults: list[Fault] = field(default_factory=list)

    def take(self, method: str, path: str) -> Fault | None:
        """The first fault that is meant for a request, counted down."""
        for fault in self.faults:
            if fault.method == method and path.endswith(fault.path):
                fault.times -= 1
                if fault.times == 0:
                    self.faults.remove(fault)
                return fault
        return None


class FaultyGate:
    """Stands before the application and lets faults happen."""

    def __init__(self, app: ASGIApp, pending: PendingFaults) -> None:
        self._app = app
        self._pending = pending

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = None
        if scope["type"] == "http" and not scope["path"].startswith("/sim/"):
            fault = self._pending.take(scope["method"], scope["path"])
        if fault is None:
            await self._app(scope, receive, send)
            return
        await asyncio.sleep(fault.delay_seconds)
        if fault.status == 0:
            await self._app(scope, receive, send)
            return
        if fault.after_effect:
            await self._app(scope, receive, _nowhere)
        await fault.answer()(scope, receive, send)


async def _nowhere(_message: Message) -> None:
    """Where the true answer goes when a fault takes its place."""
