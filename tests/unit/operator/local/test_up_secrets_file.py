"""``up --env``: the API key of a bridge.env, and nothing else of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cbbot.errors import BadInput
from cbbot_operator.local.folder import StateFolder
from cbbot_operator.local.manifest import read_manifest
from cbbot_operator.local.plan import make_plan
from cbbot_operator.local.secrets_file import with_secrets_of

LIVE = Path(__file__).parents[4] / "examples" / "live.yaml"
FILE = (
    'COINBASE_API_KEY_NAME=organizations/o/apiKeys/k\nCOINBASE_API_PRIVATE_KEY="-----BEGIN\nabc=\n-----END"\n'
    "COINBASE_API_BASE=https://elsewhere.example\nRISK_PER_TRADE_PCT=99\n"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "bridge.env"
    path.write_text(FILE)
    return path


def test_the_live_example_starts_with_the_files_key_and_without_its_settings(file: Path, tmp_path: Path) -> None:
    plan = make_plan(read_manifest(LIVE), StateFolder(tmp_path), with_secrets_of(file, {"PATH": "/bin"}))
    bridge, bot = plan.parts
    assert bridge.environment["COINBASE_API_KEY_NAME"] == "organizations/o/apiKeys/k"
    assert bridge.environment["COINBASE_API_PRIVATE_KEY"] == "-----BEGIN\nabc=\n-----END"
    assert "COINBASE_API_BASE" not in bridge.environment
    assert bot.environment["RISK_PER_TRADE_PCT"] == "2"
    assert not [key for key in bot.environment if key.startswith("COINBASE")]


def test_a_secret_of_the_environment_wins_over_every_form_of_it_in_the_file(file: Path) -> None:
    shell = {"COINBASE_API_PRIVATE_KEY_FILE": "/keys/mine"}
    held = with_secrets_of(file, shell)
    assert held == shell | {"COINBASE_API_KEY_NAME": "organizations/o/apiKeys/k"}
    assert with_secrets_of(None, shell) == shell


def test_without_a_key_the_message_names_the_option(tmp_path: Path) -> None:
    empty = tmp_path / "empty.env"
    empty.write_text("")
    with pytest.raises(BadInput, match="the file of --env"):
        make_plan(read_manifest(LIVE), StateFolder(tmp_path), with_secrets_of(empty, {}))
    with pytest.raises(BadInput, match="--env"):
        with_secrets_of(tmp_path / "nowhere.env", {})
