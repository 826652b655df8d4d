"""Why an answer cannot be read, in words that do not change with every figure in it. Pure."""

from __future__ import annotations

from pydantic import ValidationError

__all__ = ["why_unreadable"]

_MOST = 3


def why_unreadable(error: ValidationError) -> str:
    """The first few mistakes, without what was answered: it would be another condition at every question."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    said = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}".removeprefix(": ") for each in found[:_MOST]]
    return "; ".join(said) + ("; ..." if len(found) > _MOST else "")
