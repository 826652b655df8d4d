"""States of earlier versions: each is read for ever, and no change of the document goes unnoticed."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from cbbot.contract.settings import load
from cbbot.domain.instrument import BTC_USD
from cbbot.kernel.indicators import Indicators, empty
from cbbot.trader.codec import decode, encode
from cbbot.trader.rules import build_rules
from cbbot.trader.state_fields import BadState
from cbbot.trader.state_versions import VERSION, brought_up_to_date

# One file a version, as that version's cbbot wrote it: lots, trades, an order under way, dust, a model.
STATES = Path(__file__).parent / "states"
SETTINGS = {"USE_TICK_PRICE": "false", "USE_MA_FILTER": "false", "BUY_THRESHOLD": "0", "TAKE_PROFIT_PCT": "0.1"}


_OF_INDICATORS = ("indicators", "anchors", "last_start")


def kept(version: int) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((STATES / f"version-{version}.json").read_text())
    return document


def shape(value: Any, at: str = "") -> set[str]:
    """The paths of all values; a list is as its first entry."""
    if isinstance(value, dict):
        return set().union(*(shape(each, f"{at}/{name}") for name, each in value.items()))
    if isinstance(value, list) and value:
        return shape(value[0], f"{at}[]")
    return {at}


def without_indicators(document: dict[str, Any]) -> dict[str, Any]:
    """Indicators are worked out anew where they do not fit: other fields of theirs make no other version."""
    kept = {name: value for name, value in document["market"].items() if name not in _OF_INDICATORS}
    return document | {"market": kept}


def has_our_indicators(document: dict[str, Any]) -> bool:
    return set(document["market"]["indicators"]) == set(Indicators._fields)


def test_every_version_has_its_file() -> None:
    assert {path.name for path in STATES.iterdir()} == {f"version-{version}.json" for version in range(1, VERSION + 1)}


@pytest.mark.parametrize("version", range(1, VERSION + 1))
def test_a_state_of_every_version_is_read_whole(version: int) -> None:
    rules = build_rules(load(SETTINGS), BTC_USD)
    state, warnings = decode(rules, kept(version))
    found = json.loads(json.dumps(encode(rules, state)))
    if has_our_indicators(kept(version)):
        assert not warnings
        assert found == kept(VERSION)
    else:
        assert len(warnings) == 1
        assert "worked out anew" in warnings[0]
        assert without_indicators(found) == without_indicators(kept(VERSION))


def test_the_document_has_the_shape_of_the_newest_version() -> None:
    """Red: what a state holds has changed. Raise VERSION, add a step, and keep a file of the new version."""
    rules = build_rules(load(SETTINGS), BTC_USD)
    state, _ = decode(rules, kept(VERSION))
    assert state.lots
    assert state.trades
    assert state.intents
    assert state.dust.base
    assert state.model
    found = json.loads(json.dumps(encode(rules, state)))
    assert shape(without_indicators(found)) == shape(without_indicators(kept(VERSION)))


def test_what_is_given_stays_as_it_is() -> None:
    document = kept(1)
    before = copy.deepcopy(document)
    assert brought_up_to_date(document)["version"] == VERSION
    assert document == before


@pytest.mark.parametrize(("side", "bought", "sold"), [(1, "0.5", "0"), (-1, "0", "0.5")])
def test_the_one_dust_of_version_1_is_of_the_side_it_traded_last(side: int, bought: str, sold: str) -> None:
    document = kept(1)
    del document["short_dust"]
    document["book"]["side"] = side
    document["dust"]["base"] = "0.5"
    now = brought_up_to_date(document)
    assert (now["dust"]["base"], now["short_dust"]["base"]) == (bought, sold)


def test_candles_of_version_1_that_say_no_length_are_taken_to_be_of_ours() -> None:
    document = kept(1)
    del document["market"]["candle_seconds"]
    nine = empty(30)._replace(rows=9, closes=(1,) * 9, flows=(0,) * 9, volumes=(1,) * 9)
    document["market"] |= {"indicators": nine._asdict(), "anchors": []}
    rules = build_rules(load(SETTINGS), BTC_USD)
    assert decode(rules, document).state.market.indicators.rows == 9


def test_an_unknown_last_add_is_the_oldest_lots_open_time_else_the_days_start() -> None:
    document = kept(1)
    document["book"] |= {"last_add_ms": -1, "day": 3}
    opened_ms = document["lots"][0]["opened_ms"]
    assert brought_up_to_date(document)["account"]["last_add_ms"] == opened_ms > 0
    document["lots"][0]["opened_ms"] = 0
    assert brought_up_to_date(document)["account"]["last_add_ms"] == 3 * 86_400_000
    document["lots"] = []
    assert brought_up_to_date(document)["account"]["last_add_ms"] == -1


@pytest.mark.parametrize("version", [None, "2", 0, -1, True, 1.5])
def test_a_version_that_no_cbbot_wrote_is_refused(version: Any) -> None:
    with pytest.raises(BadState, match="no cbbot wrote"):
        brought_up_to_date(kept(VERSION) | {"version": version})


def test_a_newer_version_is_refused_and_says_what_to_start() -> None:
    with pytest.raises(BadState, match=rf"version {VERSION + 1}.*up to {VERSION}: start the newer cbbot"):
        brought_up_to_date(kept(VERSION) | {"version": VERSION + 1})


def test_a_step_names_what_it_misses() -> None:
    document = kept(1)
    del document["book"]
    with pytest.raises(BadState, match=r"version 1 cannot be brought to version 5.*book"):
        brought_up_to_date(document)
