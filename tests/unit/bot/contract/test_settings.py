"""The settings table, the Settings object and the TradingBot's fields say the same."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from cbbot.contract.setting import BadSetting, Kind
from cbbot.contract.settings import Settings, as_text, live_requirements, load, unknown_keys
from cbbot.contract.settings_reading import BadSettings
from cbbot.contract.settings_table import BY_FIELD, BY_KEY, SETTINGS
from cbbot.contract.spec_reader import read_spec
from cbbot.contract.tradingbot import TradingBotSpec, environment
from cbbot.contract.violation import BadTradingBot
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
            assert isinstance(annotation, type)
            assert issubclass(annotation, BaseModel)
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
    with pytest.raises(BadSettings) as caught:
        load({key: value})
    assert key in str(caught.value)
    assert repr(value) in str(caught.value)
    assert accepted in str(caught.value)


NO_NUMBERS = [
    "nan", "-inf", "Infinity", "sNaN", "1e400", "-1e400", "1_000", "\uff11\uff12", "\u0663", "1 5", "1,5", "0x10", ".",
    "--1", "1\x00", "1" + "0" * 30, "9" * 5000, "0.1000000000000000000000000000000000001", "1e-30", "true",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_NUMBERS)
@pytest.mark.parametrize("kind", [Kind.DECIMAL, Kind.INTEGER])
def test_what_is_no_plain_number_within_bounds_is_refused_by_every_key_in_one_short_line(kind: Kind, text: str) -> None:
    for setting in (setting for setting in SETTINGS if setting.kind is kind):
        with pytest.raises(BadSetting) as caught:
            setting.parse(text)
        message = str(caught.value)
        assert message.startswith(f"{setting.key}=")
        assert setting.accepted in message
        assert len(message) < 300
        assert "\n" not in message


def test_every_bound_is_accepted_or_not_as_its_row_says_and_what_lies_beyond_is_refused() -> None:
    for setting in (setting for setting in SETTINGS if setting.kind in (Kind.DECIMAL, Kind.INTEGER)):
        least = Decimal(1) if setting.kind is Kind.INTEGER else Decimal(1).scaleb(-setting.digits)
        assert setting.minimum is not None
        low = Decimal(setting.minimum)
        accepted, refused = (low + least, [low, low - least]) if setting.above else (low, [low - least])
        assert setting.parse(f"{accepted:f}") == accepted
        if setting.maximum is not None:
            high = Decimal(setting.maximum)
            assert setting.parse(f"{high:f}") == high
            refused.append(high + least)
        for value in refused:
            with pytest.raises(BadSetting):
                setting.parse(f"{value:f}")


def test_white_space_around_a_value_and_a_sign_before_zero_do_not_count() -> None:
    assert load({"FEE_RATE_PCT": "\t0.5 ", "MA_FAST": " 7\n"}).fee_rate_pct == Decimal("0.5")
    assert as_text(load({"FEE_RATE_PCT": "-0.00"}))["FEE_RATE_PCT"] == "0.00"
    assert load({"TAKE_PROFIT_PCT": "", "BOT_ID": "  "}) == load({})


@pytest.mark.parametrize("url", ["http://", "http://host:99999", "http://host:port", "http://[::1", "http://:8080"])
def test_an_address_that_no_client_could_use_is_refused_at_once(url: str) -> None:
    with pytest.raises(BadSettings, match="BRIDGE_URL"):
        load({"BRIDGE_URL": url})


def test_a_path_with_a_control_character_is_refused() -> None:
    with pytest.raises(BadSettings, match="STATE_FILE"):
        load({"STATE_FILE": "state\x00.json"})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, True, "1", 0.1 + 0.2])
def test_a_number_of_a_tradingbot_is_refused_in_the_same_words(value: object) -> None:
    with pytest.raises(BadTradingBot) as caught:
        read_spec({"product": {"id": "BTC-USD"}, "risk": {"feeRatePct": value}})
    assert "spec.risk.feeRatePct" in str(caught.value)
    assert BY_KEY["FEE_RATE_PCT"].accepted in str(caught.value)


def test_an_unknown_field_of_a_tradingbot_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(BadTradingBot, match=r"spec\.strategy\.maFst.*did you mean maFast"):
        read_spec({"product": {"id": "BTC-USD"}, "strategy": {"maFst": 3}})


@pytest.mark.parametrize("url", ["ftp://me:hidden@bridge", "http://me:hidden@bridge:99999", "me:hidden@bridge"])
def test_a_password_in_an_address_is_not_repeated_in_an_error(url: str) -> None:
    with pytest.raises(BadInput) as caught:
        load({"BRIDGE_URL": url})
    assert "***@bridge" in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_a_secret_is_never_repeated_in_an_error_or_in_text() -> None:
    with pytest.raises(BadSettings) as caught:
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
