"""Which shape each answer of Coinbase has, by endpoint, status and channel; and the check of an answer.

A row is an endpoint. Where recorded answers are of an older shape than today's, the row names that one too:
what the exchange has sent once must stay readable, and what a simulator of it sends must be today's.
"""

from __future__ import annotations

import json
import re
import textwrap
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from contract import wire_accounts, wire_markets, wire_orders, wire_streams

__all__ = ["ENDPOINTS", "Endpoint", "Misshapen", "check_answer", "check_frame", "check_shape", "endpoint_of"]

_ROOT: Final = "/api/v3/brokerage"


class Misshapen(AssertionError):
    """An answer is not as Coinbase's are: each field that differs, what was found and what is wanted."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint that clients use.

    ``path`` has names in braces where a request has an id. ``older`` is the shape of recorded answers from
    before the latest change, where those differ.
    """

    method: str
    path: str
    shape: Any
    older: Any = None


ENDPOINTS: Final = (
    Endpoint("GET", f"{_ROOT}/time", wire_markets.TimeAnswer),
    *(
        Endpoint("GET", f"{_ROOT}{public}{path}", shape)
        for public in ("", "/market")
        for path, shape in (
            ("/products", wire_markets.ProductsAnswer),
            ("/products/{product_id}", wire_markets.Product),
            ("/products/{product_id}/candles", wire_markets.CandlesAnswer),
            ("/products/{product_id}/ticker", wire_markets.TickerAnswer),
            ("/product_book", wire_markets.BookAnswer),
        )
    ),
    Endpoint("GET", f"{_ROOT}/best_bid_ask", wire_markets.BestBidAskAnswer),
    Endpoint("GET", f"{_ROOT}/accounts", wire_accounts.AccountsAnswer, wire_accounts.OlderAccountsAnswer),
    Endpoint("GET", f"{_ROOT}/accounts/{{uuid}}", wire_accounts.AccountAnswer),
    Endpoint("GET", f"{_ROOT}/portfolios", wire_accounts.PortfoliosAnswer),
    Endpoint("POST", f"{_ROOT}/portfolios", wire_accounts.PortfolioAnswer),
    Endpoint("POST", f"{_ROOT}/portfolios/move_funds", wire_accounts.MovedFundsAnswer),
    Endpoint("GET", f"{_ROOT}/portfolios/{{uuid}}", wire_accounts.BreakdownAnswer),
    Endpoint("PUT", f"{_ROOT}/portfolios/{{uuid}}", wire_accounts.PortfolioAnswer),
    Endpoint("DELETE", f"{_ROOT}/portfolios/{{uuid}}", wire_accounts.Nothing),
    Endpoint("GET", f"{_ROOT}/transaction_summary", wire_accounts.SummaryAnswer),
    Endpoint("GET", f"{_ROOT}/key_permissions", wire_accounts.PermissionsAnswer),
    Endpoint("GET", f"{_ROOT}/orders/historical/batch", wire_orders.OrdersAnswer, wire_orders.OlderOrdersAnswer),
    Endpoint("GET", f"{_ROOT}/orders/historical/fills", wire_orders.FillsAnswer, wire_orders.OlderFillsAnswer),
    Endpoint("GET", f"{_ROOT}/orders/historical/{{order_id}}", wire_orders.OrderAnswer, wire_orders.OlderOrderAnswer),
    Endpoint("POST", f"{_ROOT}/orders", wire_orders.CreateAnswer),
    Endpoint("POST", f"{_ROOT}/orders/preview", wire_orders.PreviewAnswer),
    Endpoint("POST", f"{_ROOT}/orders/edit", wire_orders.EditAnswer),
    Endpoint("POST", f"{_ROOT}/orders/edit_preview", wire_orders.EditPreviewAnswer),
    Endpoint("POST", f"{_ROOT}/orders/batch_cancel", wire_orders.CancelAnswer),
    Endpoint("GET", "/v2/time", wire_markets.V2TimeAnswer),
    Endpoint("GET", "/v2/accounts", wire_accounts.V2AccountsAnswer),
    Endpoint("GET", "/v2/accounts/{id}", wire_accounts.V2AccountAnswer),
    Endpoint("GET", "/v2/prices/{product_id}/spot", wire_accounts.V2PriceAnswer),
    Endpoint("GET", "/v2/currencies", wire_accounts.V2CurrenciesAnswer),
    Endpoint("GET", "/v2/currencies/crypto", wire_accounts.V2CurrenciesAnswer),
    Endpoint("GET", "/v2/exchange-rates", wire_accounts.V2RatesAnswer),
)
"""Rows whose path is the same up to a name are in the order in which they are looked at."""

