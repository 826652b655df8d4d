"""Showing never holds up what is shown: a paused terminal must not stop a trader."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import pytest

from cbbot_operator.local.child_log_lines import LogLine
from cbbot_operator.local.display import LineDisplay, Unhurried
from cbbot_operator.local.screen import PartState, Screen
from cbbot_operator.local.watch import Seen


def screen(state: str) -> Screen:
    return Screen("t", live=False, folder="/s", address="", parts=[PartState("bot", state)], seen=Seen(), log=[])


def line(text: str) -> LogLine:
    return LogLine(datetime(2026, 1, 1, tzinfo=UTC), "bot", "info", text)


class Paused:
    """A terminal on which Ctrl-S was pressed: writing waits until ``going``."""

    seconds = 0.1

    def __init__(self) -> None:
        self.going = threading.Event()
        self.waiting = threading.Event()
        self.written: list[str] = []
        self.open = False

    def __enter__(self) -> Self:
        self.open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.open = False

    def log_room(self) -> int:
        return 7

    def show(self, screen: Screen) -> None:
        self.waiting.set()
        assert self.going.wait(10)
        self.written.append(screen.parts[0].state)

    def tell(self, line: LogLine) -> None:
        self.written.append(line.text)


def test_nobody_waits_for_a_paused_terminal_and_it_shows_the_newest_when_it_goes_on() -> None:
    terminal = Paused()
    with Unhurried(terminal) as display:
        assert (display.seconds, display.log_room(), terminal.open) == (0.1, 7, True)
        display.show(screen("first"))
        assert terminal.waiting.wait(10)
        for number in range(3000):
            display.show(screen(f"state {number}"))
            display.tell(line(f"line {number}"))
        assert terminal.written == []
        terminal.going.set()
    assert terminal.written[0] == "first"
    assert terminal.written[-1] == "state 2999", "in between nothing but the newest"
    assert terminal.written[1:-1] == [f"line {number}" for number in range(2000, 3000)]
    assert not terminal.open


def test_a_pipe_that_nobody_reads_asks_for_the_stop_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed:
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stdout", Closed())
    asked: list[int] = []
    display = LineDisplay(lambda: asked.append(1))
    display.show(screen("running"))
    display.tell(line("more"))
    assert asked == [1]


def test_lines_say_when_who_and_what(capsys: pytest.CaptureFixture[str]) -> None:
    display = LineDisplay(lambda: None)
    display.tell(line("fill lot=1"))
    display.show(screen("starting"))
    printed, shown = capsys.readouterr().out.splitlines()
    assert printed == "00:00:00 bot       fill lot=1"
    assert shown.endswith(" status    waiting: bot starting")
