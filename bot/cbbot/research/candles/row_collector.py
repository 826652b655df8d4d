"""Collects a file's rows, the good ones as columns and the bad ones as remarks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cbbot.candles.candle_blocks import Block, CandleText, check_torn, opened, split_rows, torn_row
from cbbot.candles.candle_errors import BadCandles, BadRow, TooCoarse, TooLarge
from cbbot.candles.candle_forms import QUOTE_VOLUME
from cbbot.candles.candle_increments import check_rounding, too_coarse
from cbbot.candles.candle_rows import FIELDS, Rounding, scaled, values
from cbbot.domain.candle import Candle
from cbbot.domain.decimals import plain
from cbbot.domain.instrument import Instrument
from cbbot.kernel.batch import Columns
from cbbot.kernel.limits import LARGEST_TICKS, LARGEST_VOLUME
from cbbot.research.candles.fast_rows import PADDING, fields_of, numbers_of

__all__ = ["Refusal", "Rows", "candle", "read_rows"]

_REMEMBERED: Final = 20
_WIDTH: Final = len(FIELDS)
_IN_ORDER: Final = tuple(range(_WIDTH))
# No market turns over as much in one candle: such a volume is in the quote currency.
_MOST_TURNOVER: Final = 10**12


class Refusal(NamedTuple):
    """A row that is no candle: where it stands and why."""

    where: str
    said: str


def candle(texts: Sequence[str], instrument: Instrument, rounding: Rounding | None = None) -> Candle:
    """The candle of a row's texts, in the order of ``FIELDS``.

    Raises:
        BadRow: it is none.
        TooLarge: its numbers are beyond what can be counted exactly.
    """
    found = values(texts)
    result = scaled(found, instrument, rounding or Rounding())
    for name, ticks, text in zip(FIELDS[1:5], result[1:5], texts[1:5], strict=True):
        if ticks > LARGEST_TICKS:
            raise TooLarge(
                f"{name} {text.strip()} is more than {LARGEST_TICKS} ticks of {plain(instrument.price_increment)}, "
                "with which cbbot can count exactly; set --price-increment to the product's own, or mend the row"
            )
    if result.volume > LARGEST_VOLUME:
        raise TooLarge(
            f"volume {texts[5].strip()} is more than {LARGEST_VOLUME} units of {plain(instrument.base_increment)}, "
            f"with which cbbot can count exactly; {_volume_advice(result, instrument)}"
        )
    return result


def _volume_advice(found: Candle, instrument: Instrument) -> str:
    """What to do about a volume that is too large: a base increment that can be traded in, or another volume."""
    volume = found.volume * instrument.base_increment
    if volume * found.close * instrument.price_increment > _MOST_TURNOVER:
        return f"it may be {QUOTE_VOLUME}"
    increment = instrument.base_increment
    while volume > LARGEST_VOLUME * increment:
        increment *= 10
    return f"give --base-increment {plain(increment.normalize())}"


def read_rows(path: Path, instrument: Instrument, form: str | None, *, skip: bool) -> Rows:
    """Every row of the file, in its order.

    Raises:
        BadCandles: the file cannot be used, or the increments are too coarse for it.
    """
    found = opened(path, form)
    rows = Rows(found, instrument, form, skip=skip)
    for block in found.blocks:
        rows.read(block)
    check_rounding(rows.rounding, path, form, instrument)
    return rows


class Rows:
    """Rows in the order of the file. A bad row is an error, unless ``skip``: then it is counted."""

    def __init__(self, found: CandleText, instrument: Instrument, form: str | None, *, skip: bool) -> None:
        self.bad = 0
        self.refusals: list[Refusal] = []
        self.rounding = Rounding()
        self.found = found
        self._instrument, self._form, self._skip = instrument, form, skip
        self._parts: list[npt.NDArray[np.int64]] = []

    def read(self, block: Block) -> None:
        """Add the rows of a block.

        Raises:
            BadCandles: for the first line that cannot be used, unless such rows are skipped.
        """
        if block.torn:
            self._torn(block)
        elif not self._ordinary(block):
            self._unordinary(block)

    def _ordinary(self, block: Block) -> bool:
        """Read lines of equal width without quotes; false, and nothing read, if they are not."""
        text, layout, delimiter = block.text, self.found.layout, self.found.delimiter
        if b'"' in text or layout.clock is not None:
            return False
        if delimiter != ",":
            if b"," in text:
                return False
            text = text.replace(delimiter.encode(), b",")
        text = text.replace(b", ", b",").replace(b" ,", b",")
        lines = range(block.line, block.line + text.count(b"\n"))
        return self._fast(text, layout.width, layout.columns, lines)

    def _unordinary(self, block: Block) -> None:
        """Quotes, blank lines, rows too short or too long: what they leave has six columns and no quotes."""
        kept: list[str] = []
        lines: list[int] = []
        refused: list[tuple[int, BadRow]] = []
        for line, texts in split_rows(self.found, block):
            if isinstance(texts, BadRow):
                refused.append((line, texts))
                continue
            if any("," in text or '"' in text for text in texts):
                try:
                    values(texts)  # says which of them is no number
                except BadRow as error:
                    refused.append((line, error))
                continue
            kept.append(",".join(texts) + "\n")
            lines.append(line)
        if kept:
            self._fast("".join(kept).encode(), _WIDTH, _IN_ORDER, lines, refused)
        else:
            self._refuse_all(refused)

    def _torn(self, block: Block) -> None:
        """The last row, which has no end: it must go with the row before it."""
        for line, texts in split_rows(self.found, block):
            try:
                if isinstance(texts, BadRow):
                    raise texts
                result = candle(texts, self._instrument, self.rounding)
                check_torn(self._last(), result)
            except BadRow as error:
                self._refuse(line, torn_row(error))
            except TooLarge as error:
                self._refuse(line, error)
            else:
                self._parts.append(np.array([result], dtype=np.int64).T)

    def _last(self) -> list[int] | None:
        for part in reversed(self._parts):
            if part.shape[1]:
                last: list[int] = part[:, -1].tolist()
                return last
        return None

    def _fast(
        self,
        text: bytes,
        width: int,
        columns: Sequence[int],
        lines: Sequence[int],
        torn: Iterable[tuple[int, BadRow]] = (),
    ) -> bool:
        fields = fields_of(text + PADDING, width, list(columns))
        if fields is None:
            return False
        found, sure = numbers_of(fields, self._instrument, self.rounding)
        self._add(found, sure, lines, fields.row, torn)
        return True

    def _add(
        self,
        found: npt.NDArray[np.int64],
        sure: npt.NDArray[np.bool_],
        lines: Sequence[int],
        texts: Callable[[int], Sequence[str]],
        torn: Iterable[tuple[int, BadRow]],
    ) -> None:
        """Add the rows of ``found``, shape (n, 6). Those that are not ``sure`` are read from their ``texts``.

        ``torn`` are rows of the same lines that are known to be none.
        """
        refused: list[tuple[int, BadRow | TooLarge]] = list(torn)
        if not sure.all():
            kept = sure.copy()
            for i in np.flatnonzero(~sure).tolist():
                try:
                    found[i] = candle(texts(i), self._instrument, self.rounding)
                    kept[i] = True
                except (BadRow, TooLarge) as error:
                    refused.append((lines[i], error))
            found = found[kept]
        self._refuse_all(refused)
        self._parts.append(np.ascontiguousarray(found.T))

    def _refuse_all(self, rows: Iterable[tuple[int, BadRow | TooLarge]]) -> None:
        for line, error in sorted(rows, key=lambda each: each[0]):
            self._refuse(line, error)

    def _refuse(self, line: int, error: BadRow | TooLarge) -> None:
        where = self.found.where(line)
        if isinstance(error, TooLarge):
            raise BadCandles(f"{where}: {error}") from None
        if not self._skip:
            if isinstance(error, TooCoarse):
                raise too_coarse(where, self.found.path, self._form, self._instrument, "leaves nothing of a price")
            raise BadCandles(f"{where}: {error}; --skip-bad-rows counts and skips such rows") from None
        self.bad += 1
        if len(self.refusals) < _REMEMBERED:
            self.refusals.append(Refusal(where, str(error)))

    def columns(self) -> Columns:
        """The good rows.

        Raises:
            BadCandles: there is none.
        """
        count = sum(part.shape[1] for part in self._parts)
        if count == 0:
            path = self.found.path
            if not self.bad:
                raise BadCandles(f"{path}: no candles in it")
            where, said = self.refusals[0]
            raise BadCandles(f"{path}: not one of {self.bad} rows is a candle; the first, {where}: {said}")
        # Column by column, the parts shrinking meanwhile, would save little: they are as large as the result.
        return Columns(*(np.concatenate([part[j] for part in self._parts]) for j in range(_WIDTH)))
