"""Files are written all or none, and what cannot be written is refused before the run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cbbot.errors import BadInput
from cbbot.research.outputs import check_outputs, write_outputs


def test_a_good_path_leaves_nothing_behind(tmp_path: Path) -> None:
    check_outputs({"--json": tmp_path / "a.json", "--html": tmp_path / "a.html"}, [tmp_path / "in.csv"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [("", "is a folder"), ("no/such.json", "there is no folder"), ("in.csv", "is read from"), ("a" * 300, "too long")],
)
def test_a_path_that_cannot_be_written_is_refused(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "in.csv").write_text("candles")
    with pytest.raises(BadInput, match=said):
        check_outputs({"--json": tmp_path / name}, [tmp_path / "in.csv"])
    assert (tmp_path / "in.csv").read_text() == "candles"


def test_a_device_is_refused_and_a_link_stays_a_link(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is no ordinary file"):
        check_outputs({"--json": Path("/dev/null")}, [])
    (tmp_path / "there").mkdir()
    link, place = tmp_path / "link.json", tmp_path / "there" / "real.json"
    link.symlink_to(place)
    check_outputs({"--json": link}, [])
    write_outputs({"--json": (link, "{}")})
    assert link.is_symlink()
    assert place.read_text() == "{}"
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["real.json"]


def test_one_file_cannot_hold_two_results(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(BadInput, match="the same file is written by --json"):
        check_outputs({"--json": tmp_path / "a", "--html": tmp_path / "b" / ".." / "a"}, [])


def test_when_the_second_cannot_be_written_the_first_is_not_either(tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "gone" / "a.html"
    first.write_text("the result of yesterday")
    with pytest.raises(BadInput, match=r"--html .*: cannot be written"):
        write_outputs({"--json": (first, "{}"), "--html": (second, "<p>")})
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert first.read_text() == "the result of yesterday"


def test_what_was_there_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    write_outputs({"--json": (path, "new"), "--html": (tmp_path / "a.html", "<p>")})
    assert (path.read_text(), sorted(os.listdir(tmp_path))) == ("new", ["a.html", "a.json"])  # noqa: PTH208  names only
