"""Renews requirements/*.txt: every package with the hashes of all its files.

``dev`` is resolved first and is the one resolution: tests, demo and images are constrained to it and so run
the same versions. ``clients``, ``yardsticks`` and ``docs`` stand apart: other people's clients of the exchange, other
people's checks of images and manifests, and what makes a site of the documents. They run as processes of
environments of their own because they ask for other libraries than the product does.

The locks name no index: pip uses whatever the machine is set up with. ``build.txt`` is what
building a wheel of the project takes; images install it, and so does every environment here,
because nothing is downloaded outside of a lock.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESOLUTION = "dev"
BUILD = "requirements/build.in"
SOURCES: dict[str, list[str]] = {
    RESOLUTION: ["pyproject.toml", BUILD, "--extra=dev"],
    "bot": ["pyproject.toml", "--extra=bot"],
    "bridge": ["pyproject.toml", "--extra=bridge"],
    "operator": ["pyproject.toml", "--extra=operator"],
    "run": ["pyproject.toml", BUILD, "--extra=up"],
    "build": [BUILD],
}
APART = {
    "clients": ["requirements/clients.in"],
    "yardsticks": ["requirements/yardsticks.in"],
    "docs": ["requirements/docs.in"],
}
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
    constrained = ["-c", f"requirements/{RESOLUTION}.txt"]
    for name, sources in SOURCES.items():
        compile_lock(name, sources if name == RESOLUTION else [*sources, *constrained])
    for name, sources in APART.items():
        compile_lock(name, sources)


if __name__ == "__main__":
    main()
