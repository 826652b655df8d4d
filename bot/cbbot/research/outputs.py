"""Where a command's results go: files, standard output (``-``), pipes and devices.

A run can take minutes; that its result cannot be taken must be known before. Files are written all
or none, each whole under another name first. What is no file is written to as it is and never
replaced: putting a file in the place of a device would harm the machine.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import signal
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, TextIO

from cbbot.errors import BadInput, CbbotError
from cbbot.process.durable_files import StagedFile
from cbbot.process.stop_signals import STOP_SIGNALS

__all__ = ["Outputs"]

_STDOUT: Final = 1
# Names of what is open already: a file behind one has another name, and whoever opened it goes on writing to it.
_STREAMS: Final = {"-": _STDOUT, "/dev/stdout": _STDOUT, "/dev/stderr": 2}
_NUMBERED: Final = re.compile(r"(?:/dev|/proc/self)/fd/([0-9]{1,9})")


class Outputs:
    """The results that were asked for, by the option that names them; None for one that was not.

    Raises:
        BadInput: a path cannot be written to, two are the same, or one is among ``inputs``.
    """

    def __init__(self, asked: Mapping[str, Path | None], inputs: Iterable[Path]) -> None:
        self._paths = {option: path for option, path in asked.items() if path is not None}
        self._gone: BrokenPipeError | None = None
        taken = {path.resolve(): f"is read from: {path}" for path in inputs}
        for option, path in self._paths.items():
            _check(option, path)
            if path.is_char_device():
                continue  # /dev/null takes any number of results
            place = _place(path)
            if place in taken:
                raise BadInput(f"{option} {path}: the same file {taken[place]}; give another name")
            taken[place] = f"is written by {option}"

    @property
    def report(self) -> TextIO:
        """Where text for a person goes: standard error when a result goes to standard output."""
        return sys.stderr if _STDOUT in map(_descriptor, self._paths.values()) else sys.stdout

    def show(self, text: str) -> None:
        """Print to :attr:`report`. That its reader has gone must not cost the results: :meth:`write` raises it."""
        with self._reader_may_go():
            self.report.write(text)
            self.report.flush()

    def write(self, texts: Mapping[str, str]) -> None:
        """Write the text of every option that was asked for.

        Raises:
            BadInput: a path cannot be written to; then no file is written.
            CbbotError: standard output cannot be; as above.
            BrokenPipeError: the reader of a pipe went away before it had all; files are written.
        """
        files = {option: path for option, path in self._paths.items() if _is_replaced(path)}
        staged: dict[str, StagedFile] = {}
        with contextlib.ExitStack() as stack:
            for option, path in files.items():
                with _named(option, path):
                    staged[option] = stack.enter_context(StagedFile(path))
                    staged[option].file.write(texts[option].encode())
                    staged[option].sync()
            for option, path in self._paths.items():
                if option not in files:
                    with self._reader_may_go():
                        _write_into(option, path, texts[option].encode())
            # Both or none, even when we are told to stop between one and the other.
            with _signals_wait():
                for option, path in files.items():
                    with _named(option, path):
                        staged[option].commit()
        if self._gone is not None:
            raise self._gone

    @contextlib.contextmanager
    def _reader_may_go(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError as error:
            self._gone = error


def _descriptor(path: Path) -> int | None:
    """The number of an open file that the name stands for; None for a name in the file system."""
    numbered = _NUMBERED.fullmatch(str(path))
    return int(numbered[1]) if numbered else _STREAMS.get(str(path))


def _is_replaced(path: Path) -> bool:
    """Whether it is a file, or nothing yet: what is written beside it takes its place."""
    return _descriptor(path) is None and (path.is_file() or not path.exists())


def _place(path: Path) -> Path:
    descriptor = _descriptor(path)
    return path.resolve() if descriptor is None else Path(f"/dev/fd/{descriptor}")


def _check(option: str, path: Path) -> None:
    descriptor = _descriptor(path)
    with _named(option, path):
        if descriptor is not None:
            _check_open(option, path, descriptor)
        elif path.is_dir():
            raise BadInput(f"{option} {path}: is a folder; give the name of a file")
        elif _is_replaced(path):
            _check_file(option, path)
        else:
            _check_special(option, path)


def _check_open(option: str, path: Path, descriptor: int) -> None:
    # A stream that was closed when we started is None, and its number may be another file's by now.
    streams = {_STDOUT: sys.__stdout__, 2: sys.__stderr__}
    if descriptor in streams and streams[descriptor] is None:
        raise BadInput(f"{option} {path}: cannot be written: it is closed")
    if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise BadInput(f"{option} {path}: cannot be written: it is open for reading")


def _check_file(option: str, path: Path) -> None:
    if not path.parent.is_dir():
        raise BadInput(f"{option} {path}: cannot be written there: there is no folder {path.parent}")
    # Trying is the only way to know: permissions, read-only mounts and full disks all answer here.
    with StagedFile(path):
        pass


def _check_special(option: str, path: Path) -> None:
    """Without opening it: a reader at the other end of a pipe would take that for all there is."""
    mode = path.stat().st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
        raise BadInput(f"{option} {path}: is a disk or a socket; give the name of a file or a pipe, or -")
    if not os.access(path, os.W_OK):
        raise BadInput(f"{option} {path}: cannot be written: {os.strerror(errno.EACCES)}")


def _write_into(option: str, path: Path, content: bytes) -> None:
    descriptor = _descriptor(path)
    if descriptor == _STDOUT:
        _write_to_stdout(option, path, content)
        return
    with _named(option, path):
        if descriptor is not None:
            sys.stderr.flush()
            _write_all(lambda rest: os.write(descriptor, rest), content)
            return
        # A pipe without a reader is waited for, as a shell does.
        opened = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            _write_all(lambda rest: os.write(opened, rest), content)
        finally:
            os.close(opened)


def _write_to_stdout(option: str, path: Path, content: bytes) -> None:
    """As bytes: a result is UTF-8 whatever the terminal speaks."""
    try:
        sys.stdout.flush()
        _write_all(sys.stdout.buffer.write, content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CbbotError(f"{option} {path}: cannot be written: {error.strerror}") from error


def _write_all(write: Callable[[memoryview], int], content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[write(rest) :]


@contextlib.contextmanager
def _named(option: str, path: Path) -> Iterator[None]:
    """What goes wrong is said with the option; but for a reader that went away."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise BadInput(f"{option} {path}: cannot be written: {error.strerror}") from error


@contextlib.contextmanager
def _signals_wait() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
