"""A release has one version: in the package, the chart, the changelog and the tag."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FILES = ("pyproject.toml", "CHANGELOG.md", "charts/Chart.yaml", "bot/cbbot/__init__.py", "tools/release.py")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the files that a release is made of."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def release(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(checkout / "tools" / "release.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_package_chart_and_changelog_name_one_version() -> None:
    ended = release(ROOT)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("pyproject.toml", 'version = "{}"'),
        ("bot/cbbot/__init__.py", '__version__ = "{}"'),
        ("charts/Chart.yaml", "\nversion: {}"),
        ("charts/Chart.yaml", "\nappVersion: {}"),
        ("CHANGELOG.md", "\n## {} - "),
    ],
)
def test_a_file_that_was_forgotten_is_named(checkout: Path, file: str, line: str) -> None:
    version = release(checkout).stdout.strip()
    path = checkout / file
    assert path.read_text().count(line.format(version)) == 1, "else nothing is changed"
    path.write_text(path.read_text().replace(line.format(version), line.format("9.9.9")))
    ended = release(checkout)
    assert ended.returncode == 1
    assert f"{file}, " in ended.stderr
    assert "9.9.9" in ended.stderr


def test_a_tag_prints_what_is_new_and_another_tag_is_refused(checkout: Path) -> None:
    text = (checkout / "CHANGELOG.md").read_text()
    heading, newest = "## Unreleased\n", release(checkout).stdout.strip()
    assert heading in text
    section = "## 9.9.9 - 2030-01-31\n\n### Fixed\n- This.\n\n"
    (checkout / "CHANGELOG.md").write_text(text.replace(f"## {newest} - ", f"{section}## {newest} - "))
    for name in FILES[:1] + FILES[2:4]:
        path = checkout / name
        path.write_text(path.read_text().replace(newest, "9.9.9"))
    assert release(checkout, "--tag", "v9.9.9").stdout == "### Fixed\n- This.\n"
    for tag in ("9.9.9", "v9.9.8", f"v{newest}"):
        ended = release(checkout, "--tag", tag)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert f"the tag is {tag}, the files name 9.9.9" in ended.stderr
