"""The fields of a lot and of a trade as JSON values: what ``views.rows`` gives a shape to.

They stand apart from the shapes because those need pydantic, whose import would be a quarter of a short backtest.
"""

from __future__ import annotations

from typing import Any

from cbbot.domain.instrument import Instrument
from cbbot.domain.timestamps import rfc3339
from cbbot.kernel.advance import Closed
from cbbot.kernel.codes import BUY, EXITS
from cbbot.kernel.lot import Lot
from cbbot.kernel.money import marked

__all__ = ["lot_fields", "role", "trade_fields"]


def lot_fields(instrument: Instrument, lot: Lot, ticks: int) -> dict[str, Any]:
    """An open lot, marked at ``ticks`` (0: no price yet, marked at its own)."""
    unrealised = marked(lot.side, ticks or lot.open_ticks, lot.base, lot.cost, lot.entry_fee)
    return {
        "lot": lot.id,
        "role": role(runner=lot.runner),
        **_opened(instrument, lot),
        "stop_price": lot.stop,
        "take_price": lot.take,
        "trail_active": lot.trailing,
        "trail_stop_price": lot.trail_stop if lot.trailing else None,
        "unrealized_pnl": instrument.money_text(unrealised),
    }


def trade_fields(instrument: Instrument, closed: Closed) -> dict[str, Any]:
    """A closed lot, or the closed part of one."""
    lot = closed.lot
    return {
        "lot": lot.id,
        "role": role(runner=lot.opened_as_runner),
        "closed_as": role(runner=lot.runner),
        **_opened(instrument, lot),
        "closed_at": rfc3339(closed.closed_ms),
        "close_price": instrument.price_text(closed.close_ticks),
        "proceeds": instrument.money_text(closed.proceeds),
        "exit_fee": instrument.money_text(closed.exit_fee),
        "net_pnl": instrument.money_text(closed.net_pnl),
        "exit_reason": EXITS[closed.reason],
    }


def _opened(instrument: Instrument, lot: Lot) -> dict[str, Any]:
    return {
        "side": "BUY" if lot.side == BUY else "SELL",
        "opened_at": rfc3339(lot.opened_ms),
        "open_price": instrument.price_text(lot.open_ticks),
        "base_size": instrument.base_text(lot.base),
        "cost": instrument.money_text(lot.cost),
        "entry_fee": instrument.money_text(lot.entry_fee),
    }


def role(*, runner: bool) -> str:
    return "runner" if runner else "scalp"
