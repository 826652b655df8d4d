"""Which words a bot may pause, halt or end with, and which faults of the run allow it to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from fnmatch import fnmatchcase
from typing import Final

from cbbot.soak.violated import Violated
from cbbot.trader.trader_state import TraderState

__all__ = ["ALLOWED", "ExplainedWords"]

_INVARIANT: Final = "words have a reason"

# A site ("disk." stands for all that begin with it, "*" for anything), or a site and a kind; several with "&" must all
# have been met.
ALLOWED: Final[dict[str, tuple[str, ...]]] = {
    "paused by hand": ("people: pause", "people: flatten"),
    "paused by disk": ("disk.",),
    "paused by lots_without_base": ("exchange: withdraw_base", "exchange: sell_by_hand"),
    # An exit that the disk did not keep was on its way for longer than a start waits: its lot was sold once more.
    "paused by unexplained_orders": (
        "disk. & bridge>venue.create: late_effect",
        "disk. & bot>bridge.POST order: late_effect",
        # What the exchange does not show, a bridge that has just come up does not know, nor does an older state.
        "second: & bridge>venue.create: *seen & *: bridge_killed",
        "second: & bridge>venue.create: *seen & bridge: ",
        # What is sold of a lot when the account holds less, an older state cannot tell from what is sold of another.
        "exchange: withdraw_base & disk.",
        "exchange: withdraw_base & second: ",
        "exchange: sell_by_hand & disk.",
        "exchange: sell_by_hand & second: ",
    ),
    "halted": (),
    "ended: CbbotError: stopped, but the last state is not saved": ("disk.",),
    "ended: UnsafeStart: no state can be read": (),
    # Of two that start at the same time either may be the one with the older epoch. So may one whose predecessor lost
    # its epoch with the power, where what that one had asked for reaches the bridge late: who is heard first has it.
    "ended: UnsafeStart: the bridge knows a newer epoch": ("second: ", "bot>bridge.*: late_effect & *power"),
}
"""By what the words begin with. Whatever is not in it, nothing allows."""


class ExplainedWords:
    """``met`` are the faults of the run so far, each as (site, kind)."""

    def __init__(self, met: Callable[[], Iterable[tuple[str, str]]]) -> None:
        self._met = met
        self._paused_by: Collection[str] = ()

    def began(self) -> None:
        """A new life of the bot."""
        self._paused_by = ()

    def changed(self, state: TraderState) -> None:
        """The bot has a new state.

        Raises:
            Violated: it is paused or halted, and no fault explains that.
        """
        if state.halted:
            self._explain("halted", state.halted)
        if state.paused_by is not self._paused_by:
            self._paused_by = state.paused_by
            for by in sorted(state.paused_by):
                self._explain(f"paused by {by}", state.unexplained)

    def ended(self, words: str) -> None:
        """The bot has ended by itself; ``words`` is empty after SIGTERM.

        Raises:
            Violated: no fault explains that.
        """
        if words:
            self._explain(f"ended: {words}", "")

    def _explain(self, words: str, detail: str) -> None:
        met = {f"{site}: {kind}" for site, kind in self._met()}
        for beginning, causes in ALLOWED.items():
            if words.startswith(beginning) and any(_all_met(cause, met) for cause in causes):
                return
        raise Violated(_INVARIANT, f"{words} {detail}".strip())


def _all_met(cause: str, met: Collection[str]) -> bool:
    return all(any(fnmatchcase(each, f"{part}*") for each in met) for part in cause.split(" & "))
