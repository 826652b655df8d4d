"""The exchange's books against a bot's state and trade log: what is lost, what is doubled, what else does not agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

__all__ = ["Audit", "audit", "executed"]

Row = Mapping[str, Any]
Executed = tuple[Decimal, Decimal, Decimal]
"""Base, value and fee."""


@dataclass(frozen=True)
class Audit:
    """``lost``: filled orders that the bot does not know; ``doubled``: wishes that were filled twice."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    @property
    def differences(self) -> list[str]:
        return [*self.lost, *self.doubled, *self.other]


def executed(orders: Iterable[Row], prefix: str) -> list[Row]:
    """Those of the bot's orders that have taken effect."""
    return [each for each in orders if each["client_order_id"].startswith(prefix) and Decimal(each["filled_size"])]


def audit(orders: Sequence[Row], opening: Mapping[str, Decimal], held: Mapping[str, Decimal], bot: Row) -> Audit:
    """``orders`` are the bot's that have been filled, ``held`` is what the account holds, after ``opening``.

    ``bot`` has its ``document`` (the state's body), its ``trades`` (all of them), its ``lots`` and ``status``.
    """
    document, trades = bot["document"], bot["trades"]
    other = [*_cash(orders, opening, held), *_ledger(document, trades), *_told(bot), *_watched(bot)]
    lost = []
    for side, known in (("BUY", _entries(document, trades)), ("SELL", _exits(trades))):
        there = Counter(_of_order(order) for order in orders if order["side"] == side)
        lost += [f"lost: the exchange filled a {side} of {each}, the bot has none" for each in (there - known)]
        other += [f"the bot has a {side} of {each}, the exchange filled none" for each in (known - there)]
    return Audit(lost, _doubled(orders, trades, document), other)


def _of_order(order: Row) -> Executed:
    return Decimal(order["filled_size"]), Decimal(order["filled_value"]), Decimal(order["total_fees"])


def _entries(document: Row, trades: Sequence[Row]) -> Counter[Executed]:
    """What each lot was bought for; one that was sold in parts is put together again."""
    lots: dict[int, Executed] = {}

    def add(lot: int, base: str, cost: str, fee: str) -> None:
        before = lots.get(lot, (Decimal(), Decimal(), Decimal()))
        lots[lot] = (before[0] + Decimal(base), before[1] + Decimal(cost), before[2] + Decimal(fee))

    for trade in trades:
        add(trade["lot"], trade["base_size"], trade["cost"], trade["entry_fee"])
    for lot in document["lots"]:
        add(lot["id"], lot["base"], lot["cost"], lot["entry_fee"])
    return Counter(lots.values())


def _exits(trades: Sequence[Row]) -> Counter[Executed]:
    return Counter((Decimal(t["base_size"]), Decimal(t["proceeds"]), Decimal(t["exit_fee"])) for t in trades)


def _doubled(orders: Sequence[Row], trades: Sequence[Row], document: Row) -> list[str]:
    """Of one wish: its id, its number in the state's sequence, its lot."""
    ids = Counter(order["client_order_id"] for order in orders)
    numbers = Counter(order["client_order_id"].rsplit("-", 1)[1] for order in orders)
    logged = Counter(trade["number"] for trade in trades)
    lots = Counter(lot["id"] for lot in document["lots"])
    sold = lots.keys() & {trade["lot"] for trade in trades}
    return [
        *(f"doubled: client_order_id {each} has {times} orders" for each, times in ids.items() if times > 1),
        *(f"doubled: wish {each} was filled {times} times" for each, times in numbers.items() if times > 1),
        *(f"doubled: trade {each} stands {times} times in the log" for each, times in logged.items() if times > 1),
        *(f"doubled: lot {each} is open {times} times" for each, times in lots.items() if times > 1),
        *(f"doubled: lot {each} is open and sold" for each in sorted(sold)),
    ]


def _cash(orders: Sequence[Row], opening: Mapping[str, Decimal], held: Mapping[str, Decimal]) -> list[str]:
    quote, base = opening["USD"], opening["BTC"]
    for order in orders:
        size, value, fee = _of_order(order)
        sign = 1 if order["side"] == "BUY" else -1
        base, quote = base + sign * size, quote - sign * value - fee
    wanted = {"USD": quote, "BTC": base}
    return [f"the account holds {held[c]} {c}, its orders say {wanted[c]}" for c in wanted if held[c] != wanted[c]]


def _ledger(document: Row, trades: Sequence[Row]) -> list[str]:
    found = []
    if [each["number"] for each in trades] != list(range(1, document["trade_count"] + 1)):
        found.append(f"the trade log has {len(trades)} trades, the state counts {document['trade_count']}")
    realised = sum((Decimal(each["net_pnl"]) for each in trades), Decimal())
    if realised != Decimal(document["account"]["realised"]):
        found.append(f"the trades make {realised}, the state has {document['account']['realised']}")
    if document["intents"]:
        found.append(f"{len(document['intents'])} orders are under way")
    return found


def _told(bot: Row) -> list[str]:
    """``/status`` against the state that is on the disk."""
    status, document = bot["status"], bot["document"]
    account, lots = document["account"], document["lots"]
    wanted = {
        "open_lots": len(lots),
        "pending_orders": len(document["intents"]),
        "epoch": document["epoch"],
        "equity_usd": Decimal(account["start_equity"]) + Decimal(account["realised"]),
        "exposure_usd": sum((Decimal(lot["cost"]) for lot in lots), Decimal()),
    }
    told = {name: Decimal(status[name]) for name in wanted}
    return [
        f"/status says {name} {told[name]}, the state {wanted[name]}" for name in wanted if told[name] != wanted[name]
    ]


def _watched(bot: Row) -> list[str]:
    """Every lot has its levels, and none stays open beyond one."""
    found, price = [], Decimal(bot["status"]["last_price"])
    for lot in bot["lots"]:
        stop, take = (Decimal(str(lot[name])) for name in ("stop_price", "take_price"))
        if not 0 < stop < Decimal(lot["open_price"]) < take:
            found.append(f"lot {lot['lot']} has the levels {stop} and {take} around {lot['open_price']}")
        elif not stop < price < take:
            found.append(f"lot {lot['lot']} is open at {price}, beyond its levels {stop} and {take}")
    return found
