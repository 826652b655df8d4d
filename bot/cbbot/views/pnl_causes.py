"""Profit and loss of closed trades by what it came from. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC
from decimal import Decimal
from typing import Final, NamedTuple

from cbbot.contract.bot_api import TradeRow
from cbbot.domain.timestamps import moment_of

__all__ = ["CAUSES", "PnlOfCause", "pnl_by"]

_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class PnlOfCause(NamedTuple):
    """Trades of one cause. Money is in quote currency; ``net`` is after ``fees``."""

    cause: str
    trades: int
    wins: int
    net: Decimal
    fees: Decimal

    @property
    def money(self) -> tuple[Decimal, Decimal, Decimal]:
        """Net, fees, and the net of one trade, to 8 places."""
        return self.net, self.fees, (self.net / self.trades).quantize(Decimal("1e-8"))


def _hour(row: TradeRow) -> str:
    at = moment_of(row.closed_at)
    return "unknown" if at is None else f"{at.astimezone(UTC).hour:02}"


def _weekday(row: TradeRow) -> str:
    at = moment_of(row.closed_at)
    return "unknown" if at is None else _WEEKDAYS[at.astimezone(UTC).weekday()]


CAUSES: Final[dict[str, Callable[[TradeRow], str]]] = {
    "role": lambda row: row.role,
    "exit": lambda row: row.exit_reason,
    "hour": _hour,
    "weekday": _weekday,
}
"""``role`` is the one that a lot was opened with; hour and weekday are those of its close, in UTC."""


def pnl_by(cause: str, rows: Iterable[TradeRow]) -> list[PnlOfCause]:
    """In the order of the causes' names; days in that of the week."""
    of = CAUSES[cause]
    found: dict[str, PnlOfCause] = {}
    for row in rows:
        name, net = of(row), Decimal(row.net_pnl)
        before = found.get(name, PnlOfCause(name, 0, 0, Decimal(), Decimal()))
        fees = Decimal(row.entry_fee) + Decimal(row.exit_fee)
        found[name] = PnlOfCause(name, before.trades + 1, before.wins + (net > 0), before.net + net, before.fees + fees)
    order = {day: place for place, day in enumerate(_WEEKDAYS)}
    return sorted(found.values(), key=lambda each: (order.get(each.cause, -1), each.cause))
