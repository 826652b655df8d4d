"""What the state was last saved with, as figures for people, before the venue has been heard.

Read off the document's own text: amounts need no increments to be shown. Nothing trades on these.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import ValidationError

from cbbot.contract.bot_api import LotRow, NumberedTrade, Refused
from cbbot.domain.decimals import parse_decimal
from cbbot.domain.timestamps import rfc3339
from cbbot.errors import BadInput
from cbbot.trader.state_versions import brought_up_to_date
from cbbot.views.fields import role

__all__ = ["FIRST_START", "LastKnown", "last_known", "trades_of"]

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LastKnown:
    """None is what is not known. ``saved_ms`` is when the state was saved; ``trades`` are oldest first."""

    saved_ms: int | None = None
    epoch: int | None = None
    equity_usd: str | None = None
    daily_pnl_usd: str | None = None
    exposure_usd: str | None = None
    last_price: str | None = None
    last_fit_ms: int = -1
    open_lots: int | None = None
    pending_orders: int | None = None
    given_up_orders: int | None = None
    breaker: bool | None = None
    paused_by: tuple[str, ...] = ()
    flattening: bool = False
    halted: str = ""
    halt_ended: bool = False
    lots: tuple[LotRow, ...] = ()
    trades: tuple[NumberedTrade, ...] = ()
    refused: Refused | None = None

    @property
    def condition(self) -> str:
        """What a person must know of the state beside its figures; empty when there is nothing."""
        if self.halted:
            return f"the state is halted: {self.halted}"
        paused = ", entries stay paused by hand" if "hand" in self.paused_by else ""
        said = {
            f"the state is no longer halted, by hand: exits go on once the start is over{paused}": self.halt_ended,
            "the state closes every lot": self.flattening,
        }
        return "; ".join(words for words, so in said.items() if so)


FIRST_START = LastKnown(open_lots=0, pending_orders=0, given_up_orders=0, breaker=False)
"""On paper, where nothing is but what is in the state."""


def last_known(document: Document | None, saved_ms: int | None, *, ours: bool, live: bool = False) -> LastKnown:
    """The figures of a state; one that is not this run's has nothing open, and only its pause goes on.

    Live, the account may have orders of ours that no state has: before it was ever listed nothing is known.
    """
    if document is None:
        return LastKnown() if live else FIRST_START
    try:
        return _read(brought_up_to_date(document), saved_ms, ours=ours, live=live)
    except (BadInput, ValidationError, KeyError, TypeError, ValueError, AttributeError, InvalidOperation):
        # The start says what is wrong with it, and refuses. Until then nothing is known.
        return LastKnown(saved_ms=saved_ms)


def trades_of(document: Document | None) -> tuple[NumberedTrade, ...]:
    """The trades that a sound document keeps, oldest first, whose product and venue they ever were."""
    return tuple(_trade(trade) for trade in document["trades"]) if document is not None else ()


def _read(document: Document, saved_ms: int | None, *, ours: bool, live: bool) -> LastKnown:
    epoch, paused_by = int(document["epoch"]), tuple(sorted(document["paused_by"]))
    if not ours:
        return replace(LastKnown() if live else FIRST_START, epoch=epoch, paused_by=paused_by)
    account, price = document["account"], document["last_price"]
    if document["mode"] == "live" and document["accounted_ms"] < 0 and not document["lots"]:
        return LastKnown(saved_ms=saved_ms, epoch=epoch, paused_by=paused_by)
    return LastKnown(
        saved_ms=saved_ms,
        epoch=epoch,
        equity_usd=f"{_equity(document):f}",
        daily_pnl_usd=f"{parse_decimal(account['day_realised']):f}",
        exposure_usd=f"{parse_decimal(account['cost_sum']):f}",
        last_price=price if parse_decimal(price) else None,
        last_fit_ms=int(document["last_fit_ms"]),
        open_lots=len(document["lots"]),
        pending_orders=len(document["intents"]),
        given_up_orders=len(document["given_up"]),
        breaker=bool(account["breaker"]),
        paused_by=paused_by,
        flattening=bool(document["flattening"]),
        halted=str(document["halted"]),
        lots=tuple(_lot(lot) for lot in document["lots"]),
        trades=tuple(_trade(trade) for trade in document["trades"]),
        refused=_refused(document["refused_exits"]),
    )


def _refused(exits: list[Document]) -> Refused | None:
    if not exits:
        return None
    return Refused.model_validate({"exits": [each | {"since": rfc3339(each["since_ms"])} for each in exits]})


def _equity(document: Document) -> Decimal:
    """What the balances were worth, where they are the equity; else what it began with and what was realised."""
    account, expected = document["account"], document["expected"]
    if expected is None:
        return parse_decimal(account["start_equity"]) + parse_decimal(account["realised"])
    return parse_decimal(expected["quote"]) + parse_decimal(expected["base"]) * parse_decimal(document["last_price"])


def _lot(lot: Document) -> LotRow:
    return LotRow.model_validate(
        {
            "lot": lot["id"],
            "role": role(runner=lot["runner"]),
            **_opened(lot),
            "stop_price": lot["stop"],
            "take_price": lot["take"],
            "trail_active": lot["trailing"],
            "trail_stop_price": lot["trail_stop"] if lot["trailing"] else None,
            "unrealized_pnl": None,
        }
    )


def _trade(trade: Document) -> NumberedTrade:
    lot = trade["lot"]
    return NumberedTrade.model_validate(
        {
            "number": trade["number"],
            "lot": lot["id"],
            "role": role(runner=lot["opened_as_runner"]),
            "closed_as": role(runner=lot["runner"]),
            **_opened(lot),
            "closed_at": rfc3339(trade["closed_ms"]),
            "close_price": trade["close_price"],
            "proceeds": trade["proceeds"],
            "exit_fee": trade["exit_fee"],
            "net_pnl": trade["net_pnl"],
            "exit_reason": trade["reason"],
        }
    )


def _opened(lot: Document) -> Document:
    return {
        "side": lot["side"],
        "opened_at": rfc3339(lot["opened_ms"]),
        "open_price": lot["open_ticks"],
        "base_size": lot["base"],
        "cost": lot["cost"],
        "entry_fee": lot["entry_fee"],
    }
