"""The bridge's environment: the old names work, and nonsense is told in one line that leaks nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cbbot.contract.bridge_settings_table import EXCHANGE_BY_FIELD, EXCHANGE_SETTINGS
from cbbot.contract.setting import BadSetting
from cbbot.contract.settings_reading import BadSettings
from cbbot_bridge.bridge_settings import load_settings

PEM = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    .decode()
)
KEYS = {"COINBASE_API_KEY_NAME": "organizations/o/apiKeys/k", "COINBASE_API_PRIVATE_KEY": PEM}
TOKEN = "0123456789abcdef"


def test_an_empty_environment_gives_public_market_data_of_coinbase() -> None:
    settings = load_settings({})
    assert settings.api_base == "https://api.coinbase.com"
    assert settings.ws_url == "wss://advanced-trade-ws.coinbase.com"
    assert (settings.port, settings.ws_enabled, settings.ws_stale_seconds) == (8787, True, 10)
    assert settings.ws_products == ("BTC-USD",)
    assert not settings.can_order
    assert settings.token is None


def test_every_default_of_the_table_is_accepted_by_its_own_row() -> None:
    for setting in EXCHANGE_SETTINGS:
        if setting.default is not None:
            value = setting.parse(setting.default)
            assert setting.parse(setting.text(value)) == value


def test_the_table_maps_every_field_of_the_exchange_section() -> None:
    assert set(EXCHANGE_BY_FIELD) == {
        "exchange.apiBase",
        "exchange.websocket.enabled",
        "exchange.websocket.url",
        "exchange.websocket.products",
        "exchange.websocket.staleSeconds",
    }


@pytest.mark.parametrize("key", ["COINBASE_API_PRIVATE_KEY", "COINBASE_API_SECRET"])
def test_keys_come_from_new_and_old_names(key: str) -> None:
    settings = load_settings({"COINBASE_API_KEY_NAME": "k", key: PEM.replace("\n", "\\n")})
    assert settings.signer is not None
    assert settings.can_order


def test_keys_and_token_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "name").write_text("organizations/o/apiKeys/k\n")
    (tmp_path / "key").write_text(PEM)
    (tmp_path / "token").write_text(TOKEN + "\n")
    settings = load_settings(
        {
            "COINBASE_API_KEY_NAME_FILE": str(tmp_path / "name"),
            "COINBASE_API_PRIVATE_KEY_FILE": str(tmp_path / "key"),
            "BRIDGE_TOKEN_FILE": str(tmp_path / "token"),
        }
    )
    assert settings.signer is not None
    assert settings.token == TOKEN


def test_secrets_are_not_in_the_settings_text() -> None:
    text = repr(load_settings({**KEYS, "BRIDGE_TOKEN": TOKEN}))
    assert TOKEN not in text
    assert "signer" not in text


def test_products_are_read_as_a_list_without_repeats() -> None:
    settings = load_settings({"COINBASE_WS_PRODUCTS": "BTC-USD, ETH-USD,BTC-USD"})
    assert settings.ws_products == ("BTC-USD", "ETH-USD")


def test_the_websocket_of_another_venue_is_found_beside_its_api() -> None:
    settings = load_settings({"COINBASE_API_BASE": "http://127.0.0.1:8788", "COINBASE_AUTH": "none"})
    assert settings.ws_url == "ws://127.0.0.1:8788"
    assert settings.can_order
    assert settings.signer is None


@pytest.mark.parametrize("base", ["http://simulator:8788", "http://127.0.0.1:1", "https://127.0.0.1:1"])
def test_an_unsigned_venue_is_plain_http_or_this_machine(base: str) -> None:
    assert load_settings({"COINBASE_API_BASE": base, "COINBASE_AUTH": "none"}).unsigned


def test_keys_beside_an_unsigned_venue_are_not_used() -> None:
    settings = load_settings({**KEYS, "COINBASE_API_BASE": "http://127.0.0.1:1", "COINBASE_AUTH": "none"})
    assert settings.signer is None
    assert any("not used" in warning for warning in settings.warnings)


def test_a_mistyped_key_is_warned_about() -> None:
    assert any("COINBASE_WS_STALE" in w for w in load_settings({"COINBASE_WS_STALE": "5"}).warnings)


@pytest.mark.parametrize(
    ("environment", "key"),
    [
        ({"PORT": "http"}, "PORT"),
        ({"PORT": "65536"}, "PORT"),
        ({"COINBASE_WS_STALE_SEC": "0"}, "COINBASE_WS_STALE_SEC"),
        ({"COINBASE_WS_STALE_SEC": "1.5"}, "COINBASE_WS_STALE_SEC"),
        ({"COINBASE_WS_ENABLE": "maybe"}, "COINBASE_WS_ENABLE"),
        ({"COINBASE_WS_PRODUCTS": "btc-usd"}, "COINBASE_WS_PRODUCTS"),
        ({"COINBASE_WS_PRODUCTS": "BTCUSD"}, "COINBASE_WS_PRODUCTS"),
        ({"COINBASE_RATE_SHARE": "0"}, "COINBASE_RATE_SHARE"),
        ({"COINBASE_RATE_SHARE": "1.1"}, "COINBASE_RATE_SHARE"),
        ({"COINBASE_API_BASE": "api.coinbase.com"}, "COINBASE_API_BASE"),
        ({"COINBASE_API_BASE": "https://api.coinbase.com/api/v3"}, "COINBASE_API_BASE"),
        ({"COINBASE_AUTH": "basic"}, "COINBASE_AUTH"),
        ({"COINBASE_AUTH": "none"}, "COINBASE_AUTH"),
        ({"COINBASE_AUTH": "none", "COINBASE_API_BASE": "https://exchange.example"}, "COINBASE_AUTH"),
        ({"COINBASE_WS_URL": "https://advanced-trade-ws.coinbase.com"}, "COINBASE_WS_URL"),
        ({"COINBASE_WS_URL": "ws://127.0.0.1:9"}, "COINBASE_WS_URL"),
        (
            {
                "COINBASE_API_BASE": "http://127.0.0.1:1",
                "COINBASE_WS_URL": "wss://advanced-trade-ws.coinbase.com",
            },
            "COINBASE_WS_URL",
        ),
        ({**KEYS, "COINBASE_API_BASE": "http://exchange.example"}, "COINBASE_API_BASE"),
        ({"COINBASE_API_KEY_NAME": "k"}, "COINBASE_API_PRIVATE_KEY"),
        ({"COINBASE_API_PRIVATE_KEY": PEM}, "COINBASE_API_KEY_NAME"),
        ({**KEYS, "COINBASE_API_SECRET": PEM}, "COINBASE_API_SECRET"),
        ({"COINBASE_API_KEY_NAME": "k", "COINBASE_API_PRIVATE_KEY": "s3cret-rubbish"}, "COINBASE_API_PRIVATE_KEY"),
        ({"BRIDGE_TOKEN": "s3cret"}, "BRIDGE_TOKEN"),
        ({"BRIDGE_TOKEN_FILE": "no/such/file"}, "BRIDGE_TOKEN_FILE"),
        ({"BRIDGE_HOST": "two words"}, "BRIDGE_HOST"),
    ],
)
def test_a_bad_setting_is_reported_by_key_and_what_is_accepted(environment: dict[str, str], key: str) -> None:
    with pytest.raises(BadSettings) as caught:
        load_settings(environment)
    message = str(caught.value)
    (problem,) = caught.value.problems
    assert isinstance(problem, BadSetting)
    assert problem.key == key
    assert message.startswith(f"{key}=")
    assert "is not accepted: " in message
    assert "\n" not in message
    assert "s3cret" not in message
    assert "BEGIN EC" not in message


def test_a_secret_file_that_holds_rubbish_is_named_but_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("s3cret with spaces and more")
    with pytest.raises(BadSettings, match=r"BRIDGE_TOKEN_FILE=.*16 to 512 printable") as caught:
        load_settings({"BRIDGE_TOKEN_FILE": str(path)})
    assert "s3cret" not in str(caught.value)
