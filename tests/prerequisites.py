"""What some tests need and not every machine has.

Where it is missing they skip, with a reason that says how to get it. Where everything is to run, which the
environment says by CI, they fail with the same words: nothing is left out unseen.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import pytest

import candle_files

__all__ = ["candle_file", "clients_python", "debian_program", "missing"]


def missing(reason: str, *, required_by: str = "CI") -> NoReturn:
    """Skip the test; fail it where the environment has ``required_by``."""
    if os.environ.get(required_by):
        pytest.fail(f"{reason} ({required_by} is set: nothing may be left out)", pytrace=False)
    pytest.skip(reason)


def candle_file(name: str) -> Path:
    """The sample or the year of candles."""
    try:
        return candle_files.file_of(name)
    except candle_files.YearMissing as error:
        missing(str(error))


def clients_python() -> Path:
    """The interpreter of the environment that holds other people's clients of the exchange."""
    environment = Path(sys.prefix)
    python = environment.with_name(f"{environment.name}-clients") / "bin" / "python"
    if not python.exists():
        missing(f"no clients at {python.parents[1]}: python3 tools/dev.py setup installs them")
    return python


def debian_program(name: str, package: str) -> str:
    """The path of a program that a package of Debian's brings."""
    found = shutil.which(name)
    if found is None:
        missing(f"no {name}: .ci/monitoring installs it (Debian: apt-get install {package})")
    return found
