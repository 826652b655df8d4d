"""The worked examples of docs/trading.md, run on the trader: a number that is changed there fails here."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from pathlib import Path
from typing import Any, Final

import pytest

from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD
from cbbot.trader import account_figures
from cbbot.trader.commands import Command, Count
from cbbot.trader.events import Event, OrderFilled
from cbbot.trader.intent import Purpose
from cbbot.trader.trader_state import TraderState
from cbbot.views.json_rows import lot_row, trade_row
from markdown_tables import Row, tables
from trader_harness import TraderHarness, flat_history

PAGE: Final = Path(__file__).resolve().parents[3] / "docs" / "trading.md"
DAY_SECONDS: Final = 86_400
NEW_YEAR: Final = 1_704_067_200  # 2024-01-01T00:00:00Z is day 1
ALWAYS: Final = {"USE_TICK_PRICE": "false", "BUY_THRESHOLD": "0", "SELL_THRESHOLD": "0", "USE_MA_FILTER": "false"}


@dataclass(frozen=True)
class Example:
    name: str
    settings: dict[str, str]
    steps: list[Row]
    fields: list[Row]


def examples(text: str) -> list[Example]:
    found = []
    for part in re.split(r"^### [0-9.]+ Example: ", text, flags=re.MULTILINE)[1:]:
        name, _, body = part.partition("\n")
        settings = re.search(r"```ini\n(.*?)```", body, re.DOTALL)
        assert settings, name
        steps, *fields = tables(body)
        pairs = dict(line.split("=", 1) for line in settings[1].splitlines())
        found.append(Example(name, pairs, steps, fields[0] if fields else []))
    return found


def moment(text: str) -> int:
    day, hour, minute = re.fullmatch(r"(?:day (\d+) )?(\d\d):(\d\d)", text).groups()  # type: ignore[union-attr] # a wrong time fails here
    return NEW_YEAR + (int(day or 1) - 1) * DAY_SECONDS + int(hour) * 3600 + int(minute) * 60


class ExampleTrader(TraderHarness):
    """A paper trader that has seen an hour of flat candles; ``happened`` is what its newest step did, in words."""

    def __init__(self, settings: dict[str, str], first_row: Row) -> None:
        super().__init__(settings | ALWAYS)
        self.happened: list[str] = []
        self.entered: dict[str, Any] = {}
        first, price = moment(first_row["time"]), BTC_USD.ticks(Decimal(first_row["price"]))
        self.start(flat_history(first - 61 * 60, price))

    def step(self, at: int, price: Decimal) -> str:
        ticks = BTC_USD.ticks(price)
        self.happened = []
        runner = self.runner
        self.close(Candle(at - 60, ticks, ticks, ticks, ticks, 1))
        if runner is not None and self.runner not in (None, runner) and self.happened:
            self.happened.append(f"lot {self.runner} becomes runner")
        self.price = ticks
        return ", ".join(self.happened) or "nothing"

    def after_step(self, before: TraderState, event: Event, commands: Sequence[Command]) -> None:
        for command in commands:
            if isinstance(command, Count) and command.name == "denials":
                self.happened.append(f"denied: {command.labels['reason']}")
        if not isinstance(event, OrderFilled):
            return
        intent = before.intent(event.client_order_id)
        if intent is not None and intent.purpose is Purpose.ENTRY:
            lot = self.lots[-1]
            self.entered = lot | {"budget": BTC_USD.quote_text(intent.quote_units)}
            self.happened.append(f"opens lot {lot['lot']} as {lot['role']}")
        else:
            trade = self.closed[-1]
            self.happened.append(f"closes lot {trade['lot']}: {trade['exit_reason']}")

    @property
    def closed(self) -> list[dict[str, Any]]:
        return [trade_row(BTC_USD, trade.closed).model_dump() for trade in self.trades]

    @property
    def lots(self) -> list[dict[str, Any]]:
        return [lot_row(BTC_USD, lot, 0).model_dump() for lot in self.state.lots]

    @property
    def runner(self) -> int | None:
        return next((int(lot["lot"]) for lot in self.lots if lot["role"] == "runner"), None)

    def shown(self, column: str) -> Any:
        """What a column of an example shows, after a step; None where there is nothing to show."""
        if column == "equity":
            return BTC_USD.money(account_figures.equity(self.rules, self.state, self.price))
        if column == "marked equity":
            return BTC_USD.money(account_figures.marked_equity(self.rules, self.state, self.price))
        if column == "cash":
            return BTC_USD.money(account_figures.cash(self.rules, self.state, 0) or 0)
        if column == "trail stop":
            return next((lot["trail_stop_price"] for lot in self.lots if lot["role"] == "runner"), None)
        if column == "take":
            return self.entered["take_price"]
        number, level = re.fullmatch(r"lot (\d+) (take|stop)", column).groups()  # type: ignore[union-attr] # no such column
        return next((lot[f"{level}_price"] for lot in self.lots if lot["lot"] == int(number)), None)


def rounded_as(value: Any, text: str) -> str:
    """A value with as many decimal places as the text has."""
    return "-" if value is None else f"{Decimal(value):.{len(text.partition('.')[2])}f}"


OPERATIONS: Final[dict[type, Callable[..., Decimal]]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow, ast.USub: operator.neg,
}  # fmt: skip
FUNCTIONS: Final[dict[str, Callable[..., Decimal]]] = {
    "exp": lambda x: x.exp(),
    "down": lambda x, places: x.quantize(Decimal(1).scaleb(-int(places)), ROUND_FLOOR),
    "up": lambda x, places: x.quantize(Decimal(1).scaleb(-int(places)), ROUND_CEILING),
}


def calculated(text: str) -> Decimal:
    """The value of ``1.5 x exp(-0.02 x 10)``, as a calculator gives it."""

    def value(node: ast.AST) -> Decimal:
        match node:
            case ast.Constant(value=int() | float()):
                return Decimal(ast.unparse(node))
            case ast.BinOp(left=left, op=op, right=right):
                return OPERATIONS[type(op)](value(left), value(right))
            case ast.UnaryOp(op=op, operand=operand):
                return OPERATIONS[type(op)](value(operand))
            case ast.Call(func=ast.Name(id=name), args=args):
                return FUNCTIONS[name](*map(value, args))
        raise AssertionError(f"not for a calculator: {ast.dump(node)}")

    with localcontext() as context:
        context.prec = 40
        return value(ast.parse(text.replace(" x ", " * "), mode="eval").body)


def differences(example: Example) -> list[str]:
    """What docs/trading.md says otherwise than the trader does."""
    trader = ExampleTrader(example.settings, example.steps[0])
    found = []
    for row in example.steps:
        at, price = moment(row["time"]), Decimal(row["price"])
        if row.get("adds at or below", "-") != "-":
            highest = Decimal(row["adds at or below"])
            if not trader.copied().step(at, highest).startswith("opens"):
                found.append(f"{row['time']}: does not add at {highest}")
            if trader.copied().step(at, highest + Decimal("0.01")) != "denied: adverse_gate":
                found.append(f"{row['time']}: adds above {highest}")
        actual = {"what happens": trader.step(at, price)}
        for column, text in row.items():
            if column in ("time", "price", "adds at or below"):
                continue
            if column == "by calculator":
                found += miscalculated(text)
                continue
            is_now = actual.get(column) or rounded_as(trader.shown(column), text)
            if is_now != text:
                found.append(f"{row['time']}: {column} is {is_now}, docs/trading.md says {text}")
    for row in example.fields:
        text = row["by calculator"].rpartition("= ")[2]
        actual_value = (trader.entered | trader.closed[0])[row["field"]]
        if rounded_as(actual_value, text) != text:
            found.append(f"{row['field']} is {actual_value}, docs/trading.md says {text}")
        found += miscalculated(row["by calculator"])
    return found


def miscalculated(text: str) -> list[str]:
    if text == "-":
        return []
    sum_, _, result = text.rpartition(" = ")
    value = calculated(sum_)
    return [] if rounded_as(value, result) == result else [f"{sum_} is {value}, docs/trading.md says {result}"]


EXAMPLES: Final = examples(PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name.replace(" ", "-"))
def test_the_trader_does_what_the_page_says(example: Example) -> None:
    assert differences(example) == []


def test_every_kind_of_example_is_there() -> None:
    assert {example.name for example in EXAMPLES} == {
        "what a lot costs and brings", "an add gate", "a scalp's take, linear", "a scalp's take, exponential",
        "a trail", "a promotion", "a breaker day", "out of cash",
    }  # fmt: skip


def changed(text: str) -> str:
    """The text with the last digit of its last number one more."""
    return re.sub(r"(\d)(\D*)$", lambda m: f"{(int(m[1]) + 1) % 10}{m[2]}", text)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name.replace(" ", "-"))
def test_a_changed_number_is_seen(example: Example) -> None:
    unseen = []
    for i, row in enumerate(example.steps):
        for column, text in row.items():
            if column in ("time", "price") or not re.search(r"\d", text):
                continue
            steps = [*example.steps[:i], row | {column: changed(text)}, *example.steps[i + 1 :]]
            if not differences(replace(example, steps=steps)):
                unseen.append(f"{row['time']} {column}: {text}")
    for i, row in enumerate(example.fields):
        fields = [*example.fields]
        fields[i] = row | {"by calculator": changed(row["by calculator"])}
        if not differences(replace(example, fields=fields)):
            unseen.append(row["field"])
    assert unseen == []
