"""The places on the way to the exchange where something can go wrong, and what can.

Most faults are the simulator's own (``cbbot_bridge.simulator.faults``), made for the one request that meets them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from cbbot.soak.exchange_side import Fault

__all__ = ["UNREACHABLE", "VENUE_SITES", "fields_of", "late_effect_seconds", "site_of"]

UNREACHABLE: Final = "unreachable"
"""The one fault in which nothing of a request leaves."""

_PREFIX: Final = "bridge>venue."
_ROOT: Final = "/api/v3/brokerage"
_PATHS: Final[tuple[tuple[str, str, str], ...]] = (
    ("create", "POST", r"/orders"),
    ("get_order", "GET", r"/orders/historical/(?!batch$|fills$)[^/]+"),
    ("list_orders", "GET", r"/orders/historical/batch"),
    ("fills", "GET", r"/orders/historical/fills"),
    ("accounts", "GET", r"/accounts"),
    ("fees", "GET", r"/transaction_summary"),
    ("key", "GET", r"/key_permissions"),
    ("product", "GET", r"/market/products/[^/]+"),
    ("candles", "GET", r"/market/products/[^/]+/candles"),
    ("ticker", "GET", r"/market/products/[^/]+/ticker"),
    ("time", "GET", r"/time"),
)
_COMPILED: Final = tuple((_PREFIX + name, method, re.compile(path)) for name, method, path in _PATHS)

Make = Callable[[Fault], Mapping[str, Any]]


def _times(fault: Fault) -> int:
    return 1 + int(fault.share * 6)


def _status(*among: int) -> Callable[[Fault], int]:
    return lambda fault: among[int(fault.share * len(among)) % len(among)]


_ERROR: Final = _status(500, 502, 503, 504)
_BODY: Final = ("usual", "html", "empty")


def _body(fault: Fault) -> str:
    return _BODY[int(fault.share * 97) % len(_BODY)]


def _seconds(fault: Fault, least: float, most: float) -> float:
    """What the fault says, where that makes it this kind of fault."""
    return min(max(fault.seconds, least), most)


# How long an answer may be late: the bridge waits 10 s for one.
_TOO_LATE: Final = (11.0, 60.0)
_LATE: Final = (0.5, 9.0)
# And how late a request may take effect: long after the bridge has given it up, and its absence was believed.
_LATE_EFFECT: Final = (11.0, 120.0)


def late_effect_seconds(fault: Fault) -> float:
    """How long after it was sent a request with the fault is carried out."""
    least, most = _LATE_EFFECT
    return least + (most - least) * fault.share


_ANY: Final[Mapping[str, Make]] = {
    "timeout_before": lambda fault: {"delay_seconds": _seconds(fault, *_TOO_LATE), "status": 504},
    "timeout_after": lambda fault: {"answer_delay_seconds": _seconds(fault, *_TOO_LATE)},
    "late_effect": lambda fault: {"delay_seconds": late_effect_seconds(fault)},
    "slow": lambda fault: {"answer_delay_seconds": _seconds(fault, *_LATE)},
    "error_before": lambda fault: {"status": _ERROR(fault), "body": _body(fault), "times": _times(fault)},
    "error_after": lambda fault: {"status": _ERROR(fault), "body": _body(fault), "after_effect": True},
    "rate_limited": lambda fault: {"status": 429, "body": _body(fault), "times": _times(fault)},
    "unauthorized": lambda fault: {"status": 401, "times": _times(fault)},
    "reset_before": lambda _fault: {"cut": True},
    "reset_after": lambda _fault: {"cut": True, "after_effect": True},
    "truncated": lambda _fault: {"change": "truncated"},
}


def _change(name: str) -> Make:
    return lambda _fault: {"change": name}


_PAGES: Final = {name: _change(name) for name in ("cursor_without_has_next", "has_next_as_text")}
_TWICE: Final = {"page_twice": _change("page_twice")}
_PROOF: Final = {"proof_token": _change("proof_token_required")}
_SPECIAL: Final[Mapping[str, Mapping[str, Make]]] = {
    "create": {
        "duplicate_refused": _change("duplicate_client_order_id"),
        # Taken, without an answer, and to be seen late: DisturbedVenue has the second half.
        "unseen": lambda _fault: {"cut": True, "after_effect": True},
        "already_exists": _change("already_exists"),
        "refused_with_order_id": _change("refused_with_order_id"),
        "forbidden": lambda _fault: {"status": 403},
    },
    "list_orders": {**_PAGES, **_TWICE, **_PROOF},
    # No fill is told as reversed that is not replaced: what is taken back for good would have to leave the books too.
    "fills": {
        "cursor_without_has_next": _PAGES["cursor_without_has_next"],
        **_TWICE,
        **_PROOF,
        **{
            name: _change(name)
            for name in (
                "no_entry_id",
                "no_size_in_quote",
                "reversed_and_filled_again",
                "reversed_and_corrected",
            )
        },
    },
    "accounts": {**_PAGES, **_TWICE},
    "time": {"clock_wrong": lambda fault: {"change": "clock", "offset_seconds": (fault.share - 0.5) * 7200}},
}

_OURS: Final[Mapping[str, tuple[str, ...]]] = {
    "create": ("seen_late", "pending", "fills_late", "balances_late", "partial", "not_counted_yet"),
    "accounts": ("old_balances",),
    "candles": ("holes", "newest_missing"),
    "ticker": ("bad_print",),
}
"""Kinds that are no simulator's fault of one request; see :mod:`.venue_network`."""


def _kinds(name: str) -> tuple[str, ...]:
    return (UNREACHABLE, *_ANY, *_SPECIAL.get(name, ()), *_OURS.get(name, ()))


VENUE_SITES: Final[Mapping[str, tuple[str, ...]]] = {_PREFIX + name: _kinds(name) for name, _, _ in _PATHS}
"""By the name of the place: every kind of fault that there is."""


def site_of(method: str, path: str) -> str:
    """The name of the place that a request to a path passes; "" for one that nothing happens at."""
    below = path.removeprefix(_ROOT)
    for name, verb, pattern in _COMPILED:
        if verb == method and pattern.fullmatch(below):
            return name
    return ""


def fields_of(site: str, fault: Fault) -> Mapping[str, Any] | None:
    """The fields of the simulator's fault that a fault stands for; None where it stands for none."""
    name = site.removeprefix(_PREFIX)
    make = _SPECIAL.get(name, {}).get(fault.kind) or _ANY.get(fault.kind)
    return None if make is None else make(fault)
