"""The state of a trader. Frozen: a step makes a new one.

What must survive a restart is written by ``cbbot.trader.codec``; the rest is read again from
the venue and is marked *not saved* below.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from cbbot.domain.candle import Candle
from cbbot.domain.last_trade import UNTOLD, LastTrade
from cbbot.kernel.account import Account, opening_account
from cbbot.kernel.advance import Closed
from cbbot.kernel.codes import BUY
from cbbot.kernel.indicators import Indicators, empty
from cbbot.kernel.lot import Lot
from cbbot.kernel.model import Fit
from cbbot.trader.events import BalancesKnown
from cbbot.trader.intent import Intent, Progress, Purpose
from cbbot.trader.listed_order import ListedOrder
from cbbot.trader.rules import Rules
from cbbot.trader.window import TrainingWindow

__all__ = [
    "LOOKED_FOR_AGAIN_MS",
    "MODES",
    "Anchor",
    "Decision",
    "Dust",
    "GivenUp",
    "Holdings",
    "Identity",
    "Market",
    "RefusedEntries",
    "RefusedExit",
    "Startup",
    "Trade",
    "TraderState",
    "new_state",
]

MODES: Final = ("paper", "live")
TRADES_KEPT = 50

LOOKED_FOR_AGAIN_MS: Final = (60_000, 300_000)
"""When orders that may take effect late are looked for: so long after they were given up, and after a start."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who trades what, where. A state of another identity must not be traded on."""

    bot_id: str
    product_id: str
    mode: str
    venue: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """The indicators right after an older candle: replaying from here gives the same bits after a restart."""

    start: int
    indicators: Indicators


