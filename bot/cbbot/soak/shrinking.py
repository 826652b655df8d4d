"""The shortest list of faults that still breaks what a run broke: delta debugging."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cbbot.soak.fault_plan import Injection

__all__ = ["shortest"]


def shortest(
    injections: Sequence[Injection], still_fails: Callable[[Sequence[Injection]], bool], most_runs: int = 200
) -> list[Injection]:
    """Leaves out ever smaller parts while what is left still fails; after ``most_runs`` runs what there is by then."""
    kept = list(injections)
    parts = 2
    runs = 0
    while len(kept) >= 1 and runs < most_runs:
        size = max(1, len(kept) // parts)
        for first in range(0, len(kept), size):
            fewer = kept[:first] + kept[first + size :]
            runs += 1
            if still_fails(fewer):
                kept = fewer
                parts = max(parts - 1, 2)
                break
            if runs >= most_runs:
                break
        else:
            if size == 1:
                break
            parts = min(parts * 2, len(kept))
    return kept
