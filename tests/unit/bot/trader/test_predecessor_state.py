"""A state of the Go bot becomes one of ours: every lot, to the unit, and nothing made up in silence."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from cbbot.contract.settings import load
from cbbot.domain.instrument import BTC_USD
from cbbot.kernel.account import equity
from cbbot.trader.codec import decode, encode
from cbbot.trader.predecessor_state import Migrated, is_predecessors, migrated
from cbbot.trader.rules import build_rules
from cbbot.trader.state_checks import check_document
from cbbot.trader.state_fields import BadState
from cbbot.trader.trader_state import Identity

RULES = build_rules(load({"STOP_LOSS_PCT": "4", "TAKE_PROFIT_PCT": "2"}), BTC_USD)
IDENTITY = Identity("btc", "BTC-USD", "paper", "Simulator")
FILE = """{
  "EquityUSD": 1012.3456789012, "DailyStart": "2024-05-01T00:00:00Z", "DailyPnL": 12.25,
  "Lots": [
    {"OpenPrice": 61000.5, "Side": "BUY", "SizeBase": 0.00081972, "Stop": 58560.48, "Take": 62220.51,
     "OpenTime": "2024-05-01T10:15:30.123456789Z", "EntryFee": 0.375, "TrailActive": false, "TrailPeak": 0,
     "TrailStop": 0, "Reason": "x"},
    {"OpenPrice": 60000, "Side": "BUY", "SizeBase": 0.0008333299999999999, "Stop": 57600, "Take": 62400,
     "OpenTime": "2024-05-01T12:00:00+03:00", "EntryFee": 0.3749985, "TrailActive": true, "TrailPeak": 61500.25,
     "TrailStop": 60885.2475}
  ],
  "Model": {"W": [0.1]}, "MdlExt": null, "WalkForwardMin": 60, "LastFit": "0001-01-01T00:00:00Z"
}"""


def read(text: str = FILE, **changed: Any) -> Migrated:
    document = json.loads(text, parse_float=Decimal) | changed
    return migrated(RULES, IDENTITY, document, 1_720_000_000_000)


def lot(**changed: Any) -> list[dict[str, Any]]:
    return [json.loads(FILE, parse_float=Decimal)["Lots"][0] | changed]


def test_every_lot_comes_over_oldest_first_with_its_levels() -> None:
    state, warnings = read()
    assert warnings == ()
    older, newer = state.lots
    assert (older.id, older.opened_ms, older.open_ticks) == (1, 1_714_554_000_000, 6_000_000)
    assert (newer.id, newer.opened_ms, newer.open_ticks) == (2, 1_714_558_530_123, 6_100_050)
    assert older.base == 83_333, "what float64 made of the venue's increment"
    assert newer.base == 81_972
    assert BTC_USD.money(newer.cost) == Decimal("61000.5") * Decimal("0.00081972")
    assert (BTC_USD.money(newer.entry_fee), BTC_USD.money(older.entry_fee)) == (Decimal("0.375"), Decimal("0.3749985"))
    assert (newer.stop, newer.take) == (58560.48, 62220.51)
    assert (older.runner, newer.runner) == (True, False), "the one that trails"
    assert (older.trailing, older.peak, older.trail_stop) == (True, 61500.25, 60885.2475)
    assert not newer.trailing


def test_equity_and_the_day_come_over_and_the_document_is_sound() -> None:
    state, _ = read()
    assert BTC_USD.money(equity(state.account)) == Decimal("1012.3456789012")
    assert BTC_USD.money(state.account.day_realised) == Decimal("12.25")
    assert state.account.day * 86_400 == 1_714_521_600
    document = encode(RULES, state)
    check_document(document)
    assert decode(RULES, document).state.lots == state.lots
    assert (state.account.next_lot, state.identity, state.epoch) == (3, IDENTITY, 1_720_000_000_000)


def test_without_a_trail_the_oldest_is_the_runner_and_without_lots_there_is_none() -> None:
    still = json.loads(FILE, parse_float=Decimal)["Lots"]
    assert [each.runner for each in read(Lots=[one | {"TrailActive": False} for one in still]).state.lots] == [
        True,
        False,
    ]
    assert read(Lots=[]).state.lots == ()
    assert read(Lots=None).state.lots == ()


@pytest.mark.parametrize(("name", "level"), [("Stop", 58560.48), ("Take", 63440.52)])
@pytest.mark.parametrize("bad", ["missing", 0, -1, "wrong side"])
def test_a_level_that_was_never_set_is_set_by_the_settings_and_said(name: str, level: float, bad: Any) -> None:
    lots = lot()
    if bad == "missing":
        del lots[0][name]
    else:
        wrong = 70_000 if name == "Stop" else 50_000
        lots[0][name] = wrong if bad == "wrong side" else bad
    state, warnings = read(Lots=lots)
    assert len(warnings) == 1
    assert f"Lots[0].{name}" in warnings[0]
    found = state.lots[0].stop if name == "Stop" else state.lots[0].take
    assert found == pytest.approx(level)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"Lots": lot(Side="HOLD")}, "Side is 'HOLD'"),
        ({"Lots": lot(SizeBase=0)}, "SizeBase"),
        ({"Lots": lot(SizeBase="1")}, "SizeBase is no number"),
        ({"Lots": lot(SizeBase=True)}, "SizeBase is no number"),
        ({"Lots": lot(OpenPrice=-5)}, "OpenPrice"),
        ({"Lots": lot(OpenPrice=float("inf"))}, "OpenPrice"),
        ({"Lots": lot(OpenTime="noon")}, "OpenTime is 'noon'"),
        ({"Lots": lot(OpenTime="0001-01-01T00:00:00Z")}, "OpenTime is not known"),
        ({"Lots": [*lot(), *lot(Side="SELL", Stop=70_000, Take=50_000)]}, "BUY and SELL"),
        ({"Lots": {}}, "Lots is no list"),
        ({"Lots": {"a": 1}}, "Lots is no list"),
        ({"Lots": ""}, "Lots is no list"),
        ({"Lots": False}, "Lots is no list"),
        ({"Lots": [3]}, "Lots is no list"),
        ({"Lots": lot(TrailActive="true")}, "TrailActive is 'true', neither true nor false"),
        ({"Lots": lot(TrailActive=1)}, "TrailActive is 1, neither true nor false"),
        ({"EquityUSD": None}, "EquityUSD is no number"),
        ({"EquityUSD": 10**30}, "EquityUSD"),
        ({"DailyStart": "x"}, "DailyStart is 'x'"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_by_name_and_no_lot_is_left_out(changed: dict[str, Any], named: str) -> None:
    with pytest.raises(BadState, match=named.replace("[", r"\[")):
        read(**changed)


def test_what_is_not_known_is_named_and_what_is_no_such_state_is_refused() -> None:
    assert "Grid" in read(Grid=1).warnings[0]
    assert not is_predecessors([])
    with pytest.raises(BadState, match="no state of the Go bot"):
        migrated(RULES, IDENTITY, {"body": {}}, 1)


def test_sell_lots_have_their_levels_the_other_way_round() -> None:
    state, warnings = read(Lots=lot(Side="sell", Stop=63_440.52, Take=59_780.49))
    assert (warnings, state.lots[0].side) == ((), -1)
    check_document(encode(RULES, state))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"EquityUSD": -5}, "EquityUSD is -5, below 0"),
        ({"DailyStart": "2099-01-01T00:00:00Z"}, "DailyStart is 2099-01-01T00:00:00Z, in the future"),
        ({"Lots": lot(OpenTime="2099-01-01T00:00:00Z")}, r"Lots\[0\].OpenTime is 2099-01-01T00:00:00Z, in the future"),
        ({"Lots": lot(OpenTime="0001-01-01T00:00:00Z")}, r"Lots\[0\].OpenTime is not known"),
        ({"Lots": lot(TrailActive=True)}, r"Lots\[0\].TrailStop is 0 at a TrailPeak of 0"),
        ({"Lots": lot(TrailActive=True, TrailPeak=62_000)}, r"Lots\[0\].TrailStop is 0"),
        ({"Lots": lot(TrailActive=True, TrailPeak=62_000, TrailStop=90_000)}, r"Lots\[0\].TrailStop is 90000"),
        (
            {"Lots": lot(Side="SELL", Stop=70_000, Take=50_000, TrailActive=True, TrailPeak=60_000, TrailStop=59_000)},
            r"Lots\[0\].TrailStop is 59000",
        ),
    ],
)
def test_what_no_bot_can_go_on_with_is_refused_and_says_what_to_do(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(BadState, match=f"{words}.*in a copy of the file"):
        read(**changed)


def test_of_several_lots_that_trail_the_oldest_is_the_runner_and_the_other_trails_are_named() -> None:
    trailing = {"TrailActive": True, "TrailPeak": 61_500, "TrailStop": 60_900}
    state, warnings = read(Lots=[*lot(**trailing), *lot(**trailing, OpenTime="2024-05-01T11:00:00Z")])
    assert [(each.runner, each.trail_stop) for each in state.lots] == [(True, 60_900), (False, 0)]
    (warning,) = warnings
    assert "Lots[1].TrailStop 60900 is left out" in warning


@pytest.mark.parametrize(
    ("size", "base", "rest"), [("0.123456789", 12_345_678, "0.000000009"), ("1.000000005", 10**8, "5E-9")]
)
def test_base_that_does_not_fit_the_increment_is_named(size: str, base: int, rest: str) -> None:
    state, warnings = read(Lots=lot(SizeBase=Decimal(size)))
    assert state.lots[0].base == base
    (warning,) = warnings
    assert warning.startswith(f"Lots[0].SizeBase is {size}")
    assert f"the rest, {Decimal(rest):f}, belongs to no lot" in warning
