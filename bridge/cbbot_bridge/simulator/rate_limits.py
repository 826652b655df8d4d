"""Rate limits like Coinbase's: so many private requests a second for a key, so many public ones for an address.

Without keys the customers are of our own kind, and a replay that runs n times as fast as life is asked n times as much.
A stopped clock has no seconds to count requests in, so that there is no limit. A rate that is given holds as it is.
"""

from __future__ import annotations

import itertools
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from cbbot_bridge.simulator.auth import caller_of
from cbbot_bridge.simulator.error_answers import LIMIT_BODIES, Endpoint, too_many_requests
from cbbot_bridge.simulator.simulator_settings import SimulatorSettings

__all__ = ["Allowances", "RateLimits"]

_USUAL_PRIVATE: Final = 30.0
_USUAL_PUBLIC: Final = 10.0
_MOST_CALLERS: Final = 10_000


class Allowances:
    """A token bucket for each caller: ``rate`` requests a second, as many at once, and 0 for no limit."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._clock = clock
        # Tokens left and when that was, by caller; whoever has not asked for longest leaves first.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    @property
    def callers(self) -> int:
        """How many are remembered."""
        return len(self._left)

    def take(self, caller: str) -> int | None:
        """Take one request's allowance; how many are left, None when there was none."""
        now = self._clock()
        most = max(self.rate, 1.0)
        tokens, since = self._left.pop(caller, (most, now))
        tokens = min(most, tokens + (now - since) * self.rate)
        left = tokens - 1 if tokens >= 1 else tokens
        self._left[caller] = (left, now)
        if len(self._left) > _MOST_CALLERS:
            self._left.popitem(last=False)
        return int(left) if tokens >= 1 else None


class RateLimits:
    """Both limits. A refusal has one of the bodies that a 429 may have, in turn."""

    def __init__(self, settings: SimulatorSettings) -> None:
        usual = 0.0 if settings.speed == 0 else 1.0 if settings.keys else max(settings.speed, 1.0)
        private, public = settings.private_rate, settings.public_rate
        self._private = Allowances(_USUAL_PRIVATE * usual if private is None else private)
        self._public = Allowances(_USUAL_PUBLIC * usual if public is None else public)
        self._bodies = itertools.cycle(LIMIT_BODIES)

    def private(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint behind the limit of its caller's key."""
        return self._limited(endpoint, self._private, lambda request: caller_of(request).name)

    def public(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint behind the limit of its caller's address."""
        return self._limited(endpoint, self._public, lambda request: request.client.host if request.client else "")

    def _limited(self, endpoint: Endpoint, allowances: Allowances, name: Callable[[Request], str]) -> Endpoint:
        if allowances.rate == 0:
            return endpoint

        async def limited(request: Request) -> Response:
            left = allowances.take(name(request))
            answer = too_many_requests(next(self._bodies)) if left is None else await endpoint(request)
            answer.headers["x-ratelimit-limit"] = str(math.ceil(allowances.rate))
            answer.headers["x-ratelimit-remaining"] = str(left or 0)
            answer.headers["x-ratelimit-reset"] = "1"
            return answer

        return limited
