"""Bot, bridge, simulator and operator read the text of a setting alike, and say every problem of a start at once."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cbbot.contract.bridge_settings_table import EXCHANGE_BY_KEY
from cbbot.contract.runtime_env import RUNTIME_SETTINGS
from cbbot.contract.setting import BadSetting, Setting
from cbbot.contract.settings import load
from cbbot.contract.settings_reading import BadSettings, read_secret
from cbbot.contract.settings_table import BY_KEY
from cbbot_bridge.bridge_settings import load_settings
from cbbot_bridge.simulator.command_line import OPTIONS, parse_arguments
from cbbot_operator.configuration import CONFIGURATION, read_configuration

IMAGES = {"CBBOT_BOT_IMAGE": "bot:1", "CBBOT_BRIDGE_IMAGE": "bridge:1"}
SIMULATOR = {option.key: option for option in OPTIONS}
OPERATOR = {setting.key: setting for setting in CONFIGURATION}


class Door(NamedTuple):
    """One process's way from text to a value."""

    setting: Setting
    value: Callable[[dict[str, str]], Any]


def simulated(texts: dict[str, str]) -> Any:
    return parse_arguments([f"{key}={text}" for key, text in texts.items()])


def configured(texts: dict[str, str]) -> Any:
    return read_configuration(IMAGES | texts)


WHOLE = {
    "bot": Door(BY_KEY["MAX_CONCURRENT_LOTS"], lambda texts: load(texts).max_concurrent_lots),
    "bridge": Door(EXCHANGE_BY_KEY["COINBASE_WS_STALE_SEC"], lambda texts: load_settings(texts).ws_stale_seconds),
    "simulator": Door(SIMULATOR["--book-levels"], lambda texts: simulated(texts).book.levels),
    "operator": Door(OPERATOR["CBBOT_WORKERS"], lambda texts: configured(texts).workers),
}
NUMBER = {
    "bot": Door(BY_KEY["PYRAMID_DECAY_LAMBDA"], lambda texts: load(texts).pyramid_decay_lambda),
    "bridge": Door(EXCHANGE_BY_KEY["COINBASE_RATE_SHARE"], lambda texts: load_settings(texts).rate_share),
    "simulator": Door(SIMULATOR["--speed"], lambda texts: simulated(texts).speed),
    "operator": Door(OPERATOR["CBBOT_POLL_SECONDS"], lambda texts: configured(texts).poll_seconds),
}
CHOICE = {
    "bot": Door(BY_KEY["MODEL_MODE"], lambda texts: load(texts).model_mode),
    "bridge": Door(EXCHANGE_BY_KEY["COINBASE_AUTH"], lambda texts: load_settings(texts).unsigned),
    "operator": Door(OPERATOR["LOG_LEVEL"], lambda texts: configured(texts).log_level),
}
NONE_AT_ALL = ["1_0", "\uff11", "\u0661", "0x1", "1,0", "1 0", "nan", "inf", "-inf", "1e400", "true", "-1", "9" * 500]


@pytest.mark.parametrize("process", WHOLE)
@pytest.mark.parametrize("text", ["7", "7.0", "7e0", "+7", " 7 "])
def test_a_whole_number_is_read_alike(process: str, text: str) -> None:
    door = WHOLE[process]
    assert door.value({door.setting.key: text}) == 7
    assert type(door.value({door.setting.key: text})) is int


@pytest.mark.parametrize("process", NUMBER)
@pytest.mark.parametrize("text", ["1", "1.0", "1e0", "+1", "1.", " 1 "])
def test_a_number_is_read_alike(process: str, text: str) -> None:
    door = NUMBER[process]
    assert door.value({door.setting.key: text}) == 1


@pytest.mark.parametrize("doors", [WHOLE, NUMBER, CHOICE])
def test_an_empty_text_is_the_default(doors: dict[str, Door]) -> None:
    for door in doors.values():
        assert door.value({door.setting.key: " "}) == door.value({})


@pytest.mark.parametrize(
    ("doors", "text"),
    [
        *((WHOLE, text) for text in [*NONE_AT_ALL, "2.5"]),
        *((NUMBER, text) for text in [*NONE_AT_ALL, "1." + "0" * 20 + "1"]),
        (CHOICE, "loud"),
        (CHOICE, "1"),
    ],
)
def test_what_is_refused_is_refused_by_all_in_the_same_words(doors: dict[str, Door], text: str) -> None:
    for door in doors.values():
        with pytest.raises(BadSettings) as caught:
            door.value({door.setting.key: text})
        (line,) = caught.value.reasons
        shown = repr(text) if len(text) <= 120 else f"{text[:120]!r}... ({len(text)} characters)"
        assert line == f"{door.setting.key}={shown} is not accepted: {door.setting.accepted}"


