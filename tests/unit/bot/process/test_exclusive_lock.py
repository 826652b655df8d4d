"""A lock that one process holds, and that goes with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cbbot.process.exclusive_lock import ExclusiveLock, HeldElsewhere
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
