"""Coinbase's REST interface: one request at a time within the allowance, signed afresh for every try.

Reads are retried here. A POST is repeated only as it is, with the client order id it carries; what
became of it is told by :class:`Posted`, never guessed.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from tenacity import RetryCallState

from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot_bridge.coinbase.budget import BudgetExhausted, TokenBucket
from cbbot_bridge.coinbase.http_exchange import ConnectionBroke, HttpExchange, NoAnswer, NotSent, Pool
from cbbot_bridge.coinbase.rest_answers import Answer, Meaning, Reader, json_object, read_answer
from cbbot_bridge.coinbase.retry import RetryPolicy
from cbbot_bridge.coinbase.signing import Signer
from cbbot_bridge.http_errors import UpstreamRefused, UpstreamUnavailable
from cbbot_bridge.machine_clocks import monotonic_seconds, unix_seconds
from cbbot_bridge.outage_log import OutageLogs

__all__ = ["CoinbaseRest", "Params", "Posted", "as_unavailable"]

T = TypeVar("T")
Params = Sequence[tuple[str, str]]
Observe = Callable[[str, str, float], None]
Retried = Callable[[str, str], None]

_LOG = logging.getLogger(__name__)

_PREFIX = "/api/v3/brokerage"
_READ_TIMEOUT_SECONDS = 10.0
_KEPT_FOR_ORDERS = 3.0
_OWN_PORTS = {"http": 80, "https": 443}

_UNAVAILABLE: dict[Meaning, tuple[int, BridgeErrorCode]] = {
    Meaning.RATE_LIMITED: (503, BridgeErrorCode.RATE_LIMITED),
    Meaning.UNAUTHORIZED: (503, BridgeErrorCode.UPSTREAM_UNAUTHORIZED),
    Meaning.UNREACHABLE: (503, BridgeErrorCode.UPSTREAM_UNREACHABLE),
    Meaning.TIMED_OUT: (504, BridgeErrorCode.UPSTREAM_TIMEOUT),
    Meaning.FAILED: (502, BridgeErrorCode.UPSTREAM_ERROR),
}

_NO_TIME = Answer(Meaning.UNREACHABLE, 0, {}, "no_time", "not sent, too little of the time for it was left")


@dataclass(frozen=True, slots=True)
class Posted:
    """The last answer to a POST, and whether an earlier try or this one may have taken effect unseen."""

    answer: Answer
    may_have_acted: bool


def as_unavailable(answer: Answer) -> UpstreamUnavailable:
    """The error of an answer that is neither OK nor a refusal."""
    status, code = _UNAVAILABLE[answer.meaning]
    return UpstreamUnavailable(status, code, f"Coinbase: {answer.message}")


def _read_or_raised(answer: Answer) -> Any:
    """What was read from an answer.

    Raises:
        UpstreamRefused, UpstreamUnavailable: nothing was.
    """
    if answer.meaning is Meaning.OK:
        return answer.body
    if answer.meaning is Meaning.REFUSED:
        raise UpstreamRefused(answer.status, answer.code, answer.message)
    raise as_unavailable(answer)


def _reason(answer: Answer) -> str:
    return str(answer.status or answer.code)


def _fields(method: str, path: str, tries: int, answer: Answer) -> dict[str, object]:
    return {"request": f"{method} {path}", "tries": tries, "reason": _reason(answer), "answer": answer.message}


def _signed_host(base: str) -> str:
    """The host as the request's Host header has it: the port where it is not the scheme's own, IPv6 in brackets."""
    parts = urlsplit(base)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return host if parts.port in (None, _OWN_PORTS.get(parts.scheme)) else f"{host}:{parts.port}"


# A few are asked for all day long.
@lru_cache(maxsize=256)
def _target(path: str, params: tuple[tuple[str, str], ...]) -> str:
    return quote(path) + ("?" + urlencode(params) if params else "")


def _kind_of(path: str) -> str:
    """A path without the ids in it: there are only so many."""
    return "/".join(path.split("/")[:3])


async def _nothing() -> None:
    return None


class CoinbaseRest:
    """The venue at ``base`` (scheme, host and port), asked through ``exchange``.

    ``signer`` None means unsigned requests: without keys, or against a venue that wants no signature.

    ``signing_time`` gives UNIX seconds; ``on_unauthorized`` is awaited before the retry after a 401.
    """

    def __init__(
        self,
        base: str,
        exchange: HttpExchange,
        *,
        signer: Signer | None,
        private_budget: TokenBucket,
        public_budget: TokenBucket,
        signing_time: Callable[[], float] = unix_seconds,
        on_unauthorized: Callable[[], Awaitable[None]] = _nothing,
        observe: Observe = lambda _verb, _code, _seconds: None,
        retried: Retried = lambda _verb, _reason: None,
        retry: RetryPolicy | None = None,
        monotonic: Callable[[], float] = monotonic_seconds,
    ) -> None:
        self.monotonic = monotonic
        self._base = base
        self._host = _signed_host(base)
        self._exchange = exchange
        self._signer = signer
        self._private_budget = private_budget
        self._public_budget = public_budget
        self.signing_time = signing_time
        self.on_unauthorized = on_unauthorized
        self._observe = observe
        self._retried = retried
        self._retry = retry or RetryPolicy()
        self._reads = OutageLogs(_LOG, "Coinbase does not answer a read", monotonic)

    async def get(self, path: str, params: Params = (), *, private: bool, for_order: bool = False) -> dict[str, Any]:
        """The JSON object behind ``path``. ``for_order``: an order waits for it, so it waits for no other read.

        Raises:
            UpstreamRefused, UpstreamUnavailable: as :meth:`get_as`.
        """
        return await self.get_as(json_object, path, params, private=private, for_order=for_order)

    async def get_as(
        self, read: Reader[T], path: str, params: Params = (), *, private: bool, for_order: bool = False
    ) -> T:
        """What ``read`` makes of the answer of ``path``.

        Raises:
            UpstreamRefused: Coinbase's definite no (a 4xx).
            UpstreamUnavailable: no usable answer within the time for it; ask again later.
        """
        deadline = self.monotonic() + self._retry.total_seconds

        async def once() -> Answer:
            return await self._one_try("GET", path, params, None, private, deadline, for_order=for_order, read=read)

        answer = await self._tried("GET", path, once, deadline)
        if answer.meaning in (Meaning.OK, Meaning.REFUSED):
            self._reads.worked(_kind_of(path))
        found: T = _read_or_raised(answer)
        return found

    async def get_once(self, path: str, params: Params = (), *, for_order: bool = False) -> dict[str, Any]:
        """A public read without retries: for measuring how long it took, or where the caller asks again anyway."""
        deadline = self.monotonic() + _READ_TIMEOUT_SECONDS
        found: dict[str, Any] = _read_or_raised(
            await self._one_try("GET", path, params, None, False, deadline, for_order=for_order)
        )
        return found

    @property
    def order_seconds(self) -> float:
        """The time that an order request has, from its arrival to its answer."""
        return self._retry.total_seconds

    @property
    def least_seconds(self) -> float:
        """What must be left of it when an order leaves."""
        return self._retry.least_seconds

    async def post(
        self,
        path: str,
        body: dict[str, Any],
        before_send: Callable[[], None] = lambda: None,
        *,
        deadline: float | None = None,
        leave_by: float = math.inf,
    ) -> Posted:
        """Sends ``body``, and the very same body again where that is safe and useful.

        ``before_send`` runs last before every try; what it raises ends the attempt, unless an earlier
        try may have taken effect. ``deadline`` is on the monotonic clock; no try begins shortly before it,
        nor after ``leave_by``.
        """
        deadline = self.monotonic() + self.order_seconds if deadline is None else deadline
        begin_by = min(deadline - self._retry.least_seconds, leave_by)
        may_have_acted = False
        content = json.dumps(body).encode("utf-8")

        async def once() -> Answer:
            nonlocal may_have_acted
            if self.monotonic() >= begin_by:
                return _NO_TIME
            if not may_have_acted:
                before_send()
            answer = await self._one_try("POST", path, (), content, True, deadline, for_order=True, begin_by=begin_by)
            may_have_acted = may_have_acted or answer.may_have_acted
            return answer

        answer = await self._tried("POST", path, once, begin_by)
        return Posted(answer, may_have_acted)

    async def _tried(self, method: str, path: str, once: Callable[[], Awaitable[Answer]], begin_by: float) -> Answer:
        """The last answer of as many tries as are worth their while and begin in time."""
        first = await once()
        if first.meaning in (Meaning.OK, Meaning.REFUSED):
            return first  # nearly always, and without the cost of tenacity's machinery
        made = [first]

        async def first_or_next() -> Answer:
            return made.pop() if made else await once()

        async def before_sleep(state: RetryCallState) -> None:
            if state.outcome is None or state.next_action is None:
                raise AssertionError("tenacity waits after a try")
            answer: Answer = state.outcome.result()
            self._log_try(method, path, _fields(method, path, state.attempt_number, answer), state.next_action.sleep)
            self._retried(method, _reason(answer))
            if answer.meaning is Meaning.UNAUTHORIZED:
                await self.on_unauthorized()

        tries = self._retry.tries(begin_by, self.monotonic, before_sleep)
        answer: Answer = await tries(first_or_next)
        if answer.meaning not in (Meaning.OK, Meaning.REFUSED):
            count = int(tries.statistics["attempt_number"])
            self._log_try(method, path, _fields(method, path, count, answer), None)
        return answer

    def _log_try(self, method: str, path: str, fields: dict[str, object], delay: float | None) -> None:
        """Every try of an order leaves a line; reads, which come all the time, one an outage."""
        if method == "GET":
            self._reads.failed(_kind_of(path), fields)
        elif delay is None:
            _LOG.warning("gave up asking Coinbase", extra={"fields": fields})
        else:
            _LOG.warning("asking Coinbase again", extra={"fields": {**fields, "delay_seconds": round(delay, 3)}})

    async def _one_try(
        self,
        method: str,
        path: str,
        params: Params,
        content: bytes | None,
        private: bool,
        deadline: float,
        *,
        for_order: bool,
        begin_by: float | None = None,
        read: Reader[Any] = json_object,
    ) -> Answer:
        budget = self._private_budget if private else self._public_budget
        within = max((deadline if begin_by is None else begin_by) - self.monotonic(), 0.0)
        try:
            await budget.take(within, 0.0 if for_order else _KEPT_FOR_ORDERS)
        except BudgetExhausted as error:
            return Answer(
                Meaning.RATE_LIMITED, 429, {}, "rate_limited", f"not asked, our own allowance is used up: {error}"
            )
        started = self.monotonic()
        if begin_by is not None and started > begin_by:
            # This process was stopped while it waited.
            return _NO_TIME
        pool = Pool.ORDERS if for_order else Pool.ACCOUNT if private else Pool.MARKET
        answer = await self._ask(pool, method, path, params, content, private, deadline, read)
        self._observe(method, _reason(answer), self.monotonic() - started)
        return answer

    async def _ask(
        self,
        pool: Pool,
        method: str,
        path: str,
        params: Params,
        content: bytes | None,
        private: bool,
        deadline: float,
        read: Reader[Any],
    ) -> Answer:
        full_path = _PREFIX + path
        headers = {} if private else {"Cache-Control": "no-cache"}
        if content is not None:
            headers["Content-Type"] = "application/json"
        if private and self._signer is not None:
            token = self._signer.rest_token(method, self._host, full_path, self.signing_time())
            headers["Authorization"] = f"Bearer {token}"
        url = self._base + _target(full_path, tuple(params))
        seconds = min(_READ_TIMEOUT_SECONDS, max(deadline - self.monotonic(), 0.1))
        try:
            answer = await self._exchange.send(pool, method, url, headers, content, seconds)
        except NotSent as error:
            return Answer(Meaning.UNREACHABLE, 0, {}, "unreachable", f"no connection ({error})")
        except NoAnswer:
            return Answer(Meaning.TIMED_OUT, 0, {}, "timeout", "no answer in time")
        except ConnectionBroke as error:
            return Answer(Meaning.FAILED, 0, {}, "broken", f"the connection broke ({error})")
        return read_answer(answer.status, answer.content, read)
