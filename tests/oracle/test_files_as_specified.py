"""The product over the real files against the second trader of ``oracle.reference``, trade by trade, exactly.

A file of its own: with random markets in one, whoever runs the tests in parallel would wait for it.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from cbbot.research.backtest import Span
from golden import frozen
from oracle.market import FILES, YEAR, columns_of
from oracle.twin import backtest, differences, referred


@pytest.mark.parametrize(
    ("case", "name"),
    [pytest.param(case, name, marks=[pytest.mark.slow] if name == YEAR else []) for case, name in frozen.CASES],
)
def test_the_goldens_are_what_the_specification_says_on_closes_and_on_whole_candles(case: str, name: str) -> None:
    keys, candles = frozen.settings_of(case), columns_of(name)
    span = Span.of(len(candles.start), frozen.TRAIN_FRACTION[name], 50)
    for ohlc in (False, True):
        assert differences(backtest(keys, candles, span, ohlc=ohlc), referred(keys, candles, span, ohlc=ohlc)) == []


@pytest.mark.parametrize("name", [FILES[0], pytest.param(YEAR, marks=pytest.mark.slow)])
def test_the_default_settings_trade_as_specified(name: str) -> None:
    candles = columns_of(name)
    span = Span.of(len(candles.start), Decimal("0.7"), 50)
    reference = referred({}, candles, span)
    assert differences(backtest({}, candles, span), reference) == []
    assert reference.opened
