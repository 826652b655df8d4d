"""Paths on a simulated disk, for code that takes a ``Path``."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path, PosixPath
from typing import IO, Any, ClassVar, cast

from cbbot.soak.simulated_disk import SimulatedDisk

__all__ = ["path_on"]


class _SystemCalls:
    """What of ``os`` durable writes call."""

    def __init__(self, disk: SimulatedDisk) -> None:
        self._disk = disk

    def open(self, path: Any, flags: int, mode: int = 0o777) -> int:  # noqa: ARG002  the disk has one user
        if flags & os.O_DIRECTORY:
            return self._disk.open_folder(str(path))
        return self._disk.open(str(path), create=bool(flags & os.O_CREAT), empty=bool(flags & os.O_TRUNC))

    def write(self, fd: int, data: memoryview, /) -> int:
        return self._disk.write(fd, bytes(data))

    def fsync(self, fd: int) -> None:
        self._disk.sync(fd)

    def close(self, fd: int) -> None:
        self._disk.close(fd)

    def link(self, src: Any, dst: Any) -> None:
        self._disk.link(str(src), str(dst))


class _Appending(io.RawIOBase):
    """A file that is open for appending."""

    def __init__(self, disk: SimulatedDisk, path: str) -> None:
        super().__init__()
        self._disk = disk
        self._descriptor = disk.open(path, create=True, empty=False)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._disk.write(self._descriptor, bytes(data), "append")

    def fileno(self) -> int:
        return self._descriptor

    def truncate(self, size: int | None = None) -> int:
        self._disk.truncate(self._descriptor, size or 0)
        return size or 0

    def close(self) -> None:
        self._disk.close(self._descriptor)
        super().close()


class _SimulatedPath(PosixPath):
    """Each disk has a class of its own, so that paths made from its paths are on it too."""

    disk: ClassVar[SimulatedDisk]
    system_calls: ClassVar[_SystemCalls]

    def exists(self, **_: Any) -> bool:
        return self.disk.find(str(self)) is not None

    def samefile(self, other_path: Any) -> bool:
        return self.disk.find(str(self)) is self.disk.find(str(other_path))

    def replace(self, target: Any) -> Any:
        self.disk.rename(str(self), str(target))
        return target

    def unlink(self, missing_ok: bool = False) -> None:
        if missing_ok and not self.exists():
            return
        self.disk.unlink(str(self))

    def read_bytes(self) -> bytes:
        return self.disk.read(str(self))

    def open(self, mode: str = "r", *_: Any, **__: Any) -> IO[Any]:  # type: ignore[override]  # the two modes that are used
        if mode == "rb":
            return io.BytesIO(self.disk.read(str(self)))
        if mode == "ab":
            return cast("IO[Any]", _Appending(self.disk, str(self)))
        raise OSError(errno.EINVAL, f"nothing of ours opens a file as {mode}")

    def stat(self, **_: Any) -> os.stat_result:
        file = self.disk.find(str(self))
        if file is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self))
        seconds = file.changed_ms // 1000
        return os.stat_result((stat.S_IFREG | 0o600, file.number, 0, 1, 0, 0, len(file.content), *(seconds,) * 3))


def path_on(disk: SimulatedDisk, path: str) -> Path:
    """``path`` on the disk."""
    members = {"disk": disk, "system_calls": _SystemCalls(disk), "__slots__": ()}
    return cast("type[Path]", type("SimulatedPath", (_SimulatedPath,), members))(path)
