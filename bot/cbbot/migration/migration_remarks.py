"""What became of one line of an old file: kept, changed, left out, or for a person to decide."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["Remark", "Verdict"]

Verdict = Literal["kept", "changed", "left out", "decide"]


class Remark(NamedTuple):
    """``place`` is ``file:line``, a field of the state, or the file that says nothing of it."""

    place: str
    verdict: Verdict
    text: str

    def __str__(self) -> str:
        return f"{self.place:<16} {self.verdict:<8} {self.text}"
