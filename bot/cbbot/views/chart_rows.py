"""What a chart shows beside candles and lots: moving averages, the gate of the next lot, what decisions came to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from typing import Final

from cbbot.contract.bot_api import AdverseGate, AverageRow, GatePoint, Gates, ReasonCount
from cbbot.contract.reason_words import REASON_WORDS, reason_words
from cbbot.domain.candle import Candle
from cbbot.domain.timestamps import rfc3339
from cbbot.kernel.account import position
from cbbot.kernel.batch import columns, readings
from cbbot.kernel.codes import BUY
from cbbot.kernel.gates import adverse_pct
from cbbot.kernel.levels import to_price
from cbbot.trader.rules import Rules
from cbbot.trader.trader_state import TraderState

__all__ = ["adverse_gate", "average_rows", "gates_of", "with_forming"]

_CANDLES_AHEAD: Final = 30
_MOST_POINTS: Final = 500


def with_forming(closed: Iterable[Candle], forming: Candle | None) -> list[Candle]:
    """Closed candles, and the one in progress, unless it has closed and the trader has yet to take that in."""
    shown = list(closed)
    if forming is not None and (not shown or forming.start > shown[-1].start):
        shown.append(forming)
    return shown


def average_rows(rules: Rules, candles: Sequence[Candle], limit: int) -> list[AverageRow]:
    """The averages at the newest ``limit`` candles, oldest first."""
    params = rules.params
    needed = candles[-(limit + params.ma_slow) :]
    if not needed:
        return []
    found = readings(columns(needed), params.ma_fast, params.ma_slow, extended=False)
    price = params.tick_numerator / params.tick_denominator

    def shown(ticks: float) -> float | None:
        return None if isnan(ticks) else ticks * price

    rows = [
        AverageRow(start=str(candle.start), fast=shown(fast), slow=shown(slow))
        for candle, fast, slow in zip(needed, found.fast.tolist(), found.slow.tolist(), strict=True)
    ]
    return rows[-limit:]


def gates_of(rules: Rules, state: TraderState, counts: Mapping[str, int], since_ms: int | None, now_ms: int) -> Gates:
    """``counts`` are those of decisions by reason since ``since_ms``."""
    since = None if since_ms is None else rfc3339(since_ms)
    every = [*REASON_WORDS, *(reason for reason in counts if reason not in REASON_WORDS)]
    reasons = [ReasonCount(reason=name, words=reason_words(name), count=counts.get(name, 0)) for name in every]
    return Gates(
        day=None if since is None else since[:10],
        since=since,
        decisions=sum(counts.values()),
        reasons=sorted(reasons, key=lambda each: -each.count),
        adverse=adverse_gate(rules, state, now_ms),
    )


def adverse_gate(rules: Rules, state: TraderState, now_ms: int) -> AdverseGate | None:
    """The gate of the next lot; None while none may be added."""
    params, held = rules.params, position(state.account)
    if held.lots == 0 or held.lots >= params.max_lots or not params.pyramiding:
        return None
    entry = to_price(params, held.last_entry_ticks)

    def needed(at_ms: int) -> float:
        return adverse_pct(params, max(at_ms - held.last_add_ms, 0))

    def level(at_ms: int) -> float:
        return entry * (1.0 - held.side * needed(at_ms) / 100.0)

    first = held.last_add_ms // rules.candle_ms
    last = now_ms // rules.candle_ms + _CANDLES_AHEAD
    path = [
        GatePoint(start=str(candle * rules.candle_ms // 1000), price=level(candle * rules.candle_ms))
        for candle in range(max(first, last - _MOST_POINTS + 1), last + 1)
    ]
    return AdverseGate(
        side="BUY" if held.side == BUY else "SELL",
        last_entry_price=rules.instrument.price_text(held.last_entry_ticks),
        last_entry_at=rfc3339(held.last_add_ms),
        adverse_pct=needed(now_ms),
        price=level(now_ms),
        path=path,
    )
