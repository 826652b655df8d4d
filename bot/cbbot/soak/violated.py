"""How a run ends whose bot has broken an invariant."""

from __future__ import annotations

__all__ = ["Violated"]


class Violated(Exception):
    """An invariant does not hold. ``invariant`` is its name."""

    def __init__(self, invariant: str, detail: str) -> None:
        super().__init__(f"{invariant}: {detail}")
        self.invariant = invariant
        self.detail = detail
