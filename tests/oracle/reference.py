"""The trader of docs/trading.md a second time: slow, naive, in Decimal.

It shares no code with the product. Money is Decimal, levels are float as the product's are.
A step gets what the market and the model say; everything that follows from it is done anew here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext

__all__ = ["Lot", "Product", "Reference", "Seen", "Trade"]

DAY_MS = 86_400_000


@dataclass(frozen=True)
class Product:
    price_increment: Decimal = Decimal("0.01")
    base_increment: Decimal = Decimal("0.00000001")
    quote_increment: Decimal = Decimal("0.01")
    min_notional: Decimal = Decimal(1)

    @property
    def ledger(self) -> Decimal:
        return self.price_increment * self.base_increment


@dataclass(frozen=True)
class Seen:
    """One step's input. ``p_up`` is None before a decision can be made; ``fast_over_slow`` is a sign, None unknown.

    ``path`` is open, high and low, where exits see a whole candle; None where they see its close alone.
    """

    now_ms: int
    price: Decimal
    p_up: float | None
    fast_over_slow: int | None
    std_ratio: float
    path: tuple[Decimal, Decimal, Decimal] | None = None


@dataclass
class Lot:
    number: int
    side: str
    role: str
    runner: bool
    opened_ms: int
    price: Decimal
    base: Decimal
    cost: Decimal
    entry_fee: Decimal
    stop: float
    take: float
    trailing: bool = False
    peak: float = 0.0
    trail_stop: float = 0.0

    @property
    def sign(self) -> int:
        return 1 if self.side == "BUY" else -1

    def marked(self, price: Decimal) -> Decimal:
        """Unrealised profit, entry fee included."""
        return self.sign * (price * self.base - self.cost) - self.entry_fee


@dataclass(frozen=True)
class Trade:
    lot: int
    role: str
    closed_as: str
    side: str
    opened_ms: int
    open_price: Decimal
    base_size: Decimal
    cost: Decimal
    entry_fee: Decimal
    closed_ms: int
    close_price: Decimal
    proceeds: Decimal
    exit_fee: Decimal
    net_pnl: Decimal
    exit_reason: str


Exit = tuple[Lot, str, Decimal]
"""A lot, why it leaves, and the price it leaves at before slippage."""


def rounded(amount: Decimal, unit: Decimal, mode: str) -> Decimal:
    return (amount / unit).to_integral_value(mode) * unit


@dataclass
class Reference:
    """Feed :meth:`step`; read ``trades``, ``lots``, ``decisions``, ``denials``, ``marked``."""

    keys: Mapping[str, str]
    product: Product = field(default_factory=Product)
    trades: list[Trade] = field(default_factory=list)
    lots: list[Lot] = field(default_factory=list)
    decisions: Counter[str] = field(default_factory=Counter)
    denials: Counter[str] = field(default_factory=Counter)
    marked: list[Decimal] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    realised: Decimal = Decimal(0)
    day: int = -1
    day_pnl: Decimal = Decimal(0)
    day_equity: Decimal = Decimal(0)
    day_marked: Decimal = Decimal(0)
    breaker: bool = False
    last_add_ms: int = 0
    last_stopped_ms: int | None = None
    opened: int = 0

    def number(self, key: str) -> Decimal:
        return Decimal(self.keys[key])

    def real(self, key: str) -> float:
        return float(self.keys[key])

    def on(self, key: str) -> bool:
        return self.keys[key] == "true"

    @property
    def equity(self) -> Decimal:
        return rounded(self.number("USD_EQUITY"), self.product.ledger, ROUND_FLOOR) + self.realised

    def marked_equity(self, price: Decimal) -> Decimal:
        return self.equity + sum((lot.marked(price) for lot in self.lots), Decimal(0))

    def step(self, seen: Seen) -> None:
        with localcontext() as context:
            context.prec = 60
            leaving = self._leaving(seen)
            self._day_and_breaker(seen, leaving)
            if not self._exits(seen, leaving):
                self._decide(seen)
            self.marked.append(self.marked_equity(seen.price))

    # docs/trading.md, section 1, steps 1 and 2
    def _day_and_breaker(self, seen: Seen, leaving: list[Exit]) -> None:
        # A lot that leaves inside the candle is worth what it leaves at, not what the candle closes at.
        gone = sum((lot.marked(price) - lot.marked(seen.price) for lot, _, price in leaving), Decimal(0))
        marked = self.marked_equity(seen.price) + gone
        if seen.now_ms // DAY_MS != self.day:
            self.day = seen.now_ms // DAY_MS
            self.day_pnl, self.day_equity, self.day_marked = Decimal(0), self.equity, marked
            self.breaker = False
        percent = self.number("MAX_DAILY_LOSS_PCT")
        loss = marked - self.day_marked if self.on("DAILY_BREAKER_MARK_TO_MARKET") else self.day_pnl
        if percent > 0 and not self.breaker and loss <= -percent / 100 * self.day_equity:
            self.breaker = True
            self.seen["breaker days"] += 1

    # docs/trading.md, section 1, step 3
    def _leaving(self, seen: Seen) -> list[Exit]:
        """The lots that leave, oldest first; every trail is moved."""
        walks = [(lot, *self._walk(lot, seen)) for lot in self.lots]
        return [(lot, reason, price) for lot, reason, price in walks if reason]

    def _walk(self, lot: Lot, seen: Seen) -> tuple[str, Decimal]:
        """Open, worse extreme, better extreme, close: why and at which price the lot leaves."""
        was_trailing = lot.trailing
        opened, high, low = seen.path or (seen.price,) * 3
        self._trail(lot, float(opened))
        reason = self._reason(lot, float(opened), was_trailing)
        if reason or high == low:
            return reason, opened
        for point in (low, high, seen.price) if lot.side == "BUY" else (high, low, seen.price):
            self._trail(lot, float(point))
            reason = self._reason(lot, float(point), was_trailing)
            if reason:
                return self._crossed(lot, reason, was_trailing)
        return "", seen.price

    def _crossed(self, lot: Lot, reason: str, trailing: bool) -> tuple[str, Decimal]:
        """The level that was crossed first, and the first tick that reaches it."""
        self.seen["crossed inside a candle"] += 1
        falling = (reason != "take_profit") == (lot.side == "BUY")
        level = lot.take
        if reason != "take_profit":
            nearer = trailing and lot.sign * (lot.trail_stop - lot.stop) >= 0
            reason, level = ("trailing_stop", lot.trail_stop) if nearer else ("stop_loss", lot.stop)
        tick = self.product.price_increment
        price = rounded(Decimal(level), tick, ROUND_FLOOR) + (tick if falling else -tick)
        while float(price) > level if falling else float(price) < level:
            price += -tick if falling else tick
        return reason, price

    def _exits(self, seen: Seen, leaving: list[Exit]) -> bool:
        for lot, reason, price in leaving:
            self._close(lot, reason, price, seen.now_ms)
        if self.lots and not any(lot.runner for lot in self.lots):
            self._promote(self.lots[-1])
        return bool(leaving)

    def _trail(self, lot: Lot, price: float) -> None:
        activate, distance = self.real("TRAIL_ACTIVATE_PCT"), self.real("TRAIL_DISTANCE_PCT")
        if not lot.runner or activate <= 0 or distance <= 0:
            return
        long = lot.side == "BUY"
        follows = price * (1 - distance / 100) if long else price * (1 + distance / 100)
        if not lot.trailing:
            entry = float(lot.price)
            reached = price >= entry * (1 + activate / 100) if long else price <= entry * (1 - activate / 100)
            if reached:
                lot.trailing, lot.peak, lot.trail_stop = True, price, follows
                self.seen["trails"] += 1
        elif (price > lot.peak) if long else (price < lot.peak):
            lot.peak = price
            lot.trail_stop = max(lot.trail_stop, follows) if long else min(lot.trail_stop, follows)
            self.seen["ratchets"] += 1

    @staticmethod
    def _reason(lot: Lot, price: float, trailing: bool) -> str:
        long = lot.side == "BUY"
        if trailing and (price <= lot.trail_stop if long else price >= lot.trail_stop):
            return "trailing_stop"
        if price <= lot.stop if long else price >= lot.stop:
            return "stop_loss"
        if price >= lot.take if long else price <= lot.take:
            return "take_profit"
        return ""

    def _close(self, lot: Lot, reason: str, price: Decimal, now_ms: int) -> None:
        close_price = self._slipped(price, -lot.sign)
        proceeds = close_price * lot.base
        exit_fee = self._fee(proceeds)
        gross = proceeds - lot.cost if lot.side == "BUY" else lot.cost - proceeds
        net = gross - lot.entry_fee - exit_fee
        closed_as = "runner" if lot.runner else "scalp"
        self.trades.append(
            Trade(
                lot.number, lot.role, closed_as, lot.side, lot.opened_ms, lot.price, lot.base, lot.cost, lot.entry_fee,
                now_ms, close_price, proceeds, exit_fee, net, reason,
            )
        )  # fmt: skip
        self.lots.remove(lot)
        self.realised += net
        self.day_pnl += net
        if reason in ("stop_loss", "trailing_stop"):
            self.last_stopped_ms = now_ms
        self.seen[f"exit {lot.side} {reason}"] += 1

    def _promote(self, lot: Lot) -> None:
        lot.runner, lot.trailing, lot.peak, lot.trail_stop = True, False, 0.0, 0.0
        lot.stop, lot.take = self._stop(lot.side, float(lot.price)), self._runner_take(lot.side, float(lot.price))
        self.seen["promotions"] += 1

    # docs/trading.md, section 1, step 5
    def _signal(self, seen: Seen) -> str:
        if seen.p_up is None:
            return "flat"
        free = not self.on("USE_MA_FILTER")
        if seen.p_up > self.real("BUY_THRESHOLD") and (free or seen.fast_over_slow == 1):
            return "buy"
        if seen.p_up < self.real("SELL_THRESHOLD") and (free or seen.fast_over_slow == -1):
            return "sell"
        return "flat"

    # docs/trading.md, section 1, steps 5 and 6
    def _decide(self, seen: Seen) -> None:
        signal = self._signal(seen)
        self.decisions[signal] += 1
        if signal == "flat":
            return
        side = signal.upper()
        denied = self._denied(side, seen)
        if denied:
            self.denials[denied] += 1

    def _denied(self, side: str, seen: Seen) -> str:
        """The gate that denies; opens the lot when none does."""
        if self.lots and self.lots[0].side != side:
            return "exits_only"
        if side == "SELL" and self.on("LONG_ONLY"):
            return "long_only"
        if self.breaker:
            return "breaker"
        cooldown = self.number("ENTRY_COOLDOWN_SEC") * 1000
        if self.last_stopped_ms is not None and seen.now_ms - self.last_stopped_ms < cooldown:
            return "cooldown"
        if len(self.lots) >= int(self.keys["MAX_CONCURRENT_LOTS"]):
            return "max_lots"
        if self.lots:
            denied = self._may_not_add(side, seen)
            if denied:
                return denied
        return self._enter(side, seen)

    def _may_not_add(self, side: str, seen: Seen) -> str:
        if not self.on("ALLOW_PYRAMIDING"):
            return "pyramiding_disabled"
        if seen.now_ms - self.last_add_ms < self.number("PYRAMID_MIN_SECONDS_BETWEEN") * 1000:
            return "spacing"
        elapsed = (seen.now_ms - self.last_add_ms) / 60_000
        percent, decay = self.real("PYRAMID_MIN_ADVERSE_PCT"), self.real("PYRAMID_DECAY_LAMBDA")
        if decay > 0:
            decayed = percent * math.exp(-decay * elapsed)
            percent = max(decayed, self.real("PYRAMID_DECAY_MIN_PCT"))
            self.seen["gates at the floor" if percent > decayed else "gates above the floor"] += 1
        entry, price = float(self.lots[-1].price), float(seen.price)
        passes = price <= entry * (1 - percent / 100) if side == "BUY" else price >= entry * (1 + percent / 100)
        return "" if passes else "adverse_gate"

    # docs/trading.md, section 1, steps 6 and 7
    def _enter(self, side: str, seen: Seen) -> str:
        budget = self._budget(seen.std_ratio)
        invested = sum((lot.cost + lot.entry_fee for lot in self.lots), Decimal(0))
        if budget > self.equity - invested:
            return "insufficient_funds"
        price = self._slipped(seen.price, 1 if side == "BUY" else -1)
        fee_rate = self.number("FEE_RATE_PCT") / 100
        base = rounded(budget / ((1 + fee_rate) * price), self.product.base_increment, ROUND_FLOOR)
        cost = base * price
        if base == 0 or cost < self.product.min_notional:
            return "below_minimum"
        cap = self.keys.get("MAX_EXPOSURE_USD", "")
        if cap and sum((lot.cost for lot in self.lots), Decimal(0)) + cost > Decimal(cap):
            return "max_exposure"
        self._open(side, seen.now_ms, price, base)
        return ""

    def _budget(self, std_ratio: float) -> Decimal:
        factor = Decimal(1)
        if self.on("VOL_RISK_ADJUST"):
            if std_ratio > 0.02:
                factor = Decimal("0.6")
            elif std_ratio > 0.01:
                factor = Decimal("0.8")
            elif std_ratio < 0.004:
                factor = Decimal("1.2")
            self.seen[f"vol factor {factor}"] += 1
        percent = min(Decimal(100), self.number("RISK_PER_TRADE_PCT") * factor)
        budget = max(self.number("ORDER_MIN_USD"), percent / 100 * self.equity)
        if self.keys.get("MAX_ORDER_USD", ""):
            budget = min(budget, self.number("MAX_ORDER_USD"))
        return rounded(budget, self.product.quote_increment, ROUND_FLOOR)

    def _open(self, side: str, now_ms: int, price: Decimal, base: Decimal) -> None:
        self.opened += 1
        self.last_add_ms = now_ms
        runner = not self.lots
        at = float(price)
        take = self._runner_take(side, at) if runner else self._scalp_take(side, at)
        cost = base * price
        self.lots.append(
            Lot(
                self.opened, side, "runner" if runner else "scalp", runner, now_ms, price, base, cost,
                self._fee(cost), self._stop(side, at), take,
            )
        )  # fmt: skip

    def _stop(self, side: str, price: float) -> float:
        percent = self.real("STOP_LOSS_PCT")
        return price * (1 - percent / 100) if side == "BUY" else price * (1 + percent / 100)

    def _runner_take(self, side: str, price: float) -> float:
        percent = 2 * self.real("TAKE_PROFIT_PCT")
        return price * (1 + percent / 100) if side == "BUY" else price * (1 - percent / 100)

    def _scalp_take(self, side: str, price: float) -> float:
        percent = self.real("TAKE_PROFIT_PCT")
        if self.on("SCALP_TP_DECAY_ENABLE"):
            others = sum(1 for lot in self.lots if not lot.runner)
            if self.keys["SCALP_TP_DEC_MODE"] == "exp":
                lowered = percent * math.prod([self.real("SCALP_TP_DECAY_FACTOR")] * others)
            else:
                lowered = percent - others * self.real("SCALP_TP_DEC_PCT")
            percent = max(lowered, self.real("SCALP_TP_MIN_PCT"))
            self.seen["scalps at the floor" if percent > lowered else "scalps above the floor"] += 1
        return price * (1 + percent / 100) if side == "BUY" else price * (1 - percent / 100)

    # docs/trading.md, section 3
    def _fee(self, notional: Decimal) -> Decimal:
        return rounded(notional * self.number("FEE_RATE_PCT") / 100, self.product.ledger, ROUND_CEILING)

    def _slipped(self, price: Decimal, side: int) -> Decimal:
        slippage = self.number("PAPER_SLIPPAGE_BPS") / 10_000
        tick = self.product.price_increment
        if side > 0:
            return rounded(price * (1 + slippage), tick, ROUND_CEILING)
        return max(rounded(price * (1 - slippage), tick, ROUND_FLOOR), tick)
