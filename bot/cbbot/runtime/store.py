"""The state file: replaced atomically, checked by a checksum, with the previous generation kept.

::

    {"version": 1, "checksum": sha256 of the body's canonical JSON, "epoch": the body's, "body": {...}}

``epoch`` stands outside of the body as well, so that a save can see by the file's first bytes whose it is. It has to
be the body's, which is under the checksum; a file without it is one of an older version.

A generation that is torn or corrupt is distinguished from one that was never written: the first falls
back to the previous one, only the second is a fresh start.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cbbot.errors import BadInput, UnsafeStart
from cbbot.process.durable_files import link_over, replace_durably, sync_folder, write_durably
from cbbot.trader.predecessor_state import is_predecessors

__all__ = ["CorruptState", "Loaded", "StateStore", "read_generation"]

_VERSION: Final = 1
_EPOCH: Final = re.compile(rb'\{"version":\d+,"checksum":"[0-9a-f]{64}","epoch":(\d+),')
_BYTES_BEFORE_THE_BODY: Final = 256


class CorruptState(BadInput):
    """A state file that is torn, altered, or not ours."""


class PredecessorsState(CorruptState):
    """A state of the Go bot's, which a command makes one of ours of."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """``body`` is None for a fresh start; ``warning`` says what was wrong with the newest generation."""

    body: dict[str, Any] | None
    warning: str | None = None


class StateStore:
    """One state file. Saving blocks (fsync): call it from a thread, one save at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.previous = path.with_name(path.name + ".prev")
        self._temporary = path.with_name(path.name + ".tmp")
        self._aside: tuple[Path, bytes] | None = None
        self._closed = False

    def load(self) -> Loaded:
        """The newest sound generation. A corrupt newest one is set aside for a person to look at.

        Raises:
            UnsafeStart: there is a state, but no generation of it can be read.
        """
        try:
            return Loaded(read_generation(self.path))
        except FileNotFoundError:
            if not self.previous.exists():
                return Loaded(None)
            problem = f"{self.path} is missing"
        except PredecessorsState as error:
            if not self.previous.exists():
                raise UnsafeStart(str(error)) from error
            problem = str(error)
        except CorruptState as error:
            problem = str(error)
        try:
            body = read_generation(self.previous)
        except (FileNotFoundError, CorruptState) as error:
            older = "there is no previous generation" if isinstance(error, FileNotFoundError) else str(error)
            raise UnsafeStart(
                f"no state can be read, and starting without it could forget open lots: {problem}; {older}. "
                f"Restore {self.path} from a backup, or move it and {self.previous.name} away if there are no lots"
            ) from error
        if self.path.exists():
            # The next save would make it the previous generation, in the place of the good one.
            self.path.replace(self.path.with_name(self.path.name + ".corrupt"))
        return Loaded(body, f"{problem}; went on with the previous generation, {self.previous.name}")

    def saved_ms(self) -> int | None:
        """When the generation that a load takes was saved; None when there is none."""
        for path in (self.path, self.previous):
            with contextlib.suppress(OSError):
                return int(path.stat().st_mtime * 1000)
        return None

    def save(self, body: Mapping[str, Any], *, epoch: int | None = None) -> None:
        """Makes ``body`` the newest generation; on return it is durable.

        With ``epoch``, the one this process trades in, a generation of a newer epoch is not replaced: the lock does not
        reach another machine that has the volume too, and who went on there must not find an older state.

        Raises:
            OSError: it is not; the generation before it still is.
        """
        newest = None if epoch is None else self._newest_epoch(epoch)
        if epoch is not None and newest is not None and newest > epoch:
            raise OSError(errno.EBUSY, f"it is of epoch {newest}, newer than {epoch}: another process trades on it")
        write_durably(self._temporary, _encoded(body))
        if self._closed:
            raise OSError(errno.EBADF, "the state is no longer this process's")
        if self.path.exists():
            self._keep_previous()
        # Dying here leaves the generation before this one: the last save that was reported durable.
        self._temporary.replace(self.path)
        sync_folder(self.path.parent)
        # Last: the state of now is worth more room than a copy of an older one.
        with contextlib.suppress(OSError):
            self._keep_aside()

    def close(self) -> None:
        """From now on no save takes effect, nor does one that has hung until now: the lock may be another's."""
        self._closed = True

    def set_aside(self, label: str) -> Path:
        """Keeps a copy of the newest generation that no later save touches.

        Raises:
            OSError: it could not be kept; what it holds is remembered, and every save tries once more.
        """
        kept = self.path.with_name(f"{self.path.name}.{label}")
        newest = self.path if self.path.exists() else self.previous
        try:
            # Takes no room on a full disk.
            link_over(newest, kept)
            sync_folder(kept.parent)
        except OSError:
            self._aside = (kept, newest.read_bytes())
            self._keep_aside()
        return kept

    def _newest_epoch(self, ours: int) -> int | None:
        """The epoch of the newest generation; None when there is none that can be trusted.

        Another one than ours is not believed of the file's first bytes alone.
        """
        if _epoch_of(self.path) == ours:
            return ours
        try:
            epoch = _envelope(self.path)["body"].get("epoch")
        except (FileNotFoundError, CorruptState):
            return None
        return epoch if isinstance(epoch, int) else None

    def _keep_previous(self) -> None:
        """The newest generation becomes the previous one as well: at no moment is there none under its own name.

        Durable together with the new one's name, by one sync of the folder: whichever of the two a crash leaves undone,
        both names hold a whole generation.
        """
        try:
            link_over(self.path, self.previous)
        except OSError:
            # Not every file system has links: then one name is free for a moment, and a load takes the other.
            self.path.replace(self.previous)

    def _keep_aside(self) -> None:
        if self._aside is not None:
            replace_durably(*self._aside)
            self._aside = None


