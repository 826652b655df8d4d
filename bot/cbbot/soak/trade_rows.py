"""The bot's trades, row by row, against the exit orders that the exchange has filled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from cbbot.contract.bot_api import NumberedTrade
from cbbot.domain.instrument import Instrument
from cbbot.soak.exchange_side import Books
from cbbot.soak.violated import Violated

__all__ = ["check_trade_rows", "rows_of"]

_INVARIANT: Final = "trades are the exits that were filled"


def rows_of(content: bytes) -> list[NumberedTrade]:
    """The rows of a trade log.

    Raises:
        Violated: a line of it is none.
    """
    try:
        return [NumberedTrade.model_validate_json(line) for line in content.splitlines()]
    except ValueError as error:
        raise Violated(_INVARIANT, f"the trade log holds what is no trade: {error}") from error


def check_trade_rows(instrument: Instrument, books: Books, rows: Iterable[NumberedTrade], count: int) -> None:
    """Every order that has sold is one row with its size, proceeds and fee, numbered by the state's own ``count``.

    Raises:
        Violated: a row is missing, is too many, or is another than the order.
    """
    rows = list(rows)
    numbers = [row.number for row in rows]
    if numbers != list(range(1, count + 1)):
        raise Violated(_INVARIANT, f"the state counts {count} trades, the log has {_spans(numbers)}")
    unmatched: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
    for row in rows:
        unmatched[row.base_size, row.proceeds, row.exit_fee].append(row.number)
    for order in books.orders.values():
        base = instrument.base_units(order.filled_base)
        if order.side != "SELL" or base == 0:
            continue
        proceeds, fee = instrument.ledger_down(order.filled_quote), instrument.ledger_up(order.fees)
        key = instrument.base_text(base), instrument.money_text(proceeds), instrument.money_text(fee)
        if not unmatched[key]:
            raise Violated(_INVARIANT, f"{order.client_order_id} has sold (size, proceeds, fee) {key}: no row is that")
        unmatched[key].pop()
    left = sorted(number for some in unmatched.values() for number in some)
    if left:
        raise Violated(_INVARIANT, f"no order of the exchange is the trade of row {left[0]} ({len(left)} such rows)")


def _spans(numbers: list[int]) -> str:
    return f"{len(numbers)} rows, {numbers[0]} to {numbers[-1]}" if numbers else "none"
