"""Reads the Go bot's state file as one of ours, for the commands that take it over."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from cbbot.contract.settings import Settings
from cbbot.domain.instrument import Instrument
from cbbot.domain.products import known_product
from cbbot.errors import BadInput
from cbbot.process.named_files import text_of
from cbbot.runtime.resume import identity_of
from cbbot.trader.codec import encode
from cbbot.trader.predecessor_state import migrated
from cbbot.trader.rules import build_rules
from cbbot.trader.state_checks import check_document
from cbbot.trader.state_fields import BadState

__all__ = ["GoState", "read_go_state"]


class GoState(NamedTuple):
    """The old file's JSON, the body of our state made of it, and sentences on what was not taken as it stood."""

    document: dict[str, Any]
    body: dict[str, Any]
    remarks: tuple[str, ...]


def read_go_state(source: Path, settings: Settings, venue: str, increments: str | None) -> GoState:
    """The state at ``source`` as it goes on under ``settings``, with lots at ``venue``.

    Raises:
        BadInput: it cannot be read, or makes no sense; the product's increments are not known.
    """
    rules = build_rules(settings, _instrument(settings, increments))
    identity = identity_of(settings, venue, None)
    try:
        document = json.loads(text_of(source, "GO_STATE"), parse_float=Decimal, object_pairs_hook=_once)
        state, remarks = migrated(rules, identity, document, int(time.time() * 1000))
    except (ValueError, RecursionError) as error:
        reason = error if isinstance(error, BadState) else "it is no JSON"
        raise BadInput(f"{source}: {reason}") from error
    body = encode(rules, state)
    check_document(body)
    return GoState(document, body, remarks)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names differ in more than case, by which Go does not tell them apart."""
    seen: set[str] = set()
    for name, _ in pairs:
        if name.lower() in seen:
            raise BadState(f"{name} stands twice in one object: keep one of them in a copy of the file")
        seen.add(name.lower())
    return dict(pairs)


def _instrument(settings: Settings, increments: str | None) -> Instrument:
    known = known_product(settings.product_id)
    if increments is None:
        if known is None:
            raise BadInput(
                f"PRODUCT_ID={settings.product_id}: its increments are not known here; name them: --increments"
            )
        return known
    try:
        price, base = (Decimal(each) for each in increments.split(","))
        return Instrument(settings.product_id, price, base, price * base, Decimal())
    except (ValueError, ArithmeticError) as error:
        raise BadInput(f"--increments {increments!r}: two decimals are wanted, e.g. 0.01,0.00000001") from error
