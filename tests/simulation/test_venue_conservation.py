"""Property: whatever is asked for and whatever is traded, no money is made or lost and every order keeps its limits.

After every step: no balance below zero, a wallet's hold is what its orders hold, an order's totals are those of its
fills, no fill beyond its order's size or limit, the queue at a price served in order. A state file written at any
moment goes on exactly as the exchange that wrote it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cbbot.domain.instrument import BTC_USD
from cbbot.domain.order import Side
from cbbot.domain.timestamps import rfc3339_ms
from cbbot.errors import BadInput
from cbbot.venue.exchange import Delays, Exchange, Fill, Terms
from cbbot.venue.matching import fee_rate
from cbbot.venue.order_book import BookShape
from cbbot.venue.prints import Print
from cbbot.venue.product import Product
from cbbot.venue.refusals import OrderRefused
from cbbot.venue.snapshot import fill_json, from_json, order_json, to_json
from cbbot.venue.venue_fill import Liquidity, TradeType
from cbbot.venue.venue_order import Order, OrderRequest, OrderStatus, TriggerStatus
from exercised import lacking

OPENING = {"BTC": Decimal("0.5"), "USD": Decimal(50_000), "USDC": Decimal(2_000)}
USDC = replace(BTC_USD, product_id="BTC-USDC")
PRODUCTS = (
    Product(BTC_USD, "Bitcoin", "US Dollar", alias_to=("BTC-USDC",)),
    Product(USDC, "Bitcoin", "USDC", alias="BTC-USD"),
)
START = 5_000_000  # 50,000.00
KINDS = (
    "market_market_ioc",
    "sor_limit_ioc",
    "limit_limit_gtc",
    "limit_limit_gtc",
    "limit_limit_gtd",
    "limit_limit_fok",
    "stop_limit_stop_limit_gtc",
    "stop_limit_stop_limit_gtd",
    "trigger_bracket_gtc",
    "trigger_bracket_gtd",
)
RATES = [fee_rate(Decimal(text)) for text in ("0", "0.009", "0.0060001", "0.123456789")]


class Run:
    """One exchange, the steps that a seed makes for it, and what they meet."""

    def __init__(self, seed: int, met: Counter[str]) -> None:
        self.rng = Random(seed)
        self.met = met
        rng = self.rng
        delays = Delays(*(rng.choice([0, 0, 1, 700]) for _ in range(6)))
        shape = BookShape(rng.choice([1, 1, 3]), rng.randint(0, 4), rng.choice([1_000, 77_777, 10**7]))
        band = rng.choice([None, None, 1])
        self.terms = Terms(rng.choice(RATES), rng.choice(RATES), delays, shape, band)
        self.venue = Exchange(PRODUCTS, OPENING, self.terms)
        self.now_ms, self.price, self.number = 1_000, START, 0
        self.step_print()

    def step(self) -> None:
        self.now_ms += self.rng.choice([0, 0, 1, 50, 400])
        roll = self.rng.random()
        if roll < 0.45:
            self.step_place()
        elif roll < 0.75:
            self.step_print()
        elif roll < 0.84:
            self.step_cancel()
        elif roll < 0.94:
            self.step_edit()
        elif roll < 0.95:
            self.step_correct()
        else:
            self.venue.advance(self.now_ms)

    def step_print(self) -> None:
        rng = self.rng
        self.price = max(self.price + rng.choice([0, 0, 1, -1, 2, -3, 7, -7, 40, -40]), 100)
        self.number += 1
        size = rng.choice([0, 500, 20_000, 90_000, 10**7])
        self.venue.on_print("BTC-USD", Print(self.number, self.now_ms, self.price, size, rng.choice(list(Side))))

    def step_place(self) -> None:
        rng = self.rng
        side, kind = rng.choice(list(Side)), rng.choice(KINDS)
        fields: dict[str, Any] = {}
        if kind == "trigger_bracket_gtc" or kind == "trigger_bracket_gtd":
            side = rng.choice([Side.SELL] * 9 + [Side.BUY])
            fields["stop_trigger_price"] = self.text_of(self.price - rng.randint(-1, 30))
            limit = self.price + rng.randint(-1, 30)
        else:
            limit = self.price + rng.randint(-8, 8)
        if kind.startswith("stop_limit"):
            up = rng.random() < 0.5
            stop = self.price + (rng.randint(0, 9) if up else -rng.randint(0, 9))
            fields["stop_price"] = self.text_of(stop)
            fields["stop_direction"] = "STOP_DIRECTION_STOP_UP" if up else "STOP_DIRECTION_STOP_DOWN"
            limit = stop + (rng.randint(-1, 5) if side is Side.BUY else -rng.randint(-1, 5))
        if kind != "market_market_ioc":
            fields["limit_price"] = self.text_of(limit)
        if kind in ("limit_limit_gtc", "limit_limit_gtd"):
            fields["post_only"] = rng.random() < 0.3
        if kind.endswith("gtd"):
            fields["end_time"] = rfc3339_ms(self.now_ms + rng.choice([1, 60, 900, 5_000]))
        if rng.random() < 0.25 and "bracket" not in kind:
            fields["quote_size"] = f"{rng.choice([1, 30, 400, 60_000])}"
        else:
            fields["base_size"] = f"{rng.choice([2_001, 50_000, 777_777, 10**7, 6 * 10**7]) * BTC_USD.base_increment:f}"
        attached = None
        if rng.random() < 0.15:
            legs = {"limit_price": self.text_of(limit + 20), "stop_trigger_price": self.text_of(limit - 20)}
            attached = {"trigger_bracket_gtc": legs}
        product = rng.choice(["BTC-USD", "BTC-USD", "BTC-USDC"])
        request = OrderRequest(str(rng.randint(0, 400)), product, side.value, {kind: fields}, attached)
        try:
            placed = self.venue.place(request, self.now_ms)
        except OrderRefused as refused:
            self.met[f"refused {refused.reason.name}"] += 1
        else:
            self.met["repeated" if placed.repeated else f"placed {placed.order.kind.name}"] += 1

    def some_order(self) -> Order | None:
        orders = list(self.venue.open_orders(self.now_ms)) or list(self.venue.orders(self.now_ms))
        return self.rng.choice(orders) if orders else None

    def step_cancel(self) -> None:
        order = self.some_order()
        failure = self.venue.cancel(order.order_id if order else "none", self.now_ms)
        self.met["cancel accepted" if failure is None else f"cancel {failure.value}"] += 1

    def step_edit(self) -> None:
        order = self.some_order()
        if order is None:
            return
        limit = order.limit + self.rng.choice([0, 0, 1, -1, 5, -5])
        size = max(order.size + self.rng.choice([0, -1_000, 1_000, -order.size // 2, 10**7]), 0)
        refusal = self.venue.edit(
            order.order_id, self.text_of(limit), f"{size * BTC_USD.base_increment:f}", self.now_ms
        )
        self.met["edit accepted" if refusal is None else f"edit {refusal.failure.value}"] += 1

    def step_correct(self) -> None:
        fills = self.venue.fills_since(0)
        if not fills:
            return
        fill = self.rng.choice(fills)
        try:
            if self.rng.random() < 0.5:
                self.venue.reverse_fill(fill.entry_id, self.now_ms)
                self.met["reversed"] += 1
            else:
                self.venue.correct_fill(fill.entry_id, fill.trade.price + 1, self.now_ms)
                self.met["corrected"] += 1
        except BadInput:
            self.met["not reversed"] += 1

    @staticmethod
    def text_of(ticks: int) -> str:
        return BTC_USD.price_text(max(ticks, 0))


def written(venue: Exchange, now_ms: int) -> dict[str, Any]:
    state = to_json(venue, now_ms)
    orders = sorted(venue.changed_orders(0), key=lambda order: order.sequence)
    state["orders"] = [order_json(order) for order in orders]
    state["fills"] = [fill_json(fill) for fill in venue.fills_since(0)]
    return json.loads(json.dumps(state))  # type: ignore[no-any-return]  # an object goes in


def check_wallets(venue: Exchange, now_ms: int) -> None:
    balances = dict(venue.balances(now_ms).items())
    assert all(min(balance) >= 0 for balance in balances.values())
    orders = list(venue.changed_orders(0))
    held: defaultdict[str, Decimal] = defaultdict(Decimal)
    for order in orders:
        base, quote = order.product_id.split("-")
        if order.side is Side.SELL:
            held[base] += order.hold * BTC_USD.base_increment
        else:
            held[quote] += BTC_USD.money(order.hold)
        assert order.hold >= 0
    assert {currency: balance.hold for currency, balance in balances.items()} == {
        currency: held[currency] for currency in balances
    }
    totals = dict(OPENING)
    unposted = {fill.sequence for fill in venue.ledger.unposted.values()}
    for fill in venue.fills_since(0):
        base, quote = fill.product_id.split("-")
        sign = (1 if fill.side is Side.BUY else -1) * fill.trade_type.sign
        fee = fill.trade_type.sign * fill.trade.commission
        cost = sign * fill.trade.value + fee
        if fill.sequence not in unposted:
            totals[base] += sign * fill.trade.base * BTC_USD.base_increment
            totals[quote] -= BTC_USD.money(cost)
    assert {currency: sum(balance) for currency, balance in balances.items()} == totals


def check_orders(venue: Exchange, met: Counter[str]) -> None:
    fills: defaultdict[str, list[Fill]] = defaultdict(list)
    for fill in venue.fills_since(0):
        fills[fill.order_id].append(fill)
    for order in venue.changed_orders(0):
        mine = fills[order.order_id]
        assert order.base == sum(fill.trade_type.sign * fill.trade.base for fill in mine)
        assert order.value == sum(fill.trade_type.sign * fill.trade.value for fill in mine)
        assert order.commission == sum(fill.trade_type.sign * fill.trade.commission for fill in mine)
        assert order.executed == sum(fill.trade.base for fill in mine if fill.trade_type is TradeType.FILL)
        if order.size:
            assert order.executed <= order.size
            assert order.status is not OrderStatus.FILLED or order.base == order.size
        else:
            assert order.value + order.commission <= order.asked or len(mine) > order.fill_count
        assert order.status is OrderStatus.FILLED or order.status.terminal or order.leaves > 0
        check_limit(order, mine)
    for change in venue.changes(0, 10**9) or []:
        met[f"{change.order.kind.order_type} {change.order.status.value}"] += 1


def check_limit(order: Order, fills: list[Fill]) -> None:
    """Of an edited order the limit at the time is gone: the widest it ever had counts."""
    if not order.limit:
        return
    limits = {order.limit, order.working_limit, *(edit.limit for edit in order.edits)}
    if order.edits:
        return
    for fill in fills:
        if fill.trade_type is not TradeType.FILL:
            continue
        if order.side is Side.BUY:
            assert fill.trade.price <= max(limits)
        else:
            assert fill.trade.price >= min(limits)
        if fill.liquidity is Liquidity.MAKER and not order.kind.is_bracket:
            assert fill.trade.price == order.limit
        if order.post_only:
            assert fill.liquidity is Liquidity.MAKER


MET: Counter[str] = Counter()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([3, 30, 120]))
def check_conservation(seed: int, steps: int) -> None:
    run = Run(seed, MET)
    for _ in range(steps):
        run.step()
        check_wallets(run.venue, run.now_ms)
    check_orders(run.venue, MET)
    triggered = [order for order in run.venue.changed_orders(0) if order.trigger_status is TriggerStatus.TRIGGERED]
    MET["triggered"] += len(triggered)
    MET["maker fills"] += sum(fill.liquidity is Liquidity.MAKER for fill in run.venue.fills_since(0))
    MET["bracket followed"] += sum(bool(order.originating_order_id) for order in run.venue.changed_orders(0))
    run.venue.advance(run.now_ms + 100_000)
    check_wallets(run.venue, run.now_ms + 100_000)


LEAST = {
    **{f"placed {kind}": 30 for kind in ("MARKET_IOC", "LIMIT_IOC", "LIMIT_GTC", "LIMIT_GTD", "LIMIT_FOK")},
    **{f"placed {kind}": 5 for kind in ("STOP_LIMIT_GTC", "STOP_LIMIT_GTD", "BRACKET_GTC", "BRACKET_GTD")},
    **{f"LIMIT {status}": 5 for status in ("OPEN", "FILLED", "CANCELLED", "EXPIRED", "CANCEL_QUEUED", "EDIT_QUEUED")},
    "MARKET FILLED": 5,
    "MARKET CANCELLED": 5,
    "BRACKET FILLED": 2,
    "STOP_LIMIT FILLED": 2,
    "cancel accepted": 20,
    "cancel DUPLICATE_CANCEL_REQUEST": 2,
    "edit accepted": 20,
    "reversed": 2,
    "corrected": 2,
    "triggered": 5,
    "maker fills": 50,
    "bracket followed": 5,
    "repeated": 10,
    "refused INSUFFICIENT_FUND": 20,
    "refused POST_ONLY_CROSSES": 5,
}


def test_balances_are_what_the_fills_add_up_to_and_holds_what_the_orders_hold() -> None:
    MET.clear()
    check_conservation()
    assert lacking(MET, LEAST) == {}


RESUMED: Counter[str] = Counter()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([3, 30, 80]))
def check_resuming(seed: int, steps: int) -> None:
    """Two exchanges take the same steps, one of them is written down and read back on the way."""
    one, other = Run(seed, Counter()), Run(seed, Counter())
    for step in range(steps):
        one.step()
        other.step()
        if step % 5 == seed % 5:
            other.venue = from_json(written(other.venue, other.now_ms), PRODUCTS, OPENING, other.terms)
            one.venue.advance(one.now_ms)
            RESUMED["resting"] += sum(len(side) for side in other.venue.markets["BTC-USD"].sides.values())
            RESUMED["triggers"] += len(other.venue.markets["BTC-USD"].triggers)
        assert written(one.venue, one.now_ms) == written(other.venue, other.now_ms)
    RESUMED["fills"] += len(one.venue.fills_since(0))


def test_an_exchange_that_was_written_down_goes_on_exactly() -> None:
    RESUMED.clear()
    check_resuming()
    assert lacking(RESUMED, {"resting": 50, "triggers": 20, "fills": 80}) == {}
