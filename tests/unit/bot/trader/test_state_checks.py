"""What cannot be in one state at once is found, and what a trader writes is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cbbot.domain.instrument import BTC_USD
from cbbot.trader.codec import decode, encode, rules_as_written
from cbbot.trader.intent import Purpose
from cbbot.trader.state_checks import check_document, contradictions
from cbbot.trader.state_fields import BadState
from trader_harness import TraderHarness, flat_history, placed, sure_model, unanswered

STATES = Path(__file__).parent / "states"
KEYS = {"ALLOW_PYRAMIDING": "true", "USE_MA_FILTER": "false", "USE_TICK_PRICE": "false"}

Document = dict[str, Any]


def sound() -> Document:
    document: Document = json.loads((STATES / "version-2.json").read_text())
    return document


def with_second_lot(document: Document, **changed: Any) -> None:
    """A copy of the first lot, with the account's sums as they must be."""
    first, account, dust = document["lots"][0], document["account"], document["dust"]
    document["lots"].append(first | {"id": 7, "runner": False} | changed)
    account |= {"lots": 2, "next_lot": 8}
    scale = {"base_sum": ("base", 8), "cost_sum": ("cost", 10), "fee_sum": ("entry_fee", 10)}
    for total, (of, digits) in scale.items():
        account[total] = f"{2 * float(first[of]) + float(dust[of]):.{digits}f}"


def test_the_states_of_every_version_are_sound() -> None:
    for path in STATES.iterdir():
        check_document(json.loads(path.read_text()))


def test_two_lots_of_which_one_or_none_is_the_runner_are_sound() -> None:
    document = sound()
    with_second_lot(document)
    check_document(document)
    document["lots"][0]["runner"] = False
    check_document(document)


def account(**changed: Any) -> Callable[[Document], None]:
    return lambda document: document["account"].update(changed)


def order(**changed: Any) -> Callable[[Document], None]:
    return lambda document: document["intents"][0].update(changed)


def orders_twice(document: Document, **changed: Any) -> None:
    document["intents"].append(document["intents"][0] | changed)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (account(lots=2), "counts 2 lots, there are 1"),
        (account(base_sum="0.5"), r"add up to 0.00099054, the account's base_sum is 0.50000000"),
        (account(cost_sum="1"), "cost_sum"),
        (account(fee_sum="1"), "fee_sum"),
        (account(next_lot=6), "the next lot's id is 6, but there has been a lot 6"),
        (account(side=-1), "not all of one side"),
        (lambda d: d["trades"][0]["lot"].update(id=40), "there has been a lot 40"),
        (lambda d: with_second_lot(d, id=6), "do not rise"),
        (lambda d: with_second_lot(d, id=5), "do not rise"),
        (lambda d: with_second_lot(d, side="SELL"), "not all of one side"),
        (lambda d: with_second_lot(d, runner=True), "only one lot can be the runner: 6, 7"),
        (lambda d: d["lots"][0].update(stop=1e6), "lot 6 has its stop at 1e.06, on the wrong side of its open price"),
        (lambda d: d["lots"][0].update(take=0.0), "lot 6 has its take at 0, on the wrong side of its open price"),
        (lambda d: d["lots"][0].update(open_ticks="0"), "lot 6 has no open price"),
        (lambda d: d["lots"][0].update(trailing=True), "lot 6 trails without a peak"),
        (order(lot=99), "closes lot 99, which is not open"),
        (order(side="BUY"), "has the side of lot 6"),
        (order(base="5"), "closes more than lot 6 has"),
        (order(purpose="entry"), "opens lot 6, the next lot is 7"),
        (orders_twice, "two orders have the same id"),
        (lambda d: orders_twice(d, client_order_id="bot-3-98"), "two orders close the same lot"),
        (lambda d: d["trades"].pop(), "numbered"),
        (lambda d: d["trades"].pop(2), "numbered"),
        (lambda d: d.update(trade_count=9), "numbered"),
    ],
)
def test_a_contradiction_is_told(change: Callable[[Document], Any], said: str) -> None:
    document = sound()
    change(document)
    with pytest.raises(BadState, match=f"contradicts itself.*{said}"):
        check_document(document)


def test_an_entry_under_way_is_sound() -> None:
    trader = TraderHarness(KEYS, unanswered)
    history = flat_history(1_700_000_040, 1_000_000)
    trader.start(history, model=sure_model(5.0))
    trader.close(history[-1]._replace(start=history[-1].start + 60))
    assert [intent.purpose for intent in placed(trader.commands)] == [Purpose.ENTRY]
    check_document(encode(trader.rules, trader.state))


def test_a_state_is_read_without_its_venue_on_the_increments_it_was_written_with() -> None:
    document = sound()
    document["market"] |= {"price_increment": "0.001", "base_increment": "0.00000001"}
    document["account"]["realised"] = "0.14978618481"
    document["product_id"] = "ETH-USD"
    rules = rules_as_written(document)
    state = decode(rules, document).state
    assert contradictions(rules.instrument, state) == []
    assert rules.instrument.ledger_increment * 10 == BTC_USD.ledger_increment


@pytest.mark.parametrize("increment", ["0", "-1", "x", "1e-60", "1e40"])
def test_increments_without_sense_are_refused(increment: str) -> None:
    document = sound()
    document["market"]["price_increment"] = increment
    with pytest.raises(BadState):
        check_document(document)


def test_a_mode_that_there_is_not_is_refused() -> None:
    with pytest.raises(BadState, match="mode is 'moon', not one of paper, live"):
        check_document(sound() | {"mode": "moon"})
