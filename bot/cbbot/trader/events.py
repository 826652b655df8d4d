"""What can happen to a trader. Times are the venue's, in milliseconds since the epoch.

The runtime makes these from the network, a backtest from a file, a simulation from a seed.
"""

from __future__ import annotations

from dataclasses import dataclass

from cbbot.domain.candle import Candle
from cbbot.domain.last_trade import UNTOLD, LastTrade
from cbbot.domain.order import Execution
from cbbot.trader.listed_order import ListedOrder

__all__ = [
    "BalancesKnown",
    "CandleClosed",
    "CandleForming",
    "EntriesPaused",
    "EntriesResumed",
    "Event",
    "FlattenAsked",
    "HistoryLoaded",
    "OrderAbsent",
    "OrderAccepted",
    "OrderContradicts",
    "OrderFilled",
    "OrderRefused",
    "OrderUnknown",
    "OrdersListed",
    "OrdersNotListed",
    "Started",
    "Tick",
    "TimePassed",
]


@dataclass(frozen=True, slots=True)
class HistoryLoaded:
    """Closed candles from the venue, oldest first, none missing but the venue's own gaps. Comes once, first."""

    at_ms: int
    candles: tuple[Candle, ...]


@dataclass(frozen=True, slots=True)
class Started:
    """The process is up and the venue can be asked: open intents must be resolved before any new order."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Tick:
    """The venue's price, fresh. ``price`` in ticks; ``trade`` tells prices that were read twice from two trades."""

    at_ms: int
    price: int
    trade: LastTrade = UNTOLD


@dataclass(frozen=True, slots=True)
class CandleClosed:
    """A candle has closed, final, in order; its close time is its own time.

    ``late``: that is long past. It moves the indicators, and nothing is bought or sold on its close.
    """

    candle: Candle
    late: bool = False


@dataclass(frozen=True, slots=True)
class CandleForming:
    """The venue's candle in progress: a basis for the ticks to nudge."""

    at_ms: int
    candle: Candle


@dataclass(frozen=True, slots=True)
class OrderAccepted:
    """The venue has the order. Its end comes later."""

    at_ms: int
    client_order_id: str
    order_id: str


@dataclass(frozen=True, slots=True)
class OrderFilled:
    """The order is over, filled or in part or not at all; the venue's totals."""

    at_ms: int
    client_order_id: str
    execution: Execution


@dataclass(frozen=True, slots=True)
class OrderRefused:
    """A definite no: nothing was placed. ``code`` is the refuser's reason."""

    at_ms: int
    client_order_id: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class OrderUnknown:
    """Nobody knows: a timeout, a broken connection, a bridge that could not tell.

    ``may_have_left``: a request to place the order may have left as late as ``at_ms``. Not so after a look.
    """

    at_ms: int
    client_order_id: str
    reason: str
    may_have_left: bool = True


@dataclass(frozen=True, slots=True)
class OrderAbsent:
    """A look for the order found none. ``complete``: the look reached over all orders since it was wished for."""

    at_ms: int
    client_order_id: str
    complete: bool


@dataclass(frozen=True, slots=True)
class OrderContradicts:
    """The venue's order under our id is not ours: another product, side, size or time. An id was used twice."""

    at_ms: int
    client_order_id: str
    detail: str


@dataclass(frozen=True, slots=True)
class OrdersListed:
    """Every order of the account under our ids that was visible at ``at_ms``, since the time that was asked for.

    ``all_visible``: none of an earlier epoch can be on its way or invisible still.
    """

    at_ms: int
    orders: tuple[ListedOrder, ...]
    all_visible: bool = False


@dataclass(frozen=True, slots=True)
class OrdersNotListed:
    """The list could not be had, or not whole."""

    at_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class BalancesKnown:
    """What the account has available: base units and ledger units."""

    at_ms: int
    base: int
    quote: int


@dataclass(frozen=True, slots=True)
class EntriesPaused:
    """No new lots until resumed. ``by`` is any word: ``hand``, ``resource``, ``disk``; one pause is enough."""

    at_ms: int
    by: str


@dataclass(frozen=True, slots=True)
class EntriesResumed:
    at_ms: int
    by: str


@dataclass(frozen=True, slots=True)
class FlattenAsked:
    """Close every lot, and pause entries by hand."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class TimePassed:
    """Nothing else happened. Unknown orders are asked after again.

    ``elapsed_ms`` is of a clock that nobody sets, from any beginning: the venue's may jump or stand still, and what
    is waited for between two tries must come all the same.
    """

    at_ms: int
    elapsed_ms: int


Event = (
    HistoryLoaded
    | Started
    | Tick
    | CandleClosed
    | CandleForming
    | OrderAccepted
    | OrderFilled
    | OrderRefused
    | OrderUnknown
    | OrderAbsent
    | OrderContradicts
    | OrdersListed
    | OrdersNotListed
    | BalancesKnown
    | EntriesPaused
    | EntriesResumed
    | FlattenAsked
    | TimePassed
)
