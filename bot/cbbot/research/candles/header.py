"""Which columns of a file hold what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cbbot.research.candles.errors import BadCandles
from cbbot.research.candles.row import FIELDS

__all__ = ["wanted"]

_NAMES: Final = {name: name for name in FIELDS} | {"timestamp": "time", "start": "time", "vol": "volume"}
_SHOWN: Final = 120


def wanted(path: Path, titles: Sequence[str]) -> list[int]:
    """The index of each of ``FIELDS`` among ``titles``.

    Raises:
        BadCandles: one is missing.
    """
    found: dict[str, int] = {}
    for index, title in enumerate(titles):
        name = _NAMES.get(title.strip().lower())
        if name is not None:
            found.setdefault(name, index)
    missing = [name for name in FIELDS if name not in found]
    if missing:
        listed = ", ".join(titles)
        shown = listed if len(listed) <= _SHOWN else listed[:_SHOWN] + "..."
        raise BadCandles(
            f"{path}:1: no column {', '.join(missing)}; needed are time (or timestamp, start), open, high, low, close, "
            f"volume (or vol), found {shown or 'none'}{_hint(titles)}"
        )
    return [found[name] for name in FIELDS]


def _hint(titles: Sequence[str]) -> str:
    line = ",".join(titles)
    for mark, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if line.count(mark) >= len(FIELDS) - 1:
            return f": its columns are separated by {name}, which must be commas"
    if any(title.strip()[:1].isdigit() for title in titles):
        return ": its first line must name the columns"
    return ""
