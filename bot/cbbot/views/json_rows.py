"""Lots, trades, decisions and candles as rows of JSON: money and prices as decimal text."""

from __future__ import annotations

from collections.abc import Sequence

from cbbot.contract.bot_api import DecisionRow, GateVerdict, LotRow, Refused, TradeRow
from cbbot.contract.bridge_api import CandleRow
from cbbot.domain.candle import Candle
from cbbot.domain.instrument import Instrument
from cbbot.domain.timestamps import rfc3339
from cbbot.kernel.advance import Closed
from cbbot.kernel.codes import SIGNALS
from cbbot.kernel.lot import Lot
from cbbot.trader.trader_state import Decision, TraderState
from cbbot.views.fields import lot_fields, trade_fields

__all__ = ["candle_row", "decision_row", "lot_row", "refused_of", "trade_row"]


def lot_row(instrument: Instrument, lot: Lot, ticks: int) -> LotRow:
    """An open lot, marked at ``ticks``; without a price (0) its profit is not known."""
    unknown = {} if ticks else {"unrealized_pnl": None}
    return LotRow.model_validate(lot_fields(instrument, lot, ticks) | unknown)


def trade_row(instrument: Instrument, closed: Closed) -> TradeRow:
    return TradeRow.model_validate(trade_fields(instrument, closed))


def decision_row(instrument: Instrument, decision: Decision, gates: Sequence[GateVerdict] = ()) -> DecisionRow:
    return DecisionRow.model_validate(
        {
            "at": rfc3339(decision.at_ms),
            "price": instrument.price_text(decision.price),
            "signal": SIGNALS[decision.signal],
            "p_up": decision.p_up,
            "fast": decision.fast,
            "slow": decision.slow,
            "reason": decision.reason,
            "gates": list(gates),
        }
    )


def refused_of(state: TraderState) -> Refused | None:
    """What the venue refuses; None when there is nothing."""
    entries = state.refused_entries
    if not state.refused_exits and entries is None:
        return None
    return Refused.model_validate(
        {
            "exits": [
                {
                    "lot": each.lot,
                    "since": rfc3339(each.since_ms),
                    "code": each.code,
                    "message": each.message,
                    "tries": each.tries,
                    "short": each.short,
                }
                for each in sorted(state.refused_exits, key=lambda each: each.lot)
            ],
            "entries": entries
            and {
                "since": rfc3339(entries.since_ms),
                "code": entries.code,
                "message": entries.message,
                "until": rfc3339(entries.until_ms),
            },
        }
    )


def candle_row(instrument: Instrument, candle: Candle) -> CandleRow:
    """In the bridge's own shape: ``start`` in UNIX seconds, everything text."""
    return CandleRow(
        start=str(candle.start),
        open=instrument.price_text(candle.open),
        high=instrument.price_text(candle.high),
        low=instrument.price_text(candle.low),
        close=instrument.price_text(candle.close),
        volume=instrument.base_text(candle.volume),
    )
