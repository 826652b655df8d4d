"""A live trader for tests: a clock, balances, and orders that end as a test says."""

from __future__ import annotations

from decimal import Decimal

from cbbot.domain.instrument import BTC_USD
from cbbot.domain.last_trade import LastTrade
from cbbot.domain.order import Execution
from cbbot.trader.events import BalancesKnown, OrderFilled, OrderRefused, OrdersListed, Tick, TimePassed
from cbbot.trader.intent import Intent
from trader_harness import TraderHarness, flat_history, placed, sure_model, unanswered

__all__ = ["PYRAMID", "T0", "LiveTraderHarness", "execution"]

T0 = 1_700_000_040_000
PYRAMID = {
    "ALLOW_PYRAMIDING": "true", "PYRAMID_MIN_ADVERSE_PCT": "0", "PYRAMID_DECAY_LAMBDA": "0",
}  # fmt: skip


def execution(price: str, base: str, commission: str | None = None) -> Execution:
    """What the venue says of an order that it filled; money in USD."""
    ticks, units = BTC_USD.ticks(Decimal(price)), BTC_USD.base_units(Decimal(base))
    fee = None if commission is None else BTC_USD.ledger_up(Decimal(commission))
    return Execution("venue-1", ticks, units, ticks * units, fee)


class LiveTraderHarness(TraderHarness):
    """A trader at 100 USD that wants to buy (or sell) in every step; its clock moves with what the test does."""

    def __init__(self, bias: float = 5.0, /, **keys: str) -> None:
        defaults = {
            "DRY_RUN": "false", "MAX_ORDER_USD": "50", "MAX_EXPOSURE_USD": "500", "USE_MA_FILTER": "false",
            "RISK_PER_TRADE_PCT": "2", "STOP_LOSS_PCT": "5", "TAKE_PROFIT_PCT": "2", "FEE_RATE_PCT": "0.75",
        }  # fmt: skip
        super().__init__(defaults | keys, unanswered, bot_id="bot", epoch=7)
        self.now_ms = T0
        history = flat_history(T0 // 1000 - 3600, BTC_USD.ticks(Decimal(100)))
        self.start(history, T0 - 60_000, model=sure_model(bias))
        # The account has no orders of ours, then and after those that were invisible must be there.
        self.feed(OrdersListed(T0 - 60_000, ()), OrdersListed(T0 - 1_000, ()))

    def restart(self) -> None:
        super().restart()
        self.feed(OrdersListed(self.now_ms, ()))

    def balances(self, quote: str = "1000", base: str = "0") -> None:
        self.now_ms += 1
        self.balances_at(self.now_ms, quote, base)

    def balances_at(self, at_ms: int, quote: str = "1000", base: str = "0") -> None:
        units = BTC_USD.base_units(Decimal(base))
        self.feed(BalancesKnown(at_ms, units, BTC_USD.ledger_down(Decimal(quote))))

    def tick(self, price: str) -> list[Intent]:
        """The orders that a price leads to."""
        self.now_ms += 1000
        self.pass_time()
        return placed(self.feed(Tick(self.now_ms, BTC_USD.ticks(Decimal(price)), LastTrade(str(self.now_ms)))))

    def pass_time(self) -> None:
        """The clock that nobody sets comes to where the test's is."""
        self.feed(TimePassed(self.now_ms, self.now_ms - T0))

    def fill(self, intent: Intent, price: str, base: str | None = None) -> None:
        self.now_ms += 10
        size = BTC_USD.base_text(intent.base) if base is None else base
        self.feed(OrderFilled(self.now_ms, intent.client_order_id, execution(price, size, "0")))

    def refuse(self, intent: Intent, code: str) -> None:
        self.now_ms += 10
        self.feed(OrderRefused(self.now_ms, intent.client_order_id, code, "no"))

    def buy(self, price: str, base: str) -> None:
        self.balances()
        (entry,) = self.tick(price)
        self.fill(entry, price, base)
