"""What is set aside for an order: the base of a SELL; of a BUY what it costs at its limit with the higher fee."""

from __future__ import annotations

from cbbot.domain.order import Side
from cbbot.venue.matching import Trade, commission_of_both
from cbbot.venue.venue_order import Order

__all__ = ["hold_of_fill", "reserved_hold", "working_hold"]


def working_hold(order: Order) -> int:
    """For what is still to be filled: base units of a SELL, ledger units of a BUY. Market orders are over at once."""
    if order.kind.is_market or order.leaves == 0:
        return 0
    if order.side is Side.SELL:
        return order.leaves
    notional = order.limit * order.leaves
    taker, maker = order.taker_value, order.maker_value
    paid = commission_of_both(taker, maker, order.rates)
    if order.rates.higher == order.rates.taker:
        taker += notional
    else:
        maker += notional
    return notional + commission_of_both(taker, maker, order.rates) - paid


def reserved_hold(order: Order) -> int:
    """What is set aside besides, for an edit that has not taken effect."""
    return 0 if order.pending_edit is None else order.pending_edit.reserved


def hold_of_fill(side: Side, trade: Trade) -> int:
    """What a fill takes out of the wallet once it is posted."""
    return trade.base if side is Side.SELL else trade.value + trade.commission
