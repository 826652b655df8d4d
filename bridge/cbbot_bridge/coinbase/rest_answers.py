"""What an HTTP answer of Coinbase means, before anything is read from it. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto
from typing import Any, TypeVar

from cbbot_bridge.coinbase.redaction import redacted

__all__ = ["Answer", "Meaning", "Reader", "json_object", "read_answer"]

T = TypeVar("T")
Reader = Callable[[bytes], T]
"""Makes something of an answer's body; raises ValueError when that is not even a JSON object."""

_LONGEST_MESSAGE = 300
# The server, or one before it, gave up on the request: whether it acted on what it had is its secret.
_SAYS_NOTHING = (408, 425, 499)


class Meaning(Enum):
    """How to go on."""

    OK = auto()
    REFUSED = auto()
    UNAUTHORIZED = auto()
    RATE_LIMITED = auto()
    UNREACHABLE = auto()
    """The request never left this machine."""
    TIMED_OUT = auto()
    """It left, or part of it, and no answer came. A POST may have taken effect."""
    FAILED = auto()
    """A fault on Coinbase's side, or an answer that makes no sense. A POST may have taken effect."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``body`` is what was read from an OK answer; ``code`` and ``message`` describe any other."""

    meaning: Meaning
    status: int
    body: Any
    code: str = ""
    message: str = ""

    @property
    def may_have_acted(self) -> bool:
        """Whether a POST with this answer may have taken effect although the answer does not say so."""
        return self.meaning in (Meaning.TIMED_OUT, Meaning.FAILED)


def json_object(content: bytes) -> dict[str, Any]:
    """The JSON object that ``content`` is.

    Raises:
        ValueError: it is none.
    """
    try:
        # Decimal: a double of Coinbase's (fees) keeps its digits and leaves as decimal text.
        parsed = json.loads(content, parse_float=Decimal, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(parsed, dict):
        raise ValueError("no object")
    return parsed


def read_answer(status: int, content: bytes, read: Reader[Any] = json_object) -> Answer:
    """``read`` takes the body of an OK answer. Bodies of errors may be JSON of several shapes, HTML or nothing."""
    if 200 <= status < 300:
        try:
            return Answer(Meaning.OK, status, read(content))
        except ValueError:
            return Answer(Meaning.FAILED, status, {}, "malformed", f"HTTP {status} without a JSON object")
    try:
        body = json_object(content)
    except ValueError:
        body = {}
    code, message = _reason(body, status, content)
    return Answer(_meaning(status), status, {}, code, message)


def _meaning(status: int) -> Meaning:
    if status == 401:
        return Meaning.UNAUTHORIZED
    if status == 429:
        return Meaning.RATE_LIMITED
    if 400 <= status < 500 and status not in _SAYS_NOTHING:
        return Meaning.REFUSED
    return Meaning.FAILED


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _reason(body: dict[str, Any], status: int, content: bytes) -> tuple[str, str]:
    code = body.get("error")
    message = body.get("message") or body.get("error_details")
    errors = body.get("errors")
    if not code and isinstance(errors, list) and errors and isinstance(errors[0], dict):
        code, message = errors[0].get("id"), errors[0].get("message")
    if not code or code == "unknown":
        code = f"HTTP_{status}"
    if not message:
        message = f"Coinbase answered HTTP {status}" + (" with a page, not JSON" if content[:64].strip() else "")
    return redacted(str(code))[:64], redacted(str(message))[:_LONGEST_MESSAGE]
