"""Breaks one rule of the trader at a time, in a copy of the tree, and tells which tests see it.

``python tools/mutations.py`` runs all of ``tools/mutations.toml``; ``--only WORD`` those whose rule has the
word; ``--all`` goes on after the first suite that failed. Exit code 1: a broken rule that no test saw, an
entry whose text is no longer in its file, or a suite that ran no test.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))

import candle_files  # noqa: E402 - the path to it is set above

ENTRIES = Path(__file__).with_suffix(".toml")
PARTS = ("bot", "bridge", "operator", "tests", "tools", "docs", "examples", "crds", "pyproject.toml")


@dataclass(frozen=True)
class Mutation:
    """``old`` must stand in ``file`` exactly once; ``suites`` are looked at in this order."""

    rule: str
    file: str
    old: str
    new: str
    suites: tuple[str, ...]


class NothingRan(Exception):
    """pytest ended without having run a test: a suite that selects none, code that cannot be imported."""


def read() -> tuple[dict[str, list[str]], list[Mutation]]:
    """Suites (name to pytest's arguments) and mutations."""
    table = tomllib.loads(ENTRIES.read_text(encoding="utf-8"))
    every = tuple(table["suites"])
    return table["suites"], [
        Mutation(each["rule"], each["file"], each["old"], each["new"], tuple(each.get("suites", every)))
        for each in table["mutation"]
    ]


def copied(folder: Path) -> Path:
    """The tree, in a folder of its own."""
    tree = folder / "main"
    tree.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, tree / part, ignore=shutil.ignore_patterns("__pycache__", ".hypothesis"))
        else:
            shutil.copy(source, tree / part)
    return tree


def killer(tree: Path, arguments: list[str]) -> str | None:
    """The first test that fails; None when all pass.

    Raises:
        NothingRan: no test passed or failed.
    """
    paths = os.pathsep.join(str(tree / part) for part in ("bot", "bridge", "operator"))
    surroundings = os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    for year in candle_files.files_here()[1:]:  # the copy has nothing beside it
        surroundings[candle_files.VARIABLE] = str(year)
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", *arguments]
    ended = subprocess.run(command, cwd=tree, env=surroundings, capture_output=True, text=True, check=False)
    if ended.returncode == 0:
        return None
    found = re.search(r"^(?:FAILED|ERROR) (\S+::\S+)", ended.stdout, re.MULTILINE)
    if ended.returncode != 1 or found is None:
        raise NothingRan(f"{' '.join(arguments)}: {(ended.stdout + ended.stderr).strip()[-300:]}")
    return found[1].rpartition("::")[2]


def fits(tree: Path, mutation: Mutation) -> bool:
    return (tree / mutation.file).read_text(encoding="utf-8").count(mutation.old) == 1


def judged(tree: Path, mutation: Mutation, suites: dict[str, list[str]], *, everything: bool) -> list[str]:
    """Who saw it: ``suite: test`` each."""
    path = tree / mutation.file
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
    seen = []
    try:
        for name in mutation.suites:
            test = killer(tree, suites[name])
            if test is not None:
                seen.append(f"{name}: {test}")
                if not everything:
                    break
    finally:
        path.write_text(text, encoding="utf-8")
    return seen


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="mutations whose rule has this word")
    parser.add_argument("--all", action="store_true", help="ask every suite, not only until one has seen it")
    parser.add_argument("--check", action="store_true", help="only see whether every entry still fits its file")
    given = parser.parse_args()
    suites, mutations = read()
    wrong = asked = 0
    with tempfile.TemporaryDirectory() as folder:
        tree = copied(Path(folder))
        for mutation in mutations:
            if given.only not in mutation.rule:
                continue
            asked += 1
            began = time.monotonic()
            if not fits(tree, mutation):
                verdict = f"DOES NOT FIT {mutation.file}"
            elif given.check:
                continue
            else:
                try:
                    verdict = "; ".join(judged(tree, mutation, suites, everything=given.all)) or "SEEN BY NO TEST"
                except NothingRan as error:
                    verdict = f"NO TEST RAN: {error}"
            wrong += verdict.startswith(("SEEN BY NO TEST", "NO TEST RAN", "DOES NOT FIT"))
            print(f"{mutation.rule}: {verdict} ({time.monotonic() - began:.0f} s)", flush=True)
    print(f"{asked} rules, {wrong} not held by a test")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
