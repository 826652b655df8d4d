"""Candles for tests: the candle files, and shaped random walks that really exercise a trader."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np

from candle_files import ROOT, SHORT, YEAR
from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD
from cbbot.kernel.batch import Columns, columns
from cbbot.research.candles import read_candles
from prerequisites import candle_file

__all__ = ["FILES", "ROOT", "SHORT", "START", "YEAR", "candles_of", "columns_of", "walk"]

FILES: Final = (SHORT, YEAR)
START: Final = 1_700_000_040  # a whole minute, not far from noon: a walk of a day crosses midnight


@cache
def columns_of(name: str) -> Columns:
    """A candle file's candles on BTC-USD's scales."""
    return read_candles(candle_file(name), BTC_USD, 60).columns


def candles_of(table: Columns, first: int = 0, last: int | None = None) -> list[Candle]:
    """Rows of columns as candles of plain integers."""
    return [Candle(*row) for row in zip(*(column[first:last].tolist() for column in table), strict=True)]


def walk(
    shapes: Sequence[tuple[str, int]], seed: int, price: int = 5_000_000, start: int = START, seconds: int = 60
) -> Columns:
    """Candles of ``seconds`` each, in successive stretches: ``(shape, length)`` each.

    Shapes: ``up`` and ``down`` drift, ``chop`` reverts, ``crash`` and ``rally`` jump by percents,
    ``flat`` does not move, ``gap`` leaves out candles, ``wild`` is noise of a percent.
    """
    rng = np.random.default_rng(seed)
    drift = {"up": 4.0, "down": -4.0, "crash": -60.0, "rally": 60.0}
    noise = {"flat": 0.0, "wild": 100.0, "chop": 25.0}
    rows, at, anchor = [], start, price
    for shape, length in shapes:
        for i in range(length):
            move = drift.get(shape, 0.0) + rng.normal() * noise.get(shape, 12.0)
            if shape == "chop":
                move += (anchor - price) / anchor * 2_000.0
            opened, price = price, max(2_000, round(price * (1.0 + move / 10_000.0)))
            reach = rng.integers(0, 1 + abs(price - opened) // 2 + (0 if shape == "flat" else 200), 2)
            high, low = max(opened, price) + int(reach[0]), max(1, min(opened, price) - int(reach[1]))
            rows.append((at, opened, high, low, price, int(rng.integers(0, 10**9)) if rng.random() > 0.02 else 0))
            at += seconds * (int(rng.integers(2, 90)) if shape == "gap" and i % 20 == 7 else 1)
        anchor = price
    return columns(rows)
