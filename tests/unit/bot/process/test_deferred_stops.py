"""A signal is handled after the block, in it where it may be, and never lost."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from cbbot.process.deferred_stops import DeferredStops
from cbbot.process.stop_signals import STOP_SIGNALS


class Stopped(BaseException):
    """What the handler raises."""


@pytest.fixture
def handled() -> Iterator[list[int]]:
    """The signals that were handled; each raises :class:`Stopped`."""
    numbers: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        numbers.append(number)
        raise Stopped

    before = {number: signal.signal(number, handle) for number in STOP_SIGNALS}
    yield numbers
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("stop", STOP_SIGNALS)
def test_a_signal_is_handled_after_the_block(stop: signal.Signals, handled: list[int]) -> None:
    handlers = [signal.getsignal(number) for number in STOP_SIGNALS]
    handled_within: list[int] = []

    def work() -> None:
        with DeferredStops():
            signal.raise_signal(stop)
            handled_within.extend([0, *handled])

    with pytest.raises(Stopped):
        work()
    assert handled_within == [0]
    assert handled == [stop]
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == handlers


def test_the_outermost_of_nested_blocks_decides(handled: list[int]) -> None:
    reached: list[str] = []

    def work() -> None:
        with DeferredStops():
            with DeferredStops():
                signal.raise_signal(signal.SIGTERM)
            reached.append("the end")

    with pytest.raises(Stopped):
        work()
    assert (reached, handled) == (["the end"], [signal.SIGTERM])


def test_where_signals_are_let_through_the_first_is_handled_at_once_and_the_second_after_the_clearing_up(
    handled: list[int],
) -> None:
    handled_by_then: list[int] = []

    def work() -> None:
        with DeferredStops() as stops:
            try:
                with stops.let_through():
                    signal.raise_signal(signal.SIGINT)
            finally:
                signal.raise_signal(signal.SIGHUP)
                handled_by_then.extend(handled)

    with pytest.raises(Stopped):
        work()
    assert handled_by_then == [signal.SIGINT]
    assert handled == [signal.SIGINT, signal.SIGHUP]


def test_one_that_came_before_ends_the_waiting_before_it_begins(handled: list[int]) -> None:
    waited: list[bool] = []

    def work() -> None:
        with DeferredStops() as stops:
            signal.raise_signal(signal.SIGTERM)
            with stops.let_through():
                waited.append(True)

    with pytest.raises(Stopped):
        work()
    assert (waited, handled) == ([], [signal.SIGTERM])


def test_a_handler_that_does_not_raise_is_asked_each_time() -> None:
    asked: list[int] = []
    before = signal.signal(signal.SIGHUP, lambda number, _frame: asked.append(number))
    try:
        with DeferredStops() as stops, stops.let_through():
            for times in (1, 2):
                signal.raise_signal(signal.SIGHUP)
                assert len(asked) == times
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with DeferredStops():
            signal.raise_signal(signal.SIGHUP)
    finally:
        assert signal.signal(signal.SIGHUP, before) == signal.SIG_IGN


def test_a_process_without_a_handler_is_ended_by_the_signal_after_the_block() -> None:
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        with contextlib.suppress(BaseException):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            with DeferredStops():
                signal.raise_signal(signal.SIGTERM)
                os.write(writer, b"the whole block")
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        assert stream.read() == b"the whole block"
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM


def test_a_thread_of_its_own_has_nothing_to_defer() -> None:
    handlers = [signal.getsignal(number) for number in STOP_SIGNALS]
    seen: list[bool] = []

    def work() -> None:
        with DeferredStops() as stops, stops.let_through():
            seen.append([signal.getsignal(number) for number in STOP_SIGNALS] == handlers)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]
