"""What a start finds on the disk: the state of an earlier run, its trades, what people asked, and whose run this is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from cbbot.contract.settings import Settings
from cbbot.process.daemon_calls import in_daemon_thread
from cbbot.runtime.early_control import EarlyControl, control_file
from cbbot.runtime.resume import earlier_document, identity_of, state_trades
from cbbot.runtime.state_writer import InThread
from cbbot.runtime.store import StateStore
from cbbot.runtime.trade_log import TradeLog
from cbbot.trader.trader_state import Identity

__all__ = ["OpenedState", "open_state"]


class OpenedState(NamedTuple):
    """``document`` is None for a fresh start; ``warnings`` say what was not as it must be."""

    store: StateStore
    trade_log: TradeLog
    early: EarlyControl
    document: dict[str, Any] | None
    identity: Identity
    warnings: list[str]


def open_state(state_file: Path, settings: Settings, venue: str, in_thread: InThread = in_daemon_thread) -> OpenedState:
    """Reads the folder, which must be locked; ``in_thread`` runs what is written later.

    Raises:
        UnsafeStart: trading on what is there would be wrong.
        OSError: the trade log cannot be read.
    """
    store = StateStore(state_file)
    document, warnings = earlier_document(store, settings, venue)
    trade_log = TradeLog(state_file.with_name("trades.jsonl"), state_trades(document))
    identity = identity_of(settings, venue, document)
    early = EarlyControl(control_file(state_file), in_thread)
    return OpenedState(store, trade_log, early, document, identity, [*warnings, *trade_log.warnings])
