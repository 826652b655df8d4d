"""Collects a file's rows, the good ones as columns and the bad ones as remarks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cbbot.domain.instrument import Instrument
from cbbot.kernel.batch import Columns
from cbbot.research.candles.errors import BadCandles, BadRow, TooLarge
from cbbot.research.candles.row import candle

__all__ = ["Refusal", "Rows"]

_REMEMBERED: Final = 20
_WIDTH: Final = 6


class Refusal(NamedTuple):
    """A row that is no candle: where it stands and why."""

    where: str
    said: str


class Rows:
    """Rows in the order of the file. A bad row is an error, unless ``skip``: then it is counted."""

    def __init__(self, path: Path, *, skip: bool, between: str = ":") -> None:
        self.bad = 0
        self.refusals: list[Refusal] = []
        self.ends_within_line = False
        self._path, self._skip, self._between = path, skip, between
        self._parts: list[npt.NDArray[np.int64]] = []

    def add(
        self,
        found: npt.NDArray[np.int64],
        sure: npt.NDArray[np.bool_],
        lines: Sequence[int],
        texts: Callable[[int], Sequence[str]],
        instrument: Instrument,
        torn: Iterable[tuple[int, BadRow]] = (),
    ) -> None:
        """Add the rows of ``found``, shape (n, 6). Those that are not ``sure`` are read from their ``texts``.

        ``torn`` are rows of the same lines that are known to be none.

        Raises:
            BadCandles: for the first line that cannot be used, unless such rows are skipped.
        """
        refused: list[tuple[int, BadRow | TooLarge]] = list(torn)
        if not sure.all():
            kept = sure.copy()
            for i in np.flatnonzero(~sure).tolist():
                try:
                    found[i] = candle(texts(i), instrument)
                    kept[i] = True
                except (BadRow, TooLarge) as error:
                    refused.append((lines[i], error))
            found = found[kept]
        self.refuse(refused)
        self._parts.append(np.ascontiguousarray(found.T))

    def refuse(self, rows: Iterable[tuple[int, BadRow | TooLarge]]) -> None:
        """Rows of a part of the file that are no candles, in any order.

        Raises:
            BadCandles: for the first of them, unless such rows are skipped.
        """
        for line, error in sorted(rows, key=lambda each: each[0]):
            self._refuse(line, error)

    def _refuse(self, line: int, error: BadRow | TooLarge) -> None:
        if isinstance(error, TooLarge):
            raise BadCandles(f"{self._where(line)}: {error}") from None
        if not self._skip:
            raise BadCandles(f"{self._where(line)}: {error}; --skip-bad-rows counts and skips such rows") from None
        self.bad += 1
        if len(self.refusals) < _REMEMBERED:
            self.refusals.append(Refusal(self._where(line), str(error)))

    def columns(self) -> Columns:
        """The good rows.

        Raises:
            BadCandles: there is none.
        """
        count = sum(part.shape[1] for part in self._parts)
        if count == 0:
            if not self.bad:
                raise BadCandles(f"{self._path}: no candles in it")
            where, said = self.refusals[0]
            raise BadCandles(f"{self._path}: not one of {self.bad} rows is a candle; the first, {where}: {said}")
        # Column by column, the parts shrinking meanwhile, would save little: they are as large as the result.
        return Columns(*(np.concatenate([part[j] for part in self._parts]) for j in range(_WIDTH)))

    def _where(self, line: int) -> str:
        return f"{self._path}{self._between}{line}"