def read_generation(path: Path) -> dict[str, Any]:
    """The body of one state file.

    Raises:
        CorruptState: it cannot be trusted; the message says why.
        FileNotFoundError: it is not there.
    """
    envelope = _envelope(path)
    body: dict[str, Any] = envelope["body"]
    if envelope.get("epoch", body.get("epoch")) != body.get("epoch"):
        raise CorruptState(
            f"{path} says epoch {envelope['epoch']!r} before its body and {body.get('epoch')!r} in it: it was altered"
        )
    return body


def _envelope(path: Path) -> dict[str, Any]:
    """All of a state file whose body matches its checksum.

    Raises:
        CorruptState, FileNotFoundError: as :func:`read_generation`.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise CorruptState(f"{path} cannot be read: {error.strerror}") from error
    try:
        return _checked(path, json.loads(raw, parse_constant=_no_number))
    except (ValueError, RecursionError) as error:
        raise CorruptState(f"{path} is no JSON of ours: it was cut short or altered") from error


def _no_number(name: str) -> float:
    """JSON has no NaN and no infinity, though Python reads them."""
    raise ValueError(f"{name} is no number")


def _checked(path: Path, envelope: Any) -> dict[str, Any]:
    if is_predecessors(envelope):
        raise PredecessorsState(
            f"{path} is a state of the Go bot: cbbot migrate bot.env bridge.env {path} makes a TradingBot and a state "
            f"of it, cbbot state migrate {path} the state alone"
        )
    if not isinstance(envelope, dict) or not isinstance(envelope.get("body"), dict):
        raise CorruptState(f"{path} is no state file of cbbot")
    if envelope.get("version") != _VERSION:
        raise CorruptState(f"{path} has format version {envelope.get('version')!r}, not {_VERSION}")
    if envelope.get("checksum") != _checksum(_canonical(envelope["body"])):
        raise CorruptState(f"{path} does not match its checksum: it was altered")
    return envelope


def _canonical(body: Mapping[str, Any]) -> str:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _checksum(canonical: str) -> str:
    return hashlib.sha256(canonical.encode()).hexdigest()


def _encoded(body: Mapping[str, Any]) -> bytes:
    canonical = _canonical(body)
    epoch = f'"epoch":{json.dumps(body["epoch"])},' if "epoch" in body else ""
    return f'{{"version":{_VERSION},"checksum":"{_checksum(canonical)}",{epoch}"body":{canonical}}}\n'.encode()


def _epoch_of(path: Path) -> int | None:
    """The epoch that a state file begins with; None when it does not say so, or is not there."""
    try:
        with path.open("rb") as file:
            found = _EPOCH.match(file.read(_BYTES_BEFORE_THE_BODY))
    except OSError:
        return None
    return int(found[1]) if found else None
