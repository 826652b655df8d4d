from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from cbbot.contract.settings import load
from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD, Instrument
from cbbot.kernel.codes import BUY, SELL
from cbbot.trader.codec import BadState, decode, decode_identity, encode
from cbbot.trader.rules import Rules, build_rules
from cbbot.trader.trader_state import Dust, TraderState
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
    kept = decode(rules, document)
    forgotten = replace(
        state,
        market=replace(kept.market, last_price=state.market.last_price),
        decision=None, reconciled=False, balances=None, last_order_ms=0, exit_retries=(),
    )  # fmt: skip
    assert kept == forgotten
    assert kept.market.indicators == state.market.indicators
    assert decode_identity(document) == state.identity


def test_money_is_plain_text_in_the_document() -> None:
    rules, state = traded()
    document = encode(rules, state)
    assert document["book"]["start_equity"] == "1000.0000000000"
    assert "e" not in document["trades"][0]["net_pnl"].lower()


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("version",), 99, "version 99"),
        (("book", "realised"), "lots", "lots"),
        (("lots",), None, "cannot be read"),
        (("intents",), [{"client_order_id": "a"}], "purpose"),
        (("model", "weights"), [1.0], "differ in length"),
        (("market", "indicators"), {}, "rows"),
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


def test_finer_increments_at_the_venue_keep_what_we_own_and_drop_the_indicators() -> None:
    rules, state = traded()
    finer = Instrument("BTC-USD", Decimal("0.001"), Decimal("0.00000001"), Decimal("0.01"), Decimal(1))
    again = build_rules(load(KEYS), finer)
    kept = decode(again, encode(rules, state))
    assert finer.money(kept.account.realised) == BTC_USD.money(state.account.realised)
    assert kept.market.indicators.rows == 0


@pytest.mark.parametrize(("side", "bought", "sold"), [(BUY, 500, 0), (SELL, 0, 500)])
def test_the_one_dust_of_an_older_state_is_of_the_side_it_traded_last(side: int, bought: int, sold: int) -> None:
    rules, state = traded()
    dusty = replace(state, lots=(), intents=(), account=state.account._replace(side=side, lots=0), dust=Dust(500, 5, 1))
    document = encode(rules, dusty)
    del document["short_dust"]
    kept = decode(rules, document)
    assert (kept.dust.base, kept.short_dust.base) == (bought, sold)
