"""Which lines of a trade log are sound, and which are of the state that a bot goes on with.

A log can hold what no bot wrote (a bad block, a hand, two files put together), and stand beside a state that is not
its own: a fresh one, or a backup that knows fewer trades. Numbers rise by the state's own count, so a trade of another
state must not keep a number taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from cbbot.contract.bot_api import NumberedTrade

__all__ = ["LogLine", "TradesOfState", "log_lines"]


@dataclass(frozen=True, slots=True)
class TradesOfState:
    """What a state says of its trades: how many there have been, and the newest of them, oldest first."""

    count: int = 0
    newest: tuple[NumberedTrade, ...] = ()

    def contradicts(self, row: NumberedTrade) -> str:
        """Why the row is no trade of this state's; empty when it may be one."""
        if row.number > self.count:
            return f"trade {row.number} is in the log, the state counts {self.count}"
        for known in self.newest:
            if known.number == row.number and _identity(known) != _identity(row):
                return f"trade {row.number} is another one in the log than in the state"
        return ""

    def has(self, number: int) -> bool:
        """Whether the state itself can write that trade."""
        return any(known.number == number for known in self.newest)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line with its end; ``number`` is None and ``problem`` says why when it cannot be kept."""

    content: bytes
    number: int | None
    problem: str = ""


def log_lines(lines: Iterable[bytes], state: TradesOfState | None) -> Iterator[LogLine]:
    """The lines of a log in their order. ``state`` None: it may be of any state."""
    last = 0
    for at, content in enumerate(lines, 1):
        row = _row(content)
        if row is None:
            yield LogLine(content, None, f"line {at} is no trade")
        elif row.number <= last:
            yield LogLine(content, None, f"line {at} has number {row.number} after {last}")
        elif state is not None and (problem := state.contradicts(row)):
            yield LogLine(content, None, problem)
        else:
            last = row.number
            yield LogLine(content, row.number)


def _row(content: bytes) -> NumberedTrade | None:
    if not content.endswith(b"\n"):
        return None
    try:
        return NumberedTrade.model_validate_json(content)
    except ValidationError:
        return None


def _identity(row: NumberedTrade) -> tuple[object, ...]:
    """What tells two trades apart, in whichever form their amounts are written."""
    return row.lot, row.side, row.opened_at, row.closed_at, row.exit_reason
