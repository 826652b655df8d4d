"""The commands of a page, run as a reader runs them: each fenced ``sh`` block, in the order in which they stand.

A comment before a block, or one at the head of the page for all of its blocks, says where it is run:

    <!-- run: here -->                  on this machine
    <!-- run: here, until TEXT -->      the same; it goes on, and the next block begins once it has printed TEXT
    <!-- run: cluster -->               where tests/cluster run
    <!-- not run: REASON -->

A block is a shell of its own in the reader's folder, and ends with the first command that fails. What a page
names for its reader and a test has under another name (a registry, an account) is replaced; each replacement must
be used, so that a page cannot drift away from its test.
"""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Final, Literal

from started_processes import start

__all__ = ["Block", "Failed", "Reader", "blocks"]

Place = Literal["here", "cluster", "nowhere"]
_MARK: Final = re.compile(
    r"<!-- (?:run: (?P<place>here|cluster)(?:, until (?P<until>.+?))?|not run: (?P<reason>.+?)) -->"
)
_FENCE: Final = re.compile(r"^(?P<indent> *)```(?P<language>\w*)$")
_HEADING: Final = re.compile(r"^(?P<level>#+) (?P<title>.+)$")
_STOP_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of commands."""

    page: str
    section: str
    line: int
    text: str
    place: Place
    until: str = ""
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line} {self.section}"


class Failed(AssertionError):
    """A block that did not do what a reader expects."""


def blocks(page: Path) -> tuple[Block, ...]:
    """The page's blocks of commands.

    Raises:
        ValueError: nothing says where to run a block, or a mark belongs to none.
    """
    found: list[Block] = []
    section, of_page, before = "", None, None
    numbered = iter(enumerate(page.read_text(encoding="utf-8").splitlines(), 1))
    for number, line in numbered:
        if marked := _MARK.fullmatch(line.strip()):
            before = marked
        elif fence := _FENCE.match(line):
            text = _fenced(numbered, fence["indent"])
            if fence["language"] == "sh":
                found.append(_block(page, number, section, text, before or of_page))
                before = None
        elif line.strip():
            if before is not None and (section or of_page is not None):
                raise ValueError(f"{page.name}:{number}: a mark before what is no block of commands")
            of_page, before = before or of_page, None
            if (heading := _HEADING.match(line)) and len(heading["level"]) > 1:
                section = heading["title"]
    return tuple(found)


def _fenced(numbered: Iterator[tuple[int, str]], indent: str) -> str:
    """The lines until the fence that closes the block."""
    lines = []
    for _, line in numbered:
        if line == f"{indent}```":
            break
        lines.append(line.removeprefix(indent))
    return "\n".join(lines) + "\n"


def _block(page: Path, line: int, section: str, text: str, mark: re.Match[str] | None) -> Block:
    if mark is None:
        raise ValueError(f"{page.name}:{line}: nothing says where these commands are run")
    place: Place = "nowhere" if mark["reason"] else mark["place"]  # type: ignore[assignment]  # the pattern's words
    return Block(page.name, section, line, text, place, mark["until"] or "", mark["reason"] or "")


class Reader:
    """Somebody in a folder who pastes the blocks of one page, one after the other; leaving it stops what still runs."""

    def __init__(
        self,
        folder: Path,
        *,
        environment: Mapping[str, str] = os.environ,
        replacements: Mapping[str, str] | None = None,
        seconds: float = 120,
    ) -> None:
        self.printed: dict[str, str] = {}
        """What the blocks of each section have printed."""
        self._folder, self._environment, self._seconds = folder, dict(environment), seconds
        self._replacements = dict(replacements or {})
        self._unused = set(self._replacements)
        self._running: list[tuple[subprocess.Popen[str], Thread]] = []

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process, drain in reversed(self._running):
            _stop(process, drain)

    def run(self, block: Block) -> str:
        """What it prints, in order of time. Raises: Failed."""
        text = block.text
        for written, meant in self._replacements.items():
            if written in text:
                text = text.replace(written, meant)
                self._unused.discard(written)
        process = start(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self._folder, env=self._environment, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        # Nobody reads what it prints once it has said what is waited for; but a full pipe would hold it up.
        drain = Thread(target=_drain, args=(process,), daemon=True)
        self._running.append((process, drain))
        printed, ended = _read(process, block.until, self._seconds)
        drain.start()
        self.printed[block.section] = self.printed.get(block.section, "") + printed
        if block.until and not ended and block.until in printed:
            return printed
        self._running.remove((process, drain))
        if ended:
            process.wait(_STOP_SECONDS)
        code = _stop(process, drain)
        if block.until or not ended or code:
            why = f"ended with {code}" if ended else f"was not over after {self._seconds:.0f} s"
            raise Failed(f"{block}: {why}\n{text}\n{printed}")
        return printed

    def unused(self) -> set[str]:
        """Replacements of which no block so far has had need."""
        return set(self._unused)


def _read(process: subprocess.Popen[str], until: str, seconds: float) -> tuple[str, bool]:
    """What a process prints, and whether it has ended: before the time is over, and before it has printed ``until``."""
    assert process.stdout is not None
    output, deadline = process.stdout.fileno(), time.monotonic() + seconds
    printed = b""
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0 and selector.select(left):
            some = os.read(output, 65536)
            if not some:
                return printed.decode(errors="replace"), True
            printed += some
            if until and until.encode() in printed:
                break
    return printed.decode(errors="replace"), False


def _drain(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    while os.read(process.stdout.fileno(), 65536):
        pass


def _stop(process: subprocess.Popen[str], drain: Thread) -> int:
    """As Ctrl-C does it, for the shell and all that it has started; by force for what does not end by that."""
    for how in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
    if drain.is_alive():
        drain.join(_STOP_SECONDS)
    assert process.stdout is not None
    process.stdout.close()
    return process.wait(_STOP_SECONDS)
