"""Settings that are legal but unwise are told in words."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cbbot.contract.advice import break_even_pct, warnings
from cbbot.contract.settings import load

PYRAMID = {"ALLOW_PYRAMIDING": "true"}


def warnings_of(keys: dict[str, str], taker: str | None = None) -> list[str]:
    return warnings(load(keys), None if taker is None else Decimal(taker))


def test_the_defaults_are_nothing_to_warn_about() -> None:
    assert warnings_of({}) == []
    assert warnings_of(PYRAMID) == []


@pytest.mark.parametrize(("rate", "needed"), [("0.75", "1.51"), ("0.9", "1.82"), ("0", "0.00")])
def test_what_a_round_trip_needs_is_both_fees_on_what_each_side_is_worth(rate: str, needed: str) -> None:
    assert f"{break_even_pct(Decimal(rate)):.2f}" == needed


@pytest.mark.parametrize(("take", "unwise"), [("1.511335", True), ("1.511336", False)])
def test_a_take_profit_is_warned_about_until_it_covers_the_round_trip(take: str, unwise: bool) -> None:
    found = warnings_of({"TAKE_PROFIT_PCT": take})
    assert [f"TAKE_PROFIT_PCT={take} does not cover the fees" in line for line in found] == ([True] if unwise else [])
    assert all("1.51 %" in line for line in found)


def test_the_words_say_which_lots_lose() -> None:
    (scalps,) = warnings_of({"TAKE_PROFIT_PCT": "1.5"})
    (all_of_them,) = warnings_of({"TAKE_PROFIT_PCT": "0.5"})
    assert "the runner takes twice" in scalps
    assert "the runner's too" in all_of_them


def test_live_the_venues_own_rate_counts_and_the_scalp_floor_as_well() -> None:
    keys = {"SCALP_TP_DECAY_ENABLE": "true"} | PYRAMID
    assert warnings_of(keys) == []
    (floor,) = warnings_of(keys, "0.90")
    assert floor.startswith("SCALP_TP_MIN_PCT=1.55")
    assert "at 0.9 % a side a round trip needs 1.82 %" in floor
    assert warnings_of({"SCALP_TP_MIN_PCT": "1"}) == []


@pytest.mark.parametrize(("stop", "unwise"), [("99.999", False), ("100", True), ("1000", True)])
def test_a_stop_that_cannot_trigger_is_warned_about(stop: str, unwise: bool) -> None:
    assert [line.startswith("STOP_LOSS_PCT=") for line in warnings_of({"STOP_LOSS_PCT": stop})] == (
        [True] if unwise else []
    )


@pytest.mark.parametrize(
    ("keys", "lots"),
    [
        ({"RISK_PER_TRADE_PCT": "5"}, None),
        ({"RISK_PER_TRADE_PCT": "5.1"}, "19"),
        ({"RISK_PER_TRADE_PCT": "20"}, "5"),
        ({"RISK_PER_TRADE_PCT": "20", "MAX_ORDER_USD": "50"}, None),
        ({"USD_EQUITY": "60"}, "12"),  # ORDER_MIN_USD is more than the share
        ({"RISK_PER_TRADE_PCT": "20", "USE_LIVE_EQUITY": "true", "DRY_RUN": "false", "USD_EQUITY": "9"}, "5"),
    ],
)
def test_a_share_that_leaves_room_for_fewer_lots_than_may_be_open_is_warned_about(
    keys: dict[str, str], lots: str | None
) -> None:
    assert [f"pays for {lots} lots" in line for line in warnings_of(PYRAMID | keys)] == ([True] if lots else [])


def test_a_cap_of_the_exposure_below_all_lots_is_warned_about() -> None:
    keys = PYRAMID | {"MAX_EXPOSURE_USD": "100"}
    (line,) = warnings_of(keys)
    assert "MAX_EXPOSURE_USD=100 is room for 10 lots" in line
    assert warnings_of(keys | {"MAX_CONCURRENT_LOTS": "10"}) == []


def test_half_a_trail_is_none() -> None:
    assert ["no trailing stop" in line for line in warnings_of({"TRAIL_ACTIVATE_PCT": "1"})] == [True]
    assert warnings_of({"TRAIL_ACTIVATE_PCT": "1", "TRAIL_DISTANCE_PCT": "1"}) == []


@pytest.mark.parametrize(
    ("activate", "distance", "unwise"),
    [
        ("3.79", "1", None),
        ("3.8", "1", "TRAIL_ACTIVATE_PCT=3.8"),
        ("1", "99", None),
        ("1", "100", "TRAIL_DISTANCE_PCT=100"),
    ],
)
def test_a_trail_that_cannot_trigger_is_warned_about(activate: str, distance: str, unwise: str | None) -> None:
    found = warnings_of({"TRAIL_ACTIVATE_PCT": activate, "TRAIL_DISTANCE_PCT": distance})
    assert [line.split()[0] for line in found] == ([unwise] if unwise else [])
