"""tools/page_library.py: the library of the page's chart is what the lock says, or it is not there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from candle_files import ROOT
from prerequisites import missing

pytestmark = pytest.mark.slow


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The tools in a folder of their own."""
    tools = ROOT / "tools"
    folder = tmp_path / "clone"
    shutil.copytree(tools / "page", folder / "tools" / "page")
    for name in ("page_library.py", "npm_packages.py"):
        shutil.copy(tools / name, folder / "tools" / name)
    return folder


def put(clone: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The tool's end; npm's packages go to a cache of the clone's own."""
    command = [sys.executable, str(clone / "tools" / "page_library.py")]
    surroundings = os.environ | {"XDG_CACHE_HOME": str(clone / "cache")} | environment
    return subprocess.run(command, capture_output=True, text=True, env=surroundings, check=False, timeout=400)


def library(clone: Path) -> dict[str, int]:
    folder = clone / "bot" / "cbbot" / "web" / "page" / "library"
    return {path.name: path.stat().st_size for path in folder.iterdir()} if folder.exists() else {}


def needs_npm() -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        missing("the chart's library comes from npm: install node and npm (Debian: apt-get install nodejs npm)")


def test_the_library_and_its_license_are_put_beside_the_page(clone: Path) -> None:
    needs_npm()
    ended = put(clone)
    assert (ended.returncode, ended.stderr) == (0, "")
    found = library(clone)
    assert set(found) == {"lightweight-charts.js", "lightweight-charts.license.txt"}
    assert all(size > 10_000 for size in found.values())


def test_another_package_than_the_locks_is_refused(clone: Path) -> None:
    needs_npm()
    lock = clone / "tools" / "page" / "package-lock.json"
    text = lock.read_text()
    # The checksum of something else: of fancy-canvas, for lightweight-charts.
    sums = re.findall(r'"integrity": "(sha512-[^"]+)"', text)
    lock.write_text(text.replace(sums[2], sums[1]))
    ended = put(clone)
    assert ended.returncode == 1
    assert "npm did not bring its library" in ended.stderr
    assert library(clone) == {}


def test_a_wheel_has_the_library_that_lies_there(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("bot", "bridge", "operator"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "library"))
    place = "cbbot/web/page/library/lightweight-charts.js"
    (tmp_path / "bot" / place).parent.mkdir()
    (tmp_path / "bot" / place).write_text("export {}")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"]
    subprocess.run(build, cwd=tmp_path, capture_output=True, check=True, timeout=300)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = ZipFile(wheel).namelist()
    assert place in names
    assert "cbbot_operator/examples/try.yaml" in names


def test_without_npm_it_says_what_is_missing(clone: Path) -> None:
    ended = put(clone, PATH=str(clone))
    assert ended.returncode == 4
    assert "the bot's page will have no chart" in ended.stderr
    assert library(clone) == {}
