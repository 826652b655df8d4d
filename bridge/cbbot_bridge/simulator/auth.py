"""Signatures of requests: checked as Coinbase does when a key is configured.

At the exchange the clock that tokens are checked by and the one that ``/time`` shows are one. A replay shows another
time than the customers' own clocks, and customers sign by either: a token is good that is valid by real time or by
the venue's.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, cast

import jwt
from starlette.requests import Request
from starlette.responses import Response

from cbbot.process.bearer_tokens import bearer_of
from cbbot_bridge.simulator.api_keys import USUAL_PERMISSIONS, ApiKey, Permission
from cbbot_bridge.simulator.error_answers import Endpoint, missing_scopes, unauthorized
from cbbot_bridge.simulator.replay_clock import SimulatedClock

__all__ = ["Caller", "Signatures", "caller_of"]

_ISSUERS = ("cdp", "coinbase-cloud")
_API_HOST = "api.coinbase.com"
# Coinbase's own clients sign for two minutes. Some date their tokens back by a few seconds for clocks that run ahead.
_LONGEST_LIFE_SECONDS: Final = 120 + 15
# How well a customer knows the time of a clock that runs faster than its own, in its own seconds.
_UNCERTAIN_SECONDS: Final = 5


class Caller(NamedTuple):
    """Who asks. ``name`` is the key's, and "" where no key is configured and everybody may ask.

    ``portfolio`` is the uuid of the portfolio that the key is bound to, "" for the default one.
    """

    name: str
    permissions: frozenset[Permission]
    portfolio: str


def caller_of(request: Request) -> Caller:
    """Who a private request is from."""
    return cast("Caller", request.state.caller)


class Signatures:
    """Knows some keys, or none: then every request passes, with the ``unsigned`` permissions."""

    def __init__(
        self,
        clock: SimulatedClock,
        keys: Iterable[ApiKey] = (),
        unsigned: frozenset[Permission] = USUAL_PERMISSIONS,
    ) -> None:
        self._clock = clock
        self._keys = {key.name: key for key in keys}
        self._anybody = Caller("", unsigned, "")
        self._portfolios: Mapping[str, str] = {}

    def bind(self, portfolios: Mapping[str, str]) -> None:
        """Say which portfolio (uuid) a key is for, by the name that the key gives it."""
        self._portfolios = portfolios

    def caller(self, claims: Mapping[str, Any]) -> Caller:
        """Whose sound token it is."""
        if not self._keys:
            return self._anybody
        key = self._keys[claims["sub"]]
        return Caller(key.name, key.permissions, self._portfolios.get(key.portfolio, ""))

    def private(self, endpoint: Endpoint, needs: Permission) -> Endpoint:
        """The endpoint behind the check of its caller's token and permissions."""

        async def guarded(request: Request) -> Response:
            caller = self._caller(request)
            if caller is None:
                return unauthorized()
            if needs not in caller.permissions:
                raise missing_scopes()
            request.state.caller = caller
            return await endpoint(request)

        return guarded

    def claims(self, token: str) -> dict[str, Any] | None:
        """The claims of a sound token; None for any other. Without a key there is nothing to be sound."""
        if not self._keys:
            return {}
        try:
            key = self._keys.get(str(jwt.get_unverified_header(token).get("kid")))
            if key is None:
                return None
            claims: dict[str, Any] = jwt.decode(
                token,
                key.public,
                algorithms=[key.algorithm],
                # ccxt names an audience, the SDK none; Coinbase takes both.
                options={
                    "verify_aud": False,
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "require": ["exp", "nbf", "iss", "sub"],
                },
            )
            starts, ends = int(claims["nbf"]), int(claims["exp"])
        except (jwt.PyJWTError, OverflowError, TypeError, ValueError):
            # The last three are what times are that are lists, Infinity or no numbers.
            return None
        if claims["iss"] not in _ISSUERS or claims["sub"] != key.name:
            return None
        return claims if _is_short_lived(starts, ends) and self._is_valid_now(starts, ends) else None

    def _is_valid_now(self, starts: int, ends: int) -> bool:
        """By real time or by the venue's. A token lasts as many of our seconds on a clock that runs fast."""
        if starts <= time.time() < ends:
            return True
        rate = max(self._clock.speed, 1.0)
        slack = _UNCERTAIN_SECONDS * (rate - 1)
        return starts - slack <= self._clock.now_ms() / 1000 < starts + (ends - starts) * rate + slack

    def _caller(self, request: Request) -> Caller | None:
        if not self._keys:
            return self._anybody
        token = bearer_of(request.headers.get("authorization"))
        claims = self.claims(token) if token is not None else None
        if claims is None:
            return None
        several = claims.get("uris")
        uris = [claims.get("uri"), *(several if isinstance(several, list) else ())]
        if not any(_names(uri, request) for uri in uris if isinstance(uri, str)):
            return None
        return self.caller(claims)


def _is_short_lived(starts: int, ends: int) -> bool:
    return 0 < ends - starts <= _LONGEST_LIFE_SECONDS


def _names(uri: str, request: Request) -> bool:
    """Whether a token's uri claim (METHOD host/path, no query) is this request."""
    method, _, rest = uri.partition(" ")
    host, slash, path = rest.removeprefix("https://").removeprefix("http://").partition("/")
    hosts = (_API_HOST, request.headers.get("host"))
    return method == request.method and host in hosts and slash + path == request.url.path
