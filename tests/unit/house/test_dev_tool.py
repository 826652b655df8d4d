"""tools/dev.py: what it installs and when, what it says meanwhile, what it passes on, how it sums up."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from candle_files import ROOT
from started_processes import start

# Stands for the environment's interpreter: it notes what pip is asked for, chatters, and does what SCRIPTED says.
PYTHON = """#!/bin/sh
echo "$@" >> "{notes}"
echo "Downloading a great many packages"
[ "$SCRIPTED" = wait ] && read line < "{gate}"
[ "$SCRIPTED" = offline ] && {{ echo "NewConnectionError: Temporary failure in name resolution" >&2; exit 1; }}
[ "$SCRIPTED" = fail ] && {{ echo "ERROR: no matching distribution" >&2; exit 3; }}
exit 0
"""
ECHO = '#!/bin/sh\necho "$(basename "$0")" "$@"\n'
PYTEST = """#!/bin/sh
echo "$@" | grep -q tests/simulation || echo "E  something broke"
echo "$@"
echo "12 passed, 3 skipped in 4.5s"
"""


class Checkout:
    """The tools in a folder of their own, with an environment that is only a note of what was asked of it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "clone"
        self.venv = self.root / ".venv"
        self.notes, self.gate = folder / "notes", folder / "gate"
        os.mkfifo(self.gate)
        shutil.copytree(ROOT / "tools", self.root / "tools", ignore=shutil.ignore_patterns("__pycache__"))
        (self.root / "requirements").mkdir()
        self.write_lock("dev", "a==1", "b==1")
        self.write_lock("run", "a==1")
        self.write_lock("clients", "c==1")
        (self.root / "pyproject.toml").write_text("[project]\n")
        for environment in (self.venv, self.root / ".venv-clients"):
            (environment / "bin").mkdir(parents=True)
            self.program(environment, "python", PYTHON.format(notes=self.notes, gate=self.gate))
        for name in ("cbbot", "ruff", "mypy", "lint-imports"):
            self.program(self.venv, name, ECHO)
        self.program(self.venv, "pytest", PYTEST)

    @staticmethod
    def program(environment: Path, name: str, text: str) -> None:
        (environment / "bin" / name).write_text(text)
        (environment / "bin" / name).chmod(0o755)

    def write_lock(self, name: str, *pins: str) -> None:
        (self.root / "requirements" / f"{name}.txt").write_text("\n".join(pins) + "\n")

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(self.root / "tools" / "dev.py"), *arguments]

    def environment(self, scripted: str = "") -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "SCRIPTED": scripted, "PYTHONDONTWRITEBYTECODE": "1"}

    def run(self, *arguments: str, scripted: str = "", code: int = 0) -> str:
        """What it wrote, errors included."""
        ended = subprocess.run(
            self.command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            timeout=60, env=self.environment(scripted),
        )  # fmt: skip
        assert ended.returncode == code, ended.stdout
        return ended.stdout

    def asked(self) -> list[str]:
        """What was installed since the last question: locks by name, and the project."""
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        self.notes.unlink(missing_ok=True)
        words = [line.split() for line in lines if "install" in line.split()]
        return [Path(line[-1]).stem if "-r" in line else "project" for line in words]


