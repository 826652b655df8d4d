"""Which of the venue's trades a price is from, as far as it was told. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["UNTOLD", "LastTrade"]

# A stream's messages carry their own time, a moment after that of the trade that they tell.
_STREAM_DELAY_US: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class LastTrade:
    """``trade_id`` is the venue's, empty when it was not told; ``traded_us`` UNIX microseconds, 0 when not told."""

    trade_id: str = ""
    traded_us: int = 0

    def is_another(self, other: LastTrade) -> bool:
        """Whether the two are certainly different trades, and not the same one told twice."""
        if self.trade_id and other.trade_id:
            return self.trade_id != other.trade_id
        if not self.traded_us or not other.traded_us:
            return False
        # One with an id and one without were told by different sources, each with a time of its own.
        one_source = not self.trade_id and not other.trade_id
        return abs(self.traded_us - other.traded_us) > (0 if one_source else _STREAM_DELAY_US)


UNTOLD: Final = LastTrade()
"""It may be any trade: nothing is another trade than this."""
