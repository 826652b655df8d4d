"""Versions of the state's document: an older one is brought up to date step by step. Pure.

A change of what the document holds (a field of the account, of a lot, of an order) raises ``VERSION`` and adds
a step from the version before. Indicators and the model need no step: they are worked out anew from candles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cbbot.trader.state_fields import BadState, Fields

__all__ = ["VERSION", "brought_up_to_date"]

VERSION: Final = 5

Document = dict[str, Any]


def brought_up_to_date(document: Document) -> Document:
    """The document as this version of cbbot would have written it. What is given stays as it is.

    Raises:
        BadState: no version, one that is newer than this cbbot, or a field that a step needs is missing or nonsense.
    """
    version = document.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise BadState(f"the state is of version {version!r}, which no cbbot wrote")
    if version > VERSION:
        raise BadState(
            f"the state is of version {version}, this cbbot reads up to {VERSION}: start the newer cbbot that wrote it"
        )
    try:
        for each in range(version, VERSION):
            document = _STEPS[each](document) | {"version": each + 1}
    except BadState as error:
        raise BadState(f"the state of version {version} cannot be brought to version {VERSION}: {error}") from error
    return document


def _account_and_both_dusts(document: Document) -> Document:
    """1 to 2: ``book`` is called ``account``; both dusts, the candles' length and the last add are always there."""
    fields = Fields(document)
    account, lots = fields.part("book"), fields.parts("lots")
    fields.part("market")
    older = {name: value for name, value in document.items() if name != "book"}
    return older | {
        "account": document["book"] | {"last_add_ms": _last_add_ms(account, lots)},
        "market": {"candle_seconds": None} | document["market"],
        **_dusts(document, fields, account),
    }


def _last_add_ms(account: Fields, lots: tuple[Fields, ...]) -> int:
    """A state may not say when a lot was last added: the oldest lot's open time, else the day's start."""
    kept = account.time_ms("last_add_ms")
    if not lots or kept != _NEVER:
        return kept
    opened_ms = lots[0].time_ms("opened_ms")
    return opened_ms if opened_ms > 0 else max(account.whole("day"), 0) * _DAY_MS


def _dusts(document: Document, fields: Fields, account: Fields) -> Document:
    """What BUY lots left behind, and what SELL lots did. A state with one dust has that of the side it traded last."""
    fields.part("dust")
    if "short_dust" in document:
        return {"dust": document["dust"], "short_dust": document["short_dust"]}
    none = {"base": "0", "cost": "0", "entry_fee": "0"}
    if account.whole("side") < 0:
        return {"dust": none, "short_dust": document["dust"]}
    return {"dust": document["dust"], "short_dust": none}


def _refused_exits(document: Document) -> Document:
    """2 to 3: exits that are refused are remembered; before, a restart forgot them."""
    return {"refused_exits": []} | document


def _accounted_orders(document: Document) -> Document:
    """3 to 4: the state says up to when, and up to which order, it has all. Before, that was the newest."""
    since = Fields(document).count("sequence")
    return document | {
        "accounted_ms": _newest_ms(document),
        "unexplained": "",
        "expected": None,
        "baseline": since,
        "accounted": [],
    }


def _orders_given_up(document: Document) -> Document:
    """4 to 5: orders that were believed absent are looked for again; before, they were forgotten."""
    return {"given_up": []} | document


def _newest_ms(document: Document) -> int:
    """The newest time that the document tells of: it was saved then or later."""
    fields = Fields(document)
    account = fields.part("account")
    day = account.whole("day")
    return max(
        fields.time_ms("last_fit_ms"),
        account.time_ms("last_add_ms"),
        account.time_ms("last_loss_ms"),
        day * _DAY_MS if day >= 0 else _NEVER,
        *(intent.time_ms("created_ms") for intent in fields.parts("intents")),
        *(lot.time_ms("opened_ms") for lot in fields.parts("lots")),
        *(trade.time_ms("closed_ms") for trade in fields.parts("trades")),
    )


# What a version wrote does not change when the kernel's own constants do.
_NEVER: Final = -1
_DAY_MS: Final = 86_400_000

_STEPS: Final[dict[int, Callable[[Document], Document]]] = {
    1: _account_and_both_dusts,
    2: _refused_exits,
    3: _accounted_orders,
    4: _orders_given_up,
}
