"""A run that is over at once says nothing of its progress; a long one says enough, and no more."""

from __future__ import annotations

import io
import time

import pytest

from cbbot.research.run_progress import Watch


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_a_line_every_ten_seconds(clock: list[float]) -> None:
    log = io.StringIO()
    with Watch(log, "backtest", 5_000) as watch:
        for done in range(1, 33):
            clock[0] += 1.25
            watch(done * 100)
    assert log.getvalue().splitlines()[:2] == [
        "backtest: 800 of 5,000 candles",
        "backtest: 1,600 of 5,000 candles",
    ]
    assert len(log.getvalue().splitlines()) == 4


def test_a_run_of_hours_says_ever_less(clock: list[float]) -> None:
    log = io.StringIO()
    with Watch(log, "backtest", 10_000) as watch:
        for done in range(10_000):
            clock[0] += 1.0
            watch(done)
    assert 40 < len(log.getvalue().splitlines()) < 70


def test_a_short_run_is_quiet(clock: list[float]) -> None:
    for stream in (io.StringIO(), Terminal()):
        with Watch(stream, "backtest", 5_000) as watch:
            clock[0] += 0.4
            watch(5_000)
        assert stream.getvalue() == ""


def test_a_terminal_gets_a_bar_that_goes_when_the_run_ends(clock: list[float]) -> None:
    terminal = Terminal()
    with Watch(terminal, "look-ahead", 5_000, "steps") as watch:
        clock[0] += 0.6
        watch(1_000)
        watch(2_000)
        shown = terminal.getvalue()
        assert "look-ahead" in shown
        assert "1000/5000" in shown
    assert "\x1b[2K" in terminal.getvalue()[len(shown) :]


def test_a_run_that_fails_puts_its_bar_away(clock: list[float]) -> None:
    terminal = Terminal()

    def failing() -> None:
        with Watch(terminal, "backtest", 10) as watch:
            clock[0] += 0.6
            watch(5)
            raise ValueError("half")

    with pytest.raises(ValueError, match="half"):
        failing()
    assert terminal.getvalue().endswith("\x1b[2K")
