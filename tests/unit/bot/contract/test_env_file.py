from __future__ import annotations

import pytest

from cbbot.contract.env_file import parse_env_file
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


@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_private_key_over_several_lines_is_stepped_over_and_none_of_it_is_shown(quote: str) -> None:
    key = "-----BEGIN A KEY-----\nMHcCAQEEIAx+/yz\nq83Kfq==\n-----END A KEY-----"
    found = parse_env_file(f"COINBASE_API_PRIVATE_KEY={quote}{key}{quote} # mine\nPORT=1\n")
    assert (found.values, found.ignored) == ({"PORT": "1"}, ("COINBASE_API_PRIVATE_KEY",))


def test_a_quote_that_another_lines_quote_would_close_hides_no_setting() -> None:
    found = parse_env_file('OTHER="never closed\nBOT_ID="mine"\nPORT=1\n')
    assert found.values == {"BOT_ID": "mine", "PORT": "1"}


def test_line_ends_of_windows_and_odd_characters_in_quotes_are_text_as_in_a_shell() -> None:
    found = parse_env_file("PORT=1\r\nSTATE_FILE='a\u2028b\\'\r\nBOT_ID=\"a\\\\b\"\r\n")
    assert found.values == {"PORT": "1", "STATE_FILE": "a\u2028b\\", "BOT_ID": "a\\b"}


def test_a_key_in_the_wrong_case_is_not_taken_but_named() -> None:
    found = parse_env_file("take_profit_pct=3\n")
    assert found.values == {}
    assert "did you mean TAKE_PROFIT_PCT?" in (found.warning() or "")


@pytest.mark.parametrize("text", ["PORT\n", "=1\n", 'BOT_ID="open\n', "BOT_ID='a' b\n"])
def test_a_malformed_line_is_named_by_file_and_number(text: str) -> None:
    with pytest.raises(BadInput, match=r"my\.env:2"):
        parse_env_file("# first\n" + text, "my.env")
