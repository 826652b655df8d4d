"""Which prints may be left out: those that change nothing but the last price."""

from __future__ import annotations

from cbbot.venue.exchange import Exchange

__all__ = ["is_quiet"]


def is_quiet(exchange: Exchange, market_id: str, low: int, high: int, until_ms: int) -> bool:
    """Whether prints of a market between two prices (ticks), until a time, reach no order and nothing is due meanwhile.

    Of a stretch of such prints the exchange needs the last one alone, and that only when somebody looks at it.
    """
    waiting = exchange.ledger.to_follow or not exchange.ledger.deadlines.none_by(until_ms)
    return not waiting and exchange.markets[market_id].is_quiet(low, high)
