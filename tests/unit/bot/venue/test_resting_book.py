"""The queue at a price against a model that counts every unit, and that orders elsewhere add no work to a print."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbbot.domain.order import Side
from cbbot.venue.resting_book import RestingSide
from cbbot.venue.stop_triggers import StopTriggers
from cbbot.venue.venue_order import OrderStatus
from exchange_cases import CENT, Market, bracket, limit, stop
from exercised import lacking

MET: Counter[str] = Counter()
steps = st.lists(
    st.tuples(st.sampled_from(["add", "add", "cancel", "print", "print"]), st.integers(0, 3), st.integers(1, 9)),
    min_size=5,
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(steps, st.sampled_from(list(Side)))
def check_queue(steps_: list[tuple[str, int, int]], side: Side) -> None:
    """Model: one list of owners at the price, an element a unit; None is somebody else's."""
    resting, queue, leaves, names = RestingSide(side), list[str | None](), dict[str, int](), iter(range(1000))
    for kind, number, size in steps_:
        mine = [owner for owner in leaves if leaves[owner]]
        if kind == "add" and size:
            name = str(next(names))
            # Others show at least what they still have before our last order.
            last = max((place for place, owner in enumerate(queue) if owner is not None), default=-1)
            before = sum(owner is None for owner in queue[: last + 1])
            shown = before + number
            queue = queue[: last + 1] + [None] * number + [name] * size
            leaves[name] = size
            resting.add(name, 100, shown)
        elif kind == "cancel" and mine:
            name = mine[number % len(mine)]
            queue = [owner for owner in queue if owner != name]
            leaves[name] = 0
            resting.remove(name, 100)
            MET["canceled"] += 1
        elif kind == "print":
            taken, queue = queue[:size], queue[size:]
            expected = Counter(owner for owner in taken if owner is not None)
            given_ = dict(resting.met(100, size, leaves.__getitem__))
            assert given_ == dict(expected)
            MET["served"] += len(given_)
            MET["served several"] += len(given_) > 1
            for name, part in given_.items():
                leaves[name] -= part
                if not leaves[name]:
                    resting.remove(name, 100)
        if not any(leaves.values()):
            queue = []


def test_a_queue_serves_as_one_that_counts_every_unit() -> None:
    MET.clear()
    check_queue()
    assert lacking(MET, {"canceled": 50, "served": 100, "served several": 10}) == {}


def test_who_comes_later_is_never_shown_less_before_him() -> None:
    resting = RestingSide(Side.BUY)
    resting.add("a", 100, 10)
    resting.add("b", 100, 2)
    assert (resting.queues[100].shown(), resting.queues[100].ahead("b")) == (10, 10)


@pytest.mark.parametrize(("side", "passed"), [(Side.BUY, [103, 102]), (Side.SELL, [98, 99])])
def test_a_print_goes_through_the_better_prices_alone(side: Side, passed: list[int]) -> None:
    resting = RestingSide(side)
    for price in (98, 99, 101, 102, 103):
        resting.add(str(price), price, 0)
    found = resting.passed(101 if side is Side.BUY else 100)
    assert found == [str(price) for price in passed]


def lines_run(action: Callable[[], object]) -> int:
    """How many lines of Python an action runs, every turn of a loop counted: work without a clock."""
    count = 0

    def trace(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
    return count


def test_prices_that_nobody_rests_at_any_more_are_forgotten() -> None:
    resting, triggers = RestingSide(Side.BUY), StopTriggers()
    for price in range(20_000, 0, -1):
        resting.add("a", price, 0)
        triggers.arm("a", 1, price, up=False)
        resting.remove("a", price)
        triggers.disarm("a")
    resting.add("b", 1, 0)
    assert resting.best() == 1
    assert lines_run(lambda: triggers.reached(1)) < 500


def crowded(orders: int) -> Market:
    """Orders of every kind that rests, none of them near 100.00."""
    case = Market(wallets={"BTC": "10000", "USD": "100000000"}, open_orders_cap=10**6)
    for number in range(orders // 4):
        case.place(limit(f"a{number}", "BUY", 2 * CENT, 9_000 - number % 500))
        case.place(limit(f"b{number}", "SELL", 2 * CENT, 11_000 + number % 500))
        case.place(stop(f"c{number}", "SELL", 2 * CENT, 9_400 - number % 90, 9_300 - number % 90, up=False))
        case.place(bracket(f"d{number}", 2 * CENT, 11_600 + number % 500, 8_000 - number % 500))
    return case


def work_of(case: Market) -> int:
    """Lines that twenty prints around 100.00 run, one order of ours filled by each second one."""
    count = 0
    for number in range(10):
        case.place(limit(f"e{number}", "BUY", CENT, 10_000))
        count += lines_run(lambda: case.print(9_999, 5)) + lines_run(lambda: case.print(10_000, 5))
        order = case.exchange.find(f"e{number}")
        assert order is not None
        assert order.status is OrderStatus.FILLED
    return count


def test_the_work_of_a_print_does_not_grow_with_the_orders_that_rest_elsewhere() -> None:
    few, many = work_of(crowded(40)), work_of(crowded(8_000))
    assert 0 < many <= few * 1.05
