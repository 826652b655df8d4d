"""A seeded random walk of candles, for when there is no file of real ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from cbbot.domain.candle import Candle

__all__ = ["UniformSource", "random_walk"]

_STEPS_PER_CANDLE = 12


class UniformSource(Protocol):
    """What is used of a seeded generator: uniform floats of [0, 1)."""

    def random(self) -> float: ...


def random_walk(
    source: UniformSource, count: int, start: int, price: int, seconds: int = 60, *, step_bps: float = 2
) -> Iterator[Candle]:
    """``count`` candles from ``start`` (UNIX seconds) and ``price`` (ticks) on; volumes in base units of 1e-8.

    A step's standard deviation is half of ``step_bps``.

    Twelve steps a candle, each the sum of three uniforms: near enough to normal, and the same
    bits on every platform.
    """
    for index in range(count):
        path = [price]
        for _ in range(_STEPS_PER_CANDLE):
            push = source.random() + source.random() + source.random() - 1.5
            path.append(max(path[-1] + round(path[-1] * push * step_bps / 10_000), 1))
        price = path[-1]
        volume = 1_000_000 + int(source.random() * 500_000_000)
        yield Candle(start + index * seconds, path[0], max(path), min(path), price, volume)
