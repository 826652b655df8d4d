"""Closed candles committed at once: the same market, bit for bit, as one after the other."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import numpy as np
import pytest

from cbbot.contract.settings import load
from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD
from cbbot.kernel.indicators import empty
from cbbot.trader.market_state import committed
from cbbot.trader.rules import Rules, build_rules
from cbbot.trader.trader_state import Market
from oracle.market import candles_of, walk

START = 1_757_376_000
RULES = build_rules(load({"MAX_HISTORY_CANDLES": "400"}), BTC_USD)
FRESH = Market(indicators=empty(RULES.params.ma_slow))


def history(count: int) -> list[Candle]:
    return candles_of(walk([("chop", count)], 3, start=START, seconds=60))


def one_by_one(rules: Rules, market: Market, candles: list[Candle]) -> Market:
    return reduce(lambda so_far, candle: committed(rules, so_far, candle), candles, market)


def same(one: Market, other: Market) -> bool:
    trained = (each.window for each in (one, other))
    (rows, closes), (other_rows, other_closes) = ((each.rows, each.closes) for each in trained)
    return (
        replace(one, window=FRESH.window) == replace(other, window=FRESH.window)
        and rows.tobytes() == other_rows.tobytes()
        and bool(np.array_equal(closes, other_closes))
    )


@pytest.mark.parametrize("count", [0, 1, 399, 400, 401, 1_700])
@pytest.mark.parametrize("before", [0, 1, 450])
def test_candles_committed_at_once_are_those_committed_one_by_one(before: int, count: int) -> None:
    candles = history(before + count)
    market = one_by_one(RULES, FRESH, candles[:before])

    assert same(committed(RULES, market, *candles[before:]), one_by_one(RULES, market, candles[before:]))


def test_what_is_not_newer_is_left_out_of_many() -> None:
    candles = history(60)
    market = committed(RULES, FRESH, *candles[:30])

    assert same(committed(RULES, market, *candles), committed(RULES, FRESH, *candles))
    assert committed(RULES, market, *candles[:30]) is market


def test_the_forming_candle_goes_once_it_has_closed() -> None:
    candles = history(10)
    market = replace(committed(RULES, FRESH, *candles[:5]), forming=candles[6])

    assert committed(RULES, market, *candles[5:6]).forming == candles[6]
    assert committed(RULES, market, *candles[5:7]).forming is None
