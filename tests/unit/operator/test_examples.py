from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cbbot.contract.advice import warnings
from cbbot.contract.settings import load
from cbbot.contract.spec_reader import read_spec
from cbbot.contract.tradingbot import environment

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.yaml"))


MANIFESTS = [
    (path.name, manifest) for path in EXAMPLES for manifest in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("name", "manifest"), MANIFESTS)
def test_every_example_is_accepted_without_a_warning(name: str, manifest: dict[str, Any]) -> None:
    assert warnings(load(environment(read_spec(manifest["spec"])))) == [], name


def test_no_two_examples_have_one_name() -> None:
    names = [manifest["metadata"]["name"] for _, manifest in MANIFESTS]
    assert len(set(names)) == len(names)


def test_the_live_example_has_its_caps() -> None:
    (path,) = [path for path in EXAMPLES if path.name == "live.yaml"]
    spec = read_spec(yaml.safe_load(path.read_text(encoding="utf-8"))["spec"])
    assert (spec.mode, spec.deletionPolicy) == ("Live", "Refuse")
    assert spec.risk.maxOrderUSD is not None
