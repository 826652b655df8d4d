"""The settings table, the Settings object and the TradingBot's fields say the same."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from cbbot.contract.setting import BadSetting, Kind
from cbbot.contract.settings import Settings, as_text, live_requirements, load, unknown_keys
from cbbot.contract.table import BY_FIELD, BY_KEY, SETTINGS
from cbbot.contract.tradingbot import TradingBotSpec, environment
from cbbot.errors import BadInput


def spec(**sections: Any) -> TradingBotSpec:
    return TradingBotSpec.model_validate({"product": {"id": "BTC-USD"}, **sections})


def test_table_and_settings_object_have_the_same_keys_in_the_same_order() -> None:
    assert [setting.attribute for setting in SETTINGS] == [field.name for field in fields(Settings)]


def test_every_default_is_accepted_by_its_own_row_and_survives_as_text() -> None:
    for setting in SETTINGS:
        if setting.default is not None:
            value = setting.parse(setting.default)
            assert setting.parse(setting.text(value)) == value


def test_an_empty_environment_gives_the_defaults_and_an_empty_spec_gives_the_same() -> None:
    assert load({}) == load(environment(spec()))


def test_every_field_of_the_table_is_a_field_of_the_spec_with_the_tables_default_and_meaning() -> None:
    for path, setting in BY_FIELD.items():
        if setting.key in {"DRY_RUN", "PRODUCT_ID"}:
            continue  # `mode` says Paper or Live; product.id has no default on purpose
        *sections, name = path.split(".")
        model: type[BaseModel] = TradingBotSpec
        for section in sections:
            annotation = model.model_fields[section].annotation
            assert annotation is not None
            model = annotation
        field = model.model_fields[name]
        assert field.description == setting.meaning, path
        assert field.default == (None if setting.default is None else setting.parse(setting.default)), path


def test_a_value_in_the_spec_reaches_the_setting() -> None:
    found = load(
        environment(
            spec(mode="Live", risk={"feeRatePct": 0.05, "maxOrderUSD": 25}, exits={"trail": {"activatePct": 1.25}})
        )
    )
    assert found.dry_run is False
    assert (found.fee_rate_pct, found.max_order_usd, found.trail_activate_pct) == (
        Decimal("0.05"),
        Decimal(25),
        Decimal("1.25"),
    )


@pytest.mark.parametrize(
    ("key", "value", "accepted"),
    [
        ("RISK_PER_TRADE_PCT", "0", "above 0"),
        ("RISK_PER_TRADE_PCT", "100.1", "at most 100"),
        ("FEE_RATE_PCT", "ten", "from 0 to 10"),
        ("MAX_HISTORY_CANDLES", "399", "from 400 to 100000"),
        ("MAX_CONCURRENT_LOTS", "2.5", "whole number"),
        ("DRY_RUN", "maybe", "true or false"),
        ("GRANULARITY", "ONE_WEEK", "ONE_MINUTE, FIVE_MINUTE"),
        ("PRODUCT_ID", "btc-usd", "upper case"),
        ("BRIDGE_URL", "bridge:8787", "http://"),
        ("TAKE_PROFIT_PCT", "nan", "a number"),
        ("FEE_RATE_PCT", "0.12345678", "6 decimal places"),
        ("BOT_ID", "a b", "letters"),
    ],
)
def test_a_bad_value_names_key_value_and_what_is_accepted(key: str, value: str, accepted: str) -> None:
    with pytest.raises(BadSetting) as caught:
        load({key: value})
    assert key in str(caught.value)
    assert repr(value) in str(caught.value)
    assert accepted in str(caught.value)


def test_a_secret_is_never_repeated_in_an_error_or_in_text() -> None:
    with pytest.raises(BadSetting) as caught:
        load({"SLACK_WEBHOOK": "token-not-a-url"})
    assert "token-not-a-url" not in str(caught.value)
    assert "SLACK_WEBHOOK" not in as_text(load({"SLACK_WEBHOOK": "https://hooks.example/secret"}))


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"MA_FAST": "30", "MA_SLOW": "30"}, "MA_FAST"),
        ({"PYRAMID_DECAY_MIN_PCT": "2"}, "PYRAMID_DECAY_MIN_PCT"),
        ({"SCALP_TP_DECAY_ENABLE": "true", "SCALP_TP_MIN_PCT": "2"}, "SCALP_TP_MIN_PCT"),
    ],
)
def test_contradictions_name_both_keys(keys: dict[str, str], named: str) -> None:
    with pytest.raises(BadInput, match=named):
        load(keys)


def test_without_decay_a_high_floor_of_the_gate_contradicts_nothing() -> None:
    assert load({"PYRAMID_DECAY_MIN_PCT": "2", "PYRAMID_DECAY_LAMBDA": "0"}).pyramid_decay_lambda == 0


def test_live_needs_both_caps_but_only_to_trade() -> None:
    live = load({"DRY_RUN": "false"})
    assert [message.split()[0] for message in live_requirements(live)] == ["MAX_ORDER_USD", "MAX_EXPOSURE_USD"]
    assert live_requirements(load({})) == []


def test_an_unknown_key_names_the_nearest() -> None:
    (error,) = unknown_keys(["TAKE_PROFIT_PC"])
    assert "TAKE_PROFIT_PCT" in str(error)
    assert unknown_keys(BY_KEY) == []


def test_booleans_and_choices_take_any_case() -> None:
    assert BY_KEY["DRY_RUN"].parse(" FALSE ") is False
    assert BY_KEY["MODEL_MODE"].parse("Extended") == "extended"
    assert all(setting.choices for setting in SETTINGS if setting.kind is Kind.CHOICE)
