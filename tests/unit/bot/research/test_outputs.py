"""Files are written all or none, and what cannot be written is refused before the run; only files are replaced."""

from __future__ import annotations

import os
import signal
import socket
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, Any

import pytest

from cbbot.errors import BadInput, CbbotError
from cbbot.process.stop_signals import STOP_SIGNALS
from cbbot.research import outputs as outputs_module
from cbbot.research.outputs import Outputs


def test_a_good_path_leaves_nothing_behind(tmp_path: Path) -> None:
    Outputs({"--json": tmp_path / "a.json", "--html": tmp_path / "a.html"}, [tmp_path / "in.csv"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "is a folder"),
        ("no/such.json", "there is no folder"),
        ("in.csv", "is read from"),
        ("in.csv/a", "in.csv is a file"),
        ("a" * 300, "too long"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "in.csv").write_text("candles")
    with pytest.raises(BadInput, match=said):
        Outputs({"--json": tmp_path / name}, [tmp_path / "in.csv"])
    assert (tmp_path / "in.csv").read_text() == "candles"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link, place = tmp_path / "link.json", tmp_path / "there" / "real.json"
    link.symlink_to(place)
    Outputs({"--json": link}, []).write({"--json": "{}"})
    assert link.is_symlink()
    assert place.read_text() == "{}"
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["real.json"]


def test_one_file_cannot_hold_two_results(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(BadInput, match="the same file is written by --json"):
        Outputs({"--json": tmp_path / "a", "--html": tmp_path / "b" / ".." / "a"}, [])


def test_when_the_second_cannot_be_written_the_first_is_not_either(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    first, second = tmp_path / "a.json", folder / "a.html"
    outputs = Outputs({"--json": first, "--html": second}, [])
    first.write_text("the result of yesterday")
    folder.rmdir()
    with pytest.raises(CbbotError, match=r"--html .*: cannot be written"):
        outputs.write({"--json": "{}", "--html": "<p>"})
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert first.read_text() == "the result of yesterday"


def test_what_was_there_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    Outputs({"--json": path, "--html": tmp_path / "a.html"}, []).write({"--json": "new", "--html": "<p>"})
    assert (path.read_text(), sorted(os.listdir(tmp_path))) == ("new", ["a.html", "a.json"])  # noqa: PTH208  names only


@pytest.fixture(params=STOP_SIGNALS)
def stop(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """A signal whose handler raises, as that of the command line does."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    number: signal.Signals = request.param
    before = signal.signal(number, end)
    yield number
    signal.signal(number, before)


@contextmanager
def delivery() -> Iterator[Callable[[], object]]:
    """What it gives waits for a signal to reach the process: another thread gets it only when it is its turn."""
    arrived, written = os.pipe()
    os.set_blocking(written, False)
    before = signal.set_wakeup_fd(written)
    try:
        yield lambda: os.read(arrived, 1)
    finally:
        signal.set_wakeup_fd(before)
        os.close(arrived)
        os.close(written)


@contextmanager
def another_thread() -> Iterator[int]:
    """The number of a thread that does nothing: the kernel may give it a signal that is meant for the process."""
    over = threading.Event()
    idle = threading.Thread(target=over.wait)
    idle.start()
    assert idle.ident is not None
    yield idle.ident
    over.set()
    idle.join()


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_stop_between_two_files_waits_for_the_second_whichever_thread_it_reaches(
    elsewhere: bool, stop: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    with another_thread() as other, delivery() as delivered:

        def told_to_stop(self: Path, target: Path) -> Path:
            signal.pthread_kill(other if elsewhere else threading.get_ident(), stop)
            delivered()
            return replace(self, target)

        monkeypatch.setattr(Path, "replace", told_to_stop)
        outputs = Outputs({"--json": tmp_path / "a.json", "--html": tmp_path / "a.html"}, [])
        with pytest.raises(KeyboardInterrupt):
            outputs.write({"--json": "{}", "--html": "<p>"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "a.json"]


def test_stops_while_a_pipe_is_waited_for_leave_nothing_however_many_come(
    stop: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = Path.unlink

    def told_again(self: Path, *, missing_ok: bool = False) -> None:
        signal.raise_signal(stop)
        unlink(self, missing_ok=missing_ok)

    def waits(*_arguments: object) -> int:
        signal.raise_signal(stop)
        raise AssertionError("a wait that a signal does not end")

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    outputs = Outputs({"--json": tmp_path / "a.json", "--html": pipe}, [])
    monkeypatch.setattr(Path, "unlink", told_again)
    monkeypatch.setattr(outputs_module, "_write_into", waits)
    with pytest.raises(KeyboardInterrupt):
        outputs.write({"--json": "{}", "--html": "<p>"})
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_stop_while_a_path_is_tried_leaves_nothing(
    stop: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open

    def told_to_stop(self: Path, mode: str) -> IO[Any]:
        file = opened(self, mode)
        signal.raise_signal(stop)
        return file

    monkeypatch.setattr(Path, "open", told_to_stop)
    with pytest.raises(KeyboardInterrupt):
        Outputs({"--json": tmp_path / "a.json"}, [])
    assert list(tmp_path.iterdir()) == []


def test_links_in_a_circle_are_refused_and_stay(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.symlink_to(other)
    other.symlink_to(one)
    with pytest.raises(BadInput, match=f"--json {one}: cannot be written: Too many levels of symbolic links"):
        Outputs({"--json": one}, [])
    Outputs({"--json": tmp_path / "a.json"}, [one])
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_symlink()) == ["one", "other"]


def test_a_file_that_may_not_be_written_to_is_refused_and_stays(ordinary_user: Path) -> None:
    path = ordinary_user / "a.json"
    path.write_text("old")
    path.chmod(0o444)
    with pytest.raises(BadInput, match=r"a\.json: cannot be written: Permission denied"):
        Outputs({"--json": path}, [])
    assert path.read_text() == "old"
    path.chmod(0o222)
    outputs = Outputs({"--json": path}, [])
    outputs.write({"--json": "new"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o222, "one that may be written to and not read is an output"


def test_a_report_that_cannot_be_printed_costs_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = Outputs({"--json": tmp_path / "a.json"}, [])
    full = Path("/dev/full").open("w")  # noqa: SIM115  closing it would fail, as writing does
    monkeypatch.setattr(sys, "stdout", full)
    outputs.show("a table\n")
    with pytest.raises(CbbotError, match=r"^standard output: cannot be written: No space left on device$"):
        outputs.write({"--json": "{}"})
    assert (tmp_path / "a.json").read_text() == "{}"
    with suppress(OSError):
        full.close()


def test_dash_is_standard_output_in_utf_8_and_the_report_makes_room(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    outputs = Outputs({"--json": Path("-")}, [])
    outputs.show("a table\n")
    outputs.write({"--json": '"\u00fc"\n'})
    printed = capfdbinary.readouterr()
    assert (printed.out, printed.err) == ('"\u00fc"\n'.encode(), b"a table\n")


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_another_name_of_standard_output_is_standard_output(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    outputs = Outputs({"--json": Path(name)}, [])
    outputs.show("a table\n")
    outputs.write({"--json": "{}\n"})
    assert capfd.readouterr() == ("{}\n", "a table\n")
    with pytest.raises(BadInput, match="the same file is written by --json; give another name"):
        Outputs({"--json": Path("-"), "--html": Path(name)}, [])


def test_a_file_of_that_name_is_written_when_its_folder_is_given(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Outputs({"--json": tmp_path / "-"}, []).write({"--json": "{}"})
    assert (tmp_path / "-").read_text() == "{}"
    assert capfd.readouterr().out == ""


def test_a_device_is_written_to_and_stays_one() -> None:
    null = Path("/dev/null")
    Outputs({"--json": null, "--html": null}, []).write({"--json": "{}", "--html": "<p>"})
    assert null.is_char_device()
    with pytest.raises(CbbotError, match="--json /dev/full: cannot be written: No space left on device"):
        Outputs({"--json": Path("/dev/full")}, []).write({"--json": "{}"})


def test_a_device_that_cannot_be_written_to_leaves_the_file_beside_it_unwritten(tmp_path: Path) -> None:
    outputs = Outputs({"--json": tmp_path / "a.json", "--html": Path("/dev/full")}, [])
    with pytest.raises(CbbotError, match="--html /dev/full"):
        outputs.write({"--json": "{}", "--html": "<p>"})
    assert list(tmp_path.iterdir()) == []


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's name must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")
        with pytest.raises(BadInput, match="--json s: is a disk or a socket"):
            Outputs({"--json": Path("s")}, [])
    assert Path("s").is_socket()


@contextmanager
def read_from(pipe: Path) -> Iterator[list[bytes]]:
    """What comes out of a named pipe once all is written."""
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    yield read
    reader.join(10)


def test_a_named_pipe_is_asked_for_without_being_opened_and_then_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    text = "x" * 200_000  # more than a pipe holds
    with read_from(pipe) as read:
        outputs = Outputs({"--json": pipe, "--html": tmp_path / "a.html"}, [])
        outputs.write({"--json": text, "--html": "<p>"})
    assert read == [text.encode()]
    assert pipe.is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "pipe"]
    with pytest.raises(BadInput, match="the same file is written by --json"):
        Outputs({"--json": pipe, "--html": pipe}, [])


def test_a_descriptor_that_a_shell_opened_is_written_to_and_a_closed_one_refused(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    name = Path(f"/dev/fd/{writer}")
    Outputs({"--json": name}, []).write({"--json": "{}"})
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        assert stream.read() == b"{}"
    with pytest.raises(BadInput, match=f"--json {name}: cannot be written: Bad file descriptor"):
        Outputs({"--json": name}, [])
    opened = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(BadInput, match="it is open for reading"):
        Outputs({"--json": Path(f"/dev/fd/{opened}")}, [])
    os.close(opened)


def test_a_reader_that_goes_away_costs_the_files_nothing_and_is_told_at_the_end(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    outputs = Outputs({"--json": Path(f"/dev/fd/{writer}"), "--html": tmp_path / "a.html"}, [])
    with pytest.raises(BrokenPipeError):
        outputs.write({"--json": "{}", "--html": "<p>"})
    os.close(writer)
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]
