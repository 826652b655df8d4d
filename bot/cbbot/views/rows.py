"""Lots, trades, decisions and candles as rows of JSON: money and prices as decimal text."""

from __future__ import annotations

from cbbot.contract.bot import DecisionRow, LotRow, TradeRow
from cbbot.contract.bridge import CandleRow
from cbbot.domain.candle import Candle
from cbbot.domain.instrument import Instrument
from cbbot.kernel.advance import Closed
from cbbot.kernel.codes import BUY, EXITS, SIGNALS
from cbbot.kernel.ledger import marked
from cbbot.kernel.lot import Lot
from cbbot.trader.state import Decision
from cbbot.views.times import rfc3339

__all__ = ["candle_row", "decision_row", "lot_row", "trade_row"]


def lot_row(instrument: Instrument, lot: Lot, ticks: int) -> LotRow:
    """An open lot, marked at ``ticks`` (0: no price yet, marked at its own)."""
    unrealised = marked(lot.side, ticks or lot.open_ticks, lot.base, lot.cost, lot.entry_fee)
    return LotRow.model_validate(
        _opened(instrument, lot)
        | {
            "role": _role(runner=lot.runner),
            "stop_price": lot.stop,
            "take_price": lot.take,
            "trail_active": lot.trailing,
            "trail_stop_price": lot.trail_stop if lot.trailing else None,
            "unrealized_pnl": instrument.money_text(unrealised),
        }
    )


def trade_row(instrument: Instrument, closed: Closed) -> TradeRow:
    lot = closed.lot
    return TradeRow.model_validate(
        _opened(instrument, lot)
        | {
            "role": _role(runner=lot.opened_as_runner),
            "closed_as": _role(runner=lot.runner),
            "closed_at": rfc3339(closed.closed_ms),
            "close_price": instrument.price_text(closed.close_ticks),
            "proceeds": instrument.money_text(closed.proceeds),
            "exit_fee": instrument.money_text(closed.exit_fee),
            "net_pnl": instrument.money_text(closed.net_pnl),
            "exit_reason": EXITS[closed.reason],
        }
    )


def decision_row(instrument: Instrument, decision: Decision) -> DecisionRow:
    return DecisionRow.model_validate(
        {
            "at": rfc3339(decision.at_ms),
            "price": instrument.price_text(decision.price),
            "signal": SIGNALS[decision.signal],
            "p_up": decision.p_up,
            "fast": decision.fast,
            "slow": decision.slow,
            "reason": decision.reason,
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


def _opened(instrument: Instrument, lot: Lot) -> dict[str, object]:
    return {
        "lot": lot.id,
        "side": "BUY" if lot.side == BUY else "SELL",
        "opened_at": rfc3339(lot.opened_ms),
        "open_price": instrument.price_text(lot.open_ticks),
        "base_size": instrument.base_text(lot.base),
        "cost": instrument.money_text(lot.cost),
        "entry_fee": instrument.money_text(lot.entry_fee),
    }


def _role(*, runner: bool) -> str:
    return "runner" if runner else "scalp"
