"""Orders that are filled in part, through the live machine: shares are exact, dust leaves with the next exit."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from fractions import Fraction
from math import floor
from random import Random
from typing import Any

import pytest

from cbbot.contract.settings import load
from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD
from cbbot.domain.order import Execution
from cbbot.kernel.codes import BUY, SELL
from cbbot.kernel.lot import Lot
from cbbot.trader.commands import Place
from cbbot.trader.events import BalancesKnown, Event, HistoryLoaded, OrderFilled, Started, Tick
from cbbot.trader.intent import Intent, Purpose
from cbbot.trader.machine import step
from cbbot.trader.rules import build_rules
from cbbot.trader.trader_state import Identity, new_state

EXERCISED: Counter[str] = Counter()
START = 1_700_000_040
PRICE = 500_000  # ticks: 5,000 USD
KEYS = {
    "DRY_RUN": "false", "MAX_ORDER_USD": "40", "MAX_EXPOSURE_USD": "400", "RISK_PER_TRADE_PCT": "4",
    "BUY_THRESHOLD": "0", "SELL_THRESHOLD": "0", "USE_MA_FILTER": "false", "MAX_DAILY_LOSS_PCT": "0",
    "ALLOW_PYRAMIDING": "true", "PYRAMID_MIN_ADVERSE_PCT": "0.2", "PYRAMID_DECAY_LAMBDA": "0",
    "TAKE_PROFIT_PCT": "0.4", "STOP_LOSS_PCT": "1.5", "MAX_CONCURRENT_LOTS": "6",
}  # fmt: skip


class Venue:
    """Fills orders as a seed says, keeps its own account, and looks at the trader after every event."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.rules = build_rules(load(KEYS), BTC_USD)
        self.state = new_state(self.rules, Identity("t", "BTC-USD", "live", "test"), 1)
        self.base = self.spent = self.fees = 0
        self.net = 0
        self.now_ms = (START + 3_600) * 1000
        flat = tuple(Candle(START + 60 * i, PRICE, PRICE, PRICE, PRICE, 1) for i in range(60))
        self.feed(HistoryLoaded(self.now_ms, flat))
        self.feed(Started(self.now_ms))

    def feed(self, event: Event) -> None:
        known = self.state.trade_count
        self.state, commands = step(self.rules, self.state, event)
        if self.state.trade_count > known:
            self.net += self.state.trades[-1].closed.net_pnl
        for command in commands:
            if isinstance(command, Place):
                self.answer(command.intent, command.price)

    def tick(self, price: int) -> None:
        self.now_ms += 5_000
        self.feed(BalancesKnown(self.now_ms - 1, self.base, BTC_USD.ledger_down(Decimal(1_000))))
        self.feed(Tick(self.now_ms, price))

    def answer(self, intent: Intent, price: int) -> None:
        if intent.purpose is Purpose.EXIT:
            assert intent.base <= self.base, "never sells more than was bought"
        filled = self.filled_of(intent)
        value = filled * price - self.rng.randint(0, 3) * (filled > 3)  # an average price is no whole tick
        fee = self.rng.choice([None, self.rng.randint(0, 10**9)])
        before = {lot.id: lot for lot in self.state.lots}.get(intent.lot)
        self.feed(OrderFilled(self.now_ms, intent.client_order_id, Execution("v", price, filled, value, fee)))
        taken = fee if fee is not None else -(-value * 75 // 10_000)
        if filled:
            self.record(intent.purpose is Purpose.ENTRY, filled, value, taken)
            self.adds_up()
            if before is not None:
                self.shared(before, filled)

    def shared(self, before: Lot, sold: int) -> None:
        """What stays of a lot keeps its part of cost and fee, rounded down."""
        for lot in self.state.lots:
            if lot.id == before.id:
                kept = Fraction(before.base - sold, before.base)
                assert lot.base == before.base - sold
                assert (lot.cost, lot.entry_fee) == (floor(before.cost * kept), floor(before.entry_fee * kept))
                assert (lot.opened_ms, lot.open_ticks, lot.stop) == (before.opened_ms, before.open_ticks, before.stop)
                EXERCISED["shares"] += 1

    def filled_of(self, intent: Intent) -> int:
        share = self.rng.choice(["all", "all", "part", "crumbs left", "none"])
        EXERCISED[f"{intent.purpose.value} {share}"] += 1
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
        assert self.net == -(self.spent + self.fees) + cost + entry_fees
        assert all(lot.base > 0 and lot.cost > 0 for lot in self.state.lots)
        assert sum(lot.runner for lot in self.state.lots) == bool(self.state.lots)
        EXERCISED["looks"] += 1
        EXERCISED["dust seen"] += self.state.dust_of(BUY).base > 0


@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_lost_whatever_part_of_an_order_is_filled(seed: int) -> None:
    venue = Venue(seed)
    price = PRICE
    for _ in range(600):
        price = max(price + venue.rng.randint(-1_500, 1_500) + (PRICE - price) // 200, 1_000)
        had_dust = venue.state.dust_of(BUY).base
        exits = EXERCISED["exit all"]
        venue.tick(price)
        EXERCISED["dust that left"] += had_dust > 0 and venue.state.dust_of(BUY).base == 0
        EXERCISED["exits with dust"] += had_dust > 0 and EXERCISED["exit all"] > exits


def test_every_kind_of_fill_occurred() -> None:
    if not EXERCISED:
        pytest.skip("the property did not run in this selection of tests")
    kinds = [f"{purpose} {share}" for purpose in ("entry", "exit") for share in ("all", "part", "none", "crumbs left")]
    assert min(EXERCISED[kind] for kind in (*kinds, "shares", "dust seen", "dust that left")) >= 20, EXERCISED
