"""A file system in memory that can refuse, tear, and lose what was not synced when the power is cut.

It is as weak as POSIX allows: content counts once the file is synced, a name once its folder is. A killed process
loses nothing that it has written; a power cut keeps names in the order in which they changed, up to some point, and of
content that was not synced any beginning, or zeros in its place.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from random import Random
from typing import Final

from cbbot.soak.exchange_side import Fault, Faults, Happenings
from cbbot.soak.simulated_processes import ProcessDied, SimulatedProcess, current_process

__all__ = ["BEFORE_OPERATION", "DISK_SITES", "SimulatedDisk"]

BEFORE_OPERATION: Final[ContextVar[Callable[[], None] | None]] = ContextVar("before_operation", default=None)
"""What a call that blocks does before each of its operations."""

_REFUSALS: Final = {"disk_full": errno.ENOSPC, "io_error": errno.EIO, "read_only": errno.EROFS}
_CHANGES: Final = ("disk_full", "io_error", "read_only", "killed_before", "killed_after", "power_before", "power_after")
_FILES: Final = ("state", "trades", "control")

DISK_SITES: Final[dict[str, tuple[str, ...]]] = {
    "disk.open state": _CHANGES,
    "disk.write state": (*_CHANGES, "torn", "killed_torn", "power_torn"),
    "disk.sync state": _CHANGES,
    "disk.rename state": _CHANGES,
    "disk.link state": _CHANGES,
    "disk.sync folder": _CHANGES,
    "disk.append trades": (*_CHANGES, "torn", "killed_torn", "power_torn"),
    "disk.sync trades": _CHANGES,
    "disk.write control": (*_CHANGES, "torn", "killed_torn", "power_torn"),
    "disk.remove control": _CHANGES,
}
"""Where a disk may fail, and how."""


@dataclass(slots=True, eq=False)
class _File:
    content: bytes = b""
    synced: bytes = b""
    changed_ms: int = 0
    number: int = 0


@dataclass(slots=True)
class _Open:
    path: str
    file: _File | None
    process: SimulatedProcess | None


@dataclass(slots=True)
class SimulatedDisk:
    """``power_cut`` is called when a fault says so: whoever owns the machine kills what runs on it."""

    faults: Faults
    happenings: Happenings
    chance: Random
    machine_ms: Callable[[], int]
    power_cut: Callable[[], None] = lambda: None
    names: dict[str, _File] = field(default_factory=dict)
    _synced_names: dict[str, _File] = field(default_factory=dict)
    _unsynced: list[dict[str, _File | None]] = field(default_factory=list)
    _opened: dict[int, _Open] = field(default_factory=dict)
    _next: int = 3
    _files: int = 0

    def open(self, path: str, *, create: bool, empty: bool) -> int:
        """A descriptor of a file; with ``create`` it is made, with ``empty`` its content goes."""
        self._check_alive()
        fault = self._due("open", path) if create else None
        self._before(fault)
        file = self.names.get(path)
        if file is None:
            if not create:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            file = self._made()
            self._name({path: file})
        if empty and file.content:
            file.content = b""
        self._after(fault)
        return self._descriptor(_Open(path, file, current_process()))

    def open_folder(self, path: str) -> int:
        self._check_alive()
        return self._descriptor(_Open(path, None, current_process()))

    def write(self, descriptor: int, data: bytes, kind: str = "write") -> int:
        """Appends: nothing of ours writes in the middle of a file."""
        self._check_alive()
        at = self._opened[descriptor]
        assert at.file is not None  # noqa: S101  folders are not written to
        fault = self._due(kind, at.path)
        self._before(fault)
        part = len(data)
        if fault is not None and fault.kind.endswith("torn"):
            part = int(fault.share * len(data))
        at.file.content += data[:part]
        at.file.changed_ms = self.machine_ms()
        if fault is not None and fault.kind == "torn":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), at.path)
        self._after(fault)
        return part

    def truncate(self, descriptor: int, size: int) -> None:
        self._check_alive()
        file = self._opened[descriptor].file
        assert file is not None  # noqa: S101  as above
        file.content = file.content[:size]

    def sync(self, descriptor: int) -> None:
        self._check_alive()
        at = self._opened[descriptor]
        fault = self._due("sync", at.path) if at.file is not None else self.faults.at("disk.sync folder")
        self._before(fault)
        if at.file is not None:
            at.file.synced = at.file.content
        else:
            self._synced_names = dict(self.names)
            self._unsynced.clear()
        self._after(fault)

    def close(self, descriptor: int) -> None:
        self._opened.pop(descriptor, None)

    def rename(self, path: str, target: str) -> None:
        self._check_alive()
        fault = self._due("rename", target)
        self._before(fault)
        file = self._there(path)
        # Of two names of one file none goes.
        if self.names.get(target) is not file:
            self._name({target: file, path: None})
        self._after(fault)

    def link(self, path: str, target: str) -> None:
        self._check_alive()
        fault = self._due("link", target)
        self._before(fault)
        if target in self.names:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
        self._name({target: self._there(path)})
        self._after(fault)

    def unlink(self, path: str) -> None:
        self._check_alive()
        fault = self._due("remove", path)
        self._before(fault)
        self._there(path)
        self._name({path: None})
        self._after(fault)

    def read(self, path: str) -> bytes:
        self._check_alive()
        return self._there(path).content

    def find(self, path: str) -> _File | None:
        """The file of that name; None when there is none."""
        self._check_alive()
        return self.names.get(path)

    def lose_power(self) -> None:
        """What was not synced is as the disk happened to be."""
        kept = self.chance.randint(0, len(self._unsynced))
        names = dict(self._synced_names)
        for change in self._unsynced[:kept]:
            _renamed(names, change)
        for file in {id(each): each for each in names.values()}.values():
            file.content = file.synced = self._left_of(file)
        self.names, self._synced_names = names, dict(names)
        self._unsynced.clear()
        self._opened.clear()
        self.happenings.note("power cut", kept=kept, names=sorted(names))

    def forget_descriptors(self, process: SimulatedProcess) -> None:
        """The process that had them is dead."""
        self._opened = {number: at for number, at in self._opened.items() if at.process is not process}

    def durable(self, path: str) -> list[bytes]:
        """Every content that the file may have after a power cut now; none where it may be gone."""
        files = [self._synced_names.get(path), *(change[path] for change in self._unsynced if path in change)]
        return [file.synced for file in files if file is not None] if all(files) else []

    def copy(self, folder: str, target: str) -> None:
        """All that is in one folder, durably into another one, which is emptied before."""
        for name in [each for each in self.names if each.startswith(target)]:
            del self.names[name]
        for name, file in [each for each in self.names.items() if each[0].startswith(folder)]:
            copied = self._made()
            copied.content = copied.synced = file.content
            self.names[target + name.removeprefix(folder)] = copied
        self._synced_names = {
            **{name: file for name, file in self._synced_names.items() if not name.startswith(target)},
            **{name: file for name, file in self.names.items() if name.startswith(target)},
        }
        self._unsynced = [
            {name: file for name, file in each.items() if not name.startswith(target)} for each in self._unsynced
        ]

    def _left_of(self, file: _File) -> bytes:
        if file.content == file.synced:
            return file.content
        common = len(file.synced) if file.content.startswith(file.synced) else 0
        if not common and self.chance.random() < 0.5:
            return file.synced
        end = self.chance.randint(common, len(file.content))
        left = file.content[:end]
        if self.chance.random() < 0.25:
            left += bytes(len(file.content) - end)
        return left

    def _made(self) -> _File:
        self._files += 1
        return _File(changed_ms=self.machine_ms(), number=self._files)

    def _there(self, path: str) -> _File:
        try:
            return self.names[path]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None

    def _name(self, change: dict[str, _File | None]) -> None:
        _renamed(self.names, change)
        self._unsynced.append(change)

    def _descriptor(self, at: _Open) -> int:
        self._next += 1
        self._opened[self._next] = at
        return self._next

    def _due(self, kind: str, path: str) -> Fault | None:
        site = f"disk.{kind} {_role(path)}"
        return self.faults.at(site) if site in DISK_SITES else None

    def _before(self, fault: Fault | None) -> None:
        # The machine may have lost its power at this very site.
        self._check_alive()
        if fault is None:
            return
        if fault.kind in _REFUSALS:
            code = _REFUSALS[fault.kind]
            raise OSError(code, os.strerror(code))
        if fault.kind.endswith("_before"):
            self._die(fault.kind)

    def _after(self, fault: Fault | None) -> None:
        if fault is not None and fault.kind.endswith(("_after", "_torn")):
            self._die(fault.kind)

    def _die(self, kind: str) -> None:
        process = current_process()
        if kind.startswith("power"):
            self.power_cut()
        if process is not None:
            process.kill()
        raise ProcessDied(kind)

    def _check_alive(self) -> None:
        before = BEFORE_OPERATION.get()
        if before is not None:
            before()
        process = current_process()
        if process is not None and not process.alive:
            raise ProcessDied("a dead process writes nothing")


def _renamed(names: dict[str, _File], change: dict[str, _File | None]) -> None:
    for name, file in change.items():
        if file is None:
            names.pop(name, None)
        else:
            names[name] = file


def _role(path: str) -> str:
    name = PurePosixPath(path).name
    if name.startswith("trades"):
        return "trades"
    return "control" if ".control" in name else "state"
