"""Orders that do not come off: what is remembered of them, when the next is due, and what is said. Pure.

A refusal is said when it begins, when its reason changes and when it is over, not at every try. Tries come ever more
slowly, on a clock that nobody sets; they are one wish, and counted as one order.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cbbot.kernel.codes import BUY
from cbbot.trader import notices
from cbbot.trader.commands import Checkpoint, Command
from cbbot.trader.intent import Intent, Purpose
from cbbot.trader.rules import Rules
from cbbot.trader.trader_state import RefusedEntries, RefusedExit, TraderState

__all__ = [
    "WITHOUT_BASE",
    "after_candle",
    "compared_with_balances",
    "entries_held",
    "exit_waits",
    "is_repeat",
    "no_longer_wanted",
    "refused",
    "went_through",
]

WITHOUT_BASE: Final = "lots_without_base"
"""Who pauses entries while the account holds less base than the lots say."""

FIRST_EXIT_WAIT_MS: Final = 5_000
LONGEST_EXIT_WAIT_MS: Final = 60_000
# Nothing is there to be sold: it only has to be noticed when that changes.
LONGEST_SHORT_WAIT_MS: Final = 300_000
FIRST_ENTRY_WAIT_MS: Final = 2_000
LONGEST_ENTRY_WAIT_MS: Final = 60_000
# What was bought may be missing from the balances for so long.
POSTED_WITHIN_MS: Final = 60_000
# A part of the venue's codes: it knows more than one.
_LACK_OF_FUNDS: Final = "INSUFFICIENT_FUND"
_MOST_DOUBLINGS: Final = 20

Outcome = tuple[TraderState, tuple[Command, ...]]


def refused(state: TraderState, intent: Intent, at_ms: int, code: str, message: str) -> Outcome:
    """The state after an order that was refused or ended without a fill, and what is said of it."""
    if intent.purpose is Purpose.EXIT:
        return _exit_refused(state, intent, at_ms, code, message)
    return _entry_refused(state, at_ms, code, message)


def _exit_refused(state: TraderState, intent: Intent, at_ms: int, code: str, message: str) -> Outcome:
    before = state.refused_exit(intent.lot)
    known = before is not None and before.code == code
    tries = before.tries + 1 if before is not None and known else 1
    short = WITHOUT_BASE in state.paused_by and _LACK_OF_FUNDS in code.upper()
    wait_ms = _doubled(FIRST_EXIT_WAIT_MS, tries, LONGEST_SHORT_WAIT_MS if short else LONGEST_EXIT_WAIT_MS)
    since_ms = before.since_ms if before is not None else at_ms
    now = RefusedExit(intent.lot, since_ms, code, message, tries, short, state.elapsed_ms + wait_ms)
    said = () if known else (notices.exit_refused(intent.lot, code, message),)
    return state.with_refused_exit(now), said


def _entry_refused(state: TraderState, at_ms: int, code: str, message: str) -> Outcome:
    before = state.refused_entries
    known = before is not None and before.code == code
    tries = before.tries + 1 if before is not None and known else 1
    wait_ms = _doubled(FIRST_ENTRY_WAIT_MS, tries, LONGEST_ENTRY_WAIT_MS)
    since_ms = before.since_ms if before is not None else at_ms
    now = RefusedEntries(since_ms, code, message, tries, at_ms + wait_ms, state.elapsed_ms + wait_ms)
    said = () if known else (notices.entries_refused(code, message),)
    return replace(state, refused_entries=now), said


def _doubled(first_ms: int, tries: int, longest_ms: int) -> int:
    return int(min(first_ms * 2 ** min(tries - 1, _MOST_DOUBLINGS), longest_ms))


def went_through(state: TraderState, intent: Intent) -> Outcome:
    """The state after a fill, without what was remembered of earlier tries."""
    state = replace(state, filled_at=state.elapsed_ms)
    if intent.purpose is Purpose.ENTRY:
        ended = state.refused_entries is not None
        return replace(state, refused_entries=None), (notices.entries_taken(),) if ended else ()
    if state.refused_exit(intent.lot) is None:
        return state, ()
    return state.without_refused_exit(intent.lot), (notices.exit_taken(intent.lot, "an exit was filled"),)


def no_longer_wanted(state: TraderState, lot_id: int) -> Outcome:
    """The state without a refusal whose lot is inside its levels again when the next try is due."""
    if state.refused_exit(lot_id) is None or exit_waits(state, lot_id):
        return state, ()
    said = notices.exit_taken(lot_id, "the lot is inside its levels again")
    return state.without_refused_exit(lot_id), (Checkpoint(), said)


def exit_waits(state: TraderState, lot_id: int) -> bool:
    """Whether the next try of the lot's exit is not due yet."""
    before = state.refused_exit(lot_id)
    return before is not None and state.elapsed_ms < before.again_at


def entries_held(state: TraderState) -> str:
    """Why no entry may be sent now; empty when one may."""
    if state.refused_exits:
        return "exit_refused"
    before = state.refused_entries
    return "entries_refused" if before is not None and state.elapsed_ms < before.again_at else ""


def is_repeat(state: TraderState, purpose: Purpose, lot_id: int) -> bool:
    """Whether an order is one more try of a wish that was refused."""
    if purpose is Purpose.EXIT:
        return state.refused_exit(lot_id) is not None
    return state.refused_entries is not None


def after_candle(state: TraderState) -> TraderState:
    """The state in which entries may be sent again; a candle without a refusal ends what was remembered."""
    before = state.refused_entries
    if before is None:
        return state
    return replace(state, refused_entries=replace(before, tries=0, again_at=0) if before.tries else None)


def compared_with_balances(rules: Rules, before: TraderState, state: TraderState) -> Outcome:
    """The state after new balances: lots whose exit was refused for lack of base are short, or no longer so.

    What was bought lately may not be in the balances yet: it does not count as missing.
    """
    balances = state.balances
    if balances is None:
        return state, ()
    lacking = tuple(each for each in state.refused_exits if _LACK_OF_FUNDS in each.code.upper())
    paused = WITHOUT_BASE in state.paused_by
    if not lacking and not paused:
        return state, ()
    lots = sum(lot.base for lot in state.lots if lot.side == BUY) + state.dust.base
    missing = lots - balances.base
    if missing <= 0 and paused:
        return _base_is_back(state)
    if missing > 0 and not paused and state.elapsed_ms - state.filled_at >= POSTED_WITHIN_MS:
        for each in lacking:
            state = state.with_refused_exit(replace(each, short=True))
        short = tuple(each.lot for each in lacking)
        return replace(state, paused_by=state.paused_by | {WITHOUT_BASE}), (
            Checkpoint(),
            notices.short(rules, short, missing, WITHOUT_BASE),
        )
    if before.balances is not None and balances.base > before.balances.base:
        # There is more to sell than at the last try.
        return _due_now(state, lacking), ()
    return state, ()


def _base_is_back(state: TraderState) -> Outcome:
    due = _due_now(state, tuple(replace(each, short=False) for each in state.refused_exits))
    free = replace(due, paused_by=due.paused_by - {WITHOUT_BASE})
    said = notices.pause(f"the base of every lot is there: entries no longer paused by {WITHOUT_BASE}")
    return free, (Checkpoint(), said)


def _due_now(state: TraderState, tried: tuple[RefusedExit, ...]) -> TraderState:
    for each in tried:
        state = state.with_refused_exit(replace(each, again_at=state.elapsed_ms))
    return state
