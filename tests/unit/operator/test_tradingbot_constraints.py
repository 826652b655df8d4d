from __future__ import annotations

from typing import Any

import pytest

from cbbot.contract.spec_reader import read_spec
from cbbot.contract.tradingbot_constraints import TRANSITION_OF, TRANSITIONS, mebibytes
from cbbot.contract.violation import BadTradingBot


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            {"risk": {"riskPerTradePct": 0}},
            "spec.risk.riskPerTradePct: 0 is not accepted: a number above 0, at most 100",
        ),
        ({"risk": {"riskPerTradePct": "5"}}, "'5' is not accepted: a number above 0, at most 100 .*, without quotes"),
        ({"risk": {"riskPerTradePct": 0.12345678}}, "at most 6 decimal places"),
        (
            {"risk": {"maxOrderUsd": 5}},
            "spec.risk.maxOrderUsd: 5 is not accepted: no such field; did you mean maxOrderUSD",
        ),
        ({"strategy": {"maFast": 1.5}}, "spec.strategy.maFast: 1.5 is not accepted: a whole number from 1 to 400"),
        ({"mode": "live"}, "spec.mode: 'live' is not accepted: one of Paper, Live"),
        ({"product": {"id": "btc-usd"}}, "upper case, such as BTC-USD"),
        ({"product": {}}, "spec.product.id: nothing given: a product"),
        ({"state": {"size": "0Gi"}}, "spec.state.size: '0Gi' is not accepted"),
        ({"longOnly": "yes"}, "spec.longOnly: 'yes' is not accepted: true or false"),
        ({"bot": {"env": [{"value": "x"}]}}, r"spec.bot.env\[0\].name: nothing given"),
    ],
)
def test_a_bad_field_is_reported_with_its_value_and_what_is_accepted(document: dict[str, Any], message: str) -> None:
    with pytest.raises(BadTradingBot, match=message):
        read_spec({"product": {"id": "BTC-USD"}} | document)


def test_a_null_is_an_absent_field_as_for_the_api_server() -> None:
    spec = read_spec({"product": {"id": "BTC-USD", "granularity": None}, "risk": None})
    assert spec.risk.riskPerTradePct == 1


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("product.id", "BTC-USD", "ETH-USD"),
        ("state.storageClassName", None, "fast"),
        ("state.accessMode", "ReadWriteOnce", "ReadWriteOncePod"),
        ("state.size", "1Gi", "1023Mi"),
    ],
)
def test_what_may_not_change_is_said_with_both_values(path: str, before: str | None, after: str) -> None:
    refusal = TRANSITION_OF[path].refusal(before, after)
    assert refusal is not None
    assert refusal.startswith(f"spec.{path} was {before or 'unset'} and cannot become {after}: ")
    assert TRANSITION_OF[path].refusal(before, before) is None
    assert [transition.path for transition in TRANSITIONS] == list(TRANSITION_OF)


def test_a_volume_may_grow_and_be_called_otherwise() -> None:
    assert TRANSITION_OF["state.size"].refusal("1024Mi", "1Gi") is None
    assert TRANSITION_OF["state.size"].refusal("1Gi", "2Gi") is None


def test_sizes_are_compared_in_mebibytes() -> None:
    assert [mebibytes(size) for size in ("512Mi", "1Gi", "2Ti")] == [512, 1024, 2097152]
