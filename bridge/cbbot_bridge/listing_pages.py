"""Whether a listing of Coinbase's has been read to its end. Pure.

A listing that merely stops proves nothing: it is complete only when Coinbase says that there is no
more, and has not kept anything back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["Pages"]

_ABSENT: Final = object()


class Pages:
    """How far a listing has come. ``cursor`` is the next page's, empty for the first. ``most`` pages are read.

    ``by_cursor``: the listing, as that of fills, has no ``has_next``: an empty cursor or page is its end.
    """

    def __init__(self, *, most: float = math.inf, by_cursor: bool = False) -> None:
        self._most = most
        self._by_cursor = by_cursor
        self._seen: set[str] = set()
        self._ended = False
        self.count = 0
        self.cursor = ""
        self.proof_wanted = False

    @property
    def complete(self) -> bool:
        """Whether the end was reached, with nothing kept back."""
        return self._ended and not self.proof_wanted

    def goes_on(self, body: Mapping[str, Any], rows: int) -> bool:
        """Takes note of a page with so many rows; whether there is another to be read."""
        self.count += 1
        # Two-factor accounts are shown a part until they prove who they are. Anything but a no is a yes.
        self.proof_wanted = self.proof_wanted or body.get("proof_token_required") not in (None, False)
        more = self._more(body, rows)
        self._ended = more is False
        if not more or self.count >= self._most:
            return False
        cursor = body.get("cursor")
        if not isinstance(cursor, str) or not cursor or cursor in self._seen:
            return False
        self._seen.add(cursor)
        self.cursor = cursor
        return True

    def _more(self, body: Mapping[str, Any], rows: int) -> bool | None:
        """Whether there are more pages; None when the page does not tell."""
        flag, cursor = body.get("has_next"), body.get("cursor", _ABSENT)
        if isinstance(flag, bool):
            return flag
        if flag is not None or not isinstance(cursor, str):
            return None
        if self._by_cursor:
            return bool(cursor) and rows > 0
        # A cursor alone may lead on or not; no cursor leads nowhere.
        return None if cursor else False