# The words of pydantic that are not plain to somebody who reads of an answer.
_WORDS: Final = {
    "missing": "is missing",
    "extra_forbidden": "is no field of Coinbase's",
    "string_pattern_mismatch": "wanted text of the form {pattern}",
    "literal_error": "wanted one of {expected}",
}
# Of an enum with many words the first ones are told.
_LONGEST: Final = 400
_UNAUTHORIZED: Final = "Unauthorized"


def endpoint_of(method: str, path: str) -> Endpoint:
    """The row of a request.

    Raises:
        Misshapen: there is none.
    """
    for endpoint in ENDPOINTS:
        if endpoint.method == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", endpoint.path), path):
            return endpoint
    raise Misshapen(f"{method} {path}: an endpoint that is not in the table")


def check_answer(method: str, path: str, status: int, content_type: str, text: str) -> Endpoint:
    """Check an HTTP answer; the row that it belongs to.

    Raises:
        Misshapen: with one line per field.
    """
    endpoint = endpoint_of(method, path)
    where = f"{method} {path} {status}"
    if status == 401:
        if (content_type.partition(";")[0], text) != ("text/plain", _UNAUTHORIZED):
            raise Misshapen(f"{where}: found {content_type} {text!r}, wanted text/plain {_UNAUTHORIZED!r}")
        return endpoint
    if status == 429 and content_type.partition(";")[0] in ("", "text/html"):
        return endpoint  # an empty body or a page: both have been seen
    if content_type.partition(";")[0] != "application/json":
        raise Misshapen(f"{where}: found {content_type or 'no content type'}, wanted application/json")
    shape = {200: endpoint.shape, 429: wire_accounts.RateLimitAnswer}.get(status, wire_accounts.ErrorAnswer)
    check_shape(json.loads(text), shape, where)
    return endpoint


def check_frame(frame: dict[str, Any]) -> None:
    """Check a message of the WebSocket.

    Raises:
        Misshapen: with one line per field.
    """
    if "channel" in frame:
        check_shape(frame, wire_streams.Message, f"channel {frame['channel']}")
    else:
        check_shape(frame, wire_streams.ErrorFrame, "a message without a channel")


def check_shape(document: Any, shape: Any, where: str) -> None:
    """Check a JSON document.

    Raises:
        Misshapen: with one line per field.
    """
    try:
        _adapter(shape).validate_python(document)
    except ValidationError as error:
        lines = [f"{where}: {_line(document, item)}" for item in error.errors()]
        raise Misshapen("\n".join(lines)) from None


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


def _line(document: Any, error: ErrorDetails) -> str:
    """One finding: the path of the field in the document, what is there, what is wanted."""
    missing = error["type"] == "missing"
    path, at = "$", document
    for number, step in enumerate(error["loc"], 1):
        # The branch of a choice is a step of pydantic's path that the document does not have.
        if isinstance(step, int) and isinstance(at, list):
            path, at = f"{path}[{step}]", at[step]
        elif isinstance(at, dict) and (step in at or (missing and number == len(error["loc"]))):
            path, at = f"{path}.{step}", at.get(step)
    words = _WORDS.get(error["type"], error["msg"].replace("Input should be", "wanted"))
    if error["type"] in _WORDS:
        known = {name: textwrap.shorten(str(value), _LONGEST) for name, value in error.get("ctx", {}).items()}
        words = words.format(**known)
    return f"{path} {words}" if missing else f"{path}: found {error['input']!r}, {words}"
