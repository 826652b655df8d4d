"""Renews requirements/*.txt: every package of an extra with the hashes of all its files.

The locks name no index: pip uses whatever the machine is set up with. ``build.txt`` is what
building a wheel of the project takes; images install it, and so does every environment here,
because nothing is downloaded outside of a lock.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = {"bot": ["bot"], "bridge": ["bridge"], "operator": ["operator"], "run": ["up"], "dev": ["dev"]}
NEEDS_BUILD = ("run",)
OPTIONS = [
    "--universal", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header",
    "--python-version", "3.11", "--quiet", "--upgrade",
]  # fmt: skip


def compile_lock(name: str, sources: list[str]) -> None:
    output = ROOT / "requirements" / f"{name}.txt"
    command = [str(Path(sys.executable).parent / "uv"), "pip", "compile", *OPTIONS, *sources, "-o", str(output)]
    subprocess.run(command, cwd=ROOT, check=True)
    print(f"{output.relative_to(ROOT)}: {sum(1 for line in output.read_text().splitlines() if '==' in line)} packages")


def main() -> None:
    for name, extras in EXTRAS.items():
        build = ["requirements/build.in"] if name in NEEDS_BUILD else []
        compile_lock(name, ["pyproject.toml", *build, *(f"--extra={extra}" for extra in extras)])
    compile_lock("build", ["requirements/build.in"])


if __name__ == "__main__":
    main()
