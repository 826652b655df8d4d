"""What a clone does not have is skipped with a reason, fails where CI is set, and is looked for in one place."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import candle_files
import prerequisites
from candle_files import ROOT, SHORT, VARIABLE, YEAR


@pytest.fixture(params=["", "true"], ids=["here", "ci"])
def outcome(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> type[BaseException]:
    """How a test ends that misses something."""
    monkeypatch.setenv("CI", request.param)
    return pytest.fail.Exception if request.param else pytest.skip.Exception


def test_no_year_of_candles_says_how_to_get_it(
    outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none.csv.gz"))
    with pytest.raises(
        outcome, match=rf"{tmp_path}/none.csv.gz: put .* into data/{YEAR} or name the file in {VARIABLE}"
    ):
        prerequisites.candle_file(YEAR)
    assert prerequisites.candle_file(SHORT).exists(), "the sample is always there"
    assert candle_files.files_here() == [candle_files.file_of(SHORT)]


@pytest.mark.parametrize(
    ("content", "wrong"),
    [(gzip.compress(b"time,open\n"), "has other rows"), (b"time,open\n", "cannot be read")],
    ids=["another year", "no gzip"],
)
def test_another_file_than_the_goldens_were_made_from_is_named(
    outcome: type[BaseException], content: bytes, wrong: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "other.csv.gz").write_bytes(content)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "other.csv.gz"))
    with pytest.raises(outcome, match=rf"other.csv.gz {wrong}"):
        prerequisites.candle_file(YEAR)


def test_no_clients_say_how_to_get_them(
    outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.prefix", str(tmp_path / "env"))
    with pytest.raises(outcome, match=rf"no clients at {tmp_path}/env-clients: python3 tools/dev.py setup"):
        prerequisites.clients_python()


def test_goldens_are_not_renewed_without_the_year(tmp_path: Path) -> None:
    """Half of them would stay as they were."""
    environment = {key: value for key, value in os.environ.items() if key != "CI"} | {VARIABLE: str(tmp_path / "none")}
    command = [sys.executable, str(ROOT / "tools" / "goldens.py")]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"goldens: no year of candles at {tmp_path}/none: put ")


def test_what_is_needed_is_looked_for_in_one_place() -> None:
    """Neither the year's name nor the variable CI stands anywhere but in the modules that decide."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    own = {"tests/candle_files.py", "tests/prerequisites.py", "tests/unit/house/test_prerequisites.py"}
    looking = re.compile(r'BTCUSD-1m|"shared"|importorskip|environ(?:\.get\(|\[)"CI"')
    found = {name for name in listed.split() if (ROOT / name).exists() and looking.search((ROOT / name).read_text())}
    assert found - own == {"tools/goldens.py", "tools/renew_refusals.py"}, "which renew nothing in CI"
