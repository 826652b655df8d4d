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
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, TextIO

from cbbot.errors import BadInput, CbbotError
from cbbot.process.deferred_stops import DeferredStops
from cbbot.process.durable_files import StagedFile, write_all

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
        self._lost: BrokenPipeError | CbbotError | None = None
        taken = {_real(path): f"is read from: {path}" for path in inputs}
        for option, path in self._paths.items():
            _check(option, path)
            if path.is_char_device():
                continue  # /dev/null takes any number of results
            place = _place(path)
            if place in taken:
                raise BadInput(f"{option} {path}: the same file {taken[place]}; give another name")
            taken[place] = f"is written by {option}"

    @contextlib.contextmanager
    def reporting(self) -> Iterator[TextIO]:
        """Where text for a person goes: standard error when a result goes to standard output.

        Raises:
            CbbotError: it cannot be written.
            BrokenPipeError: its reader has gone.
        """
        taken = _STDOUT in map(_descriptor, self._paths.values())
        name, stream = ("standard error", sys.stderr) if taken else ("standard output", sys.stdout)
        try:
            yield stream
            stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise CbbotError(f"{name}: cannot be written: {error.strerror}") from error

    def show(self, text: str) -> None:
        """Print for a person. That it does not arrive must not cost the results: :meth:`write` raises it."""
        try:
            with self.reporting() as stream:
                stream.write(text)
        except (BrokenPipeError, CbbotError) as error:
            self._lost = error

    def write(self, results: Mapping[str, str | bytes]) -> None:
        """Write the result of every option that was asked for; text as UTF-8.

        A signal that stops the process finds all files written or none.

        Raises:
            CbbotError: one cannot be written, and then no file is; or the report could not be, and then all are.
            BrokenPipeError: the reader of a pipe went away before it had all; files are written.
        """
        contents = {option: each.encode() if isinstance(each, str) else each for option, each in results.items()}
        files = {option: path for option, path in self._paths.items() if _is_replaced(path)}
        staged: dict[str, StagedFile] = {}
        with DeferredStops() as stops, contextlib.ExitStack() as stack:
            for option, path in files.items():
                with _named(option, path, CbbotError):
                    staged[option] = stack.enter_context(StagedFile(path))
                    staged[option].file.write(contents[option])
                    staged[option].sync()
            with stops.let_through():
                for option, path in self._paths.items():
                    if option not in files:
                        self._write_into(option, path, contents[option])
            for option, path in files.items():
                with _named(option, path, CbbotError):
                    staged[option].commit()
        if self._lost is not None:
            raise self._lost

    def _write_into(self, option: str, path: Path, content: bytes) -> None:
        """Write to what is no file, as it is."""
        try:
            with _named(option, path, CbbotError):
                _write_into(_descriptor(path), path, content)
        except BrokenPipeError as error:
            self._lost = error


def _descriptor(path: Path) -> int | None:
    """The number of an open file that the name stands for; None for a name in the file system."""
    numbered = _NUMBERED.fullmatch(str(path))
    return int(numbered[1]) if numbered else _STREAMS.get(str(path))


def _is_replaced(path: Path) -> bool:
    """Whether it is a file, or nothing yet: what is written beside it takes its place."""
    return _descriptor(path) is None and (path.is_file() or not path.exists())


def _place(path: Path) -> Path:
    descriptor = _descriptor(path)
    return _real(path) if descriptor is None else Path(f"/dev/fd/{descriptor}")


def _real(path: Path) -> Path:
    """Without its links. Links in a circle stay: who opens the path says so."""
    return Path(os.path.realpath(path))


def _check(option: str, path: Path) -> None:
    descriptor = _descriptor(path)
    with _named(option, path, BadInput):
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
    folder = path.parent
    if not folder.is_dir():
        why = f"{folder} is a file" if folder.exists() else f"there is no folder {folder}"
        raise BadInput(f"{option} {path}: cannot be written there: {why}")
    # Trying is the only way to know: permissions, read-only mounts and full disks all answer here.
    with DeferredStops(), StagedFile(path) as staged:
        staged.sync()


def _check_special(option: str, path: Path) -> None:
    """Without opening it: a reader at the other end of a pipe would take that for all there is."""
    mode = path.stat().st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
        raise BadInput(f"{option} {path}: is a disk or a socket; give the name of a file or a pipe, or -")
    if not os.access(path, os.W_OK):
        raise BadInput(f"{option} {path}: cannot be written: {os.strerror(errno.EACCES)}")


def _write_into(descriptor: int | None, path: Path, content: bytes) -> None:
    if descriptor == _STDOUT:
        # As bytes: a result is UTF-8 whatever the terminal speaks.
        sys.stdout.flush()
        write_all(sys.stdout.buffer.write, content)
        sys.stdout.buffer.flush()
    elif descriptor is not None:
        sys.stderr.flush()
        write_all(lambda rest: os.write(descriptor, rest), content)
    else:
        # A pipe without a reader is waited for, as a shell does.
        opened = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            write_all(lambda rest: os.write(opened, rest), content)
        finally:
            os.close(opened)


@contextlib.contextmanager
def _named(option: str, path: Path, kind: type[CbbotError]) -> Iterator[None]:
    """What goes wrong is said with the option; but for a reader that went away."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise kind(f"{option} {path}: cannot be written: {error.strerror}") from error
