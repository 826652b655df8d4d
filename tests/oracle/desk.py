"""A live trader with a paper broker, watched order by order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from cbbot.contract.settings import load
from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD
from cbbot.domain.order import Execution, Side
from cbbot.trader.codec import decode, encode
from cbbot.trader.commands import Count, Place
from cbbot.trader.events import CandleClosed, Event, HistoryLoaded, OrderFilled, Started
from cbbot.trader.intent import Intent, Purpose
from cbbot.trader.machine import step
from cbbot.trader.rules import build_rules
from cbbot.trader.trader_state import Identity, Trade, new_state

__all__ = ["Desk", "Fill"]


@dataclass(frozen=True)
class Fill:
    """An order and what was filled of it, on the integer scales."""

    intent: Intent
    execution: Execution


class Desk:
    """``trades`` are all of them; ``fills`` and ``denied`` are those of the newest candle."""

    def __init__(self, keys: Mapping[str, str], history: Sequence[Candle]) -> None:
        self.rules = build_rules(load({**keys, "USE_TICK_PRICE": "false"}), BTC_USD)
        self.state = new_state(self.rules, Identity("t", "BTC-USD", "paper", "test"), 1)
        self.history = list(history)
        self.trades: list[Trade] = []
        self.fills: list[Fill] = []
        self.denied: list[str] = []
        self._join()

    def close(self, candle: Candle) -> None:
        """Step at the close of a candle."""
        self.fills, self.denied = [], []
        self.history.append(candle)
        self._feed(CandleClosed(candle))

    def restart(self) -> None:
        """Go on from the state's document and the venue's history, as after a crash."""
        self.state = decode(self.rules, encode(self.rules, self.state)).state
        self._join()

    def _join(self) -> None:
        at_ms = self.history[-1].start * 1000 + self.rules.candle_ms
        self._feed(HistoryLoaded(at_ms, tuple(self.history)))
        self._feed(Started(at_ms))

    def _feed(self, event: Event) -> None:
        known = self.state.trade_count
        self.state, commands = step(self.rules, self.state, event)
        if self.state.trade_count > known:
            self.trades.append(self.state.trades[-1])
        for command in commands:
            if isinstance(command, Place):
                self._fill(command)
            elif isinstance(command, Count) and command.name == "denials":
                self.denied.append(command.labels["reason"])

    def _fill(self, place: Place) -> None:
        intent, settings = place.intent, self.rules.settings
        move = place.price * settings.paper_slippage_bps / 10_000
        if intent.side is Side.BUY:
            price = place.price + int(move.to_integral_value(ROUND_CEILING))
        else:
            price = max(int((place.price - move).to_integral_value(ROUND_FLOOR)), 1)
        value = price * intent.base
        fee = int((Decimal(value) * settings.fee_rate_pct / 100).to_integral_value(ROUND_CEILING))
        fill = Fill(intent, Execution("paper", price, intent.base, value, fee))
        self.fills.append(fill)
        self._feed(OrderFilled(intent.created_ms, intent.client_order_id, fill.execution))

    def filled(self, purpose: Purpose) -> list[Fill]:
        return [fill for fill in self.fills if fill.intent.purpose is purpose]
