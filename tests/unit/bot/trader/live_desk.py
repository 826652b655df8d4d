"""A live trader for tests: a machine with a clock, balances, and orders that end as a test says."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from cbbot.contract.settings import load
from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD
from cbbot.domain.order import Execution
from cbbot.kernel.model import Fit
from cbbot.trader.commands import Command, Notify, Place
from cbbot.trader.events import (
    BalancesKnown,
    Event,
    HistoryLoaded,
    OrderFilled,
    OrderRefused,
    Started,
    Tick,
)
from cbbot.trader.intent import Intent
from cbbot.trader.machine import step
from cbbot.trader.rules import build_rules
from cbbot.trader.trader_state import Identity, TraderState, new_state

__all__ = ["PYRAMID", "T0", "Desk"]

T0 = 1_700_000_040_000
PYRAMID = {
    "ALLOW_PYRAMIDING": "true", "PYRAMID_MIN_ADVERSE_PCT": "0", "PYRAMID_DECAY_LAMBDA": "0",
}  # fmt: skip


def model(bias: float) -> Fit:
    return Fit((0.0,) * 4, bias, (0.0,) * 4, (1.0,) * 4, 100)


class Desk:
    """A live trader at 100 USD that wants to buy (or sell) in every step; its clock moves with :meth:`tick`."""

    def __init__(self, bias: float = 5.0, **keys: str) -> None:
        defaults = {
            "DRY_RUN": "false", "MAX_ORDER_USD": "50", "MAX_EXPOSURE_USD": "500", "USE_MA_FILTER": "false",
            "RISK_PER_TRADE_PCT": "2", "STOP_LOSS_PCT": "5", "TAKE_PROFIT_PCT": "2", "FEE_RATE_PCT": "0.75",
        }  # fmt: skip
        self.rules = build_rules(load(defaults | keys), BTC_USD)
        self.now_ms = T0
        self.state: TraderState = new_state(self.rules, Identity("bot", "BTC-USD", "live", "test"), 7)
        self.commands: tuple[Command, ...] = ()
        start, flat = T0 // 1000 - 3600, BTC_USD.ticks(Decimal(100))
        self.feed(HistoryLoaded(T0, tuple(Candle(start + 60 * i, flat, flat, flat, flat, 10) for i in range(60))))
        self.state = replace(self.state, model=model(bias))
        self.feed(Started(T0))

    def feed(self, event: Event) -> None:
        self.state, self.commands = step(self.rules, self.state, event)

    def balances(self, quote: str = "1000", base: str = "0") -> None:
        self.now_ms += 1
        units = BTC_USD.base_units(Decimal(base))
        self.feed(BalancesKnown(self.now_ms, units, BTC_USD.ledger_down(Decimal(quote))))

    def tick(self, price: str) -> list[Intent]:
        """The orders that a price leads to."""
        self.now_ms += 1000
        self.feed(Tick(self.now_ms, BTC_USD.ticks(Decimal(price))))
        return [command.intent for command in self.commands if isinstance(command, Place)]

    def fill(self, intent: Intent, price: str, base: str | None = None) -> None:
        self.now_ms += 10
        ticks = BTC_USD.ticks(Decimal(price))
        units = intent.base if base is None else BTC_USD.base_units(Decimal(base))
        self.feed(OrderFilled(self.now_ms, intent.client_order_id, Execution("v", ticks, units, ticks * units, 0)))

    def refuse(self, intent: Intent, code: str) -> None:
        self.now_ms += 10
        self.feed(OrderRefused(self.now_ms, intent.client_order_id, code, "no"))

    def buy(self, price: str, base: str) -> None:
        self.balances()
        (entry,) = self.tick(price)
        self.fill(entry, price, base)

    @property
    def reason(self) -> str:
        assert self.state.decision is not None
        return self.state.decision.reason

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [dict(c.fields) for c in self.commands if isinstance(c, Notify) and c.event == event]
