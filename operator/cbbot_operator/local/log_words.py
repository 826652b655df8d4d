"""The children's events as sentences, for the table of ``cbbot up``. An event without one is shown by its fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cbbot_operator.local.number_text import money, price

__all__ = ["in_words"]

_SENTENCES: Final = {
    "starting": "starting",
    "listening": "listens on port {port}",
    "step": "decision at {price}: {signal}, {reason}",
    "order": "{purpose} of lot {lot}: {side} {base_size}, {outcome}",
    "fill": "lot {lot}: {side} {base_size} at {price}, fee {fee} USD",
    "exit": "lot {lot} closed by {reason} at {price}: {net_pnl} USD",
    "refit": "model fitted on {rows} candles",
    "breaker": "the day's loss limit is reached: no new lots today",
    "waiting": "waiting for {for}: {reason}",
    "outage": "{what} fails: {reason}",
    "outage over": "{what} is back after {failures} failures",
    "setting": "{detail}",
}
_MONEY: Final = frozenset({"fee", "net_pnl"})


def in_words(event: str, fields: Mapping[str, Any]) -> str | None:
    """The sentence; None where there is none, or a field of it is missing."""
    sentence = _SENTENCES.get(event)
    if sentence is None:
        return None
    try:
        return sentence.format_map({name: _shown(name, value) for name, value in fields.items()})
    except KeyError:
        return None


def _shown(name: str, value: Any) -> str:
    if name in _MONEY:
        return money(str(value), 4, sign=name == "net_pnl")
    if name == "price":
        return price(str(value))
    return str(value).replace("_", " ") if name == "reason" else str(value)
