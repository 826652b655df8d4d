"""Says which version this checkout is, and what is new in it.

    python3 tools/release.py                prints the version
    python3 tools/release.py --tag v1.2.3   prints that version's section of CHANGELOG.md

Fails where the package, the chart and the newest release in CHANGELOG.md do not name one version, or the tag
another. Needs nothing but Python 3.11.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RELEASE = re.compile(r"^## (?P<version>\d+\.\d+\.\d+\S*) - \d{4}-\d{2}-\d{2}$", re.MULTILINE)


class Disagreement(Exception):
    """The files of a release do not name one version, or one of them names none."""


def version_of(root: Path) -> str:
    """The one version that all files name.

    Raises:
        Disagreement: they name several.
    """
    named = {
        "pyproject.toml, version": str(tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]),
        "bot/cbbot/__init__.py, __version__": _first(root / "bot/cbbot/__init__.py", r"^__version__ = (\S+)$"),
        "charts/Chart.yaml, version": _first(root / "charts/Chart.yaml", r"^version: *(\S+)$"),
        "charts/Chart.yaml, appVersion": _first(root / "charts/Chart.yaml", r"^appVersion: *(\S+)$"),
        "CHANGELOG.md, newest release": _first(root / "CHANGELOG.md", RELEASE.pattern),
    }
    if len(set(named.values())) > 1:
        listed = "".join(f"\n  {place}: {version}" for place, version in named.items())
        raise Disagreement(f"the files name several versions; make them one (docs/release.md):{listed}")
    return named["pyproject.toml, version"]


def notes_of(root: Path, version: str) -> str:
    """The section of CHANGELOG.md for a version, without its heading."""
    text = (root / "CHANGELOG.md").read_text()
    begun = next((found for found in RELEASE.finditer(text) if found["version"] == version), None)
    if begun is None:
        raise Disagreement(f"CHANGELOG.md has no section for {version}")
    following = re.compile(r"^## ", re.MULTILINE).search(text, begun.end())
    return text[begun.end() : following.start() if following else None].strip()


def _first(path: Path, pattern: str) -> str:
    found = re.search(pattern, path.read_text(), re.MULTILINE)
    if found is None:
        raise Disagreement(f"{path}: no line like {pattern}")
    return found[1].strip("\"'")


def main() -> None:
    parser = argparse.ArgumentParser(description="Say which version this checkout is, and what is new in it.")
    parser.add_argument("--tag", help="fail unless it is this version's, v1.2.3; print what is new")
    tag = parser.parse_args().tag
    try:
        version = version_of(ROOT)
        if tag is not None and tag != f"v{version}":
            raise Disagreement(f"the tag is {tag}, the files name {version}: the tag of this checkout is v{version}")
        print(version if tag is None else notes_of(ROOT, version))
    except Disagreement as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
