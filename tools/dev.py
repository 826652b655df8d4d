"""Sets up a virtual environment from the hashed locks and runs the project's commands in it.

Needs nothing but Python 3.11 or newer and the network: ``python3 tools/dev.py try`` runs the
demo, ``python3 tools/dev.py test`` the tests. The Makefile's targets and CI call it as well, so
that everybody runs the same steps. VENV names another folder than ``.venv``.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = Path(os.environ.get("VENV", ROOT / ".venv")).absolute()
FAST = "not slow and not processes and not conformance"

STEPS: dict[str, list[str]] = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "types": ["mypy"],
    "layers": ["lint-imports"],
    "generate": ["python", "tools/generate.py"],
    "generated": ["python", "tools/generate.py", "--check"],
    "mutations": ["python", "tools/mutations.py", "--check"],  # every quoted passage still stands where it is said to
    "unit": ["pytest", "-q", "tests/unit", "tests/contract", "tests/chart", "-m", FAST],
    "property": ["pytest", "-q", "tests/property", "tests/oracle", "tests/golden", "-m", FAST],
    "browser": ["pytest", "-q", "tests/browser"],  # .ci/browser installs chromium first
    "simulation": [
        "pytest",
        "-q",
        "tests/unit",
        "tests/property",
        "tests/oracle",
        "tests/contract",
        "tests/simulation",
        "-m",
        "slow or processes or conformance",
    ],
}
CHECK = ["format", "lint", "types", "layers", "generated", "mutations", "unit", "property"]
COMMANDS: dict[str, list[str]] = {"check": CHECK, "test": [*CHECK, "simulation"], **{step: [step] for step in STEPS}}


def prepare(lock: str, *, editable: bool) -> None:
    """Install a lock and the project, unless this very lock is already installed here."""
    requirements = ROOT / "requirements" / f"{lock}.txt"
    digest = hashlib.sha256(requirements.read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    stamp = VENV / f".installed-{lock}"
    if stamp.exists() and stamp.read_text() == f"{digest} {ROOT}":
        return
    if sys.version_info < (3, 11):  # noqa: UP036 - it is the older Python that must be told
        sys.exit(f"cbbot needs Python 3.11 or newer, this is {sys.version.split()[0]}: run it with a newer python3")
    started = time.monotonic()
    if not (VENV / "bin" / "python").exists():
        run([sys.executable, "-m", "venv", str(VENV)])
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--require-hashes", "-r", str(requirements)])
    run([*pip, "--no-deps", "--no-build-isolation", *(["-e"] if editable else []), str(ROOT)])
    stamp.write_text(f"{digest} {ROOT}")
    print(f"== set up in {time.monotonic() - started:.0f} s", flush=True)


def run(command: list[str]) -> None:
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    if code:
        sys.exit(f"failed with exit code {code}: {' '.join(command)}")


def steps(names: list[str]) -> None:
    """Run steps one after the other; the first that fails ends the run."""
    for name in names:
        started = time.monotonic()
        print(f"== {name}", flush=True)
        program, *arguments = STEPS[name]
        run([str(VENV / "bin" / program), *arguments])
        print(f"== {name}: {time.monotonic() - started:.1f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("command", choices=["try", "setup", *COMMANDS])
    parser.add_argument("arguments", nargs="*", help="passed on to `cbbot up`")
    options = parser.parse_args()
    if options.command == "try":
        prepare("run", editable=False)
        cbbot = str(VENV / "bin" / "cbbot")
        os.chdir(ROOT)
        os.execv(cbbot, [cbbot, "up", "-f", "examples/try.yaml", *options.arguments])  # noqa: S606 - our own program
    prepare("dev", editable=True)
    if options.command != "setup":
        steps(COMMANDS[options.command])


if __name__ == "__main__":
    main()
