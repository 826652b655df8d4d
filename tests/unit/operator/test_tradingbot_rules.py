from __future__ import annotations

import copy
from typing import Any

import pytest

from cbbot.contract.tradingbot_rules import (
    RULES,
    TRANSITIONS,
    BadTradingBot,
    Violation,
    mebibytes,
    read_spec,
    transition_violations,
)

# One way to break each rule, by the path it is told at.
BREAKS: dict[str, dict[str, Any]] = {
    "exchange.credentialsSecretRef": {"mode": "Live", "risk": {"maxOrderUSD": 1, "maxExposureUSD": 1}},
    "risk.maxOrderUSD": {"mode": "Live", "exchange": {"venue": "Simulator"}, "risk": {"maxExposureUSD": 1}},
    "risk.maxExposureUSD": {"mode": "Live", "exchange": {"venue": "Simulator"}, "risk": {"maxOrderUSD": 1}},
    "strategy.maFast": {"strategy": {"maFast": 30}},
    "scalp.tpDecay.minPct": {"scalp": {"tpDecay": {"enabled": True, "minPct": 2}}},
    "pyramiding.decayMinPct": {"pyramiding": {"decayMinPct": 1.6}},
    "monitoring.serviceMonitor.scrapeTimeout": {"monitoring": {"serviceMonitor": {"scrapeTimeout": "1m"}}},
    "bot.env[0].name": {"bot": {"env": [{"name": "RISK_PER_TRADE_PCT", "value": "1"}]}},
    "bridge.env[1].name": {"bridge": {"env": [{"name": "FINE"}, {"name": "COINBASE_RATE_SHARE"}]}},
    "bot.env[1].name": {"bot": {"env": [{"name": "FINE"}, {"name": "FINE"}]}},
}
KEPT: dict[str, dict[str, Any]] = {
    "strategy.maFast": {"strategy": {"maFast": 29}},
    "scalp.tpDecay.minPct": {"scalp": {"tpDecay": {"enabled": False, "minPct": 2}}},
    "pyramiding.decayMinPct": {"pyramiding": {"decayMinPct": 1.6, "decayLambda": 0}},
    "monitoring.serviceMonitor.scrapeTimeout": {
        "monitoring": {"serviceMonitor": {"scrapeTimeout": "60s", "interval": "1m"}}
    },
    "exchange.credentialsSecretRef": {
        "mode": "Live",
        "exchange": {"venue": "Simulator"},
        "risk": {"maxOrderUSD": 1, "maxExposureUSD": 1},
    },
    "bot.env[0].name": {"bot": {"env": [{"name": "BOT_LOG_LEVEL", "value": "debug"}]}},
}


def found(document: dict[str, Any]) -> list[Violation]:
    with pytest.raises(BadTradingBot) as caught:
        read_spec({"product": {"id": "BTC-USD"}} | document)
    return caught.value.violations


@pytest.mark.parametrize("path", BREAKS)
def test_a_broken_rule_is_reported_at_its_field(path: str) -> None:
    violations = found(BREAKS[path])
    assert [violation.path for violation in violations] == [path]
    assert any(violations[0].message == rule.message for rule in RULES)


@pytest.mark.parametrize("path", KEPT)
def test_what_comes_close_to_breaking_a_rule_is_accepted(path: str) -> None:
    read_spec({"product": {"id": "BTC-USD"}} | KEPT[path])


def test_every_rule_has_been_broken_by_a_test() -> None:
    broken = {violation.message for document in BREAKS.values() for violation in found(document)}
    assert broken == {rule.message for rule in RULES}


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
    ("change", "path"),
    [
        ({"product": {"id": "ETH-USD"}}, "product.id"),
        ({"state": {"storageClassName": "fast"}}, "state.storageClassName"),
        ({"state": {"accessMode": "ReadWriteOncePod"}}, "state.accessMode"),
        ({"state": {"size": "1023Mi"}}, "state.size"),
    ],
)
def test_what_may_not_change_is_reported(change: dict[str, Any], path: str) -> None:
    before = {"product": {"id": "BTC-USD"}}
    violations = transition_violations(read_spec(before), read_spec(copy.deepcopy(before) | change))
    assert [violation.path for violation in violations] == [path]
    assert path in {rule.path for rule in TRANSITIONS}


def test_a_volume_may_grow() -> None:
    before, after = ({"product": {"id": "BTC-USD"}, "state": {"size": size}} for size in ("1024Mi", "1Gi"))
    assert transition_violations(read_spec(before), read_spec(after)) == []


def test_sizes_are_compared_in_mebibytes() -> None:
    assert [mebibytes(size) for size in ("512Mi", "1Gi", "2Ti")] == [512, 1024, 2097152]
