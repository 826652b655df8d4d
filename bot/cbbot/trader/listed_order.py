"""An order of ours as the account's listing has it."""

from __future__ import annotations

from dataclasses import dataclass

from cbbot.domain.order import Side

__all__ = ["ListedOrder"]


@dataclass(frozen=True, slots=True)
class ListedOrder:
    """On the integer scales. ``epoch`` and ``sequence`` are read off our id.

    ``base`` or ``quote_units`` is the size that was asked for, 0 for the one by which it was not sized. ``price`` is
    the average price in ticks, 0 when there is none. ``unfilled``: it is over, and nothing of it was filled.
    ``problem`` is why it cannot be read; then only ids and numbers are known. ``used_twice`` is the venue's id of
    another order under our id, which is the one that we know. ``found_at`` is when it was listed first, in elapsed
    milliseconds. ``in_doubt``: it has left for the venue, which may have it or not, at ``sent_ms`` at the latest.
    """

    client_order_id: str
    epoch: int
    sequence: int
    order_id: str
    side: Side
    base: int
    quote_units: int
    created_ms: int
    price: int
    unfilled: bool
    problem: str = ""
    used_twice: str = ""
    found_at: int = 0
    in_doubt: bool = False
    sent_ms: int = 0
