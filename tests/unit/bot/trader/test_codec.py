from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cbbot.contract.settings import load
from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD, Instrument
from cbbot.kernel.indicators import Indicators
from cbbot.trader import memory_fields
from cbbot.trader.codec import decode, decode_identity, encode
from cbbot.trader.rules import Rules, build_rules
from cbbot.trader.state_checks import check_document
from cbbot.trader.state_fields import BadState
from cbbot.trader.trader_state import Startup, TraderState
from trader_harness import TraderHarness, unanswered

KEYS = {"USE_TICK_PRICE": "false", "USE_MA_FILTER": "false", "BUY_THRESHOLD": "0", "TAKE_PROFIT_PCT": "0.1"}


def traded() -> tuple[Rules, TraderState]:
    """A trader with lots, trades, a model, and an order under way."""
    trader = TraderHarness(KEYS)
    candles = [
        Candle(60 * i, p, p + 5, p - 5, p, 7 * i)
        for i, p in enumerate(1_000_000 + (i * i * 37) % 9000 for i in range(300))
    ]
    trader.start(candles[:200])
    for candle in candles[200:-1]:
        trader.close(candle)
    trader.answer = unanswered
    trader.close(candles[-1])
    return trader.rules, trader.state


def test_a_state_survives_its_document_and_json_to_the_last_bit() -> None:
    rules, state = traded()
    assert state.trades
    assert state.model
    assert state.account.next_lot > 3
    document = json.loads(json.dumps(encode(rules, state)))
    kept, warnings = decode(rules, document)
    assert not warnings
    forgotten = replace(
        state,
        market=replace(kept.market, last_price=state.market.last_price),
        decision=None, watching=False, reconciled=False, balances=None, last_order_ms=0,
        refused_entries=None, elapsed_ms=0, filled_at=0, startup=Startup(state.sequence),
    )  # fmt: skip
    assert kept == forgotten
    assert kept.market.indicators == state.market.indicators
    assert decode_identity(document) == state.identity


def test_money_is_plain_text_in_the_document() -> None:
    rules, state = traded()
    document = encode(rules, state)
    assert document["account"]["start_equity"] == "1000.0000000000"
    assert "e" not in document["trades"][0]["net_pnl"].lower()


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("version",), 99, "version 99"),
        (("account", "realised"), "lots", "lots"),
        (("lots",), None, "cannot be read"),
        (("intents",), [{"client_order_id": "a"}], "purpose"),
        (("market",), {}, "price_increment"),
    ],
)
def test_a_document_that_is_no_state_is_refused_by_name(path: tuple[str, ...], value: Any, said: str) -> None:
    rules, state = traded()
    document = json.loads(json.dumps(encode(rules, state)))
    part = document
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    with pytest.raises(BadState, match=said):
        decode(rules, document)


def test_a_missing_field_is_named() -> None:
    rules, state = traded()
    document = encode(rules, state)
    del document["epoch"]
    with pytest.raises(BadState, match="epoch"):
        decode(rules, document)