@dataclass(frozen=True, slots=True)
class Market:
    """What is known of the market. ``last_start`` is the open time of the newest committed candle, 0 when none.

    ``window`` and ``forming`` are not saved, nor is ``outlier``: the newest price that was set aside, 0 when none.
    """

    indicators: Indicators
    last_start: int = 0
    anchors: tuple[Anchor, ...] = ()
    window: TrainingWindow = field(default_factory=TrainingWindow)
    forming: Candle | None = None
    last_price: int = 0
    outlier: int = 0
    outlier_trade: LastTrade = UNTOLD


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision as people see it. ``p_up``, ``fast`` and ``slow`` are None where there are none yet."""

    at_ms: int
    price: int
    signal: int
    p_up: float | None
    fast: float | None
    slow: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Dust:
    """What was too small to trade away: base units, and the cost and fee it carries in ledger units."""

    base: int = 0
    cost: int = 0
    entry_fee: int = 0

    def plus(self, lot: Lot) -> Dust:
        return Dust(self.base + lot.base, self.cost + lot.cost, self.entry_fee + lot.entry_fee)


@dataclass(frozen=True, slots=True)
class RefusedExit:
    """The exit of a lot that does not come off: since when (the venue's time), and why its newest try did not.

    ``short``: the account is known to hold less base than the lots say. ``again_at`` is when the next try is due,
    in elapsed milliseconds (not saved).
    """

    lot: int
    since_ms: int
    code: str
    message: str
    tries: int
    short: bool = False
    again_at: int = 0


@dataclass(frozen=True, slots=True)
class RefusedEntries:
    """Entries that do not come off. ``again_at`` is when the next may be sent, in elapsed milliseconds.

    ``until_ms`` is the same moment on the venue's clock, for people. ``tries`` counts those of one candle.
    """

    since_ms: int
    code: str
    message: str
    tries: int
    until_ms: int
    again_at: int


@dataclass(frozen=True, slots=True)
class Trade:
    """A closed lot with its number, counted from 1 over the life of the state."""

    number: int
    closed: Closed


@dataclass(frozen=True, slots=True)
class GivenUp:
    """An order whose absence was believed; it may take effect all the same (``cbbot.trader.late_orders``).

    Not saved are ``at``, when that was, in elapsed milliseconds, and ``looks``: how often it was looked for since.
    """

    intent: Intent
    at: int = 0
    looks: int = 0


@dataclass(frozen=True, slots=True)
class Holdings:
    """Base units and ledger units that the account should have available, by the bot's own fills."""

    base: int
    quote: int


@dataclass(frozen=True, slots=True)
class Startup:
    """How far a start has come in accounting for the account's orders (``cbbot.trader.startup``).

    ``baseline`` is the sequence number up to which every order is in the state, ``accounted`` the ids beyond it that
    are too: what the starts since then have placed and adopted. Once no order of an earlier run can appear any more,
    the baseline is the newest sequence number.
    """

    baseline: int = 0
    accounted: tuple[str, ...] = ()
    # Not saved: when the start was told (the venue's time, and in elapsed milliseconds), when the list was asked for
    # (elapsed milliseconds), how many lists have come, and how many of those that are asked for later.
    started_ms: int = -1
    began_at: int = 0
    asked_at: int = 0
    looks: int = 0
    later_looks: int = 0
    problem: str = ""
    unaccounted: tuple[ListedOrder, ...] = ()
    compared: bool = False


@dataclass(frozen=True, slots=True)
class TraderState:
    """See the module. ``epoch`` rises with every start, ``sequence`` with every order.

    ``accounted_ms`` is up to when every order of the account is in the state (the newest event that was to be saved
    while that was so), -1 when it never was. ``unexplained`` says what a start has found that the state cannot explain.
    ``dust`` is what BUY lots left behind, ``short_dust`` what SELL lots did: one is sold, the other bought back.
    """

    identity: Identity
    epoch: int
    sequence: int
    account: Account
    market: Market
    lots: tuple[Lot, ...] = ()
    intents: tuple[Intent, ...] = ()
    model: Fit | None = None
    last_fit_ms: int = -1
    paused_by: frozenset[str] = frozenset()
    flattening: bool = False
    halted: str = ""
    dust: Dust = Dust()
    short_dust: Dust = Dust()
    trades: tuple[Trade, ...] = ()
    trade_count: int = 0
    decision: Decision | None = None
    refused_exits: tuple[RefusedExit, ...] = ()
    accounted_ms: int = -1
    unexplained: str = ""
    expected: Holdings | None = None
    startup: Startup = Startup()
    given_up: tuple[GivenUp, ...] = ()
    # Not saved, as is most of the startup:
    # Lots are watched once the account's orders are known, entries are made once all of them are over.
    watching: bool = False
    reconciled: bool = False
    balances: BalancesKnown | None = None
    last_order_ms: int = 0
    refused_entries: RefusedEntries | None = None
    # Milliseconds of a clock that nobody sets, and when on it the newest order was filled.
    elapsed_ms: int = 0
    filled_at: int = 0

    @property
    def pending(self) -> bool:
        return bool(self.intents)

    @property
    def outcome_unknown(self) -> bool:
        return any(intent.progress is Progress.UNKNOWN for intent in self.intents)

    @property
    def entering(self) -> bool:
        """Whether an order that may open a lot is under way."""
        return any(intent.purpose is Purpose.ENTRY for intent in self.intents)

    @property
    def accounting(self) -> bool:
        """Whether an order of an earlier run may still appear that the state does not know."""
        return not self.reconciled or self.startup.later_looks < len(LOOKED_FOR_AGAIN_MS)

    @property
    def not_known(self) -> bool:
        """Live, before the account's orders were ever listed: which lots there are is in no state yet."""
        return self.identity.mode == "live" and self.accounted_ms < 0 and not (self.watching or self.lots)

    @property
    def may_hold_lots(self) -> bool:
        """Whether there is a lot, or may be: of an order that is under way, given up, or yet to be found by a start."""
        late = any(each.intent.purpose is Purpose.ENTRY for each in self.given_up)
        return bool(self.lots) or self.entering or late or not self.reconciled

    def closing(self, lot: Lot) -> bool:
        """Whether an order to close the lot is under way."""
        return any(intent.purpose is Purpose.EXIT and intent.lot == lot.id for intent in self.intents)

    def refused_exit(self, lot_id: int) -> RefusedExit | None:
        return next((each for each in self.refused_exits if each.lot == lot_id), None)

    def with_refused_exit(self, refused: RefusedExit) -> TraderState:
        others = self.without_refused_exit(refused.lot).refused_exits
        return replace(self, refused_exits=(*others, refused))

    def without_refused_exit(self, lot_id: int) -> TraderState:
        return replace(self, refused_exits=tuple(each for each in self.refused_exits if each.lot != lot_id))

    def dust_of(self, side: int) -> Dust:
        return self.dust if side == BUY else self.short_dust

    def with_dust(self, side: int, dust: Dust) -> TraderState:
        return replace(self, dust=dust) if side == BUY else replace(self, short_dust=dust)

    def intent(self, client_order_id: str) -> Intent | None:
        return next((i for i in self.intents if i.client_order_id == client_order_id), None)

    def with_intent(self, changed: Intent) -> TraderState:
        """The state with ``changed`` in the place of the intent of the same id."""
        intents = tuple(changed if i.client_order_id == changed.client_order_id else i for i in self.intents)
        return replace(self, intents=intents)

    def without_intent(self, client_order_id: str) -> TraderState:
        return replace(self, intents=tuple(i for i in self.intents if i.client_order_id != client_order_id))


def new_state(rules: Rules, identity: Identity, epoch: int) -> TraderState:
    """A trader that has never traded."""
    equity = rules.instrument.ledger_down(rules.settings.usd_equity)
    return TraderState(
        identity=identity,
        epoch=epoch,
        sequence=0,
        account=opening_account(equity),
        market=Market(indicators=empty(rules.params.ma_slow)),
    )
