""".ci/run: what a machine has no way to is left out and said, and the last line counts all tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from candle_files import ROOT

PARTS = {
    ".ci/workflows": "echo 'actionlint: 2 workflows, 0 findings'",
    "dev.py": "echo '== tests: 90 passed, 12.0 s'\necho '90 passed, 7 skipped, 3 deselected in 12.00s'",
    ".ci/browser": "echo '9 passed in 1.00s'",
    ".ci/yardsticks": "echo 'yardsticks: 1852 checks of checkov passed, 6 kinds left with a reason, 0 findings'",
    ".ci/docs": "echo 'docs: 60 pages, 900 links, 0 problems'",
    ".ci/monitoring": "echo '2 passed in 1.00s'",
    ".ci/cluster": "echo '===== 5 passed, 2 skipped in 151.20s (0:02:31) ====='\necho '   3.0 s  tear down'",
}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """.ci/run beside parts that only say how they ended."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    for name, said in PARTS.items():
        write(tmp_path, name, said)
    return tmp_path


def write(clone: Path, name: str, said: str) -> None:
    """A part; python3 on the path stands for the test command."""
    path = clone / ("python3" if name == "dev.py" else name)
    path.write_text(f"#!/bin/sh\n{said}\n")
    path.chmod(0o755)


def run(clone: Path, ci: str = "") -> tuple[int, list[str]]:
    environment = {"PATH": f"{clone}{os.pathsep}{os.environ['PATH']}", "CI": ci}
    ended = subprocess.run(
        [str(clone / ".ci" / "run")], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    return ended.returncode, ended.stdout.splitlines()


@pytest.mark.parametrize("ci", ["", "true"])
def test_the_last_line_counts_the_tests_of_all_parts(clone: Path, ci: str) -> None:
    code, lines = run(clone, ci)
    assert code == 0
    assert lines[-1].startswith("=== 106 passed, 0 failed, 9 skipped in ")
    assert len([line for line in lines if line.startswith("=== ") and " (at " in line]) == len(PARTS)


@pytest.mark.parametrize("part", [".ci/browser", ".ci/monitoring", ".ci/cluster"])
def test_what_a_machine_has_no_way_to_is_left_out_unless_ci_is_set(clone: Path, part: str) -> None:
    write(clone, part, "echo 'no way to it here' >&2; exit 4")
    code, lines = run(clone)
    assert code == 0
    assert lines[lines.index("no way to it here") + 1] == f"=== {part} was left out: the reason is above"
    code, lines = run(clone, "true")
    assert code == 1
    assert f"=== {part} FAILED with exit code 4" in lines


@pytest.mark.parametrize("code", [1, 2, 5])
def test_a_part_that_fails_ends_it_and_is_counted(clone: Path, code: int) -> None:
    write(clone, "dev.py", f"echo '88 passed, 1 failed, 2 errors in 12.00s'; exit {code}")
    ended, lines = run(clone)
    assert ended == 1
    assert lines[-2] == f"=== python3 tools/dev.py test FAILED with exit code {code}"
    assert lines[-1].startswith("=== 88 passed, 3 failed, 0 skipped in ")
