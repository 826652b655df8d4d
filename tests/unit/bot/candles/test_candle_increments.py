"""Increments that are too coarse for a file are never used in silence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from cbbot.candles.candle_errors import BadCandles
from cbbot.candles.candle_increments import instrument_of_file, own_increment
from cbbot.cli.dispatch import main
from cbbot.domain.instrument import BTC_USD
from cbbot.domain.products import known_product
from cbbot.errors import BadInput
from cbbot.kernel.limits import LARGEST_TICKS
from cbbot.research.candles import read_candles
from cbbot_bridge.simulator import candle_file
from cbbot_bridge.simulator.command_line import parse_arguments

HEADER = "time,open,high,low,close,volume\n"
MINUTES = 400
DOGE = [f"{Decimal('0.08123') + Decimal(n % 17) * Decimal('0.00001')}" for n in range(MINUTES)]


def file_of(folder: Path, prices: Sequence[str], volume: str = "1.5", name: str = "c.csv") -> Path:
    path = folder / name
    rows = (f"{60 * n},{price},{price},{price},{price},{volume}\n" for n, price in enumerate(prices, 1))
    path.write_text(HEADER + "".join(rows))
    return path


def test_a_backtest_refuses_to_round_doge_to_cents_and_names_the_option_and_the_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(file_of(tmp_path, DOGE))
    assert main(["backtest", "--csv", path]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert (
        f"{path}: rounding to the price increment 0.01 moves a price by 1.7 %; give --price-increment 0.00001" in said
    )
    assert main(["backtest", "--csv", path, "--price-increment", "0.00001"]) == 0
    assert main(["backtest", "--csv", path, "--set", "PRODUCT_ID=DOGE-USD"]) == 0
    assert main(["backtest", "--csv", path, "--set", "PRODUCT_ID=NEW-USD"]) == 0


def test_data_check_refuses_it_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, result = str(file_of(tmp_path, DOGE)), tmp_path / "found.json"
    assert main(["data", "check", path]) == 2
    assert "give --price-increment 0.00001" in capsys.readouterr().err
    for more in (["--price-increment", "0.00001"], ["--product", "DOGE-USD"], ["--product", "NEW-USD"]):
        assert main(["data", "check", path, *more, "--json", str(result)]) == 0
        found = json.loads(result.read_text())
        assert (found["price_increment"], found["lowest"]["price"]) == ("0.00001", "0.08123")


def test_the_simulator_refuses_it_too(tmp_path: Path) -> None:
    path = file_of(tmp_path, DOGE)
    with pytest.raises(BadInput, match=r"moves a price by .*; give --price-increment 0\.00001"):
        list(candle_file.read_candles(path, BTC_USD))
    for product in ("DOGE-USD", "NEW-USD"):
        (market,) = parse_arguments(["--csv", str(path), "--product", product]).markets
        assert next(candle_file.read_candles(path, market.instrument)).close == 8123


def test_a_price_that_would_become_nothing_is_refused_with_the_increment_of_the_whole_file(tmp_path: Path) -> None:
    path = file_of(tmp_path, ["0.0000123", "0.00001234", "0.0000125"])
    with pytest.raises(
        BadCandles, match=r"c\.csv:2: rounding to .* 0\.01 leaves nothing of a price; .* 0\.00000001, or"
    ):
        read_candles(path, BTC_USD, 60)
    with pytest.raises(BadInput, match=r"c\.csv:2: open is not above 0 when rounded: .* --price-increment 0\.0000001"):
        list(candle_file.read_candles(path, BTC_USD))
    mixed = file_of(tmp_path, ["100.25", "0.004", "100.25", "100.25", "100.25"])
    assert read_candles(mixed, BTC_USD, 60, skip_bad_rows=True).bad_rows == 1


@pytest.mark.parametrize(
    ("price", "moved"),
    [("13752.18233851", 0.0), ("49.994999", 0.0), ("49.9949", 0.0), ("49.984", 0.0), ("20.005", 1.0)],
)
def test_finer_digits_are_told_up_to_a_hundredth_of_a_percent_and_refused_beyond(
    tmp_path: Path, price: str, moved: float
) -> None:
    path = file_of(tmp_path, [price, "50.00"])
    if moved:
        with pytest.raises(BadCandles, match=r"moves a price by 0\.025 %; give --price-increment 0\.001"):
            read_candles(path, BTC_USD, 60)
    else:
        notes = read_candles(path, BTC_USD, 60).notes
        exact = Decimal(price)
        share = abs(exact - BTC_USD.price_increment * BTC_USD.ticks(exact)) / exact
        assert [f"{100 * float(share):.2g} % at most" in note for note in notes] == [True]


@pytest.mark.parametrize("price", ["100.25", "100.2500000", "1e2", "5"])
def test_prices_that_are_not_rounded_are_not_remarked_on(tmp_path: Path, price: str) -> None:
    assert read_candles(file_of(tmp_path, [price, "100"]), BTC_USD, 60).notes == ()


def test_what_is_rounded_is_told_once_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = file_of(tmp_path, ["13752.18233851"] * MINUTES)
    assert main(["backtest", "--csv", str(path)]) == 0
    assert capsys.readouterr().err.count("1.7e-05 % at most") == 1
    assert main(["data", "check", str(path)]) == 0
    assert capsys.readouterr().out.count("1.7e-05 % at most") == 1


def test_slow_rows_and_fast_ones_measure_the_same_rounding(tmp_path: Path) -> None:
    fast = read_candles(file_of(tmp_path, ["110.0049", "110"]), BTC_USD, 60).notes
    slow = read_candles(file_of(tmp_path, ["110.00490000000000", "1.1e2"]), BTC_USD, 60).notes
    assert fast == slow != ()


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        (["0.08123", "0.08"], "0.00001"),
        (["110754.29", "110754.3"], "0.01"),
        (["5", "6"], "1"),
        (["13752.18233851"], "0.001"),
        (["0.1", "0.30000000000000004"], "0.00000001"),
        (["0.00001234"], "0.00000001"),
        (["1.5000"], "0.1"),
        (["1234567890"], "1"),
    ],
)
def test_a_files_own_increment_is_its_finest_digit_as_far_as_eight_reach(
    tmp_path: Path, prices: list[str], expected: str
) -> None:
    assert own_increment(file_of(tmp_path, prices), None) == Decimal(expected)


def test_eight_digits_are_ticks_that_can_be_counted() -> None:
    assert LARGEST_TICKS >= 10**8


def test_prices_too_far_apart_for_any_increment_are_refused_as_such(tmp_path: Path) -> None:
    path = file_of(tmp_path, ["99999999", "0.5", "0.7"])
    made = instrument_of_file("NEW-USD", {}, path, None)
    with pytest.raises(BadCandles, match="differ too much for any increment"):
        read_candles(path, made, 60)


def test_known_products_come_from_the_table_and_given_increments_win(tmp_path: Path) -> None:
    path = file_of(tmp_path, ["1.23456"])
    assert known_product("BTC-USD") == BTC_USD
    assert known_product("ETH-EUR") is None
    sol = instrument_of_file("SOL-USDC", {"price_increment": Decimal("0.0001")}, path, None)
    assert sol == replace(BTC_USD, product_id="SOL-USDC", price_increment=Decimal("0.0001"))
    assert instrument_of_file("NEW-USD", {}, path, None).price_increment == Decimal("0.00001")
    assert instrument_of_file("NEW-USD", {"price_increment": Decimal("0.5")}, path, None).price_increment == Decimal(
        "0.5"
    )


@pytest.mark.parametrize("price", ["0.00000123", "0.0812", "1.5", "110754.29", "99999999"])
@pytest.mark.parametrize("volume", ["1", "3.5", "123456789", "0.00000001"])
def test_an_unknown_products_sizes_are_fine_enough_to_trade_whatever_its_volumes_digits(
    tmp_path: Path, price: str, volume: str
) -> None:
    path = file_of(tmp_path, [price, price], volume)
    made = instrument_of_file("NEW-USD", {}, path, None)
    assert made.base_increment * Decimal(price) <= made.min_notional
    assert len(read_candles(path, made, 60).columns.start) == 2


def test_a_base_increment_that_loses_volume_is_refused_with_the_one_to_give(tmp_path: Path) -> None:
    path = file_of(tmp_path, ["110754.29"] * 3, "0.4")
    coarse = replace(BTC_USD, base_increment=Decimal(1))
    for read in (lambda: read_candles(path, coarse, 60), lambda: list(candle_file.read_candles(path, coarse))):
        with pytest.raises(BadInput, match=r"base increment 1 changes the volume by 1e\+02 %; give --base-increment 0"):
            read()
    assert read_candles(path, replace(BTC_USD, base_increment=Decimal("0.1")), 60).columns.volume.tolist() == [4] * 3


def test_the_advice_for_a_volume_too_large_leads_to_a_run_that_can_trade(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = file_of(tmp_path, ["0.01234"] * MINUTES, "9000000000")
    arguments = ["backtest", "--csv", str(path), "--price-increment", "0.00001"]
    assert main(arguments) == 2
    advised = capsys.readouterr().err.rpartition("give --base-increment ")[2].split()[0]
    assert main([*arguments, "--base-increment", advised]) == 0
    assert Decimal(advised) * Decimal("0.01234") <= BTC_USD.min_notional


def test_volume_in_quote_currency_is_named_and_not_answered_with_a_coarser_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    large = file_of(tmp_path, ["60000"] * MINUTES, "5000000000")
    assert main(["backtest", "--csv", str(large)]) == 2
    said = capsys.readouterr().err
    assert "volume in quote currency (as large as price x base)" in said
    assert "divide it by the close" in said
    assert "--base-increment" not in said
    usual = file_of(tmp_path, ["60000"] * MINUTES, "600000")
    assert main(["backtest", "--csv", str(usual)]) == 0
    assert "warning: " in (told := capsys.readouterr().err)
    assert "the volume may be volume in quote currency (as large as price x base)" in told
    assert main(["data", "check", str(usual)]) == 1
    assert "quote currency" in capsys.readouterr().out
    real = file_of(tmp_path, ["60000"] * MINUTES, "160")
    assert read_candles(real, BTC_USD, 60).doubts == ()
