"""Canceling and editing orders: what is accepted, and what it does when it takes effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from cbbot.domain.decimals import whole_units
from cbbot.errors import BadInput
from cbbot.venue.amend_refusals import CancelFailure, EditFailure, EditRefusal
from cbbot.venue.deadlines import Deadline, Due
from cbbot.venue.holds import reserved_hold, working_hold
from cbbot.venue.order_checks import check_gates, check_limit, checked_base_size
from cbbot.venue.order_kinds import OrderKind, Wanted, number
from cbbot.venue.order_ledger import OrderLedger
from cbbot.venue.order_matching import OrderMatching
from cbbot.venue.price_checks import check_stops, limit_ticks, stop_ticks
from cbbot.venue.product import Gate
from cbbot.venue.refusals import OrderRefused
from cbbot.venue.venue_order import EditRecord, Order, OrderStatus, PendingEdit, TriggerStatus
from cbbot.venue.wire import decimal_text

__all__ = ["Amendments", "EditRequest"]

_CANCELED = "User requested cancel"
_EDITABLE = (OrderKind.LIMIT_GTC, OrderKind.STOP_LIMIT_GTC, OrderKind.BRACKET_GTC)


class EditRequest(NamedTuple):
    """New price and size of an order as text; both are wanted. ``stop_price`` "" leaves the stop as it is."""

    order_id: str
    price: str
    size: str
    stop_price: str = ""


class _Refused(Exception):
    def __init__(self, failure: EditFailure, preview: str = "") -> None:
        super().__init__(failure.value)
        self.refusal = EditRefusal(failure, preview) if preview else EditRefusal(failure)


class Amendments:
    """Works on the orders of a ledger; a cancel or edit takes effect at once, or after the ledger's delays."""

    def __init__(self, ledger: OrderLedger, matching: OrderMatching) -> None:
        self._ledger = ledger
        self._matching = matching

    def cancel(self, order_id: str, portfolio: str, now_ms: int) -> CancelFailure | None:
        """Accept a cancel; None when it was."""
        order = self._ledger.orders.get(order_id)
        failure = self._cancel_failure(order, portfolio)
        if failure is not None or order is None:
            return failure
        delay = self._ledger.terms.delays.cancel_ms
        if delay == 0:
            self._end(order, OrderStatus.CANCELLED, now_ms)
            return None
        due_ms = now_ms + delay
        self._ledger.change(replace(order, status=OrderStatus.CANCEL_QUEUED, cancel_due_ms=due_ms), now_ms)
        self._ledger.deadlines.add(Deadline(due_ms, Due.CANCEL, order.sequence, order_id))
        return None

    def _cancel_failure(self, order: Order | None, portfolio: str) -> CancelFailure | None:
        if order is None or order.portfolio_id != portfolio:
            return CancelFailure.UNKNOWN_ORDER
        if order.status is OrderStatus.FILLED:
            return CancelFailure.FULLY_FILLED
        if order.status.terminal:
            return CancelFailure.UNKNOWN_ORDER
        if order.cancel_due_ms is not None:
            return CancelFailure.DUPLICATE_REQUEST
        if order.pending_edit is not None:
            return CancelFailure.BEING_REPLACED
        if Gate.IS_DISABLED in self._ledger.products[order.product_id].gates:
            return CancelFailure.NOT_ALLOWED
        return None

    def due(self, deadline: Deadline) -> None:
        """Let a cancel, an edit or the end of a dated order take effect, unless the order is over."""
        order = self._ledger.orders[deadline.order_id]
        now_ms = deadline.time_ms
        if order.status.terminal:
            return
        if deadline.due is Due.EXPIRE:
            self._end(order, OrderStatus.EXPIRED, now_ms)
        elif deadline.due is Due.CANCEL:
            self._end(order, OrderStatus.CANCELLED, now_ms)
        elif deadline.due is Due.EDIT and order.pending_edit is not None:
            self._replace(order, order.pending_edit, now_ms)

    def _end(self, order: Order, status: OrderStatus, now_ms: int) -> None:
        self._matching.withdraw(order)
        message = _CANCELED if status is OrderStatus.CANCELLED else ""
        self._ledger.close(order, status, now_ms, message)

    def edit(self, request: EditRequest, portfolio: str, now_ms: int) -> EditRefusal | None:
        """Accept an edit; None when it was."""
        checked = self.checked_edit(request, portfolio)
        if isinstance(checked, EditRefusal):
            return checked
        order, edited = checked
        due_ms = now_ms + self._ledger.terms.delays.edit_ms
        reserved = max(working_hold(edited) - working_hold(order), 0)
        pending = PendingEdit(edited.limit, edited.size, edited.stop, due_ms, reserved)
        if due_ms == now_ms:
            self._replace(order, pending._replace(reserved=0), now_ms)
            return None
        queued = replace(order, status=OrderStatus.EDIT_QUEUED, pending_edit=pending)
        self._ledger.rehold(order, queued, now_ms)
        self._ledger.deadlines.add(Deadline(due_ms, Due.EDIT, order.sequence, order.order_id))
        return None

    def checked_edit(self, request: EditRequest, portfolio: str) -> tuple[Order, Order] | EditRefusal:
        """The order as it is and as it would be; nothing is changed."""
        order = self._ledger.orders.get(request.order_id)
        try:
            if order is None or order.portfolio_id != portfolio:
                raise _Refused(EditFailure.NOT_FOUND)
            self._check_editable(order)
            edited = self._edited(order, request)
            extra = working_hold(edited) - working_hold(order)
            if extra > 0 and extra > self._ledger.available(order):
                raise _Refused(EditFailure.UNKNOWN, "PREVIEW_INSUFFICIENT_FUND")
        except _Refused as refused:
            return refused.refusal
        except OrderRefused as refused:
            return EditRefusal(EditFailure.UNKNOWN, refused.preview_reason)
        return order, edited

    def _check_editable(self, order: Order) -> None:
        if order.status is OrderStatus.FILLED:
            raise _Refused(EditFailure.ALREADY_FILLED)
        if order.status.terminal:
            raise _Refused(EditFailure.NOT_OPEN)
        if order.kind not in _EDITABLE:
            raise _Refused(EditFailure.NOT_LIMIT)
        if order.in_quote:
            raise _Refused(EditFailure.IN_QUOTE)
        if order.cancel_due_ms is not None:
            raise _Refused(EditFailure.PENDING_CANCEL)
        if order.pending_edit is not None:
            raise _Refused(EditFailure.BEING_REPLACED)
        if order.kind.is_bracket and order.trigger_status is TriggerStatus.TRIGGERED:
            raise _Refused(EditFailure.UNKNOWN, "PREVIEW_STOP_TRIGGERED")
        product = self._ledger.products[order.product_id]
        check_gates(product, order.kind, post_only=order.post_only)

    def _edited(self, order: Order, request: EditRequest) -> Order:
        product = self._ledger.products[order.product_id]
        instrument, market = product.instrument, self._matching.market_of(order)
        try:
            limit = limit_ticks(number(request.price), instrument)
        except (BadInput, OrderRefused) as error:
            raise _Refused(EditFailure.INVALID_PRICE, _preview_of(error)) from error
        try:
            wanted_size = number(request.size)
            units = whole_units(wanted_size, instrument.base_increment)
            if units is not None and 0 < units <= order.executed:
                raise _Refused(EditFailure.BELOW_FILLED)
            size = checked_base_size(wanted_size, product, limit)
        except (BadInput, OrderRefused) as error:
            raise _Refused(EditFailure.INVALID_SIZE, _preview_of(error)) from error
        stop = self._edited_stop(order, request)
        if (limit, size, stop) == (order.limit, order.size, order.stop):
            raise _Refused(EditFailure.NOTHING_NEW)
        if order.trigger_status is TriggerStatus.PENDING:
            fields = Wanted(order.kind, stop_up=order.stop_up)
            check_stops(fields, order.side, limit, stop, market)
        if limit != order.limit:
            check_limit(order.side, limit, order.post_only, order.kind, market, self._ledger.terms)
        return replace(order, limit=limit, size=size, asked=size, stop=stop)

    def _edited_stop(self, order: Order, request: EditRequest) -> int:
        if not request.stop_price:
            return order.stop
        if not order.stop:
            raise _Refused(EditFailure.NO_STOP_PRICE)
        if order.trigger_status is TriggerStatus.TRIGGERED:
            raise _Refused(EditFailure.TRIGGERED)
        try:
            return stop_ticks(number(request.stop_price), self._ledger.products[order.product_id].instrument)
        except (BadInput, OrderRefused) as error:
            raise _Refused(EditFailure.INVALID_PRICE, _preview_of(error)) from error

    def _replace(self, order: Order, pending: PendingEdit, now_ms: int) -> None:
        """Let an edit take effect; one that has become impossible since it was accepted leaves the order as it was."""
        edited = replace(
            order,
            status=OrderStatus.OPEN,
            pending_edit=None,
            limit=pending.limit,
            size=pending.size,
            asked=pending.size,
            stop=pending.stop,
        )
        if not self._is_possible(order, edited):
            self._ledger.rehold(order, replace(order, status=OrderStatus.OPEN, pending_edit=None), now_ms)
            return
        same_place = (edited.limit, edited.stop) == (order.limit, order.stop) and edited.size < order.size
        if not same_place:
            self._matching.withdraw(order)
        record = EditRecord(pending.limit, pending.size, now_ms)
        edited = replace(edited, edits=(*order.edits, record), configuration=self._configuration(edited))
        edited = self._ledger.rehold(order, edited, now_ms)
        if not same_place:
            self._matching.enter(edited, now_ms)

    def _is_possible(self, order: Order, edited: Order) -> bool:
        extra = working_hold(edited) - working_hold(order) - reserved_hold(order)
        if edited.leaves <= 0 or (extra > 0 and extra > self._ledger.available(order)):
            return False
        if edited.stop != order.stop and order.trigger_status is TriggerStatus.TRIGGERED:
            return False
        market = self._matching.market_of(order)
        return not (edited.post_only and edited.limit != order.limit and market.crosses(edited.side, edited.limit))

    def _configuration(self, order: Order) -> Mapping[str, Mapping[str, object]]:
        instrument = self._ledger.products[order.product_id].instrument
        ((key, fields),) = order.configuration.items()
        changed = {
            "base_size": decimal_text(order.size * instrument.base_increment),
            "limit_price": decimal_text(order.limit * instrument.price_increment),
        }
        if order.stop:
            name = "stop_trigger_price" if order.kind.is_bracket else "stop_price"
            changed[name] = decimal_text(order.stop * instrument.price_increment)
        return {key: {**fields, **changed}}


def _preview_of(error: Exception) -> str:
    return error.preview_reason if isinstance(error, OrderRefused) else ""
