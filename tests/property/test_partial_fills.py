"""Orders that are filled in part, through the live machine: shares are exact, dust leaves with the next exit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import floor
from random import Random
from typing import Any

from cbbot.domain.instrument import BTC_USD
from cbbot.domain.order import Execution
from cbbot.kernel.codes import BUY, SELL
from cbbot.kernel.lot import Lot
from cbbot.trader.commands import Command, Place
from cbbot.trader.events import BalancesKnown, Event, OrderFilled, OrdersListed, Tick, TimePassed
from cbbot.trader.intent import Intent, Purpose
from cbbot.trader.rules import Rules
from cbbot.trader.trader_state import TraderState
from exercised import case, lacking
from trader_harness import TraderHarness, flat_history

START = 1_700_000_040
PRICE = 500_000  # ticks: 5,000 USD
KEYS = {
    "DRY_RUN": "false", "MAX_ORDER_USD": "40", "MAX_EXPOSURE_USD": "400", "RISK_PER_TRADE_PCT": "4",
    "BUY_THRESHOLD": "0", "SELL_THRESHOLD": "0", "USE_MA_FILTER": "false", "MAX_DAILY_LOSS_PCT": "0",
    "ALLOW_PYRAMIDING": "true", "PYRAMID_MIN_ADVERSE_PCT": "0.2", "PYRAMID_DECAY_LAMBDA": "0",
    "TAKE_PROFIT_PCT": "0.4", "STOP_LOSS_PCT": "1.5", "MAX_CONCURRENT_LOTS": "6",
}  # fmt: skip


class Venue(TraderHarness):
    """Fills orders as a seed says, keeps its own account, and looks at the trader after every fill."""

    def __init__(self, seed: int, exercised: Counter[str]) -> None:
        super().__init__(KEYS, self.answered)
        self.rng = Random(seed)
        self.exercised = exercised
        self.base = self.spent = self.fees = 0
        self.now_ms = (START + 3_600) * 1000
        self.start(flat_history(START, PRICE), self.now_ms)
        # The account has no order of an earlier run, also once none can be invisible any more.
        self.feed(OrdersListed(self.now_ms, ()), OrdersListed(self.now_ms + 30_000, ()))

    def tick(self, price: int) -> None:
        self.now_ms += 5_000
        self.feed(BalancesKnown(self.now_ms - 1, self.base, BTC_USD.ledger_down(Decimal(1_000))))
        self.feed(TimePassed(self.now_ms, self.now_ms - START * 1000))
        self.feed(Tick(self.now_ms, price))

    def answered(self, _rules: Rules, place: Place) -> OrderFilled:
        intent = place.intent
        if intent.purpose is Purpose.EXIT:
            assert intent.base <= self.base, "never sells more than was bought"
        filled = self.filled_of(intent)
        value = filled * place.price - self.rng.randint(0, 3) * (filled > 3)  # an average price is no whole tick
        fee = self.rng.choice([None, self.rng.randint(0, 10**9)])
        return OrderFilled(self.now_ms, intent.client_order_id, Execution("v", place.price, filled, value, fee))

    def after_step(self, before: TraderState, event: Event, _commands: Sequence[Command]) -> None:
        if not isinstance(event, OrderFilled) or not event.execution.base:
            return
        intent, execution = before.intent(event.client_order_id), event.execution
        assert intent is not None
        fee = execution.commission if execution.commission is not None else -(-execution.value * 75 // 10_000)
        self.record(intent.purpose is Purpose.ENTRY, execution.base, execution.value, fee)
        self.adds_up()
        for lot in before.lots:
            if lot.id == intent.lot:
                self.shared(lot, execution.base)

    def shared(self, before: Lot, sold: int) -> None:
        """What stays of a lot keeps its part of cost and fee, rounded down."""
        for lot in self.state.lots:
            if lot.id == before.id:
                kept = Fraction(before.base - sold, before.base)
                assert lot.base == before.base - sold
                assert (lot.cost, lot.entry_fee) == (floor(before.cost * kept), floor(before.entry_fee * kept))
                assert (lot.opened_ms, lot.open_ticks, lot.stop) == (before.opened_ms, before.open_ticks, before.stop)
                self.exercised["shares"] += 1

    def filled_of(self, intent: Intent) -> int:
        share = self.rng.choice(["all", "all", "part", "crumbs left", "none"])
        self.exercised[f"{intent.purpose.value} {share}"] += 1
        if share == "crumbs left":
            return max(intent.base - self.rng.randint(1, 15_000), 1)  # below 1 USD at these prices
        return {"all": intent.base, "part": max(intent.base * self.rng.randint(1, 99) // 100, 1), "none": 0}[share]

    def record(self, entry: bool, filled: int, value: int, fee: int) -> None:
        self.base += filled if entry else -filled
        self.spent += value if entry else -value
        self.fees += fee

    def adds_up(self) -> None:
        """What was bought is in lots, dust or sold, and so is every unit of money."""
        held: list[Any] = [*self.state.lots, *(self.state.dust_of(side) for side in (BUY, SELL))]
        assert sum(each.base for each in held) == self.base
        cost, entry_fees = sum(each.cost for each in held), sum(each.entry_fee for each in held)
        # Money out, less what the held cost, is the loss so far; nothing is booked twice or lost.
        assert sum(trade.closed.net_pnl for trade in self.trades) == -(self.spent + self.fees) + cost + entry_fees
        assert all(lot.base > 0 and lot.cost > 0 for lot in self.state.lots)
        staying = [lot for lot in self.state.lots if not self.state.closing(lot)]
        assert sum(lot.runner for lot in self.state.lots) == 1 or not staying
        self.exercised["looks"] += 1
        self.exercised["dust seen"] += self.state.dust_of(BUY).base > 0


def test_nothing_is_lost_whatever_part_of_an_order_is_filled() -> None:
    exercised: Counter[str] = Counter()
    for seed in range(12):
        with case(seed):
            trade_a_while(Venue(seed, exercised))
    kinds = [f"{purpose} {share}" for purpose in ("entry", "exit") for share in ("all", "part", "none", "crumbs left")]
    assert lacking(exercised, dict.fromkeys([*kinds, "shares", "dust seen", "dust that left"], 20)) == {}


def trade_a_while(venue: Venue) -> None:
    price, exercised = PRICE, venue.exercised
    for _ in range(600):
        price = max(price + venue.rng.randint(-1_500, 1_500) + (PRICE - price) // 200, 1_000)
        had_dust = venue.state.dust_of(BUY).base
        venue.tick(price)
        exercised["dust that left"] += had_dust > 0 and venue.state.dust_of(BUY).base == 0
