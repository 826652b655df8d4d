"""The candle files of tests and benchmarks: the sample in the repository, and a year of candles that is not in it.

Nothing of the product is imported: benchmarks and tools look files up here too.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from functools import cache
from pathlib import Path
from typing import Final

__all__ = ["ROOT", "SHORT", "VARIABLE", "YEAR", "YearMissing", "file_of", "files_here"]

ROOT: Final = Path(__file__).resolve().parents[1]
SHORT: Final = "BTC-USD-1m-6000.csv"
YEAR: Final = "BTCUSD-1m-2018.csv.gz"
# Of the rows, not of the compressed file. The goldens are what the trader did over these rows and no others.
YEAR_SHA256: Final = "923f8b7fc3b57f41d731307cd8ed1d7aa2a46bbd075051cf363c71c4d374cdd8"
VARIABLE: Final = "CBBOT_YEAR_OF_CANDLES"
# The first that exists; the last is where machines keep it that test many checkouts.
PLACES: Final = (ROOT / "data" / YEAR, ROOT.parent / "shared" / "data" / YEAR)
HOW: Final = (
    f"put Bitfinex's BTC/USD minutes of 2018 into data/{YEAR} or name the file in {VARIABLE}; "
    'docs/data.md, "The year of candles", tells where they come from'
)


class YearMissing(Exception):
    """There is no year of candles here, or another one: what is wrong, and how to get the file."""


def file_of(name: str) -> Path:
    """Where SHORT or YEAR is.

    Raises:
        YearMissing: YEAR is in none of its places, or the file there has other rows.
    """
    return _year(os.environ.get(VARIABLE, "")) if name == YEAR else _sample()


def files_here() -> list[Path]:
    """The files that can be read without asking for anything: the sample, and the year where it is."""
    try:
        return [_sample(), file_of(YEAR)]
    except YearMissing:
        return [_sample()]


def _sample() -> Path:
    return ROOT / "bridge" / "cbbot_bridge" / "simulator" / "sample" / SHORT


@cache
def _year(named: str) -> Path:
    places = (Path(named),) if named else PLACES
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise YearMissing(f"no year of candles at {' or '.join(map(str, places))}: {HOW}")
    try:
        with gzip.open(path) as rows:
            found = hashlib.file_digest(rows, "sha256").hexdigest()
    except (OSError, EOFError, zlib.error) as error:
        raise YearMissing(f"{path} cannot be read ({error}): {HOW}") from error
    if found != YEAR_SHA256:
        raise YearMissing(f"{path} has other rows (SHA-256 {found}, expected {YEAR_SHA256}): {HOW}")
    return path
