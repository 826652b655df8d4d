"""Files that a run writes at its end: asked for before it starts, written all or none.

A run can take minutes; that the disk does not take its result must be known before.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from cbbot.errors import BadInput

__all__ = ["check_outputs", "write_outputs"]


def check_outputs(outputs: Mapping[str, Path], inputs: Iterable[Path]) -> None:
    """``outputs`` by the option that names them.

    Raises:
        BadInput: a path cannot be written to, two are the same file, or one is an input.
    """
    taken = {path.resolve(): f"is read from: {path}" for path in inputs}
    for option, path in outputs.items():
        _writable(option, path)
        place = path.resolve()
        if place in taken:
            raise BadInput(f"{option} {path}: the same file {taken[place]}; give another name")
        taken[place] = f"is written by {option}"


def _writable(option: str, path: Path) -> None:
    if path.name == "-":
        raise BadInput(f"{option} -: the result is not written to standard output; give the name of a file")
    with _named_in_errors(option, path):
        if path.is_dir():
            raise BadInput(f"{option} {path}: is a folder; give the name of a file")
        if path.exists() and not path.is_file():
            # Replacing a device by a file would harm the machine.
            raise BadInput(f"{option} {path}: is no ordinary file; give the name of one")
        if not path.parent.is_dir():
            raise BadInput(f"{option} {path}: cannot be written there: there is no folder {path.parent}")
        # Trying is the only way to know: permissions, read-only mounts and full disks all answer here.
        partial = _partial(path)
        partial.touch()
        partial.unlink()


def write_outputs(outputs: Mapping[str, tuple[Path, str]]) -> None:
    """Path and text by option. Every text is on disk under another name before the first is given its own.

    Raises:
        BadInput: one cannot be written; then none is.
    """
    with _cleared(path for path, _ in outputs.values()):
        for option, (path, text) in outputs.items():
            with _named_in_errors(option, path), _partial(path).open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        for option, (path, _) in outputs.items():
            with _named_in_errors(option, path):
                _partial(path).replace(path.resolve())


@contextlib.contextmanager
def _named_in_errors(option: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadInput(f"{option} {path}: cannot be written: {error.strerror}") from error


@contextlib.contextmanager
def _cleared(paths: Iterable[Path]) -> Iterator[None]:
    """Leave nothing half-written behind."""
    try:
        yield
    finally:
        for path in paths:
            with contextlib.suppress(OSError):
                _partial(path).unlink(missing_ok=True)


def _partial(path: Path) -> Path:
    """Beside the file itself: a link stays a link. The number keeps two runs from sharing a half-written file."""
    place = path.resolve()
    return place.with_name(f".{place.name}.{os.getpid()}.partial")
