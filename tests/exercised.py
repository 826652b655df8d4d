"""How often a property was put to the test: a run that meets nothing holds nothing.

A test counts what its own run meets and demands enough of every kind in the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

__all__ = ["case", "lacking"]


@contextmanager
def case(name: object) -> Iterator[None]:
    """Name the case in what fails inside."""
    try:
        yield
    except Exception as error:
        error.add_note(f"case: {name}")
        raise


def lacking(exercised: Mapping[str, int], least: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """What was met too rarely: how often, and how often it must be at least."""
    return {name: (exercised.get(name, 0), wanted) for name, wanted in least.items() if exercised.get(name, 0) < wanted}
