"""The candles a fit looks at: their feature rows and closes, in a growing buffer.

Appending is cheap and leaves older windows intact: they share the buffer and remember how much
of it is theirs. Only an append to a window that is not the newest of its buffer copies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["TrainingWindow"]

_SPARE: Final = 1024


@dataclass(slots=True)
class _Buffer:
    rows: npt.NDArray[np.float64]
    closes: npt.NDArray[np.int64]
    used: int


def _empty() -> _Buffer:
    return _Buffer(np.empty((0, 0)), np.empty(0, dtype=np.int64), 0)


@dataclass(frozen=True, slots=True)
class TrainingWindow:
    """Rows ``first <= i < last`` of the buffer."""

    first: int = 0
    last: int = 0
    _buffer: _Buffer = field(default_factory=_empty, compare=False, repr=False)

    def __len__(self) -> int:
        return self.last - self.first

    @property
    def rows(self) -> npt.NDArray[np.float64]:
        """Features, shape (n, k). Not to be written to."""
        return self._buffer.rows[self.first : self.last]

    @property
    def closes(self) -> npt.NDArray[np.int64]:
        """Closes in ticks, shape (n,). Not to be written to."""
        return self._buffer.closes[self.first : self.last]

    @classmethod
    def of(cls, rows: npt.NDArray[np.float64], closes: npt.NDArray[np.int64]) -> TrainingWindow:
        return cls(0, len(rows), _Buffer(rows.copy(), closes.copy(), len(rows)))

    def appended(self, rows: Sequence[tuple[float, ...]], closes: Sequence[int], longest: int) -> TrainingWindow:
        """The window with more rows, without its oldest ones beyond ``longest``."""
        buffer, first, last = self._buffer, self.first, self.last
        if last != buffer.used or last + len(closes) > len(buffer.closes):
            buffer = self._grown(len(rows[0]), max(_SPARE, longest // 4, len(closes)))
            first, last = 0, len(self)
        end = last + len(closes)
        buffer.rows[last:end] = rows
        buffer.closes[last:end] = closes
        buffer.used = end
        return TrainingWindow(max(first, end - longest), end, buffer)

    def _grown(self, width: int, more: int) -> _Buffer:
        room = len(self) + more
        rows, closes = np.empty((room, width)), np.empty(room, dtype=np.int64)
        if len(self):
            rows[: len(self)] = self.rows
            closes[: len(self)] = self.closes
        return _Buffer(rows, closes, len(self))
