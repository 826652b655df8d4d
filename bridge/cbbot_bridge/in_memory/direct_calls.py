"""The bridge's endpoints, called without HTTP, for a simulation that asks for a price a million times.

What a request means is the application's own: the routers' endpoints, their parameters as FastAPI has read them, the
checks of token and epoch, the handlers of its errors. What is turned away before an endpoint for any other reason than
a newer epoch is left to the application, whose first answer costs as much as a hundred here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute

from cbbot.contract.bridge_fields import BOT_EPOCH_HEADER, BOT_ID_HEADER, BOT_INSTANCE_HEADER
from cbbot_bridge.assembly import Bridge
from cbbot_bridge.bridge_app import ROUTERS
from cbbot_bridge.http_errors import RequestRefused
from cbbot_bridge.routes.admission import MarketRoute, TokenRoute
from cbbot_bridge.routes.requests import BotIdentity, bridge_of, identify, introduced, require_keys, require_token

__all__ = ["BridgeAnswer", "DirectCalls"]


_KEPT: Final = 256


class BridgeAnswer(NamedTuple):
    """Of HTTP as much as a bot looks at."""

    status: int
    content: bytes


class _Left(Exception):
    """This request is the application's to answer."""


class _Call:
    """One endpoint, and where its arguments come from."""

    def __init__(self, route: APIRoute) -> None:
        self.endpoint: Callable[..., Any] = route.endpoint
        self.needs_token = isinstance(route, TokenRoute)
        self.shows_token = isinstance(route, MarketRoute)
        self.answer = route.response_field
        self._query = route.dependant.query_params
        self._path = route.dependant.path_params
        self._body = route.body_field
        self.has_body = self._body is not None
        self._body_name = next((field.name for field in route.dependant.body_params), "")
        # What was read of the words of a request: nothing changes it, and bots ask the same all day long.
        self._read: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
        self._given = {}
        for each in route.dependant.dependencies:
            if each.call not in (bridge_of, identify, require_keys, require_token):
                raise AssertionError(f"{route.path}: {each.call} is not known here")
            if each.name is not None:
                self._given[each.name] = each.call
        self.identifies = any(each.call is identify for each in route.dependant.dependencies)
        self.needs_keys = any(each.call is require_keys for each in route.dependant.dependencies)

    def arguments(
        self,
        bridge: Bridge,
        identity: BotIdentity | None,
        path: Mapping[str, str],
        query: Mapping[str, str],
        content: bytes,
    ) -> dict[str, Any]:
        """What the endpoint is called with.

        Raises:
            _Left: a value is missing, or none.
        """
        found: dict[str, Any] = {name: bridge if call is bridge_of else identity for name, call in self._given.items()}
        asked = (*path.items(), *query.items())
        if asked not in self._read:
            if len(self._read) >= _KEPT:
                self._read.clear()
            self._read[asked] = self._values(path, query)
        found.update(self._read[asked])
        if self._body is not None:
            found[self._body_name] = _valid(self._body.validate(json.loads(content), {}, loc=("body",)))
        return found

    def _values(self, path: Mapping[str, str], query: Mapping[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for fields, values in ((self._path, path), (self._query, query)):
            for field in fields:
                text = values.get(field.alias)
                if text is not None:
                    found[field.name] = _valid(field.validate(text, {}, loc=(field.alias,)))
                elif field.field_info.is_required():
                    raise _Left
                else:
                    found[field.name] = field.get_default()
        return found


def _valid(validated: tuple[Any, list[dict[str, Any]]]) -> Any:
    value, errors = validated
    if errors:
        raise _Left
    return value


def _calls() -> tuple[dict[tuple[str, str], _Call], list[tuple[str, APIRoute, _Call]]]:
    fixed: dict[tuple[str, str], _Call] = {}
    others: list[tuple[str, APIRoute, _Call]] = []
    for router in ROUTERS:
        for route in router.routes:
            if not isinstance(route, APIRoute) or route.response_field is None:
                continue
            if route.dependant.request_param_name is not None:
                continue
            for method in route.methods or ():
                if route.param_convertors:
                    others.append((method, route, _Call(route)))
                else:
                    fixed[method, route.path] = _Call(route)
    return fixed, others


_FIXED, _OTHERS = _calls()
_IDENTITY: Final = tuple(name.lower() for name in (BOT_ID_HEADER, BOT_EPOCH_HEADER, BOT_INSTANCE_HEADER))


class DirectCalls:
    """One bridge's endpoints. ``app`` is the application of that bridge, for the answers to errors."""

    def __init__(self, bridge: Bridge, app: FastAPI) -> None:
        self._bridge = bridge
        self._app = app
        self._read: tuple[tuple[str | None, ...], BotIdentity] | None = None

    async def answer(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], content: bytes
    ) -> BridgeAnswer | None:
        """What the application would answer; None: ask the application. Names of headers are in small letters."""
        found = _found(method, path)
        if found is None:
            return None
        call, from_path = found
        try:
            arguments = self._admitted(call, from_path, query, headers, content)
        except (_Left, ValueError):
            return None
        except RequestRefused as error:
            # The application reads a body first.
            return None if call.has_body else await self._refusal(method, path, error)
        try:
            answer = await call.endpoint(**arguments)
        except Exception as error:  # noqa: BLE001  as the application does: every error has an answer
            return await self._refusal(method, path, error)
        if call.answer is None:
            raise AssertionError("left out above")
        value, errors = call.answer.validate(answer, {}, loc=("response",))
        if errors:
            raise AssertionError(f"{method} {path}: {errors}")
        return BridgeAnswer(200, call.answer.serialize_json(value))

    def _admitted(
        self,
        call: _Call,
        from_path: Mapping[str, str],
        query: Mapping[str, str],
        headers: Mapping[str, str],
        content: bytes,
    ) -> dict[str, Any]:
        bridge, authorization = self._bridge, headers.get("authorization")
        if call.needs_token and not bridge.access.allows(authorization):
            raise _Left
        if call.shows_token and not bridge.access.knows(authorization):
            raise _Left
        if call.needs_keys and not bridge.settings.can_order:
            raise _Left
        identity = None
        if call.identifies:
            said = tuple(headers.get(name) for name in _IDENTITY)
            if (said[0] is None) != (said[1] is None):
                raise _Left
            if said[0] is not None:
                identity = introduced(bridge, authorization, self._sender(said))
        return call.arguments(bridge, identity, from_path, query, content)

    def _sender(self, said: tuple[str | None, ...]) -> BotIdentity:
        """Who sends; read once, for a bot says the same every time."""
        if self._read is None or self._read[0] != said:
            fields = {field.alias.lower(): field for field in _headers_of_a_bot()}
            values: list[Any] = [
                None if text is None else _valid(fields[name].validate(text, {}, loc=("header",)))
                for name, text in zip(_IDENTITY, said, strict=True)
            ]
            bot_id, epoch, instance = values
            self._read = said, BotIdentity(bot_id, epoch, instance or "")
        return self._read[1]

    async def _refusal(self, method: str, path: str, error: Exception) -> BridgeAnswer:
        scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b"", "app": self._app}
        for kind in type(error).__mro__:
            handler: Any = self._app.exception_handlers.get(kind)
            if handler is not None:
                answer = await handler(Request(scope), error)
                return BridgeAnswer(answer.status_code, bytes(answer.body))
        raise error


def _headers_of_a_bot() -> Any:
    for call in ROUTERS[0].routes:
        if isinstance(call, APIRoute):
            return next(each for each in call.dependant.dependencies if each.call is identify).header_params
    raise AssertionError("prices are asked for by bots")


def _found(method: str, path: str) -> tuple[_Call, Mapping[str, str]] | None:
    call = _FIXED.get((method, path))
    if call is not None:
        return call, {}
    for verb, route, other in _OTHERS:
        match = route.path_regex.match(path) if verb == method else None
        if match is not None:
            return other, match.groupdict()
    return None