@pytest.fixture
def clone(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture
def environments(clone: Checkout, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module that makes the clone's environments, imported from the clone."""
    monkeypatch.syspath_prepend(str(clone.root / "tools"))
    monkeypatch.delitem(sys.modules, "dev_environments", raising=False)
    yield importlib.import_module("dev_environments")
    # Nobody else is to find the clone's: its root is a folder that goes.
    del sys.modules["dev_environments"]


def test_try_passes_its_arguments_on(clone: Checkout) -> None:
    said = clone.run("try", "--for", "60", "--state-dir", "here")
    assert said.splitlines()[-1] == "cbbot up -f examples/try.yaml --for 60 --state-dir here"


def test_a_step_passes_its_arguments_on(clone: Checkout) -> None:
    said = clone.run("unit", "-k", "breaker", "-x")
    assert "-k breaker -x" in said
    assert clone.run("lint", "--fix").splitlines()[1] == "ruff check . --fix"


def test_all_steps_get_through_and_are_summed_up_in_a_line_each(clone: Checkout) -> None:
    lines = clone.run("test", "-k", "breaker").splitlines()
    assert any(line.endswith("-k breaker") for line in lines), "to the tests, not to the programs that read the tree"
    ends = [line for line in lines if line.startswith("== ") and line.endswith(" s")]
    assert [line.split(":")[0] for line in ends[-8:]] == [
        "== format", "== lint", "== types", "== layers", "== generated", "== mutations", "== tests", "== test",
    ]  # fmt: skip
    assert ends[-1].startswith("== test: 12 passed, 3 skipped; 6 checks; ")


@pytest.mark.parametrize(("program", "step"), [("mypy", "types"), ("pytest", "tests")])
def test_a_step_that_fails_is_shown_and_ends_in_1(clone: Checkout, program: str, step: str) -> None:
    clone.run("setup")
    clone.program(clone.venv, program, "#!/bin/sh\necho 'what is wrong: 1 failed'\nexit 7\n")
    said = clone.run("test", code=1)
    assert said.count("what is wrong") == 1
    assert f"FAILED: {step}\n" in said
    assert "FAILED" in next(line for line in said.splitlines() if line.startswith(f"== {step}: "))


def test_try_and_test_share_an_environment_and_neither_undoes_the_other(clone: Checkout) -> None:
    asked = []
    for command in ("test", "try", "test", "try"):
        clone.run(command)
        asked.append(clone.asked())
    assert asked == [["dev", "project", "clients"], ["run", "project"], [], []], "edits are seen by all of them"


def test_what_is_installed_is_what_the_stamp_says(clone: Checkout) -> None:
    clone.run("setup")
    clone.asked()
    clone.write_lock("run", "a==1", "b==1")
    clone.run("try")
    assert clone.asked() == ["run", "project"], "a lock that changed is installed"
    (clone.root / "pyproject.toml").write_text("[project]\nversion = '2'\n")
    clone.run("unit")
    assert clone.asked() == ["dev", "project"]
    (clone.venv / ".installed").unlink()
    clone.run("unit")
    assert clone.asked() == ["dev", "project"], "no stamp: nothing is known to be installed"


def test_an_environment_of_another_resolution_is_made_anew(
    clone: Checkout, environments: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone.run("setup")
    monkeypatch.setattr(environments, "_base_python", lambda: str(clone.venv / "bin" / "python"))
    environments.prepare("dev")
    clone.notes.unlink()
    clone.write_lock("dev", "a==2")
    environments.prepare("dev")
    made, *asked = clone.notes.read_text().splitlines()
    assert made == f"-m venv --clear {clone.venv}", "what the old lock had does not stay behind"
    assert len(asked) == 2


def test_an_environment_outside_of_the_checkout_is_never_emptied(
    clone: Checkout, environments: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "VENV", clone.venv.rename(clone.root.parent / "mine"))
    environments.prepare("dev")
    clone.write_lock("dev", "a==2")
    environments.prepare("dev")
    assert "venv" not in clone.notes.read_text().split()
    assert clone.asked() == ["dev", "project"] * 2


def test_a_failed_install_shows_what_pip_said_and_is_tried_again(clone: Checkout) -> None:
    said = clone.run("try", scripted="fail", code=1)
    assert "Downloading a great many packages" in said
    assert "ERROR: no matching distribution" in said
    assert "failed with exit code 3" in said
    clone.asked()
    said = clone.run("try")
    assert clone.asked() == ["run", "project"]
    assert "Downloading" not in said, "what pip chatters is not shown when all is well"


def test_setting_up_is_told_before_anything_is_installed(clone: Checkout) -> None:
    with start(clone.command("try"), stdout=subprocess.PIPE, env=clone.environment("wait")) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("== setting up .venv with 1 packages of requirements/run.txt")
            assert process.stdout.readline() == "   installing packages\n"
            # Opened once pip waits at the gate; closed, it lets go of a pip that outlived the one that started it.
            with clone.gate.open("w"):
                process.send_signal(signal.SIGINT)
                assert process.wait(30) == 130
        finally:
            process.kill()
    assert not (clone.venv / ".installed").exists()


def test_while_it_takes_long_it_says_so(clone: Checkout, environments: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if len(said) == 3:
            clone.gate.write_text("go on\n")

    monkeypatch.setattr(environments, "say", say)
    monkeypatch.setattr(environments, "STILL_SECONDS", 0.05)
    environments.quietly("installing packages", ["sh", "-c", f"read line < {clone.gate}"])
    assert said[0] == "   installing packages"
    assert re.fullmatch(r"   installing packages: \d+ s so far", said[1])


def test_the_stamp_names_what_was_installed(clone: Checkout) -> None:
    clone.run("setup")
    clone.run("try")
    stamp = json.loads((clone.venv / ".installed").read_text())
    assert (set(stamp["locks"]), stamp["checkout"]) == ({"dev", "run"}, str(clone.root))


def test_without_a_network_it_says_so_in_one_sentence(tmp_path: Path) -> None:
    said = Checkout(tmp_path).run("lint", scripted="offline", code=1)
    assert "the package index cannot be reached; connect to the network" in said.splitlines()[-1]
    assert "Downloading" not in said


def test_where_nothing_can_be_written_it_names_the_variable_that_helps(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    (tmp_path / "file").touch()
    ended = subprocess.run(
        checkout.command("lint"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60,
        env=checkout.environment() | {"VENV": str(tmp_path / "file" / "venv")},
    )  # fmt: skip
    assert ended.returncode == 1
    (line,) = ended.stdout.splitlines()
    assert f"{tmp_path / 'file'} cannot be written to" in line
    assert "set VENV to a folder" in line
