from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cbbot.contract.advice import warnings
from cbbot.contract.settings import load
from cbbot.contract.spec_reader import read_spec
from cbbot.contract.tradingbot import environment

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_accepted_without_a_warning(path: Path) -> None:
    manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert warnings(load(environment(read_spec(manifest["spec"])))) == []


def test_the_live_example_has_its_caps() -> None:
    (path,) = [path for path in EXAMPLES if path.name == "live.yaml"]
    spec = read_spec(yaml.safe_load(path.read_text(encoding="utf-8"))["spec"])
    assert (spec.mode, spec.deletionPolicy) == ("Live", "Refuse")
    assert spec.risk.maxOrderUSD is not None
