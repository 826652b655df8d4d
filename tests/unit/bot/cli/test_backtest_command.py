"""``cbbot backtest`` as a person types it: what it prints, what it writes, how it ends."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest

from cbbot.cli import main

ROOT = Path(__file__).resolve().parents[4]
SAMPLE = str(files("cbbot_bridge.simulator") / "sample" / "BTC-USD-1m-6000.csv")


def test_a_manifest_and_the_settings_it_means_give_the_same_trades(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    assert main(["backtest", "--csv", SAMPLE, "-f", str(ROOT / "examples" / "try.yaml"), "--json", str(first)]) == 0
    document = json.loads(first.read_text())
    sets = [part for key, value in document["settings"].items() for part in ("--set", f"{key}={value}")]
    assert main(["backtest", "--csv", SAMPLE, *sets, "--json", str(second)]) == 0
    assert json.loads(second.read_text()) == document
    assert len(document["trades"]) == 32
    assert "take_profit       31" in capsys.readouterr().out


def test_the_old_deployments_env_file_is_read_warned_about_and_traded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "result.json"
    seed = [
        "--env",
        str(ROOT / "examples" / "seed.env"),
        "--set",
        "BACKTEST_SLEEP_MS=0",
        "--set",
        "WALK_FORWARD_MIN=30",
    ]
    assert main(["backtest", "--csv", SAMPLE, *seed, "--json", str(path)]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "STOP_LOSS_PCT=1000.00 can never trigger" in said
    assert "RISK_PER_TRADE_PCT=20.0 pays for 5 lots" in said
    document = json.loads(path.read_text())
    assert document["settings"]["DRY_RUN"] == "true"
    assert document["summary"]["equity_start"] == "68.5"
    assert document["trades"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--csv", "none.csv"], "none.csv: no such file"),
        (["--csv", SAMPLE, "--set", "TAKE_PROFT_PCT=1"], "did you mean TAKE_PROFIT_PCT?"),
        (["--csv", SAMPLE, "--set", "TAKE_PROFIT_PCT=-1"], "TAKE_PROFIT_PCT='-1' is not accepted"),
        (["--csv", SAMPLE, "--set", "MA_FAST=50"], "MA_FAST=50 must be below MA_SLOW=30"),
        (["--csv", SAMPLE, "--set", "nothing"], "KEY=VALUE"),
        (["--csv", SAMPLE, "--env", "none.env"], "none.env"),
        (["--csv", SAMPLE, "-f", "none.yaml"], "none.yaml"),
        (["--csv", SAMPLE, "-f", "none.yaml", "--env", "a"], "use one of them"),
        (["--csv", SAMPLE, "--set", "GRANULARITY=ONE_HOUR"], "60 seconds apart, GRANULARITY says 3600"),
        ([], "--csv"),
    ],
)
def test_bad_input_is_one_line_on_stderr_and_exit_code_two(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    json_path = tmp_path / "result.json"
    assert main(["backtest", *arguments, "--json", str(json_path)]) == 2
    errors = capsys.readouterr().err.strip().splitlines()
    assert said in errors[-1]
    assert "Traceback" not in "\n".join(errors)
    assert list(tmp_path.iterdir()) == []
