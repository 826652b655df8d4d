"""HTTP to the bridge: headers, time limits, and the meaning of an answer.

Reads raise :class:`~cbbot.errors.Retryable` or :class:`~cbbot.errors.Refused`. Orders go through
:meth:`BridgeClient.post_order`, whose outcome is one of four values, never an exception.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Protocol

import httpx
from pydantic import ValidationError

from cbbot.contract.bridge_errors import BridgeErrorCode, ErrorAnswer, ErrorDetail
from cbbot.contract.bridge_fields import BOT_EPOCH_HEADER, BOT_ID_HEADER, BOT_INSTANCE_HEADER
from cbbot.contract.bridge_orders import OrderPlaced
from cbbot.errors import Refused, Retryable

__all__ = [
    "CONNECTIONS",
    "LISTING_LIMIT",
    "LOOK_LIMIT",
    "BridgeClient",
    "BridgeRequests",
    "NotPlaced",
    "OrderOutcome",
    "Unavailable",
    "Unknown",
]

_READ_LIMIT: Final = httpx.Timeout(10.0, connect=3.0)
# The bridge reads a listing to its last page before it answers a look for an order.
LOOK_LIMIT: Final = httpx.Timeout(30.0, connect=3.0)
# And of all orders there may be many.
LISTING_LIMIT: Final = httpx.Timeout(120.0, connect=3.0)
# The bridge waits out rate limits and repeats an order under its id before it answers.
_ORDER_LIMIT: Final = httpx.Timeout(45.0, connect=3.0)
CONNECTIONS: Final = httpx.Limits(max_connections=20, max_keepalive_connections=10, keepalive_expiry=30.0)


class Unavailable(Retryable):
    """The bridge could not serve a read. ``code`` is its reason, empty when it was not the bridge that said so."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class NotPlaced:
    """This request never left: it may be made again."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The order may exist."""

    reason: str


OrderOutcome = OrderPlaced | Refused | NotPlaced | Unknown


class BridgeRequests(Protocol):
    """What is used of ``httpx.AsyncClient``; a simulation has something else in its place. Errors are httpx's."""

    @property
    def headers(self) -> MutableMapping[str, str]: ...

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None,
        timeout: httpx.Timeout,  # noqa: ASYNC109  httpx has it so
    ) -> httpx.Response: ...

    async def post(
        self,
        url: str,
        *,
        json: Any,
        timeout: httpx.Timeout,  # noqa: ASYNC109  as above
    ) -> httpx.Response: ...

    async def aclose(self) -> None: ...


class BridgeClient:
    """One bridge, one bot. Close it with :meth:`aclose`.

    ``instance`` names this process, so that no other can order in its epoch. ``superseded`` turns true when the bridge
    has seen a newer epoch of this bot, or another process in this one's: another process trades in its name.
    """

    def __init__(
        self,
        base_url: str,
        token: str | None,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        http: BridgeRequests | None = None,
        instance: str = "",
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http: BridgeRequests = http or httpx.AsyncClient(
            base_url=base_url,
            timeout=_READ_LIMIT,
            limits=CONNECTIONS,
            transport=transport,
            # A proxy of the machine's must not come between bot and bridge.
            trust_env=False,
        )
        self._http.headers.update(headers)
        self._instance = instance
        self.superseded = False

    def identify(self, bot_id: str, epoch: int) -> None:
        """From now on every request says who asks, in which epoch."""
        self._http.headers[BOT_ID_HEADER] = bot_id
        self._http.headers[BOT_EPOCH_HEADER] = str(epoch)
        if self._instance:
            self._http.headers[BOT_INSTANCE_HEADER] = self._instance

    async def get(self, path: str, params: Mapping[str, str] | None = None, limit: httpx.Timeout = _READ_LIMIT) -> Any:
        """The JSON of a read.

        Raises:
            Retryable: no answer, a 5xx (:class:`Unavailable`), or an answer that is no JSON.
            Refused: a 4xx; ``code`` is the bridge's.
        """
        response = await self.get_response(path, params, limit)
        if response.is_success:
            return _json(response, path)
        detail = error_of(response)
        if response.is_client_error and detail is not None:
            raise Refused(detail.code, f"bridge: GET {path}: {detail.message}")
        code, said = (detail.code, detail.message) if detail else ("", "no explanation")
        raise Unavailable(code, f"bridge: GET {path}: {response.status_code} {said}")

    async def look(self, path: str, params: Mapping[str, str]) -> httpx.Response:
        """Any answer at all to a read that may take longer than others.

        Raises:
            Retryable: there was none.
        """
        return await self.get_response(path, params, LOOK_LIMIT)

    async def get_response(
        self, path: str, params: Mapping[str, str] | None = None, limit: httpx.Timeout = _READ_LIMIT
    ) -> httpx.Response:
        """Any answer at all.

        Raises:
            Retryable: there was none.
        """
        try:
            response = await self._http.get(path, params=params, timeout=limit)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Retryable(f"bridge: GET {path}: {type(error).__name__} {error}".rstrip()) from error
        self._note_epoch(response)
        return response

    async def post_order(self, body: Mapping[str, str | int]) -> OrderOutcome:
        """``POST /order/market``; what is not certain is :class:`Unknown`."""
        path = "/order/market"
        try:
            response = await self._http.post(path, json=dict(body), timeout=_ORDER_LIMIT)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            # No connection, so no request went out.
            return NotPlaced("bridge_unreachable", f"{type(error).__name__} {error}".rstrip())
        except httpx.HTTPError as error:
            return Unknown(f"{type(error).__name__} {error}".rstrip())
        self._note_epoch(response)
        return order_outcome(response)

    def _note_epoch(self, response: httpx.Response) -> None:
        if response.status_code != HTTPStatus.CONFLICT:
            return
        detail = error_of(response)
        if detail is not None and detail.code == BridgeErrorCode.STALE_EPOCH:
            self.superseded = True

    async def aclose(self) -> None:
        await self._http.aclose()


def order_outcome(response: httpx.Response) -> OrderOutcome:
    """The table of ``cbbot.contract.bridge_errors``, row by row."""
    if response.status_code == HTTPStatus.OK:
        try:
            return OrderPlaced.model_validate_json(response.content)
        except ValidationError:
            return Unknown("the bridge's answer is no order")
    answer = _error_answer(response)
    if answer is None:
        return Unknown(f"{response.status_code} without the bridge's explanation")
    if response.is_client_error:
        return Refused(answer.error.code, answer.error.message)
    if answer.outcome == "not_placed":
        return NotPlaced(answer.error.code, answer.error.message)
    return Unknown(f"{answer.error.code}: {answer.error.message}")


def error_of(response: httpx.Response) -> ErrorDetail | None:
    """What the bridge says went wrong; None when it was not the bridge that said it."""
    answer = _error_answer(response)
    return answer.error if answer else None


def _error_answer(response: httpx.Response) -> ErrorAnswer | None:
    try:
        return ErrorAnswer.model_validate_json(response.content)
    except ValidationError:
        return None


def _json(response: httpx.Response, path: str) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise Retryable(f"bridge: GET {path}: the answer is no JSON") from error
