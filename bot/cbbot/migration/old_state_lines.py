"""What becomes of each thing in the Go bot's state, line by line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from cbbot.migration.migration_remarks import Remark

__all__ = ["state_remarks"]

_AMOUNTS: Final = ("EquityUSD", "DailyStart", "DailyPnL")
_MODEL: Final = ("Model", "MdlExt", "WalkForwardMin", "LastFit")


def state_remarks(document: Mapping[str, Any], body: Mapping[str, Any], changed: Iterable[str]) -> list[Remark]:
    """``document`` is the old state, ``body`` the one made of it, ``changed`` what was not taken as it stood."""
    remarks = [Remark(name, "kept", f"{document[name]}") for name in _AMOUNTS if name in document]
    for lot in body["lots"]:
        role = "runner" if lot["runner"] else "scalp"
        levels = f"stop {lot['stop']:g}, take {lot['take']:g}"
        trail = f", trailing stop {lot['trail_stop']:g}" if lot["trailing"] else ""
        size = f"{lot['base']} at {lot['open_ticks']}, fee {lot['entry_fee']}"
        remarks.append(Remark("Lots", "kept", f"lot {lot['id']}, {role}: {lot['side']} {size}, {levels}{trail}"))
    remarks += [Remark("Lots", "changed", text) for text in changed]
    left = [name for name in _MODEL if document.get(name) is not None]
    if left:
        remarks.append(Remark("Model", "left out", f"{', '.join(left)}: a new fit is made of the venue's candles"))
    return remarks
