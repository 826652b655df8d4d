"""File systems that only a test sees, and can fill, freeze or break: mounted in a mount namespace of its own.

They are reached through /proc, so that the processes of a test need not be in that namespace.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, cast

from prerequisites import missing
from started_processes import start

__all__ = ["PrivateMount", "ext4", "tmpfs"]

_TOOLS: Final = ("unshare", "nsenter", "mount", "umount", "mkfs.ext4", "fsfreeze")
_SECONDS: Final = 30


class PrivateMount:
    """``folder`` is where it is reached."""

    def __init__(self, holder: subprocess.Popen[str], inside: Path) -> None:
        self._holder, self._inside = holder, inside
        self.folder = Path(f"/proc/{holder.pid}/root{inside}")

    def fill(self) -> Path:
        """Leaves no room; the file that takes it is to be removed."""
        filler = self.folder / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                return filler

    def freeze(self) -> None:
        self._run("fsfreeze", "--freeze", str(self._inside))

    def thaw(self) -> None:
        self._run("fsfreeze", "--unfreeze", str(self._inside))

    def break_(self) -> None:
        """As after an error of the disk: what is on it can be read, nothing be written."""
        self._run("mount", "-o", "remount,abort", str(self._inside))

    def mend(self, image: Path) -> None:
        """Mounted anew; nobody may have a file of it open."""
        self._run("umount", str(self._inside))
        self._run("mount", "-o", "loop", str(image), str(self._inside))

    def _run(self, *command: str) -> None:
        subprocess.run(["nsenter", "--mount", f"--target={self._holder.pid}", *command], check=True, timeout=_SECONDS)


@contextmanager
def tmpfs(inside: Path, size: str) -> Iterator[PrivateMount]:
    with _mounted(inside, f"mount -t tmpfs -o size={size},mode=700 tmpfs '{inside}'") as mount:
        yield mount


@contextmanager
def ext4(inside: Path, image: Path) -> Iterator[PrivateMount]:
    """``image`` is made anew."""
    _check_tools()
    with image.open("wb") as file:
        file.truncate(16 * 1024 * 1024)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True, timeout=_SECONDS)
    with _mounted(inside, f"mount -o loop '{image}' '{inside}'") as mount:
        yield mount


def _check_tools() -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        missing("a mount of its own needs Linux and root: run the test as root in a container that may mount", **_IF)
    for tool in _TOOLS:
        if shutil.which(tool) is None:
            missing(f"no {tool}: install util-linux and e2fsprogs", **_IF)


_IF: Final = {"required_by": "PRIVATE_MOUNTS"}


@contextmanager
def _mounted(inside: Path, command: str) -> Iterator[PrivateMount]:
    """Kept by a process that ends with its standard input; the mount goes with it."""
    _check_tools()
    inside.mkdir()
    shell = ["unshare", "--mount", "--propagation", "private", "sh", "-c", f"{command} && echo mounted && exec cat"]
    holder = start(shell, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    streams = [cast("IO[str]", each) for each in (holder.stdin, holder.stdout, holder.stderr)]
    try:
        if streams[1].readline() != "mounted\n":
            holder.wait(_SECONDS)
            missing(f"cannot mount here: {streams[2].read().strip()}", **_IF)
        yield PrivateMount(holder, inside)
    finally:
        streams[0].close()
        holder.wait(_SECONDS)
        for stream in streams[1:]:
            stream.close()
