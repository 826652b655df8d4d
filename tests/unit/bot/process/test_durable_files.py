"""Files that are replaced whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from cbbot.process.durable_files import StagedFile, replace_durably


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The order in which content reaches the disk: what is synced, and when the name is given."""
    made: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def syncing(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").resolve()
        made.append(f"sync {'folder' if path.is_dir() else 'file'}")
        fsync(descriptor)

    def replacing(self: Path, target: Path) -> Path:
        made.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(Path, "replace", replacing)
    return made


def test_content_is_synced_before_it_has_its_name_and_the_name_after(tmp_path: Path, calls: list[str]) -> None:
    path = tmp_path / "state"
    replace_durably(path, b"new")
    assert calls == ["sync file", "rename", "sync folder"]
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_staged_file_goes_the_same_way(tmp_path: Path, calls: list[str]) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"old")
    path.chmod(0o640)
    with StagedFile(path) as staged:
        staged.file.write(b"new")
        assert path.read_bytes() == b"old"
        staged.commit()
    assert calls == ["sync file", "rename", "sync folder"]
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_not_committed_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"old")
    with StagedFile(path) as staged:
        staged.file.write(b"new")
    with pytest.raises(KeyboardInterrupt):
        _write_until_interrupted(path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"old"


def _write_until_interrupted(path: Path) -> None:
    with StagedFile(path) as staged:
        staged.file.write(b"new")
        raise KeyboardInterrupt


def test_the_only_writer_overwrites_what_a_killed_one_left(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    killed = StagedFile(path, only_writer=True)
    killed.file.write(b"half a ro")
    killed.file.close()
    with StagedFile(path, only_writer=True) as staged:
        staged.file.write(b"rows")
        staged.commit()
    assert path.read_bytes() == b"rows"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    with StagedFile(tmp_path / "link") as staged:
        staged.file.write(b"new")
        staged.commit()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of another user")
def test_a_file_of_another_user_stays_theirs_and_is_refused_to_who_is_not_root(
    open_folder: Path, request: pytest.FixtureRequest
) -> None:
    path = open_folder / "theirs"
    path.write_bytes(b"old")
    path.chmod(0o666)
    os.chown(path, 1234, 2345)
    with StagedFile(path) as staged:
        staged.file.write(b"new")
        staged.commit()
    there = path.stat()
    assert (there.st_uid, there.st_gid, there.st_mode & 0o777) == (1234, 2345, 0o666)
    request.getfixturevalue("ordinary_user")
    with pytest.raises(PermissionError, match="it belongs to another user"):
        StagedFile(path)
    assert path.read_bytes() == b"new"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another group")
def test_a_file_whose_group_cannot_be_kept_stays_as_it_was(open_folder: Path, request: pytest.FixtureRequest) -> None:
    path = open_folder / "ours"
    path.write_bytes(b"old")
    nobody = 65_534
    os.chown(path, nobody, 2345)
    request.getfixturevalue("ordinary_user")
    with pytest.raises(PermissionError, match="its owner and group cannot be kept"), StagedFile(path) as staged:
        staged.commit()
    assert [name.read_bytes() for name in open_folder.iterdir()] == [b"old"]


def test_a_signal_while_a_file_is_given_up_does_not_leave_it(tmp_path: Path) -> None:
    closed: list[bool] = []

    class ToldToStop(io.BytesIO):
        def close(self) -> None:
            if not closed:
                closed.append(True)
                signal.raise_signal(signal.SIGINT)
            super().close()

    staged = StagedFile(tmp_path / "rows.csv")
    staged.file.close()
    staged.file = ToldToStop()
    with pytest.raises(KeyboardInterrupt), staged:
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_disk_that_fails_keeps_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    path = tmp_path / "state"
    replace_durably(path, b"old")

    def fail(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="No space"):
        replace_durably(path, b"new")
    assert path.read_bytes() == b"old"


def test_a_write_that_takes_only_a_part_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data)[:2]))
    replace_durably(tmp_path / "state", b"seven bytes")
    assert (tmp_path / "state").read_bytes() == b"seven bytes"
