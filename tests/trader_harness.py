"""A trader driven by events, for tests: what it asks for is answered as a test says, what it did is kept.

``filled_on_paper`` is the paper broker's own answer. A test of what becomes of an order leaves it ``unanswered`` and
feeds the answer itself, or gives a function of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, Self

from cbbot.brokers.paper import paper_fill
from cbbot.contract.settings import load
from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD
from cbbot.domain.order import Execution
from cbbot.kernel.model import Fit
from cbbot.trader.codec import decode, encode
from cbbot.trader.commands import Command, Count, Notify, Place
from cbbot.trader.events import CandleClosed, Event, HistoryLoaded, OrderFilled, Started
from cbbot.trader.intent import Intent, Purpose
from cbbot.trader.machine import step
from cbbot.trader.rules import Rules, build_rules
from cbbot.trader.state_checks import contradictions
from cbbot.trader.trader_state import Identity, Trade, TraderState, new_state

__all__ = [
    "Answer",
    "Fill",
    "TraderHarness",
    "filled_on_paper",
    "flat_history",
    "placed",
    "sure_model",
    "unanswered",
]

Answer = Callable[[Rules, Place], Event | None]


def filled_on_paper(rules: Rules, place: Place) -> OrderFilled:
    """At once and in full, as the paper broker fills."""
    intent = place.intent
    return OrderFilled(intent.created_ms, intent.client_order_id, paper_fill(rules.params, intent, place.price))


def unanswered(_rules: Rules, _place: Place) -> None:
    """The order stays under way."""


def sure_model(bias: float) -> Fit:
    """A baseline model whose log-odds are ``bias`` whatever the market does."""
    return Fit((0.0,) * 4, bias, (0.0,) * 4, (1.0,) * 4, 100)


def flat_history(first: int, price: int, count: int = 60) -> tuple[Candle, ...]:
    """``count`` candles of a minute from ``first`` (UNIX seconds) on that stay at ``price`` (ticks)."""
    return tuple(Candle(first + 60 * i, price, price, price, price, 10) for i in range(count))


def placed(commands: Sequence[Command]) -> list[Intent]:
    """The orders among commands."""
    return [command.intent for command in commands if isinstance(command, Place)]


@dataclass(frozen=True)
class Fill:
    """An order and what was filled of it, on the integer scales."""

    intent: Intent
    execution: Execution


class TraderHarness:
    """A trader and its broker.

    ``commands`` and ``fills`` are those of the newest :meth:`feed`, of the answers that it led to as well; ``trades``
    and ``counts`` (by name and label) are all of them. A subclass may look at every step in :meth:`after_step`.
    """

    def __init__(
        self, keys: Mapping[str, str], answer: Answer = filled_on_paper, *, bot_id: str = "t", epoch: int = 1
    ) -> None:
        self.rules = build_rules(load(keys), BTC_USD)
        self.answer = answer
        self.state = new_state(self.rules, Identity(bot_id, "BTC-USD", self.rules.settings.mode, "test"), epoch)
        self.history: list[Candle] = []
        self.commands: list[Command] = []
        self.fills: list[Fill] = []
        self.trades: list[Trade] = []
        self.counts: Counter[tuple[str, str]] = Counter()

    def start(self, history: Sequence[Candle], at_ms: int | None = None, *, model: Fit | None = None) -> None:
        """Load a history and begin, by default at its newest candle's close; ``model`` in the place of the fit."""
        self.history = list(history)
        if at_ms is None:
            at_ms = self.history[-1].start * 1000 + self.rules.candle_ms
        self.feed(HistoryLoaded(at_ms, tuple(self.history)))
        if model is not None:
            self.state = replace(self.state, model=model)
        self.feed(Started(at_ms))

    def restart(self) -> None:
        """Go on from the state's document and the venue's history, as after a crash."""
        self.reread()
        self.start(self.history)

    def reread(self) -> None:
        """Go on from the state's document; a history has to be loaded next."""
        self.state = decode(self.rules, encode(self.rules, self.state)).state

    def close(self, candle: Candle) -> list[Command]:
        """The next candle has closed."""
        self.history.append(candle)
        return self.feed(CandleClosed(candle))

    def feed(self, *events: Event) -> list[Command]:
        """Step, answer the orders, and return all commands in the order in which they were executed."""
        self.commands, self.fills = [], []
        for event in events:
            self._step(event)
        return self.commands

    def _step(self, event: Event) -> None:
        before = self.state
        self.state, commands = step(self.rules, before, event)
        # What a start would refuse must never be written.
        assert contradictions(self.rules.instrument, self.state) == []
        if isinstance(event, OrderFilled) and (intent := before.intent(event.client_order_id)) is not None:
            self.fills.append(Fill(intent, event.execution))
        if self.state.trade_count > before.trade_count:
            self.trades.append(self.state.trades[-1])
        self.after_step(before, event, commands)
        for command in commands:
            self.commands.append(command)
            if isinstance(command, Count):
                self.counts[command.name, "".join(command.labels.values())] += command.times
            elif isinstance(command, Place) and (answer := self.answer(self.rules, command)) is not None:
                self._step(answer)

    def after_step(self, before: TraderState, event: Event, commands: Sequence[Command]) -> None:
        """For a subclass: ``self.state`` is the state after the event, and no order of the step is answered yet."""

    def filled(self, purpose: Purpose) -> list[Fill]:
        return [fill for fill in self.fills if fill.intent.purpose is purpose]

    def counted(self, name: str) -> int:
        """How many of something the newest :meth:`feed` counted."""
        return sum(c.times for c in self.commands if isinstance(c, Count) and c.name == name)

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The fields of every notice of this kind that the newest :meth:`feed` led to."""
        return [dict(c.fields) for c in self.commands if isinstance(c, Notify) and c.event == event]

    @property
    def denied(self) -> list[str]:
        """Why the newest :meth:`feed` led to no entry."""
        return [c.labels["reason"] for c in self.commands if isinstance(c, Count) and c.name == "denials"]

    @property
    def reason(self) -> str:
        """The newest decision's."""
        assert self.state.decision is not None
        return self.state.decision.reason

    def copied(self) -> Self:
        """Another that goes on from here by itself."""
        twin = copy(self)
        twin.history, twin.trades, twin.counts = [*self.history], [*self.trades], Counter(self.counts)
        return twin
