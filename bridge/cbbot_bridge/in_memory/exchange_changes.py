"""What others than the bot do to account and product: the person, and the exchange itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Final

from cbbot.domain.instrument import Instrument
from cbbot.venue.order_kinds import OrderKind
from cbbot.venue.product import Gate
from cbbot.venue.refusals import OrderRefused
from cbbot.venue.venue_order import Order, OrderRequest
from cbbot_bridge.in_memory.disturbed_venue import DisturbedVenue
from cbbot_bridge.simulator.world import World

__all__ = ["CHANGES", "HAND", "ExchangeChanges"]

HAND: Final = "hand-"
"""What the ids of orders by hand begin with."""

_LONGEST_JUMP_SECONDS: Final = 3600.0
_MOST_BEHIND_SECONDS: Final = 300.0
_GATES: Final = {
    "halt_product": Gate.TRADING_DISABLED,
    "disable_product": Gate.IS_DISABLED,
    "limit_only": Gate.LIMIT_ONLY,
    "cancel_only": Gate.CANCEL_ONLY,
    "post_only": Gate.POST_ONLY,
    "view_only": Gate.VIEW_ONLY,
    "auction": Gate.AUCTION_MODE,
}


class ExchangeChanges:
    """``moved_base`` and ``moved_quote`` are what hands other than the bot's have put on the account."""

    def __init__(self, venue: DisturbedVenue, instrument: Instrument) -> None:
        self._venue = venue
        self._instrument = instrument
        self._world: World = venue.venue.world
        self._by_hand = 0
        self._moved = {instrument.base_currency: Decimal(0), instrument.quote_currency: Decimal(0)}

    @property
    def moved_base(self) -> Decimal:
        return self._moved[self._instrument.base_currency] + self._traded_by_hand()[0]

    @property
    def moved_quote(self) -> Decimal:
        return self._moved[self._instrument.quote_currency] + self._traded_by_hand()[1]

    def make(self, kind: str, share: float) -> None:
        """One of :data:`CHANGES`."""
        if kind in _GATES:
            self._world.exchange.set_gates(self._instrument.product_id, (_GATES[kind],))
        else:
            CHANGES[kind](self, share)

    def heal(self) -> None:
        """The product trades."""
        self.resume(0.0)
        self._venue.heal()

    def resume(self, _share: float) -> None:
        self._world.exchange.set_gates(self._instrument.product_id, ())
        self._world.exchange.set_status(self._instrument.product_id, "online")

    def delist(self, _share: float) -> None:
        self._world.exchange.set_status(self._instrument.product_id, "delisted")

    def deposit_quote(self, share: float) -> None:
        self._put(self._instrument.quote_currency, share)

    def withdraw_quote(self, share: float) -> None:
        self._put(self._instrument.quote_currency, -share)

    def deposit_base(self, share: float) -> None:
        self._put(self._instrument.base_currency, share)

    def withdraw_base(self, share: float) -> None:
        self._put(self._instrument.base_currency, -share)

    def _put(self, currency: str, share: float) -> None:
        """So much of what is available, in hundredths, comes or goes."""
        world = self._world
        available = world.exchange.balances(world.now_ms())[currency].available
        step = Decimal("0.00000001")
        # Nobody withdraws more than there is, by a rounding either.
        amount = (available * Decimal(round(share * 100)) / 100).quantize(step, ROUND_DOWN)
        world.exchange.ledger.set_available(currency, available + amount)
        self._moved[currency] += amount

    def buy_by_hand(self, share: float) -> None:
        instrument, world = self._instrument, self._world
        quote = world.exchange.balances(world.now_ms())[instrument.quote_currency].available
        self._order(
            "BUY", "quote_size", (quote * Decimal(round(share * 30)) / 100).quantize(instrument.quote_increment)
        )

    def sell_by_hand(self, share: float) -> None:
        instrument, world = self._instrument, self._world
        base = world.exchange.balances(world.now_ms())[instrument.base_currency].available
        self._order("SELL", "base_size", (base * Decimal(round(share * 100)) / 100).quantize(instrument.base_increment))

    def _order(self, side: str, field: str, size: Decimal) -> None:
        self._by_hand += 1
        configuration = {OrderKind.MARKET_IOC.key: {field: f"{size:f}"}}
        request = OrderRequest(f"{HAND}{self._by_hand}", self._instrument.product_id, side, configuration)
        try:
            self._world.exchange.place(request, self._world.now_ms())
        except OrderRefused:
            return  # a person who has nothing, or meets a shut gate, does nothing

    def _traded_by_hand(self) -> tuple[Decimal, Decimal]:
        base = quote = Decimal(0)
        for number in range(1, self._by_hand + 1):
            order = self._world.exchange.find(f"{HAND}{number}")
            if order is not None:
                one_base, one_quote = executed(order, self._instrument)
                base, quote = base + one_base, quote + one_quote
        return base, quote

    def set_clock_forward(self, share: float) -> None:
        self._venue.venue.clock.set_forward(share * _LONGEST_JUMP_SECONDS)

    def show_clock_back(self, share: float) -> None:
        self._venue.shown_ahead_seconds = -share * _MOST_BEHIND_SECONDS

    def want_proof(self, _share: float) -> None:
        self._venue.proof_wanted = True

    def want_no_proof(self, _share: float) -> None:
        self._venue.proof_wanted = False


def executed(order: Order, instrument: Instrument) -> tuple[Decimal, Decimal]:
    """What an order has moved: base and quote, signed, fees paid."""
    base = order.base * instrument.base_increment
    value, fees = instrument.money(order.value), instrument.money(order.commission)
    return (base, -value - fees) if order.side.value == "BUY" else (-base, value - fees)


CHANGES: Final[Mapping[str, Callable[[ExchangeChanges, float], None]]] = {
    "resume_product": ExchangeChanges.resume,
    "delist_product": ExchangeChanges.delist,
    "deposit_quote": ExchangeChanges.deposit_quote,
    "withdraw_quote": ExchangeChanges.withdraw_quote,
    "deposit_base": ExchangeChanges.deposit_base,
    "withdraw_base": ExchangeChanges.withdraw_base,
    "buy_by_hand": ExchangeChanges.buy_by_hand,
    "sell_by_hand": ExchangeChanges.sell_by_hand,
    "clock_forward": ExchangeChanges.set_clock_forward,
    "clock_back": ExchangeChanges.show_clock_back,
    "proof_token_on": ExchangeChanges.want_proof,
    "proof_token_off": ExchangeChanges.want_no_proof,
}


def all_changes() -> tuple[str, ...]:
    """The names of everything that can be changed."""
    return (*CHANGES, *_GATES)
