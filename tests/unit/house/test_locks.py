"""Tests, demo and images run the same versions: every lock is a part of one resolution."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distributions

import pytest
from packaging.utils import canonicalize_name

from candle_files import ROOT
from locked_versions import LOCKS, locked_for, pins

# Other people's programs, in environments of their own because of what they pin.
APART = {"clients", "docs", "yardsticks"}


@pytest.mark.parametrize("name", sorted(set(LOCKS) - APART - {"dev"}))
def test_a_lock_has_the_versions_of_the_tests(name: str) -> None:
    locked, tested = pins(name), pins("dev")
    assert len(locked) > 5
    versions = {package: {version for version, _ in found} for package, found in locked.items()}
    expected = {package: {version for version, _ in tested.get(package, set())} for package in locked}
    assert versions == expected, "python3 tools/locks.py makes them from one resolution"


def test_the_tests_run_on_what_is_locked() -> None:
    installed = {str(canonicalize_name(each.name)): each.version for each in distributions()}
    locked = locked_for("dev")
    assert {package: installed.get(package) for package in locked} == locked, "python3 tools/dev.py setup"


def test_what_the_clients_pin_is_not_in_the_tests_environment() -> None:
    asked = (ROOT / "requirements" / "clients.in").read_text(encoding="utf-8").split()
    clients = {re.split(r"[<>=]", line)[0] for line in asked}
    assert clients == {"ccxt", "coinbase-advanced-py"}
    assert clients <= set(pins("clients"))
    assert not clients & set(pins("dev"))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert not [line for lines in extras.values() for line in lines if line.startswith(tuple(clients))]


def test_every_line_of_a_lock_is_read() -> None:
    for name, path in LOCKS.items():
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if "==" in line]
        packages = [line for line in lines if not line.startswith(" ")]
        assert sum(map(len, pins(name).values())) == len(packages), name
