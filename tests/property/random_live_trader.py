"""A live trader and all it deals with, moved by chance: for tests of what must hold after every event.

The venue here keeps accounts of its own. After every event the trader's must agree with them, and a lot at its stop
must be on its way out or wait for a stated reason.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random

from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD
from cbbot.domain.last_trade import LastTrade
from cbbot.domain.order import Execution, Side
from cbbot.kernel.codes import BUY, SELL
from cbbot.kernel.levels import to_price
from cbbot.kernel.lot import Lot
from cbbot.kernel.model import Fit
from cbbot.trader import events
from cbbot.trader.codec import decode, encode
from cbbot.trader.commands import Checkpoint, Command, LookUp
from cbbot.trader.intent import Intent, Progress, Purpose
from cbbot.trader.listed_order import ListedOrder
from cbbot.trader.order_outcomes import ENTRY_VALID_MS
from cbbot.trader.refused_orders import LONGEST_SHORT_WAIT_MS, WITHOUT_BASE
from cbbot.trader.trader_state import TraderState
from restarted_state import as_kept
from trader_harness import TraderHarness, flat_history, placed, sure_model, unanswered

__all__ = ["LiveTrader"]

T0 = 1_700_000_040_000
PRICE = 10_000  # ticks: 100 USD
KEYS = {
    "DRY_RUN": "false", "MAX_ORDER_USD": "40", "MAX_EXPOSURE_USD": "160", "RISK_PER_TRADE_PCT": "4",
    "ORDER_MIN_USD": "1", "USE_MA_FILTER": "false", "MAX_DAILY_LOSS_PCT": "0", "ALLOW_PYRAMIDING": "true",
    "PYRAMID_MIN_ADVERSE_PCT": "0.1", "PYRAMID_DECAY_LAMBDA": "0", "TAKE_PROFIT_PCT": "1", "STOP_LOSS_PCT": "2",
    "MAX_CONCURRENT_LOTS": "4", "TRAIL_ACTIVATE_PCT": "0.5", "TRAIL_DISTANCE_PCT": "0.5", "LONG_ONLY": "false",
}  # fmt: skip
VARIANTS: tuple[dict[str, str], ...] = (
    {},
    {"MAX_ORDER_USD": "1.2"},  # next to the venue's minimum: dust everywhere
    {"USE_LIVE_EQUITY": "true", "MAX_DAILY_LOSS_PCT": "2"},
    {"USE_TICK_PRICE": "false"},
)
CODES = ("RATE_LIMITED", "INSUFFICIENT_FUND", "INVALID_SIZE_TOO_SMALL", "state_not_saved", "")
MINIMUM = BTC_USD.ledger_up(BTC_USD.min_notional)


@dataclass
class VenueAccount:
    """What the venue owes and holds, signed: ``base`` by the side of the lots it is of, ``cash`` with every fee."""

    base: dict[int, int]
    cash: int = 0
    net: int = 0


class LiveTrader(TraderHarness):
    """A trader and all it deals with. Every choice comes from the seed; ``recent`` are the newest events."""

    def __init__(self, seed: int, exercised: Counter[str]) -> None:
        super().__init__(KEYS | VARIANTS[seed % len(VARIANTS)], unanswered)
        self.rng = Random(seed)
        self.exercised = exercised
        self.now_ms = self.started_ms = T0
        self.price, self.wants = PRICE, self.rng.choice([5.0, -5.0])
        self.venue = VenueAccount({BUY: 0, SELL: 0})
        self.orders: dict[str, Intent] = {}
        self.names: set[str] = set()
        self.answers: list[events.Event] = []
        self.recent: deque[events.Event] = deque(maxlen=12)
        self.ticks = 0
        self.everything_goes = False
        self.spare = self.rng.choice([0, 10**9])
        self.start(flat_history(T0 // 1000 - 3600, PRICE), T0, model=self.wanted)
        self.now_ms += 30_000
        self.feed(events.OrdersListed(self.now_ms, ()))

    def move(self) -> None:
        """One thing happens; then all that must hold is looked at."""
        order = self.rng.choice(list(self.orders.values())) if self.orders else None
        market = [self.tick] * 10 + [self.know_balances] * 8
        rare = [
            self.pause, self.resume, self.resume, self.flatten, self.change_of_mind, self.pass_time, self.restart,
            self.trade_by_hand, self.take_effect_late, self.list_orders,
        ]  # fmt: skip
        if order is None or self.rng.random() < 0.5:
            self.rng.choice(market * 2 + rare)()
        else:
            answers = [self.fill] * 5 + [self.refuse, self.accept, self.leave_unknown, self.look_in_vain, self.repeat]
            self.rng.choice(answers)(order)
        self.all_holds()

    @property
    def wanted(self) -> Fit:
        return sure_model(self.wants)

    def after_step(self, before: TraderState, event: events.Event, commands: Sequence[Command]) -> None:
        self.recent.append(event)
        self.entries_are_allowed(before, commands)
        for intent in placed(commands):
            assert commands[0] == Checkpoint()
            if intent.repeated:
                self.is_sent_again(before, intent)
                continue
            if intent.client_order_id in self.names:
                self.is_the_wish_that_was_given_up(before, intent)
            self.names.add(intent.client_order_id)
            self.orders[intent.client_order_id] = intent
            self.exercised[intent.purpose.value] += 1
            self.closes_what_is_open(intent)
        if self.state.trade_count > before.trade_count:
            self.venue.net += self.state.trades[-1].closed.net_pnl
        self.what_left_was_sold_or_too_small(before, event)

    def entries_are_allowed(self, before: TraderState, commands: Sequence[Command]) -> None:
        orders = placed(commands)
        entries = [intent for intent in orders if intent.purpose is Purpose.ENTRY and not intent.repeated]
        if entries:
            assert orders == entries
            assert len(entries) == 1
            assert not before.pending
            assert not before.paused_by
            assert before.reconciled
            assert not self.at_their_levels(before.lots)

    def is_sent_again(self, before: TraderState, intent: Intent) -> None:
        """Once, as it was written down, and only in doubt."""
        sent, known = self.orders[intent.client_order_id], before.intent(intent.client_order_id)
        assert known is not None
        assert (known.repeated, known.order_id) == (False, "")
        assert (
            replace(intent, progress=sent.progress, asked_at=0, sent_ms=0, sent_at=sent.sent_at, repeated=False) == sent
        )
        late = self.now_ms - intent.created_ms > ENTRY_VALID_MS
        assert intent.purpose is Purpose.EXIT or not (before.paused_by or late)
        self.exercised["sent again"] += 1

    def is_the_wish_that_was_given_up(self, before: TraderState, intent: Intent) -> None:
        """An exit that was believed absent may take effect still: just this goes out again under its id."""
        (known,) = (e.intent for e in before.given_up if e.intent.client_order_id == intent.client_order_id)
        assert before.intent(intent.client_order_id) is None
        assert intent.purpose is known.purpose is Purpose.EXIT
        assert (intent.lot, intent.side, intent.base) == (known.lot, known.side, known.base)
        self.exercised["given up and sent again"] += 1

    def closes_what_is_open(self, intent: Intent) -> None:
        if intent.purpose is Purpose.EXIT:
            (lot,) = (lot for lot in self.state.lots if lot.id == intent.lot)
            assert (intent.side is Side.SELL) == (lot.side == BUY)
            assert 0 < intent.base <= lot.base
            if intent.base < lot.base:
                assert WITHOUT_BASE in self.state.paused_by
                self.exercised["short exits"] += 1

    def at_their_levels(self, lots: tuple[Lot, ...]) -> list[Lot]:
        at = to_price(self.rules.params, self.price)
        return [lot for lot in lots if lot.side * at <= lot.side * lot.stop or lot.side * at >= lot.side * lot.take]

    def what_left_was_sold_or_too_small(self, before: TraderState, event: events.Event) -> None:
        still = {lot.id for lot in self.state.lots}
        for lot in before.lots:
            if lot.id in still or isinstance(event, events.OrderFilled):
                continue
            refused = isinstance(event, events.OrderRefused)
            assert lot.base * self.state.market.last_price < MINIMUM * (2 if refused else 1)
            self.exercised["to_dust"] += 1

    def tick(self) -> None:
        # Back towards where it began, so that prices stay those of the settings.
        drift = 0.02 * (PRICE - self.price) / PRICE
        percent = self.rng.choice([-3.0, -1.0, -0.3, -0.1, 0.0, 0.1, 0.3, 1.0, 3.0])
        self.tick_at(
            max(int(self.price * (1 + percent / 100 + drift)), 1_000), self.rng.choice([0, 1, 900, 900, 6_000])
        )

    def tick_at(self, price: int, later: int) -> None:
        self.price = price
        self.now_ms += later
        self.feed(events.TimePassed(self.now_ms, self.elapsed_ms))
        if self.rules.settings.use_tick_price:
            self.ticks += 1
            self.feed(events.Tick(self.now_ms, self.price, LastTrade(str(self.ticks))))
        else:
            start = self.history[-1].start + 60
            self.now_ms = max(self.now_ms, start * 1000 + 60_000)
            self.feed(events.TimePassed(self.now_ms, self.elapsed_ms))
            self.close(Candle(start, self.price, self.price, self.price, self.price, 1))
        self.no_stop_is_missed()

    @property
    def elapsed_ms(self) -> int:
        return self.now_ms - self.started_ms

    def no_stop_is_missed(self) -> None:
        at = to_price(self.rules.params, self.price)
        if self.state.halted or self.state.market.last_price != self.price:
            return
        for lot in self.state.lots:
            stopped = lot.side * at <= lot.side * lot.stop or self.state.flattening
            if stopped and not self.state.closing(lot):
                held = self.state.refused_exit(lot.id)
                assert held is not None, "a lot at its stop waits for nothing"
                assert 0 < held.again_at - self.elapsed_ms <= LONGEST_SHORT_WAIT_MS
                assert held.short == (WITHOUT_BASE in self.state.paused_by) or held.again_at - self.elapsed_ms <= 60_000
                self.exercised["exits that wait"] += 1

    def fill(self, intent: Intent) -> None:
        if intent.side is Side.SELL and intent.base > self.available:
            self.refuse(intent, "INSUFFICIENT_FUND")
            return
        base = self.rng.choice(
            [intent.base, intent.base, max(intent.base * 2 // 3, 1), max(intent.base - 900_000, 1), 0]
        )
        self.fill_with(intent, base, self.rng.choice([None, 0, 10**8]))

    @property
    def available(self) -> int:
        return max(self.spare + self.venue.base[BUY] - self.venue.base[SELL], 0)

    def fill_with(self, intent: Intent, base: int, fee: int | None) -> None:
        self.exercised[f"filled {'none' if base == 0 else 'all' if base == intent.base else 'part'}"] += 1
        del self.orders[intent.client_order_id]
        assert self.state.intent(intent.client_order_id) is not None, "an order that the venue has was forgotten"
        self.now_ms += 1
        value = base * self.price
        side = BUY if intent.side is Side.BUY else SELL
        if base:
            entry = intent.purpose is Purpose.ENTRY
            self.venue.base[side if entry else -side] += base if entry else -base
            self.venue.cash -= side * value + (fee if fee is not None else -(-value * 75 // 10_000))
        event = events.OrderFilled(self.now_ms, intent.client_order_id, Execution("v", self.price, base, value, fee))
        self.answers.append(event)
        self.feed(event)

    def refuse(self, intent: Intent, code: str | None = None) -> None:
        known = self.state.intent(intent.client_order_id)
        if known is None or known.progress is not Progress.SENT:
            if code is not None:
                self.fill_with(intent, 0, None)  # too late to refuse it: it ends without a fill
            return
        del self.orders[intent.client_order_id]
        self.now_ms += 1
        event = events.OrderRefused(self.now_ms, intent.client_order_id, code or self.rng.choice(CODES), "no")
        self.answers.append(event)
        self.feed(event)

    def accept(self, intent: Intent) -> None:
        self.feed(events.OrderAccepted(self.now_ms, intent.client_order_id, "v"))

    def leave_unknown(self, intent: Intent) -> None:
        self.feed(events.OrderUnknown(self.now_ms, intent.client_order_id, "timeout"))

    def look_in_vain(self, intent: Intent) -> None:
        complete = self.rng.random() < 0.7
        self.now_ms += self.rng.choice([0, 31_000])
        known = self.state.intent(intent.client_order_id)
        self.feed(events.OrderAbsent(self.now_ms, intent.client_order_id, complete))
        if self.state.intent(intent.client_order_id) is None:
            assert complete
            assert known is not None
            assert known.order_id == ""
            assert self.now_ms - max(intent.created_ms, known.sent_ms) >= 30_000
            del self.orders[intent.client_order_id]
            assert intent.client_order_id in {each.intent.client_order_id for each in self.state.given_up}
            self.exercised["absent"] += 1
            if self.rng.random() < 0.5:
                self.take_effect_late()

    def take_effect_late(self) -> None:
        """An order that was believed absent is carried out after all, and listed."""
        free = [
            each.intent
            for each in self.state.given_up
            if each.intent.client_order_id not in self.orders and self.can_be_told(each.intent)
        ]
        if not free:
            return
        wish = self.rng.choice(free)
        _, epoch, sequence = wish.client_order_id.rsplit("-", 2)
        by_quote = wish.quote_units > 0
        late = ListedOrder(
            wish.client_order_id, int(epoch), int(sequence), "late", wish.side, 0 if by_quote else wish.base,
            wish.quote_units, self.now_ms, self.price, unfilled=False,
        )  # fmt: skip
        looked = [c.intent for c in self.feed(events.OrdersListed(self.now_ms, (late,))) if isinstance(c, LookUp)]
        assert [intent.client_order_id for intent in looked] == [wish.client_order_id]
        self.orders[wish.client_order_id] = looked[0]
        self.exercised[f"late {wish.purpose.value}"] += 1

    def can_be_told(self, wish: Intent) -> bool:
        """Whether it can be adopted at once, and the lots do not contradict it."""
        if wish.purpose is Purpose.ENTRY:
            same = all((lot.side == BUY) == (wish.side is Side.BUY) for lot in self.state.lots)
            return same and not self.state.entering
        lot = next((each for each in self.state.lots if each.id == wish.lot), None)
        return lot is not None and not self.state.closing(lot) and wish.base <= lot.base

    def list_orders(self) -> None:
        self.feed(events.OrdersListed(self.now_ms, ()))

    def repeat(self, _: Intent) -> None:
        """An answer that has been booked comes once more; none to an order that has gone out again since."""
        answers = [each for each in self.answers[-5:] if getattr(each, "client_order_id", "") not in self.orders]
        if answers:
            before = self.state
            self.feed(self.rng.choice(answers))
            assert self.state is before

    def know_balances(self) -> None:
        self.now_ms += 1
        quote = BTC_USD.ledger_down(Decimal(1_000)) + self.venue.cash
        self.feed(events.BalancesKnown(self.now_ms - self.rng.choice([0, 0, 0, 100, 20_000]), self.available, quote))

    def trade_by_hand(self) -> None:
        """Somebody takes base out of the account, or brings some."""
        self.spare += self.rng.choice([-12_000_000, -1_000_000, 13_000_000])

    def pause(self) -> None:
        self.feed(events.EntriesPaused(self.now_ms, self.rng.choice(["hand", "resource"])))

    def resume(self) -> None:
        for by in sorted(self.state.paused_by - {WITHOUT_BASE}):
            self.feed(events.EntriesResumed(self.now_ms, by))
            if by == "hand" and not self.state.lots and not self.state.pending and self.state.reconciled:
                self.everything_goes = False

    def flatten(self) -> None:
        self.everything_goes = True
        self.feed(events.FlattenAsked(self.now_ms))

    def change_of_mind(self) -> None:
        self.wants = -self.wants
        self.state = replace(self.state, model=self.wanted)

    def pass_time(self) -> None:
        self.now_ms += self.rng.choice([0, 3_000, 86_400_000])
        looked = [c.intent for c in self.feed(events.TimePassed(self.now_ms, self.elapsed_ms)) if isinstance(c, LookUp)]
        assert all(intent.client_order_id in self.orders for intent in looked)

    def restart(self) -> None:
        kept = json.loads(json.dumps(encode(self.rules, self.state)))
        clear = not self.state.short_dust.base and (self.state.account.side == BUY or not self.state.dust.base)
        if clear and self.rng.random() < 0.3:
            # As an older cbbot wrote it.
            kept |= {"version": 1, "book": kept.pop("account")}
            del kept["short_dust"], kept["market"]["candle_seconds"], kept["refused_exits"], kept["given_up"]
        again = decode(self.rules, kept).state
        assert again == as_kept(self.state, again, version=kept["version"])
        self.state = replace(again, epoch=again.epoch + 1)
        self.started_ms = self.now_ms
        self.feed(events.HistoryLoaded(self.now_ms, tuple(self.history)))
        looked = [c.intent.client_order_id for c in self.feed(events.Started(self.now_ms)) if isinstance(c, LookUp)]
        assert looked == [intent.client_order_id for intent in self.state.intents]
        assert not self.state.watching
        self.feed(events.OrdersListed(self.now_ms, ()))
        assert (self.state.watching, self.state.reconciled) == (True, False)
        self.now_ms += 30_000
        self.feed(events.OrdersListed(self.now_ms, ()))
        self.exercised["restarts"] += 1

    def all_holds(self) -> None:
        """For a subclass: what must hold after every move."""
