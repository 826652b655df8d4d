"""The examples are what they say: manifests that are accepted, and the old deployment's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from cbbot.contract.advice import warnings
from cbbot.contract.env_file import parse_env_file
from cbbot.contract.settings import live_requirements, load
from cbbot_operator.local.manifest import BadManifest, read_manifest

EXAMPLES = Path(__file__).parents[4] / "examples"


TWO_BOTS = EXAMPLES / "two-bots.yaml"


@pytest.mark.parametrize("path", sorted({*EXAMPLES.glob("*.yaml")} - {TWO_BOTS}), ids=lambda path: path.name)
def test_every_manifest_of_one_bot_is_accepted(path: Path) -> None:
    assert read_manifest(path).spec.product.id


def test_two_bots_are_for_a_cluster() -> None:
    with pytest.raises(BadManifest, match=r"holds 2 TradingBots \(btc-slow, eth-fast\): cbbot up runs one"):
        read_manifest(TWO_BOTS)


def test_the_old_deployment_s_settings_load_with_the_warnings_they_deserve() -> None:
    read = parse_env_file((EXAMPLES / "seed.env").read_text())
    assert read.ignored == ()
    assert len(read.values) == 40
    settings = load(read.values)
    found = warnings(settings)
    assert [warning.split("=")[0] for warning in found] == ["STOP_LOSS_PCT", "RISK_PER_TRADE_PCT"]
    assert [line.split()[0] for line in live_requirements(settings)] == ["MAX_ORDER_USD", "MAX_EXPOSURE_USD"]
    # At Coinbase's own rate the floor of the lowered take profit loses money.
    assert "SCALP_TP_MIN_PCT=1.55" in warnings(settings, taker_rate_pct=settings.fee_rate_pct * 6 / 5)[0]
