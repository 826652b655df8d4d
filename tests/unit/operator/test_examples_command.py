"""The examples of a wheel: listed, shown and copied, and never written over what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from cbbot.cli.dispatch import main
from cbbot_operator.examples_command import SHIPPED
from repository_files import ROOT

SOURCE = ROOT / "examples"


def names() -> set[str]:
    return {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*") if path.is_file()}


def test_the_wheel_has_what_the_repository_has() -> None:
    assert {str(path.relative_to(SHIPPED)) for path in SHIPPED.rglob("*") if path.is_file()} == names()
    assert all((SHIPPED / name).read_bytes() == (SOURCE / name).read_bytes() for name in names())


def test_each_is_listed_with_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["examples"]) == 0
    lines = capsys.readouterr().out.split("\n\n")[0].splitlines()
    listed = dict(line.split(maxsplit=1) for line in lines)
    assert set(listed) == names()
    assert all(len(words) > 20 for words in listed.values()), listed


def test_one_is_shown_and_one_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["examples", "try.yaml"]) == 0
    assert capsys.readouterr().out == (SOURCE / "try.yaml").read_text()
    assert main(["examples", "../try.yaml"]) == 2
    assert "there are" in capsys.readouterr().err


def test_they_are_copied_and_what_is_there_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "mine"
    assert main(["examples", "--copy", "--to", str(folder)]) == 0
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == names()
    (folder / "try.yaml").write_text("edited")
    assert main(["examples", "try.yaml", "--copy", "--to", str(folder)]) == 2
    assert (folder / "try.yaml").read_text() == "edited"
    assert "not replaced" in capsys.readouterr().err