@pytest.mark.parametrize("text", ["two words", "a/b", "t\u00f6p"])
def test_an_address_to_listen_on_is_checked_by_all(text: str) -> None:
    (bot_host,) = (setting for setting in RUNTIME_SETTINGS if setting.key == "BOT_HOST")
    for setting in (bot_host, EXCHANGE_BY_KEY["BRIDGE_HOST"], SIMULATOR["--host"]):
        with pytest.raises(BadSetting, match="an address or host name to listen on"):
            setting.parse(text)
        assert setting.parse(" ::1 ") == setting.parse("[::1]") == "::1"


@pytest.mark.parametrize(
    ("start", "keys"),
    [
        (
            lambda: load({"FEE_RATE_PCT": "x", "DRY_RUN": "maybe", "MA_FAST": "50"}),
            ["FEE_RATE_PCT", "DRY_RUN", "MA_FAST"],
        ),
        (
            lambda: load_settings({"PORT": "x", "COINBASE_WS_URL": "ws://elsewhere", "BRIDGE_TOKEN_FILE": "/none"}),
            ["PORT", "BRIDGE_TOKEN_FILE", "COINBASE_WS_URL"],
        ),
        (
            lambda: parse_arguments(
                ["--port", "x", "--speed", "y", "--balance", "USD", "--balance", "EUR=-1", "--key-name", "k"]
            ),
            ["--port", "--speed", "--balance", "--balance", "--key-name and --public-key-file belong together: give"],
        ),
        (
            lambda: parse_arguments(["--product", "BTC", "--walk", "1.5", "--public-key-file", "/none"]),
            ["--walk", "--key-name and --public-key-file belong together: give both or neither"],
        ),
        (
            lambda: read_configuration({"CBBOT_NAMESPACES": "a,*", "PORT": "8080.5"}),
            ["CBBOT_BOT_IMAGE", "CBBOT_BRIDGE_IMAGE", "PORT", "CBBOT_NAMESPACES"],
        ),
    ],
)
def test_every_problem_of_a_start_is_said_at_once(start: Callable[[], object], keys: list[str]) -> None:
    with pytest.raises(BadSettings) as caught:
        start()
    said = [line.split("=")[0] for line in caught.value.reasons]
    assert len(said) >= len(keys)
    for key in keys:
        assert any(line.startswith(key) for line in said), (key, said)


def test_half_a_key_that_cannot_be_read_is_not_called_missing() -> None:
    with pytest.raises(BadSettings) as caught:
        load_settings({"COINBASE_API_KEY_NAME": "two words", "COINBASE_API_PRIVATE_KEY": "s3cret"})
    assert [line.split("=")[0] for line in caught.value.reasons] == ["COINBASE_API_KEY_NAME"]


def test_a_secrets_file_is_read_alike_and_never_shown(tmp_path: Path) -> None:
    token = EXCHANGE_BY_KEY["BRIDGE_TOKEN"]
    (tmp_path / "token").write_text("0123456789abcdef\n")
    assert read_secret(token, str(tmp_path / "token"), "X_FILE") == "0123456789abcdef"
    bad = ["", "\n", "s3cret", "s3cret two words", "s3cret-a\nbcdefghijkl", "s3cret-t\u00f6ken-abcdef"]
    bad.append("s3cret\x00bcdefghijk")
    for number, content in enumerate(bad):
        path = tmp_path / f"bad{number}"
        path.write_text(content, encoding="utf-8")
        with pytest.raises(BadSetting, match=r"X_FILE=.* a file that holds 16 to 512 printable") as caught:
            read_secret(token, str(path), "X_FILE")
        assert "s3cret" not in str(caught.value)
    (tmp_path / "bytes").write_bytes(b"\xff" * 20)
    with pytest.raises(BadSetting, match="16 to 512"):
        read_secret(token, str(tmp_path / "bytes"), "X_FILE")
    (tmp_path / "large").write_bytes(b"a" * 20_000)
    with pytest.raises(BadSetting, match="at most 16384 bytes"):
        read_secret(token, str(tmp_path / "large"), "X_FILE")
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(BadSetting, match=r"X_FILE=.* a file that can be read"):
            read_secret(token, str(path), "X_FILE")


def test_every_default_is_accepted_by_its_own_row() -> None:
    for setting in (*RUNTIME_SETTINGS, *CONFIGURATION, *OPTIONS):
        if setting.default is not None:
            value = setting.parse(setting.default)
            assert setting.parse(setting.text(value)) == value
    assert SIMULATOR["--history-fraction"].parse("0.999") == Decimal("0.999")
    for text in ("1", "-0.001"):
        with pytest.raises(BadSetting, match="from 0 to below 1"):
            SIMULATOR["--history-fraction"].parse(text)
