"""What ``/status`` says, held against the exchange's books and the state files: true, or said not to be known."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from cbbot.contract.bot_api import BotStatus
from cbbot.domain.instrument import Instrument
from cbbot.kernel.lot import Lot
from cbbot.runtime.live_bot import LiveBot
from cbbot.soak.simulated_disk import SimulatedDisk
from cbbot.soak.violated import Violated
from cbbot.trader.trader_state import Dust, TraderState

__all__ = ["StatusTruth"]

_INVARIANT: Final = "status is true"
_STARTING_STEPS: Final = 40
# The bot takes a price once it has waited a moment for the balances beside it.
_AGE_SLACK: Final = 0.3


@dataclass(frozen=True, slots=True)
class _Kept:
    """What one generation of the state file says."""

    epoch: int
    open_lots: int | None
    equity: str | None
    exposure: str | None
    paused_by: frozenset[str]


class StatusTruth:
    """``spent`` is what the bot's ended orders have cost by the exchange's books, in ledger units."""

    def __init__(self, instrument: Instrument, start: int, disk: SimulatedDisk, now: Callable[[], float]) -> None:
        self._instrument = instrument
        self._start = start
        self._disk = disk
        self._now = now
        self._kept: list[_Kept] = []
        self._fresh = True
        self._steps = 0
        self._before: TraderState | None = None
        self._priced_at: float | None = None

    def began(self, state_file: str) -> None:
        """A new life of the bot, which has read nothing yet."""
        self._steps = 0
        self._before = self._priced_at = None
        files = [self._disk.names.get(name) for name in (state_file, state_file + ".prev")]
        self._fresh = not any(files)
        self._kept = [kept for file in files if file is not None and (kept := _kept(file.content)) is not None]

    def priced(self) -> None:
        """The bot has got an answer about the price."""
        self._priced_at = self._now()

    def starting(self, bot: LiveBot) -> None:
        """A step of a start that has no state yet.

        Raises:
            Violated: the status says what is not so.
        """
        self._steps += 1
        if self._steps % _STARTING_STEPS == 1:
            self._check_start(bot.status())

    def changed(self, bot: LiveBot, state: TraderState, spent: int | None) -> None:
        """The bot has a new state. ``spent`` is None while the ledger need not be the exchange's.

        Raises:
            Violated: the status says what is not so.
        """
        before, self._before = self._before, state
        if before is None or _differ(before, state):
            self._check(bot.status(), state, spent)

    def _check_start(self, status: BotStatus) -> None:
        _hold(status.phase == "starting", f"the phase of a start is {status.phase}")
        _hold(not status.ready and not status.entries.allowed, "ready, or entries allowed, without a state")
        _hold(status.price_age_seconds is None, f"a price {status.price_age_seconds} s old before any was asked for")
        shown = status.epoch, status.open_lots, status.equity_usd, status.exposure_usd
        if self._fresh:
            _hold(shown == (None, None, None, None), f"nothing was ever saved, and the status says {shown}")
        elif shown != (None, None, None, None):
            possible = [
                kept for kept in self._kept if shown == (kept.epoch, kept.open_lots, kept.equity, kept.exposure)
            ]
            _hold(bool(possible), f"the status of a start says {shown}, the state files {self._kept}")
            _hold(status.as_of is not None, "figures of a saved state, without when it was saved")
            # A person may have resumed during the start, which ends the pause by hand.
            paused = {"hand", *status.entries.paused_by}
            _hold(
                any(paused >= kept.paused_by for kept in possible), f"paused by {paused} only, the state files by more"
            )

    def _check(self, status: BotStatus, state: TraderState, spent: int | None) -> None:
        _hold(status.epoch == state.epoch, f"epoch {status.epoch}, in truth {state.epoch}")
        opened = None if state.not_known else len(state.lots)
        _hold(status.open_lots == opened, f"{status.open_lots} open lots, in truth {opened}")
        pending = None if state.not_known else len(state.intents)
        _hold(status.pending_orders == pending, f"{status.pending_orders} pending orders, in truth {pending}")
        late = None if state.not_known else len(state.given_up)
        _hold(status.given_up_orders == late, f"{status.given_up_orders} orders given up, in truth {late}")
        breaker = None if state.not_known else bool(state.account.breaker)
        _hold(status.breaker_tripped == breaker, "the breaker is not as the status says")
        _hold(set(status.entries.paused_by) == state.paused_by, f"paused by {status.entries.paused_by}")
        lots = {each.lot for each in status.refused.exits} if status.refused is not None else set()
        _hold(lots == {each.lot for each in state.refused_exits}, f"the exits of lots {lots} are refused")
        self._check_phase(status, state)
        self._check_price(status, state)
        if spent is not None:
            self._check_money(status, state, spent)

    def _check_phase(self, status: BotStatus, state: TraderState) -> None:
        _hold(not status.ready or state.reconciled, "ready before the account's orders are known")
        _hold(
            status.ready == (status.as_of is None) or status.last_save_at is None, "as_of is null, and it is not ready"
        )
        if status.ready:
            right = "halted" if state.halted else "paused" if state.paused_by or state.refused_exits else "trading"
            _hold(status.phase == right, f"the phase is {status.phase}, in truth {right}")
            _hold(right == "trading" or bool(status.reason), f"{right} without a reason")
        else:
            _hold(status.phase in ("starting", "reconciling", "halted"), f"not ready, and the phase is {status.phase}")
        held = state.outcome_unknown or state.paused_by or state.halted or state.account.breaker or state.refused_exits
        denied = held or not state.reconciled
        _hold(not (status.entries.allowed and denied), "entries are allowed, and nothing may be bought")

    def _check_price(self, status: BotStatus, state: TraderState) -> None:
        ticks = state.market.last_price
        right = self._instrument.price_text(ticks) if ticks else None
        _hold(status.last_price == right, f"the last price is {status.last_price}, in truth {right}")
        age = status.price_age_seconds
        if age is None:
            return
        # An answer may say that its price is an old one, so that the newest fresh price can be older than it.
        least = self._now() - self._priced_at if self._priced_at is not None else float("inf")
        _hold(age >= least - _AGE_SLACK, f"a price {age} s old, the bot has heard of none for {least} s")

    def _check_money(self, status: BotStatus, state: TraderState, spent: int) -> None:
        parts: list[Lot | Dust] = [*state.lots, state.dust, state.short_dust]
        cost = sum(part.cost for part in parts)
        fees = sum(part.entry_fee for part in parts)
        text = self._instrument.money_text
        equity = text(self._start - spent + cost + fees)
        _hold(status.equity_usd == equity, f"equity is {status.equity_usd}, by the exchange's books {equity}")
        _hold(status.exposure_usd == text(cost), f"exposure is {status.exposure_usd}, by the lots {text(cost)}")


def _differ(before: TraderState, after: TraderState) -> bool:
    """Whether more than the market has changed."""
    return (
        before.intents is not after.intents
        or before.given_up is not after.given_up
        or before.lots is not after.lots
        or before.paused_by is not after.paused_by
        or before.refused_exits is not after.refused_exits
        or before.account.breaker != after.account.breaker
        or before.reconciled != after.reconciled
        or before.halted != after.halted
    )


def _kept(content: bytes) -> _Kept | None:
    """None when the generation cannot be read."""
    try:
        body: dict[str, Any] = json.loads(content)["body"]
    except (ValueError, KeyError, TypeError):
        return None
    account = body["account"]
    if body["accounted_ms"] < 0 and not body["lots"]:
        return _Kept(body["epoch"], None, None, None, frozenset(body["paused_by"]))
    equity = _decimal_sum(account["start_equity"], account["realised"])
    exposure = _decimal_sum(account["cost_sum"])
    return _Kept(body["epoch"], len(body["lots"]), equity, exposure, frozenset(body["paused_by"]))


def _hold(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Violated(_INVARIANT, otherwise)


def _decimal_sum(*amounts: str) -> str:
    return f"{sum(map(Decimal, amounts), Decimal(0)):f}"
