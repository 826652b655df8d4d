"""How often the WebSocket sends, and when it gives a connection up, in seconds of our clock and not the venue's."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Pace"]


@dataclass(frozen=True, slots=True)
class Pace:
    """Coinbase's figures: the first message must come within ``subscribe_deadline``; a connection that nothing was
    sent on for ``idle`` (60 to 90 there) is closed; the others are how often a channel is brought up to date.
    ``queue`` messages may wait for a slow customer.
    """

    subscribe_deadline: float = 5.0
    idle: float = 75.0
    heartbeats: float = 1.0
    books_and_orders: float = 0.05
    trades: float = 0.25
    candles: float = 1.0
    ticker_batch: float = 5.0
    status: float = 5.0
    queue: int = 2_000
