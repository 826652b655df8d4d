"""Fills taken back or put right afterwards, as an exchange does after a faulty trade."""

from __future__ import annotations

from decimal import Decimal

from cbbot.domain.order import Side
from cbbot.errors import BadInput
from cbbot.venue.matching import Trade, commission
from cbbot.venue.order_ledger import OrderLedger
from cbbot.venue.venue_fill import Fill, Liquidity, TradeType

__all__ = ["correct_fill", "reverse_fill"]


def reverse_fill(ledger: OrderLedger, entry_id: str, now_ms: int) -> Fill:
    """Take a fill back; see :meth:`~cbbot.venue.exchange.Exchange.reverse_fill`."""
    origin = _standing_fill(ledger, entry_id)
    _post(ledger, origin, now_ms)
    _move(ledger, origin, _balance_changes(ledger, origin, origin.trade, -1))
    return ledger.add_entry(origin, origin.trade, TradeType.REVERSAL, now_ms)


def correct_fill(ledger: OrderLedger, entry_id: str, price: int, now_ms: int) -> Fill:
    """Put a fill at another price; see :meth:`~cbbot.venue.exchange.Exchange.correct_fill`."""
    origin = _standing_fill(ledger, entry_id)
    rates = ledger.orders[origin.order_id].rates
    value = price * origin.trade.base
    rate = rates.taker if origin.liquidity is Liquidity.TAKER else rates.maker
    trade = Trade(price, origin.trade.base, value, commission(value, rate))
    _post(ledger, origin, now_ms)
    back = _balance_changes(ledger, origin, origin.trade, -1)
    anew = _balance_changes(ledger, origin, trade, 1)
    _move(ledger, origin, {currency: back[currency] + anew[currency] for currency in back})
    ledger.add_entry(origin, origin.trade, TradeType.REVERSAL, now_ms)
    return ledger.add_entry(origin, trade, TradeType.CORRECTION, now_ms)


def _standing_fill(ledger: OrderLedger, entry_id: str) -> Fill:
    fill = next((fill for fill in ledger.fills if fill.entry_id == entry_id), None)
    if fill is None or fill.trade_type is TradeType.REVERSAL:
        raise BadInput(f"there is no fill with the entry id {entry_id!r}")
    later = ledger.fills_of(fill.order_id)
    if any(item.trade_id == fill.trade_id and item.sequence > fill.sequence for item in later):
        raise BadInput(f"the fill with the entry id {entry_id!r} has been reversed already")
    return fill


def _post(ledger: OrderLedger, fill: Fill, now_ms: int) -> None:
    """What is taken back must have changed hands first."""
    if fill.sequence in ledger.unposted:
        ledger.post(fill, now_ms)


def _balance_changes(ledger: OrderLedger, fill: Fill, trade: Trade, sign: int) -> dict[str, Decimal]:
    instrument = ledger.products[fill.product_id].instrument
    base = trade.base * instrument.base_increment
    if fill.side is Side.BUY:
        quote = -instrument.money(trade.value + trade.commission)
    else:
        base, quote = -base, instrument.money(trade.value - trade.commission)
    return {instrument.base_currency: sign * base, instrument.quote_currency: sign * quote}


def _move(ledger: OrderLedger, fill: Fill, changes: dict[str, Decimal]) -> None:
    wallets = ledger.portfolios.balances(fill.portfolio_id)
    for currency, amount in changes.items():
        if amount < -wallets[currency].available:
            raise BadInput(f"{-amount} {currency} is to be given back and {wallets[currency].available} is there")
    for currency, amount in changes.items():
        wallets.add(currency, amount)
