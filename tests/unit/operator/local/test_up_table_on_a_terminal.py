"""The table on a pseudo-terminal: drawn whole after a resize, and left with its last picture; and its log in a file."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from cbbot_operator.local.child_log_lines import LogLine
from cbbot_operator.local.display import FiledDisplay, LineDisplay, TableDisplay
from cbbot_operator.local.screen import PartState, Screen
from cbbot_operator.local.watch import Seen

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Terminal:
    """Its other end, and what has been written to it."""

    def __init__(self) -> None:
        self.ours, theirs = pty.openpty()
        os.set_blocking(self.ours, False)
        self.file = os.fdopen(theirs, "w", encoding="utf-8")
        self.resize(80, 24)

    def resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self.file.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def written(self) -> str:
        self.file.flush()
        found = b""
        while True:
            try:
                found += os.read(self.ours, 65_536)
            except BlockingIOError:
                return found.decode()


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    made.file.close()
    os.close(made.ours)


def screen(lines: int) -> Screen:
    log = [LogLine(AT, "bot", "info", f"line {number}") for number in range(lines)]
    return Screen("t", live=False, folder="/s", address="", parts=[PartState("bot", "starting")], seen=Seen(), log=log)


def test_every_picture_fills_the_terminal_as_it_is_now(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    console = Console(file=terminal.file, force_terminal=True, color_system=None)

    with TableDisplay(console) as display:
        assert "\x1b[?1049h" in terminal.written(), "a screen of its own: nothing above it is touched"
        for width, height in ((80, 24), (60, 15), (100, 30)):
            terminal.resize(width, height)
            now = os.terminal_size((width, height))
            monkeypatch.setattr("os.get_terminal_size", lambda *_, now=now: now)
            display.show(screen(60))
            picture = terminal.written()
            assert picture.startswith("\x1b[H") or "\x1b[H" in picture
            drawn = picture.rpartition("\x1b[H")[2].replace("\r", "").split("\n")
            assert len(drawn) == height, (width, height, len(drawn))
            assert "Ctrl-C stops" in drawn[-1] or "Ctrl-C stops" in drawn[-2]
    end = terminal.written()
    assert "\x1b[?1049l" in end
    assert "line 59" in end.rpartition("\x1b[?1049l")[2], "the last picture stays"


def test_the_log_is_filed_and_begun_anew_at_its_bound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "up.log"
    with FiledDisplay(LineDisplay(lambda: None), path, most_bytes=200) as display:
        for number in range(10):
            display.tell(LogLine(AT, "bot", "error", f"line {number}", detail="Traceback of it"))
    text = path.with_name("up.log.1").read_text() + path.read_text()
    assert "2026-01-01 00:00:00 bot       ERROR line 9\nTraceback of it\n" in text
    assert path.stat().st_size < 300
    assert "line 9" in capsys.readouterr().out


def test_a_folder_that_takes_no_file_hides_no_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FiledDisplay(LineDisplay(lambda: None), tmp_path / "no" / "up.log") as display:
        display.tell(LogLine(AT, "bot", "info", "heard"))
    assert "heard" in capsys.readouterr().out
