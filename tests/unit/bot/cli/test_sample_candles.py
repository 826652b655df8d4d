"""``sample`` names the candles that cbbot brings along."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest

from cbbot.cli.candle_options import candle_file
from cbbot.cli.dispatch import main
from cbbot_bridge.simulator.command_line import parse_arguments
from cbbot_bridge.simulator.simulator_settings import SAMPLE


def test_the_name_stands_for_the_simulators_candles(tmp_path: Path) -> None:
    assert candle_file("sample") == Path(str(files("cbbot_bridge.simulator") / "sample" / "BTC-USD-1m-6000.csv"))
    assert candle_file("./sample") == Path("sample")
    out = tmp_path / "found.json"
    assert main(["data", "check", "sample", "--json", str(out)]) == 0
    assert json.loads(out.read_text())["candles"] == 6000


def test_without_the_simulator_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(_: str) -> Path:
        raise ModuleNotFoundError("No module named 'cbbot_bridge'", name="cbbot_bridge")

    monkeypatch.setattr("cbbot.cli.candle_options.files", missing)
    assert main(["backtest", "--csv", "sample"]) == 2
    assert "pip install 'cbbot[bridge]'" in capsys.readouterr().err


def test_the_simulator_plays_them_by_that_name() -> None:
    (market,) = parse_arguments(["--csv", "sample"]).markets
    assert market.csv == SAMPLE
    assert market.instrument.product_id == "BTC-USD"
    (file,) = parse_arguments(["--csv", "./sample"]).markets
    assert file.csv == Path("sample")
