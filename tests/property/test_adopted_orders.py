"""From whatever save a bot starts again, the account's orders bring it to where it was."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from cbbot.domain.instrument import BTC_USD
from cbbot.domain.order import Execution
from cbbot.trader.codec import decode, encode
from cbbot.trader.commands import Command, LookUp
from cbbot.trader.events import (
    BalancesKnown,
    FlattenAsked,
    HistoryLoaded,
    OrderFilled,
    OrdersListed,
    Started,
    Tick,
    TimePassed,
)
from cbbot.trader.intent import Intent, Purpose
from cbbot.trader.listed_order import ListedOrder
from cbbot.trader.trader_state import TraderState
from exercised import lacking
from trader_harness import TraderHarness, flat_history, placed, sure_model, unanswered

T0 = 1_700_000_040_000
KEYS = {
    "DRY_RUN": "false", "MAX_ORDER_USD": "50", "MAX_EXPOSURE_USD": "500", "USE_MA_FILTER": "false",
    "RISK_PER_TRADE_PCT": "2", "STOP_LOSS_PCT": "4", "TAKE_PROFIT_PCT": "2", "FEE_RATE_PCT": "0.75",
    "ALLOW_PYRAMIDING": "true", "PYRAMID_MIN_ADVERSE_PCT": "0", "PYRAMID_DECAY_LAMBDA": "0",
    "MAX_CONCURRENT_LOTS": "6", "MAX_DAILY_LOSS_PCT": "0",
}  # fmt: skip
KINDS = ("adopted entry", "adopted exit", "adopted partial exit", "adopted dust", "nothing to adopt", "second start")


class Trading(TraderHarness):
    """A trader at an account that keeps every order, and every state that it could have saved."""

    def __init__(self, seed: int) -> None:
        super().__init__(KEYS, unanswered, bot_id="bot", epoch=7)
        self.rng = Random(seed)
        self.now_ms, self.price = T0, 10_000
        self.orders: dict[str, tuple[ListedOrder, Execution]] = {}
        self.saves: list[dict[str, Any]] = []
        self.begin(flat_history(T0 // 1000 - 3600, 10_000))

    def begin(self, history: Any) -> None:
        self.history = list(history)
        self.feed(HistoryLoaded(self.now_ms, tuple(self.history)))
        self.state = replace(self.state, model=sure_model(5.0))
        self.answered(self.feed(Started(self.now_ms)))
        self.list_orders()
        self.now_ms += 30_000
        self.list_orders()
        self.know_balances()
        assert self.state.reconciled

    def list_orders(self) -> None:
        """The list comes, and what is then looked up is told."""
        self.answered(self.feed(OrdersListed(self.now_ms, tuple(listed for listed, _ in self.orders.values()))))

    def answered(self, commands: list[Command]) -> None:
        while names := [c.intent.client_order_id for c in commands if isinstance(c, LookUp)]:
            commands = [c for name in names for c in self.feed(OrderFilled(self.now_ms, name, self.orders[name][1]))]

    def know_balances(self) -> None:
        self.now_ms += 1
        self.feed(BalancesKnown(self.now_ms, 10**12, BTC_USD.ledger_down(Decimal(1_000))))

    def move(self) -> None:
        self.now_ms += 1_000
        self.know_balances()
        self.feed(TimePassed(self.now_ms, self.now_ms - T0))
        self.price = min(max(int(self.price * (1 + self.rng.uniform(-0.03, 0.03))), 8_000), 12_500)
        commands = self.feed(Tick(self.now_ms, self.price))
        if self.rng.random() < 0.03:
            self.feed(FlattenAsked(self.now_ms))
            commands = [*commands, *self.feed(Tick(self.now_ms, self.price))]
            self.state = replace(self.state, paused_by=frozenset())
        for intent in placed(commands):
            self.saves.append(encode(self.rules, self.state))
            self.fill(intent)
            self.saves.append(encode(self.rules, self.state))

    def fill(self, intent: Intent) -> None:
        share = self.rng.choice([1.0, 1.0, self.rng.uniform(0.5, 1.0), 0.999])
        base = int(intent.base * share) if self.rng.random() < 0.9 else 0
        if intent.purpose is Purpose.ENTRY and base:
            base -= self.rng.randrange(1_000)  # the venue's sizes are no two the same
        by_quote = intent.purpose is Purpose.ENTRY
        _, epoch, sequence = intent.client_order_id.rsplit("-", 2)
        done = Execution(f"v-{len(self.orders)}", self.price, base, self.price * base, 1_000)
        self.orders[intent.client_order_id] = (
            ListedOrder(
                intent.client_order_id, int(epoch), int(sequence), done.order_id, intent.side,
                0 if by_quote else intent.base, intent.quote_units, intent.created_ms, self.price if base else 0,
                unfilled=base == 0,
            ),
            done,
        )  # fmt: skip
        self.feed(OrderFilled(self.now_ms, intent.client_order_id, done))

    def start_from(self, save: dict[str, Any]) -> TraderState:
        """Another start, from that save; the state that it comes to."""
        self.now_ms += 60_000
        again = decode(self.rules, json.loads(json.dumps(save))).state
        self.state = replace(again, epoch=max(again.epoch + 1, self.now_ms))
        self.begin(self.history)
        return self.state


def owned(state: TraderState) -> tuple[object, ...]:
    """What money depends on."""
    account = state.account
    return (
        [(lot.id, lot.base, lot.cost, lot.entry_fee, lot.open_ticks, lot.opened_ms) for lot in state.lots],
        (account.realised, account.base_sum, account.cost_sum, account.fee_sum, account.next_lot, account.lots),
        (state.dust, state.trade_count, state.sequence, state.intents),
        [(trade.number, trade.closed.net_pnl, trade.closed.lot.id) for trade in state.trades],
    )


def test_from_any_save_the_accounts_orders_lead_to_the_same_lots_trades_and_money() -> None:
    exercised: Counter[str] = Counter()
    for seed in range(24):
        trading = Trading(seed)
        for _ in range(60):
            trading.move()
        for _ in range(4):
            rightly = owned(trading.state)
            save = trading.rng.choice(trading.rng.choice([trading.saves, trading.saves[-2:]]))
            known = decode(trading.rules, save).state
            newer = [each for each, _ in trading.orders.values() if each.sequence > known.sequence]
            exercised["adopted entry"] += any(each.quote_units for each in newer)
            exercised["adopted exit"] += any(each.base for each in newer)
            exercised["nothing to adopt"] += not newer
            exercised["second start"] += known.epoch != 7
            exercised["adopted partial exit"] += any(
                each.base > done.base > 0 for each, done in trading.orders.values() if each in newer
            )
            exercised["adopted dust"] += trading.state.dust != known.dust
            assert owned(trading.start_from(save)) == rightly, f"seed {seed}"
            assert trading.state.unexplained == ""
            for _ in range(20):
                trading.move()
    assert not lacking(exercised, dict.fromkeys(KINDS, 10))
