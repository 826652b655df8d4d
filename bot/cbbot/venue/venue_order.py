"""Orders: what was asked for, and what became of it until now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from cbbot.domain.order import Side
from cbbot.venue.matching import FeeRates
from cbbot.venue.order_kinds import Configuration, OrderKind

__all__ = ["EditRecord", "Order", "OrderRequest", "OrderStatus", "PendingEdit", "TriggerStatus"]


class OrderStatus(StrEnum):
    """Coinbase's. There is none for a partial fill: that is OPEN, or after its end CANCELLED, with a filled size."""

    PENDING = "PENDING"
    OPEN = "OPEN"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"
    QUEUED = "QUEUED"
    CANCEL_QUEUED = "CANCEL_QUEUED"
    EDIT_QUEUED = "EDIT_QUEUED"

    @property
    def terminal(self) -> bool:
        """Whether nothing more can become of such an order."""
        return self in _TERMINAL


_TERMINAL = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.FAILED})


class TriggerStatus(StrEnum):
    """Of a stop or bracket: whether its stop price has been reached. Others have no trigger."""

    NONE = "INVALID_ORDER_TYPE"
    PENDING = "STOP_PENDING"
    TRIGGERED = "STOP_TRIGGERED"


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A new order as the customer sent it: text, not yet trusted.

    ``attached`` is the body's ``attached_order_configuration``.
    """

    client_order_id: str
    product_id: str
    side: str
    configuration: Configuration
    attached: Configuration | None = None


class PendingEdit(NamedTuple):
    """An edit that was accepted and takes effect at ``due_ms``; ``reserved`` is what is held for it besides."""

    limit: int
    size: int
    stop: int
    due_ms: int
    reserved: int


class EditRecord(NamedTuple):
    """An edit that took effect: the order's new price (ticks) and size (base units)."""

    limit: int
    size: int
    accepted_ms: int


@dataclass(frozen=True, slots=True)
class Order:
    """An order that was taken, as it is after its newest change. Times are venue ms; prices ticks, sizes base units.

    Attributes:
        in_quote: the customer gave a ``quote_size``; then ``asked`` is that size in ledger units, else the base size.
        size: base units wanted in all; 0 for a market order by ``quote_size``, which buys what its money pays for.
        limit: 0 for market orders. ``stop`` is 0 without a trigger.
        attached: take profit and stop of the bracket that follows when the order has filled.
        executed: base units that were matched. ``base``, ``value`` and ``commission`` are the same less what was
            reversed since. ``taker_value`` and ``maker_value`` are what was matched at either fee.
        hold: what is set aside: base units of a SELL, ledger units of a BUY.
        edits: edits that took effect, the oldest first.
    """

    sequence: int
    order_id: str
    client_order_id: str
    portfolio_id: str
    product_id: str
    side: Side
    kind: OrderKind
    configuration: Configuration
    attached_configuration: Configuration | None
    in_quote: bool
    asked: int
    size: int
    limit: int
    stop: int
    stop_up: bool
    post_only: bool
    expires_ms: int | None
    attached: tuple[int, int] | None
    rates: FeeRates
    created_ms: int
    visible_ms: int
    pending_until_ms: int
    updated_ms: int
    status: OrderStatus = OrderStatus.OPEN
    trigger_status: TriggerStatus = TriggerStatus.NONE
    executed: int = 0
    taker_value: int = 0
    maker_value: int = 0
    base: int = 0
    value: int = 0
    commission: int = 0
    fill_count: int = 0
    last_fill_ms: int | None = None
    hold: int = 0
    cancel_due_ms: int | None = None
    pending_edit: PendingEdit | None = None
    edits: tuple[EditRecord, ...] = ()
    cancel_message: str = ""
    reject_message: str = ""
    originating_order_id: str = ""
    attached_order_id: str = ""

    @property
    def leaves(self) -> int:
        """Base units that are still to be filled."""
        return 0 if self.status.terminal else self.size - self.executed

    @property
    def working_limit(self) -> int:
        """The limit that counts now: a bracket whose stop was reached sells down to 5 % below its stop."""
        if self.kind.is_bracket and self.trigger_status is TriggerStatus.TRIGGERED:
            return -(-self.stop * 95 // 100)
        return self.limit

    def is_shown(self, now_ms: int) -> bool:
        """Whether what has become of the order can be seen: it is visible, and no longer shows as PENDING."""
        return now_ms >= max(self.visible_ms, self.pending_until_ms)

    def untouched(self) -> Order:
        """The order as it shows while it is PENDING: nothing has become of it."""
        return replace(
            self,
            status=OrderStatus.PENDING,
            base=0,
            value=0,
            commission=0,
            fill_count=0,
            last_fill_ms=None,
            cancel_message="",
        )
