"""The two ways to run the kernel over a file: plain Python on lists, or machine code on arrays.

The functions are the same ones; only what holds the numbers differs. ``cbbot.research.compiled``
makes the second; a property test holds them to the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, MutableSequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cbbot.kernel.advance import Closed, Portfolio, Steps, Tally, advance
from cbbot.kernel.batch import Columns, feature_rows, readings
from cbbot.kernel.codes import DENIALS
from cbbot.kernel.lot import Lot
from cbbot.kernel.model import Fit, scores
from cbbot.kernel.observe import Observed
from cbbot.kernel.params import Params

__all__ = ["PLAIN", "Core"]


@dataclass(frozen=True, slots=True)
class Core:
    """``observed`` gives features and averages of all candles, ``scored`` the log-odds of a stretch of rows.

    ``held`` puts a column into what ``advance`` reads fastest; ``tally`` makes an empty one for so
    many steps; ``lots`` an empty list of lots; ``plain`` what came out as plain Python values.
    """

    observed: Callable[[Columns, Params], Observed]
    scored: Callable[[Fit, npt.NDArray[np.float64]], npt.NDArray[np.float64]]
    held: Callable[[npt.NDArray[Any]], Any]
    tally: Callable[[int], Tally]
    lots: Callable[[], MutableSequence[Lot]]
    advance: Callable[[Params, Portfolio, Steps, int, int, Tally], Portfolio]
    plain: Callable[[Portfolio, Tally], tuple[Portfolio, Tally]]


def _observed(candles: Columns, params: Params) -> Observed:
    found = readings(candles, params.ma_fast, params.ma_slow, params.extended)
    return Observed(feature_rows(found, params.extended), found.fast, found.slow, found.std_ratio)


def _tally(steps: int) -> Tally:
    closed: list[Closed] = []
    return Tally([0, 0, 0], [0] * len(DENIALS), closed, [0] * steps, [0] * steps)


def _lots() -> MutableSequence[Lot]:
    return []


def _as_list(column: npt.NDArray[Any]) -> list[Any]:
    # Plain Python reads a list three times as fast as an array.
    values: list[Any] = column.tolist()
    return values


def _as_it_is(portfolio: Portfolio, tally: Tally) -> tuple[Portfolio, Tally]:
    return portfolio, tally


PLAIN = Core(
    observed=_observed,
    scored=scores,
    held=_as_list,
    tally=_tally,
    lots=_lots,
    advance=advance,
    plain=_as_it_is,
)