# Indicators and a model that do not fit are dropped; candles of version 1 and a first model may not be there.
DROPPED = ("indicators", "anchors", "last_start", "model", "candle_seconds")
NONSENSE: tuple[Any, ...] = (None, True, "x", "", 1.5, 10**60, [], {}, [None], {"x": 1})


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of everything in a document, itself left out."""
    if path:
        yield path
    for name, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if name not in DROPPED:
            yield from leaves(each, (*path, name))


def changed_at(document: Any, path: tuple[Any, ...], value: Any) -> tuple[Any, Any]:
    """A copy with the value at the path, and what was there."""
    copied = json.loads(json.dumps(document))
    part = copied
    for name in path[:-1]:
        part = part[name]
    was, part[path[-1]] = part[path[-1]], value
    return copied, was


def test_a_field_of_another_type_is_refused_by_name_wherever_it_is() -> None:
    rules, state = traded()
    document = json.loads(json.dumps(encode(rules, replace(state, trades=state.trades[:1]))))
    refused = 0
    for path in leaves(document):
        name = str(next(part for part in reversed(path) if isinstance(part, str)))
        for value in NONSENSE:
            changed, was = changed_at(document, path, value)
            if type(was) is type(value) or (isinstance(was, float) and isinstance(value, int) and value is not True):
                continue
            with pytest.raises(BadState) as said:
                decode(rules, changed)
            assert name in str(said.value), (path, value)
            refused += 1
    assert refused > 400


@pytest.mark.parametrize("version", [1, 2])
def test_no_document_is_refused_with_anything_but_a_sentence(version: int) -> None:
    document = json.loads((Path(__file__).parent / "states" / f"version-{version}.json").read_text())
    rules = build_rules(load(KEYS), BTC_USD)
    for path in leaves(document):
        for value in NONSENSE:
            changed, _ = changed_at(document, path, value)
            for read in (lambda it: decode(rules, it), decode_identity, check_document):
                with suppress(BadState):
                    read(changed)


@pytest.mark.parametrize("field", ["epoch", "sequence", "last_fit_ms", "trade_count"])
@pytest.mark.parametrize("value", [10**30, -5])
def test_a_number_beyond_all_sense_is_refused(field: str, value: int) -> None:
    rules, state = traded()
    with pytest.raises(BadState, match=field):
        decode(rules, encode(rules, state) | {field: value})


def test_an_amount_of_more_digits_than_the_venue_counts_is_refused_and_not_rounded() -> None:
    rules, state = traded()
    document = encode(rules, state)
    document["account"]["realised"] = "1000000000000000000000.00000000001"
    with pytest.raises(BadState, match=r"account.realised.*no whole number"):
        decode(rules, document)


def test_finer_increments_at_the_venue_keep_what_we_own_and_drop_the_indicators() -> None:
    rules, state = traded()
    finer = Instrument("BTC-USD", Decimal("0.001"), Decimal("0.00000001"), Decimal("0.01"), Decimal(1))
    again = build_rules(load(KEYS), finer)
    kept = decode(again, encode(rules, state)).state
    assert finer.money(kept.account.realised) == BTC_USD.money(state.account.realised)
    assert kept.market.indicators.rows == 0


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        (("indicators",), "rsi_fast", None),  # yesterday's state, from before the indicator was added
        (("indicators",), "gain", "a word"),
        (("indicators",), "closes", 5),
        (("indicators",), "closes", []),  # a step would look for the newest
        (("indicators",), "volumes", [1]),
        (("indicators",), "gain", True),
        (("anchors", 0, "indicators"), "rows", 1_000),
        (("anchors", 0, "indicators"), "gain", None),
        (("anchors", 0), "start", None),
    ],
)
def test_indicators_that_do_not_fit_are_worked_out_anew_with_a_warning_and_nothing_else_is_lost(
    part: tuple[Any, ...], field: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules, state = traded()
    document = json.loads(json.dumps(encode(rules, state)))
    if field == "rsi_fast":
        wider = NamedTuple("Indicators", [*Indicators.__annotations__.items(), (field, float)])  # type: ignore[misc]  # made at run time
        monkeypatch.setattr(memory_fields, "Indicators", wider)
    else:
        holder = document["market"]
        for name in part:
            holder = holder[name]
        if value is None:
            del holder[field]
        else:
            holder[field] = value
    kept, warnings = decode(rules, document)
    assert len(warnings) == 1
    assert field in warnings[0]
    assert "worked out anew" in warnings[0]
    assert kept.market.indicators.rows == 0
    assert (kept.lots, kept.trades, kept.account, kept.model) == (state.lots, state.trades, state.account, state.model)


def test_an_indicator_that_this_cbbot_no_longer_has_is_no_reason_to_refuse_either() -> None:
    rules, state = traded()
    document = json.loads(json.dumps(encode(rules, state)))
    document["market"]["indicators"]["gone"] = 1.0
    kept, warnings = decode(rules, document)
    assert "with gone" in warnings[0]
    assert kept.lots == state.lots


@pytest.mark.parametrize(
    "change", [{"weights": [1.0]}, {"bias": None}, {"mean": ["x"]}, {"std": [0.0] * 4}, {"rows": True}]
)
def test_a_model_that_does_not_fit_is_fitted_anew_with_a_warning(change: dict[str, Any]) -> None:
    rules, state = traded()
    document = json.loads(json.dumps(encode(rules, state)))
    document["model"] |= change
    kept, warnings = decode(rules, document)
    assert kept.model is None
    assert "a new one is fitted" in warnings[0]
    assert kept.market.indicators == state.market.indicators
