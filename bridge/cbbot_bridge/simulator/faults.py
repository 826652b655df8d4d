"""Faults on demand: a request is delayed, or answered with an error before or after it took effect."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cbbot.errors import BadInput

__all__ = ["FaultBoard", "FaultRule", "FaultyGate", "fault_rule"]

_LONGEST_DELAY = 600.0


@dataclass(slots=True)
class FaultRule:
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


def fault_rule(fields: Mapping[str, object]) -> FaultRule:
    """A rule from JSON fields.

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
    rule = FaultRule(**{"path": "", **fields})  # type: ignore[arg-type]  # every field was checked above
    if not rule.path or rule.times < 1 or not 0 <= rule.delay_seconds <= _LONGEST_DELAY:
        raise BadInput(f"fault: path must not be empty, times >= 1, delay_seconds 0 to {_LONGEST_DELAY:g}")
    if not (rule.status == 0 or 400 <= rule.status <= 599) or rule.body not in ("json", "html", "empty"):
        raise BadInput("fault: status is 0 (none) or 400 to 599, body is json, html or empty")
    return rule


@dataclass(slots=True)
class FaultBoard:
    """The faults that are still to happen."""

    rules: list[FaultRule] = field(default_factory=list)

    def take(self, method: str, path: str) -> FaultRule | None:
        """The first rule for a request, counted down."""
        for rule in self.rules:
            if rule.method == method and path.endswith(rule.path):
                rule.times -= 1
                if rule.times == 0:
                    self.rules.remove(rule)
                return rule
        return None


class FaultyGate:
    """Stands before the application and lets faults happen."""

    def __init__(self, app: ASGIApp, board: FaultBoard) -> None:
        self._app = app
        self._board = board

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        rule = None
        if scope["type"] == "http" and not scope["path"].startswith("/sim/"):
            rule = self._board.take(scope["method"], scope["path"])
        if rule is None:
            await self._app(scope, receive, send)
            return
        await asyncio.sleep(rule.delay_seconds)
        if rule.status == 0:
            await self._app(scope, receive, send)
            return
        if rule.after_effect:
            await self._app(scope, receive, _nowhere)
        await rule.answer()(scope, receive, send)


async def _nowhere(_message: Message) -> None:
    """Where the true answer goes when a fault takes its place."""
