"""A lock that one process holds, and that goes with it."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cbbot.process.exclusive_lock import ExclusiveLock, FolderLock, HeldElsewhere
from started_processes import start

HOLD = """
import sys
from pathlib import Path
from cbbot.process.exclusive_lock import ExclusiveLock
with ExclusiveLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_holder_is_named_and_its_death_frees_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with start([sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(HeldElsewhere) as held:
            ExclusiveLock(path)
        assert held.value.holder == str(other.pid)
        other.kill()
        other.wait(10)
    with ExclusiveLock(path):
        assert path.read_text() == f"{os.getpid()}\n"
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_child_does_not_inherit_the_lock(tmp_path: Path) -> None:
    lock = ExclusiveLock(tmp_path / "lock")
    with start([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        lock.release()
        ExclusiveLock(tmp_path / "lock").release()
        child.kill()


def test_a_folder_that_is_not_there_is_the_callers_to_word(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ExclusiveLock(tmp_path / "no" / "lock")


HOLD_FOLDER = HOLD.replace("ExclusiveLock(Path(sys.argv[1]))", 'FolderLock(Path(sys.argv[1]), ".lock")').replace(
    "import ExclusiveLock", "import FolderLock"
)


@pytest.mark.parametrize("gone", ["kept", "removed", "emptied", "replaced"])
def test_a_folder_stays_locked_whatever_becomes_of_the_file_and_the_holder_is_named(tmp_path: Path, gone: str) -> None:
    file = tmp_path / ".lock"
    command = [sys.executable, "-c", HOLD_FOLDER, str(tmp_path)]
    with start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        if gone == "emptied":
            file.write_bytes(b"")
        elif gone != "kept":
            file.unlink()
        if gone == "replaced":
            file.write_bytes(b"")
        with pytest.raises(HeldElsewhere) as held:
            FolderLock(tmp_path, ".lock")
        assert held.value.holder == str(other.pid)
        other.kill()
        other.wait(10)
    with FolderLock(tmp_path, ".lock"):
        assert file.read_text() == f"{os.getpid()}\n"


def test_where_folders_cannot_be_locked_the_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flock = fcntl.flock

    def files_alone(descriptor: int, operation: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EBADF, "Bad file descriptor")
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", files_alone)
    with FolderLock(tmp_path, ".lock"), pytest.raises(HeldElsewhere):
        FolderLock(tmp_path, ".lock")
    FolderLock(tmp_path, ".lock").release()
