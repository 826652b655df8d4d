from __future__ import annotations

from decimal import Decimal

import pytest

from cbbot.contract.advice import break_even_pct, warnings
from cbbot.contract.env_file import parse_env_file
from cbbot.contract.settings import load
from cbbot.errors import BadInput


def test_comments_export_and_quotes_are_read_as_a_shell_would() -> None:
    found = parse_env_file(
        "\ufeff# a comment\n"
        "export PRODUCT_ID=ETH-USD\n"
        "TAKE_PROFIT_PCT = 1.9   # percent\n"
        "BOT_ID='a#b'\n"
        'STATE_FILE="/var/with space #1/state.json" # where\n'
        "\n"
        "PRODUCT_ID=BTC-USD\n"
    )
    assert found.values == {
        "PRODUCT_ID": "BTC-USD",
        "TAKE_PROFIT_PCT": "1.9",
        "BOT_ID": "a#b",
        "STATE_FILE": "/var/with space #1/state.json",
    }
    assert found.warning() is None


def test_keys_that_are_not_the_bots_are_ignored_unread_and_named_in_one_warning() -> None:
    found = parse_env_file('COINBASE_API_PRIVATE_KEY="never closed\nTAKE_PROFT_PCT=1\nPORT=1\n')
    assert found.values == {"PORT": "1"}
    warning = found.warning()
    assert warning is not None
    assert "COINBASE_API_PRIVATE_KEY" in warning
    assert "did you mean TAKE_PROFIT_PCT?" in warning
    assert "never closed" not in warning


@pytest.mark.parametrize("text", ["PORT\n", "=1\n", 'BOT_ID="open\n', "BOT_ID='a' b\n"])
def test_a_malformed_line_is_named_by_file_and_number(text: str) -> None:
    with pytest.raises(BadInput, match=r"my\.env:2"):
        parse_env_file("# first\n" + text, "my.env")


def test_a_take_profit_below_the_round_trip_is_warned_about() -> None:
    assert f"{break_even_pct(load({'FEE_RATE_PCT': '0.9'}).fee_rate_pct):.2f}" == "1.82"
    (warning,) = warnings(load({"TAKE_PROFIT_PCT": "1.5"}))
    assert "1.51 %" in warning
    assert warnings(load({})) == []


def test_the_venues_own_rate_counts_when_it_is_known() -> None:
    assert any("TAKE_PROFIT_PCT" in line for line in warnings(load({}), Decimal("1.2")))


def test_a_stop_that_cannot_trigger_and_lots_without_room_are_warned_about() -> None:
    found = warnings(load({"STOP_LOSS_PCT": "1000", "RISK_PER_TRADE_PCT": "20", "ALLOW_PYRAMIDING": "true"}))
    assert ["STOP_LOSS_PCT" in found[0], "pays for 5 lots" in found[1]] == [True, True]
