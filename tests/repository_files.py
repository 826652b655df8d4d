"""The files of this repository as git knows them, new ones included."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@cache
def repository_files(*patterns: str) -> tuple[Path, ...]:
    """All files, or those of a pattern as git understands it."""
    listed = subprocess.run(
        ["git", "ls-files", "--deduplicate", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return tuple(ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file())
