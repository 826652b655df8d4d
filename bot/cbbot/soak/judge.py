"""The invariants, held against the exchange's own books after every step of the bot; the first broken ends a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import Final

from cbbot.contract.settings import Settings
from cbbot.domain.instrument import Instrument
from cbbot.kernel.codes import BUY
from cbbot.runtime.live_bot import LiveBot
from cbbot.soak.exchange_side import BookedOrder, Books
from cbbot.soak.explained_words import ExplainedWords
from cbbot.soak.simulated_disk import SimulatedDisk
from cbbot.soak.status_truth import StatusTruth
from cbbot.soak.trade_rows import check_trade_rows, rows_of
from cbbot.soak.violated import Violated
from cbbot.trader.intent import Intent, Progress, Purpose
from cbbot.trader.late_orders import may_appear
from cbbot.trader.startup import UNEXPLAINED
from cbbot.trader.trader_state import TraderState

__all__ = ["Judge"]

_NAKED_TICKS: Final = 3
_NAKED_TICKS_IN_DOUBT: Final = 1
_OLD_PRICE_SECONDS: Final = 60.0


class Judge:
    """``seen`` is told by the world: orders as they leave, the bot after each of its steps."""

    def __init__(
        self,
        settings: Settings,
        instrument: Instrument,
        books: Callable[[], Books],
        disk: SimulatedDisk,
        now: Callable[[], float],
        met: Callable[[], Iterable[tuple[str, str]]],
    ) -> None:
        self._on_ticks = settings.use_tick_price
        self._instrument = instrument
        self._books = books
        self._disk = disk
        self._state_file = settings.state_file
        self._start = instrument.ledger_down(settings.usd_equity)
        self.status = StatusTruth(instrument, self._start, disk, now)
        self.words = ExplainedWords(met)
        self._revision = -1
        # Of every order of ours: base units got, ledger units spent.
        self._effects: dict[str, tuple[int, int]] = {}
        self._read: dict[str, BookedOrder] = {}
        self._base = self._spent = 0
        self._wishes: dict[str, tuple[object, ...]] = {}
        self._bodies: dict[str, tuple[tuple[str, str], ...]] = {}
        self._state: TraderState | None = None
        self._naked: dict[int, int] = {}
        self._priced = False
        self.orders = 0
        self._unexplained = False
        self._broken: Violated | None = None

    def began(self, state_file: str) -> None:
        """A new life of the bot: what the old one had in memory is gone."""
        self._state_file = state_file
        self._state = None
        self._naked.clear()
        self._priced = False
        self.status.began(state_file)
        self.words.began()

    def ended(self, words: str) -> None:
        """A life of the bot is over; what is wrong with its words is raised with the next life's first step."""
        try:
            self.words.ended(words)
        except Violated as violated:
            self._broken = self._broken or violated

    def priced(self) -> None:
        """The bot has got an answer about the price."""
        self._priced = True
        self.status.priced()

    def posted(self, body: dict[str, str], bot: LiveBot | None, state_file: str) -> None:
        """An order is about to leave. What is wrong with it is raised after the step: the bot would catch it here."""
        try:
            self._check_order(body, bot, state_file)
        except Violated as violated:
            self._broken = self._broken or violated

    def _check_order(self, body: dict[str, str], bot: LiveBot | None, state_file: str) -> None:
        name = body["client_order_id"]
        # Until when it may leave is each request's own.
        wish = tuple(sorted((field, value) for field, value in body.items() if field != "not_after_ms"))
        known = self._bodies.setdefault(name, wish)
        if known != wish:
            raise Violated("one id, one wish", f"{name} was {dict(known)} and is now {body}")
        state = bot.state if bot is not None else None
        intent = state.intent(name) if state is not None else None
        if intent is None:
            raise Violated("every order is of the state", f"{name} leaves and the state does not know it")
        self.orders += 1
        if intent.purpose is Purpose.ENTRY and not self._durable(name, state_file):
            raise Violated("written down before it is sent", f"entry {name} leaves before it is durable")

    def stepped(self, bot: LiveBot) -> None:
        """The bot has made a step.

        Raises:
            Violated: an invariant does not hold.
        """
        if self._broken is not None:
            raise self._broken
        state = bot.state
        if state is None:
            self.status.starting(bot)
            return
        if state is self._state:
            return
        before, self._state = self._state, state
        if before is not None and state.intents is not before.intents:
            self._check_intents(before, state)
        self._check_watch(before, state, bot)
        self.words.changed(state)
        spent: int | None = None
        if state.reconciled and not state.halted:
            if not state.watching:
                raise Violated("every lot is watched", "reconciled, but lots are not watched")
            spent = self.check_ledger(state)
        self.status.changed(bot, state, spent)

    def check_trades(self, state: TraderState) -> None:
        """At the end, when the trade log has every trade: its rows are the exits that the exchange has filled."""
        if self._unexplained:
            return
        check_trade_rows(self._instrument, self._books(), rows_of(self._logged()), state.trade_count)

    def logged(self, state: TraderState) -> bool:
        """Whether the trade log has as many rows as the state counts."""
        return self._logged().count(b"\n") == state.trade_count

    def _logged(self) -> bytes:
        trade_log = str(PurePosixPath(self._state_file).with_name("trades.jsonl"))
        file = self._disk.names.get(trade_log)
        return file.content if file is not None else b""

    def check_ledger(self, state: TraderState) -> int | None:
        """Exactly what the exchange has filled is in the ledger, apart from orders that the state says may be open.

        What the orders that are over have cost, in ledger units; None once the bot has found what it cannot explain.
        """
        self._read_books()
        self._unexplained = self._unexplained or UNEXPLAINED in state.paused_by
        if self._unexplained:
            # The bot says that an order is not in its ledger; whether it may say so is looked at by itself.
            return None
        base, spent = self._base, self._spent
        for name in self._open(state):
            got, paid = self._effects.get(name, (0, 0))
            base, spent = base - got, spent - paid
        account = state.account
        if account.base_sum != base:
            raise Violated("lots are what was filled", f"the ledger has {account.base_sum} base units, not {base}")
        cash = account.start_equity + account.realised - account.cost_sum - account.fee_sum
        if cash != self._start - spent:
            raise Violated(
                "cash is conserved", f"the ledger has {cash} ledger units of cash, not {self._start - spent}"
            )
        if sum(lot.base for lot in state.lots) + state.dust.base + state.short_dust.base != account.base_sum:
            raise Violated("lots are what was filled", "the lots are not what the account's sums say")
        return spent

    def _open(self, state: TraderState) -> set[str]:
        """The orders that the state says may still change the ledger: those under way, and those that may appear."""
        late = {each.intent.client_order_id for each in state.given_up}
        if state.accounting:
            late |= {name for name in self._effects if may_appear(state, name, int(name.rpartition("-")[2]))}
        return late | {intent.client_order_id for intent in state.intents}

    def _read_books(self) -> None:
        books = self._books()
        if books.revision == self._revision:
            return
        self._revision = books.revision
        for name, order in books.orders.items():
            if self._read.get(name) is order:
                continue
            self._read[name] = order
            got, paid = self._effect(order)
            had, had_paid = self._effects.get(name, (0, 0))
            self._base += got - had
            self._spent += paid - had_paid
            self._effects[name] = got, paid

    def _effect(self, order: BookedOrder) -> tuple[int, int]:
        """Base units got and ledger units spent, rounded as the bot books them: against us."""
        base = self._instrument.base_units(order.filled_base)
        if base == 0:
            return 0, 0
        fee = self._instrument.ledger_up(order.fees)
        if order.side == "BUY":
            return base, self._instrument.ledger_up(order.filled_quote) + fee
        return -base, fee - self._instrument.ledger_down(order.filled_quote)

    def _check_intents(self, before: TraderState, after: TraderState) -> None:
        known = {intent.client_order_id for intent in before.intents}
        for intent in after.intents:
            wish = _wish(intent)
            if self._wishes.setdefault(intent.client_order_id, wish) != wish:
                raise Violated("one id, one wish", f"{intent.client_order_id} is now another order")
            new = intent.client_order_id not in known and intent.progress is Progress.SENT
            if new and intent.purpose is Purpose.ENTRY and (before.outcome_unknown or before.paused_by):
                raise Violated("no entry in doubt", f"{intent.client_order_id} while something is unknown or paused")

    def _check_watch(self, before: TraderState | None, after: TraderState, bot: LiveBot) -> None:
        """A lot beyond its stop is being closed, or refused, at the latest a few prices later.

        A bot that says that it has no price cannot.
        """
        if not after.watching or after.halted:
            self._naked.clear()
            return
        if before is None or not self._is_news(before, after):
            return
        price = self._instrument.price(after.market.last_price)
        for lot in after.lots:
            beyond = lot.side == BUY and 0 < price <= lot.stop
            if not beyond or after.closing(lot) or after.refused_exit(lot.id) is not None:
                self._naked.pop(lot.id, None)
                continue
            self._naked[lot.id] = self._naked.get(lot.id, 0) + 1
            # That an outcome is unknown is no reason for an exit to wait.
            most = _NAKED_TICKS_IN_DOUBT if after.outcome_unknown else _NAKED_TICKS
            if self._naked[lot.id] > most and _has_price(bot):
                raise Violated("every lot is watched", f"lot {lot.id} is beyond its stop and nothing closes it")

    def _is_news(self, before: TraderState, after: TraderState) -> bool:
        """Whether the bot has seen a price that it tests its lots at."""
        if self._on_ticks:
            # Candles change the market as well, and no lot is tested at them.
            ticked = self._priced and after.market is not before.market
            self._priced = self._priced and not ticked
            return ticked
        return after.market.last_start != before.market.last_start

    def _durable(self, name: str, state_file: str) -> bool:
        """Whether the state has the order, also after a power cut now."""
        contents = self._disk.durable(state_file)
        return bool(contents) and all(name.encode() in content for content in contents)


def _has_price(bot: LiveBot) -> bool:
    age = bot.status().price_age_seconds
    return age is not None and age < _OLD_PRICE_SECONDS


def _wish(intent: Intent) -> tuple[object, ...]:
    # What is bought for a sum is so much base only by an estimate, which an adopted order does not have.
    return intent.purpose, intent.side, intent.quote_units or intent.base
