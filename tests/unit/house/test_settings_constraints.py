"""One table of constraints, three checks: environment, TradingBot and the API server's CEL say the same."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from cel_expr_python import cel
from hypothesis import given, settings
from hypothesis import strategies as st

from cbbot.contract.constraints import CONSTRAINTS, UNIQUE, Constraint, broken_by_settings
from cbbot.contract.settings import live_requirements, load
from cbbot.contract.settings_reading import BadSettings
from cbbot.contract.settings_table import BY_FIELD, BY_KEY
from cbbot.contract.spec_reader import read_spec
from cbbot.contract.tradingbot_constraints import TRANSITIONS, mebibytes
from cbbot.contract.violation import BadTradingBot
from cbbot_operator import crd

CAPS = {"maxOrderUSD": 1, "maxExposureUSD": 1}
SIMULATOR = {"venue": "Simulator"}
# By constraint: a spec that it accepts although it comes close, and one that breaks it and nothing else.
EXAMPLES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "live-has-keys": (
        {"mode": "Live", "risk": CAPS, "exchange": {"credentialsSecretRef": {"name": "keys"}}},
        {"mode": "Live", "risk": CAPS},
    ),
    "live-caps-an-order": (
        {"mode": "Live", "risk": CAPS, "exchange": SIMULATOR},
        {"mode": "Live", "risk": {"maxExposureUSD": 1}, "exchange": SIMULATOR},
    ),
    "live-caps-the-exposure": (
        {"mode": "Paper", "risk": {"maxOrderUSD": 1}},
        {"mode": "Live", "risk": {"maxOrderUSD": 1}, "exchange": SIMULATOR},
    ),
    "fast-average-below-slow": ({"strategy": {"maFast": 29}}, {"strategy": {"maFast": 30}}),
    "lowered-take-profit-below-take-profit": (
        {"scalp": {"tpDecay": {"enabled": True, "minPct": 1.9}}},
        {"scalp": {"tpDecay": {"enabled": True, "minPct": 1.900001}}},
    ),
    "decayed-gate-below-gate": (
        {"pyramiding": {"decayMinPct": 1.6, "decayLambda": 0}},
        {"pyramiding": {"decayMinPct": 1.6, "decayLambda": 0.000001}},
    ),
    "scrape-ends-before-the-next": (
        {"monitoring": {"serviceMonitor": {"scrapeTimeout": "60s", "interval": "1m"}}},
        {"monitoring": {"serviceMonitor": {"scrapeTimeout": "61s", "interval": "1m"}}},
    ),
    "bot-environment-is-free": (
        {"bot": {"env": [{"name": "BOT_LOG_LEVEL", "value": "debug"}, {"name": "PORTS"}]}},
        {"bot": {"env": [{"name": "FINE"}, {"name": "RISK_PER_TRADE_PCT"}]}},
    ),
    "bridge-environment-is-free": (
        {"bridge": {"env": [{"name": "COINBASE"}]}},
        {"bridge": {"env": [{"name": "COINBASE_RATE_SHARE"}]}},
    ),
}
# How the lists that must not repeat an item are broken.
REPEATED: dict[str, tuple[dict[str, Any], str]] = {
    "bot.env": ({"bot": {"env": [{"name": "A"}, {"name": "A", "value": "x"}]}}, "bot.env[1].name"),
    "bridge.env": ({"bridge": {"env": [{"name": "A"}, {"name": "B"}, {"name": "A"}]}}, "bridge.env[2].name"),
    "exchange.websocket.products": (
        {"exchange": {"websocket": {"products": ["ETH-USD", "ETH-USD"]}}},
        "exchange.websocket.products[1]",
    ),
}


def spec_of(document: dict[str, Any]) -> dict[str, Any]:
    return {"product": {"id": "BTC-USD"}} | document


def violations_in(document: dict[str, Any]) -> list[tuple[str, str]]:
    try:
        read_spec(spec_of(document))
    except BadTradingBot as error:
        return [(violation.path, violation.message) for violation in error.violations]
    return []


SCHEMA = crd.crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
CEL = cel.NewEnv(variables={"self": cel.Type.DYN})


def filled(value: Any, schema: dict[str, Any]) -> Any:
    """The value as an API server has it: defaults filled in from outside inwards, numbers as doubles."""
    if schema["type"] == "object" and "properties" in schema:
        whole = dict(value)
        for name, inner in schema["properties"].items():
            if name not in whole and "default" in inner:
                whole[name] = inner["default"]
            if name in whole:
                whole[name] = filled(whole[name], inner)
        return whole
    if schema["type"] == "array":
        return [filled(item, schema["items"]) for item in value]
    return float(value) if schema["type"] == "number" else value


def cel_says(expression: str, value: Any) -> bool:
    answer = CEL.compile(expression).eval(data={"self": value})
    assert answer.type() == cel.Type.BOOL, f"{expression}: {answer.value()}"
    return bool(answer.value())


def refused_by_cel(document: dict[str, Any]) -> set[str]:
    """Messages of the validations in the schema that refuse the spec."""
    found: set[str] = set()

    def walk(value: Any, schema: dict[str, Any]) -> None:
        for validation in schema.get("x-kubernetes-validations", ()):
            if "oldSelf" not in validation["rule"] and not cel_says(validation["rule"], value):
                found.add(validation["message"])
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                walk(value[name], inner)
        for item in value if schema["type"] == "array" else ():
            walk(item, schema["items"])

    walk(filled(spec_of(document), SCHEMA), SCHEMA)
    return found


def environment_of(document: dict[str, Any]) -> dict[str, str]:
    """The settings in a document that no model has read: bad ones must come through."""
    texts = {}
    for path, setting in BY_FIELD.items():
        value: Any = document
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if path == "mode" and value is not None:
            texts[setting.key] = "true" if value == "Paper" else "false"
        elif value is not None:
            texts[setting.key] = setting.text(Decimal(str(value)) if isinstance(value, float) else value)
    return texts


def refused_by_settings(document: dict[str, Any]) -> list[str]:
    try:
        return live_requirements(load(environment_of(document)))
    except BadSettings as error:
        return [str(problem) for problem in error.problems]


def test_every_constraint_has_examples() -> None:
    assert set(EXAMPLES) == {constraint.name for constraint in CONSTRAINTS}
    assert len(EXAMPLES) == len(CONSTRAINTS)
    assert set(REPEATED) == {unique.path for unique in UNIQUE}


@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=lambda constraint: constraint.name)
def test_all_three_accept_and_refuse_the_same(constraint: Constraint) -> None:
    accepted, refused = EXAMPLES[constraint.name]
    assert (violations_in(accepted), refused_by_cel(accepted), refused_by_settings(accepted)) == ([], set(), [])
    ((path, message),) = violations_in(refused)
    assert re.sub(r"\[\d+\]", "[]", path) == constraint.fields[0]
    assert message == constraint.spec_message
    assert refused_by_cel(refused) == {constraint.spec_message}
    said = refused_by_settings(refused)
    assert len(said) == (1 if constraint.among_settings else 0)
    for line in said:
        assert all(BY_FIELD[path].key in line for path in constraint.fields[:2])


@pytest.mark.parametrize("path", REPEATED)
def test_a_repeated_item_is_refused_where_the_schema_wants_a_set_or_a_map(path: str) -> None:
    document, where = REPEATED[path]
    assert [found for found, _ in violations_in(document)] == [where]
    node = SCHEMA
    for part in path.split("."):
        node = node["properties"][part]
    assert node["x-kubernetes-list-type"] in ("map", "set")


def test_a_constraint_is_judged_although_another_value_cannot_be_read() -> None:
    with pytest.raises(BadSettings) as caught:
        load({"FEE_RATE_PCT": "x", "MA_FAST": "30", "SCALP_TP_MIN_PCT": "y", "SCALP_TP_DECAY_ENABLE": "true"})
    assert [str(problem).split("=")[0] for problem in caught.value.problems] == [
        "FEE_RATE_PCT",
        "SCALP_TP_MIN_PCT",
        "MA_FAST",
    ]


def percent(most: str) -> st.SearchStrategy[float]:
    return st.decimals("0", most, places=2).map(float)


DOCUMENTS = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(["Paper", "Live"]),
        "scalp": st.fixed_dictionaries(
            {},
            optional={
                "tpDecay": st.fixed_dictionaries(
                    {"minPct": percent("4")}, optional={"enabled": st.sampled_from([True, True, False])}
                )
            },
        ),
    },
    optional={
        "risk": st.fixed_dictionaries(
            {}, optional={"maxOrderUSD": st.integers(1, 9), "maxExposureUSD": st.integers(1, 9)}
        ),
        "strategy": st.fixed_dictionaries({}, optional={"maFast": st.integers(1, 60), "maSlow": st.integers(1, 60)}),
        "exits": st.fixed_dictionaries({}, optional={"takeProfitPct": percent("4").map(lambda pct: pct + 0.25)}),
        "pyramiding": st.fixed_dictionaries(
            {},
            optional={"decayLambda": percent("1"), "decayMinPct": percent("3"), "minAdversePct": percent("3")},
        ),
        "exchange": st.fixed_dictionaries({"venue": st.sampled_from(["Coinbase", "Simulator"])}),
    },
)


def test_all_three_agree_on_random_settings() -> None:
    broken: Counter[str] = Counter()

    @settings(max_examples=300, deadline=None, derandomize=True)
    @given(DOCUMENTS)
    def agree(document: dict[str, Any]) -> None:
        document = {
            key: {k: round(v, 6) if isinstance(v, float) else v for k, v in value.items()}
            if isinstance(value, dict)
            else value
            for key, value in document.items()
        }
        by_model = {message for _, message in violations_in(document)}
        assert by_model == refused_by_cel(document)
        names = [one.name for one in CONSTRAINTS if one.spec_message in by_model]
        broken.update(names)
        values = {
            key: setting.parse(text) if (text := environment_of(document).get(key) or setting.default) else None
            for key, setting in BY_KEY.items()
        }
        found = broken_by_settings(values) + broken_by_settings(values, only_live=True)
        wanted = [one for one in CONSTRAINTS if one.name in names and one.among_settings]
        assert sorted(found) == sorted(one.settings_message(values) for one in wanted)

    agree()
    for constraint in CONSTRAINTS:
        if constraint.among_settings or constraint.name == "live-has-keys":
            assert broken[constraint.name] >= 5, (constraint.name, broken)


SIZES = ("1023Mi", "1024Mi", "1Gi", "1025Mi", "2Gi", "1Ti", "1048577Mi")


@pytest.mark.parametrize("before", SIZES)
@pytest.mark.parametrize("after", SIZES)
def test_a_volumes_size_is_compared_alike_in_cel_and_in_python(before: str, after: str) -> None:
    (transition,) = (one for one in TRANSITIONS if one.path == "state.size")
    # find() is the API server's own: the digits in front.
    expression = transition.cel
    for name, value in (("oldSelf", before), ("self", after)):
        expression = expression.replace(f"{name}.find('^[0-9]+')", f"'{value[:-2]}'")
        expression = re.sub(rf"\b{name}\b", f"'{value}'", expression)
    assert CEL.compile(expression).eval(data={"self": ""}).value() is transition.allows(before, after)
    assert transition.allows(before, after) is (mebibytes(after) >= mebibytes(before))
