"""Where on its way through a candle the price takes a lot out. Prices in ticks of a cent."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbbot.contract.settings import load
from cbbot.domain.instrument import BTC_USD
from cbbot.kernel.candle_path import band, walked
from cbbot.kernel.codes import BUY, EXIT_NONE, EXIT_STOP_LOSS, EXIT_TAKE_PROFIT, EXIT_TRAILING_STOP, SELL
from cbbot.kernel.levels import tick_at_or_above, tick_at_or_below, to_price
from cbbot.kernel.lot import Lot, opened, trailed, triggered
from cbbot.kernel.params import Params
from cbbot.trader.rules import kernel_params


def params(**keys: str) -> Params:
    return kernel_params(load({"TAKE_PROFIT_PCT": "2", "STOP_LOSS_PCT": "5", **keys}), BTC_USD)


TRAIL = {"TRAIL_ACTIVATE_PCT": "1", "TRAIL_DISTANCE_PCT": "0.5", "TAKE_PROFIT_PCT": "50"}


def lot(p: Params, side: int = BUY, price: int = 10_000) -> Lot:
    """At 100.00 a runner takes at 104.00 and stops at 95.00; a SELL one at 96.00 and 105.00."""
    return opened(p, 1, side, 0, price, 1000, price * 1000, 5, 0)


@pytest.mark.parametrize(
    ("side", "candle", "reason", "at"),
    [
        # open, high, low, close
        (BUY, (10_000, 10_100, 9_600, 10_050), EXIT_NONE, 10_050),
        (BUY, (10_000, 10_100, 9_400, 10_050), EXIT_STOP_LOSS, 9_500),
        (BUY, (9_300, 9_900, 9_200, 9_900), EXIT_STOP_LOSS, 9_300),
        (BUY, (10_000, 10_500, 9_900, 10_300), EXIT_TAKE_PROFIT, 10_400),
        (BUY, (10_600, 10_700, 10_500, 10_500), EXIT_TAKE_PROFIT, 10_600),
        (SELL, (10_000, 10_400, 9_700, 10_050), EXIT_NONE, 10_050),
        (SELL, (10_000, 10_600, 9_900, 10_050), EXIT_STOP_LOSS, 10_500),
        (SELL, (10_700, 10_900, 10_400, 10_400), EXIT_STOP_LOSS, 10_700),
        (SELL, (10_000, 10_100, 9_500, 9_700), EXIT_TAKE_PROFIT, 9_600),
        (SELL, (9_400, 9_450, 9_300, 9_400), EXIT_TAKE_PROFIT, 9_400),
    ],
    ids=str,
)
def test_a_level_fills_where_it_is_crossed_and_at_the_open_when_gapped_over(
    side: int, candle: tuple[int, int, int, int], reason: int, at: int
) -> None:
    p = params()
    assert walked(p, lot(p, side), *candle)[1:] == (reason, at)


@pytest.mark.parametrize(("side", "stop"), [(BUY, 9_500), (SELL, 10_500)])
def test_with_stop_and_take_in_one_candle_the_stop_is_taken(side: int, stop: int) -> None:
    p = params()
    assert walked(p, lot(p, side), 10_000, 10_600, 9_400, 10_000)[1:] == (EXIT_STOP_LOSS, stop)


def test_a_fill_between_two_ticks_is_at_the_first_tick_that_triggers() -> None:
    p = params(TAKE_PROFIT_PCT="1.001", STOP_LOSS_PCT="1.003")  # at 100.00: take 102.002, stop 98.997
    assert walked(p, lot(p), 10_000, 10_300, 9_950, 10_000)[1:] == (EXIT_TAKE_PROFIT, 10_201)
    assert walked(p, lot(p), 10_000, 10_000, 9_000, 9_000)[1:] == (EXIT_STOP_LOSS, 9_899)
    assert walked(p, lot(p), 10_000, 10_200, 9_950, 10_000)[1] == EXIT_NONE


def test_the_candle_that_activates_a_trail_does_not_exit_by_it_and_the_next_one_does() -> None:
    p = params(**TRAIL)
    active, reason, _ = walked(p, lot(p), 10_000, 10_400, 10_000, 10_100)
    assert (reason, active.trailing, active.peak) == (EXIT_NONE, True, 104.0)
    assert walked(p, active, 10_380, 10_390, 10_300, 10_310)[1:] == (EXIT_TRAILING_STOP, 10_348)


def test_an_active_trail_follows_the_high_and_closes_on_the_way_from_it_to_the_close() -> None:
    p = params(**TRAIL)
    active = walked(p, lot(p), 10_000, 10_200, 10_000, 10_200)[0]
    higher, reason, at = walked(p, active, 10_200, 10_800, 10_160, 10_700)
    assert (higher.peak, reason, at) == (108.0, EXIT_TRAILING_STOP, 10_746)
    # The low comes first: it meets the old trail stop, not the one that the high would have raised.
    assert walked(p, active, 10_200, 10_800, 10_100, 10_700)[1:] == (EXIT_TRAILING_STOP, 10_149)


def test_of_two_stops_on_the_way_the_nearer_is_crossed_first() -> None:
    wide = params(TRAIL_ACTIVATE_PCT="1", TRAIL_DISTANCE_PCT="20", TAKE_PROFIT_PCT="50")
    active = walked(wide, lot(wide), 10_000, 10_200, 10_000, 10_200)[0]
    assert active.trail_stop < active.stop
    assert walked(wide, active, 10_000, 10_000, 5_000, 5_000)[1:] == (EXIT_STOP_LOSS, 9_500)


SETTINGS = st.fixed_dictionaries(
    {
        "TAKE_PROFIT_PCT": st.sampled_from(["0.3", "1.3", "5"]),
        "STOP_LOSS_PCT": st.sampled_from(["0.7", "3", "150"]),
        "SCALP_TP_MIN_PCT": st.just("0.1"),
        "TRAIL_ACTIVATE_PCT": st.sampled_from(["0", "0.4"]),
        "TRAIL_DISTANCE_PCT": st.sampled_from(["0.2", "0.9"]),
    }
)


@given(keys=SETTINGS, side=st.sampled_from([BUY, SELL]), prices=st.lists(st.integers(9_500, 10_500), max_size=30))
def test_a_candle_of_one_price_is_a_step_at_that_price(keys: dict[str, str], side: int, prices: list[int]) -> None:
    p = kernel_params(load(keys), BTC_USD)
    held = lot(p, side)
    for price in prices:
        stepped = trailed(p, held, to_price(p, price))
        reason = triggered(held, stepped, to_price(p, price))
        assert walked(p, held, price, price, price, price) == (stepped, reason, price)
        held = stepped


@given(keys=SETTINGS, side=st.sampled_from([BUY, SELL]), prices=st.lists(st.integers(9_000, 11_000), max_size=40))
def test_inside_its_band_a_lot_is_not_touched_and_at_its_edge_it_may_be(
    keys: dict[str, str], side: int, prices: list[int]
) -> None:
    p = kernel_params(load(keys), BTC_USD)
    held = lot(p, side)
    for price in prices:
        quiet = band(p, held)
        after, reason, _ = walked(p, held, price, price, price, price)
        if quiet.low < price < quiet.high:
            assert (after, reason) == (held, EXIT_NONE)
        held = after
    assert quiet_edges_touch(p, held)


def quiet_edges_touch(p: Params, held: Lot) -> bool:
    """Whether the band is no narrower than it must be: its edges, a peak's own tick apart, do something."""
    quiet = band(p, held)
    touched = []
    for edge in (quiet.low, quiet.high):
        for tick in (edge, edge + held.side):
            after, reason, _ = walked(p, held, tick, tick, tick, tick)
            touched.append((after, reason) != (held, EXIT_NONE))
    return (touched[0] or touched[1]) and (touched[2] or touched[3])


@given(level=st.floats(-1e6, 1e9), increment=st.sampled_from(["0.01", "0.00001", "0.05", "25"]))
def test_the_ticks_around_a_level_are_the_nearest_on_either_side(level: float, increment: str) -> None:

    product = type(BTC_USD)("X-USD", Decimal(increment), Decimal("0.0001"), Decimal(increment), Decimal("1"))
    p = kernel_params(load({}), product)
    below, above = tick_at_or_below(p, level), tick_at_or_above(p, level)
    assert to_price(p, below) <= level < to_price(p, below + 1)
    assert to_price(p, above - 1) < level <= to_price(p, above)
