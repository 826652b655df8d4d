"""What must hold within a state, whoever wrote it: the lots, the account, the orders and the trades agree. Pure."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

from cbbot.domain.instrument import Instrument
from cbbot.domain.order import Side
from cbbot.kernel.codes import BUY
from cbbot.kernel.lot import Lot
from cbbot.trader.codec import decode, rules_as_written
from cbbot.trader.intent import Intent, Purpose
from cbbot.trader.state_fields import BadState
from cbbot.trader.trader_state import Dust, TraderState

__all__ = ["check_document", "contradictions"]

_RELATIVE_ROUNDING: Final = 1e-9


def check_document(document: dict[str, Any]) -> None:
    """Reads a document as a start does, whatever the venue and the settings.

    Raises:
        BadState: a field is missing or nonsense, or the fields contradict each other.
    """
    rules = rules_as_written(document)
    state, _ = decode(rules, document)
    found = contradictions(rules.instrument, state)
    if found:
        raise BadState(f"the state contradicts itself: {'; '.join(found)}")


def contradictions(instrument: Instrument, state: TraderState) -> list[str]:
    """Sentences on what in a state cannot be; none for a state that a trader's steps led to.

    Lots without a runner are no contradiction: the start gives them one.
    """
    levels = (problem for lot in state.lots if (problem := _levels(instrument, lot)))
    return [*_sums(instrument, state), *_lots(state), *levels, *_orders(state), *_trades(state)]


def _sums(instrument: Instrument, state: TraderState) -> list[str]:
    """The account has sums over the lots and the dust: they must be what these add up to."""
    account = state.account
    held: list[Lot | Dust] = [*state.lots, state.dust, state.short_dust]
    found = []
    if account.lots != len(state.lots):
        found.append(f"the account counts {account.lots} lots, there are {len(state.lots)}")
    for name, total, added, text in (
        ("base_sum", account.base_sum, sum(each.base for each in held), instrument.base_text),
        ("cost_sum", account.cost_sum, sum(each.cost for each in held), instrument.money_text),
        ("fee_sum", account.fee_sum, sum(each.entry_fee for each in held), instrument.money_text),
    ):
        if added != total:
            found.append(f"lots and dust add up to {text(added)}, the account's {name} is {text(total)}")
    return found


def _lots(state: TraderState) -> list[str]:
    ids = [lot.id for lot in state.lots]
    found = []
    if any(earlier >= later for earlier, later in pairwise(ids)):
        found.append(f"the lots' ids do not rise from the oldest to the newest: {_listed(ids)}")
    known = [*ids, *(trade.closed.lot.id for trade in state.trades)]
    if known and state.account.next_lot <= max(known):
        found.append(f"the next lot's id is {state.account.next_lot}, but there has been a lot {max(known)}")
    sides = {lot.side for lot in state.lots}
    if sides and sides != {state.account.side}:
        found.append("open lots and the account are not all of one side")
    runners = [lot.id for lot in state.lots if lot.runner]
    if len(runners) > 1:
        found.append(f"only one lot can be the runner: {_listed(runners)} are")
    return found


def _levels(instrument: Instrument, lot: Lot) -> str:
    """Every stop and take is some percent of the open price away from it: what is on the wrong side was never set."""
    price = instrument.price(lot.open_ticks)
    rounding = price * _RELATIVE_ROUNDING
    if not price:
        return f"lot {lot.id} has no open price"
    if lot.side * (lot.stop - price) > rounding:
        return f"lot {lot.id} has its stop at {lot.stop:g}, on the wrong side of its open price {price:g}"
    if lot.side * (lot.take - price) < -rounding:
        return f"lot {lot.id} has its take at {lot.take:g}, on the wrong side of its open price {price:g}"
    if lot.trailing and not (lot.peak > 0 and lot.trail_stop >= 0):
        return f"lot {lot.id} trails without a peak or a stop"
    return ""


def _orders(state: TraderState) -> list[str]:
    found = []
    names = [intent.client_order_id for intent in state.intents]
    if len(set(names)) < len(names):
        found.append("two orders have the same id")
    entries = [intent.lot for intent in state.intents if intent.purpose is Purpose.ENTRY]
    if entries and entries != [state.account.next_lot]:
        found.append(f"an order opens lot {_listed(entries)}, the next lot is {state.account.next_lot}")
    exits = [intent for intent in state.intents if intent.purpose is Purpose.EXIT]
    if len({intent.lot for intent in exits}) < len(exits):
        found.append("two orders close the same lot")
    open_lots = {lot.id for lot in state.lots}
    gone = [refused.lot for refused in state.refused_exits if refused.lot not in open_lots]
    if gone:
        found.append(f"the exit of lot {_listed(gone)} is refused, which is not open")
    return [*found, *(problem for intent in exits if (problem := _exit(state, intent)))]


def _exit(state: TraderState, intent: Intent) -> str:
    lot = next((each for each in state.lots if each.id == intent.lot), None)
    if lot is None:
        return f"order {intent.client_order_id} closes lot {intent.lot}, which is not open"
    if (lot.side == BUY) != (intent.side is Side.SELL):
        return f"order {intent.client_order_id} has the side of lot {intent.lot}, which it is to close"
    if intent.base > lot.base:
        return f"order {intent.client_order_id} closes more than lot {intent.lot} has"
    return ""


def _trades(state: TraderState) -> list[str]:
    numbers = [trade.number for trade in state.trades]
    if numbers == list(range(state.trade_count - len(numbers) + 1, state.trade_count + 1)):
        return []
    return [f"the trades kept are not numbered up to the {state.trade_count} that are counted"]


def _listed(numbers: list[int]) -> str:
    return ", ".join(str(number) for number in numbers)
