"""Live traders that start again from what was saved, and the lists of the account's orders that they get."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from cbbot.domain.instrument import BTC_USD
from cbbot.domain.order import Side
from cbbot.trader.codec import decode, encode
from cbbot.trader.commands import Command, ListOrders, LookUp
from cbbot.trader.events import (
    HistoryLoaded,
    OrderFilled,
    OrdersListed,
    Started,
    TimePassed,
)
from cbbot.trader.listed_order import ListedOrder
from unit.bot.trader.live_trader_harness import PYRAMID, LiveTraderHarness, execution

__all__ = [
    "asked_after",
    "begun",
    "bought",
    "ended",
    "finished",
    "holding",
    "listed",
    "listed_after",
    "looked_up",
    "order",
]

LOTS = ("0.2", "0.19")


def units(base: str) -> int:
    return BTC_USD.base_units(Decimal(base))


def holding(count: int = 2) -> LiveTraderHarness:
    trader = LiveTraderHarness(**PYRAMID)
    for base in LOTS[:count]:
        trader.buy("100", base)
    return trader


def order(sequence: int, base: str, price: str = "100", *, epoch: int = 7, **changed: object) -> ListedOrder:
    """A SELL of the bot's."""
    sold = ListedOrder(
        f"bot-{epoch}-{sequence}", epoch, sequence, f"v-{sequence}", Side.SELL, units(base), 0,
        1_700_000_050_000 + sequence, BTC_USD.ticks(Decimal(price)), unfilled=False,
    )  # fmt: skip
    return replace(sold, **changed)  # type: ignore[arg-type]  # a test's own fields


def bought(sequence: int, epoch: int = 7) -> ListedOrder:
    """A BUY by quote size."""
    return order(sequence, "0", epoch=epoch, side=Side.BUY, quote_units=2_000)


def begun(trader: LiveTraderHarness) -> list[Command]:
    """Another start from what was saved, as far as what it asks."""
    state = decode(trader.rules, encode(trader.rules, trader.state)).state
    trader.state = replace(state, epoch=state.epoch + 1)
    trader.now_ms += 60_000
    trader.feed(HistoryLoaded(trader.now_ms, tuple(trader.history)))
    return trader.feed(Started(trader.now_ms))


def listed(trader: LiveTraderHarness, *orders: ListedOrder) -> list[str]:
    """The orders that are looked up once the account's are known."""
    return looked_up(trader.feed(OrdersListed(trader.now_ms, orders)))


def looked_up(commands: list[Command]) -> list[str]:
    return [command.intent.client_order_id for command in commands if isinstance(command, LookUp)]


def ended(trader: LiveTraderHarness, name: str, price: str, base: str) -> list[str]:
    """What became of it; the orders that are looked up next."""
    return looked_up(trader.feed(OrderFilled(trader.now_ms, name, execution(price, base, "0"))))


def finished(trader: LiveTraderHarness, *orders: ListedOrder, base: str = "1") -> None:
    """The second list, and balances."""
    trader.now_ms += 30_000
    trader.feed(OrdersListed(trader.now_ms, orders))
    trader.balances(base=base)


def asked_after(trader: LiveTraderHarness, seconds: int) -> list[ListOrders]:
    """What lists are asked for, so many seconds after the process began."""
    trader.now_ms += seconds * 1000 - trader.state.elapsed_ms
    passed = trader.feed(TimePassed(trader.now_ms, seconds * 1000))
    return [command for command in passed if isinstance(command, ListOrders)]


def listed_after(trader: LiveTraderHarness, seconds: int, *orders: ListedOrder) -> list[str]:
    """The orders that are looked up after a list of so many seconds after the process began."""
    asked_after(trader, seconds)
    return listed(trader, *orders)
