"""The virtual environments of a checkout: made from the hashed locks, and kept as the locks say.

``VENV`` (.venv unless the environment names another) holds the project itself, editable, so that an edit is seen by
tests and demo alike. Its locks are parts of one resolution, so any of them may be added to it. Beside it,
``CLIENTS`` holds other people's clients of the exchange, ``YARDSTICKS`` other people's checks of images and manifests,
and ``DOCS`` what makes a site of the documents: each asks for versions of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = Path(os.environ.get("VENV", ROOT / ".venv")).expanduser().absolute()
CLIENTS = VENV.with_name(f"{VENV.name}-clients")  # tests/prerequisites.py looks for it there
YARDSTICKS = VENV.with_name(f"{VENV.name}-yardsticks")
DOCS = VENV.with_name(f"{VENV.name}-docs")
STILL_SECONDS = 10.0
# What pip says when there is no way to its index.
OFFLINE = (
    "Temporary failure in name resolution",
    "Name or service not known",
    "nodename nor servname provided",
    "Network is unreachable",
    "Failed to establish a new connection",
    "Connection refused",
    "Connection timed out",
)


@dataclass
class Installed:
    """What is in an environment; ``.installed`` in it holds this, and nothing while it is being changed."""

    checkout: str
    resolution: str  # of the versions: the lock that all others are parts of
    project: str = ""  # of pyproject.toml, when the project was installed
    locks: dict[str, str] = field(default_factory=dict)


def prepare(lock: str) -> None:
    """Install a lock and the project into VENV, unless both are installed there as they are now."""
    _prepare(VENV, lock, resolution="dev", project=_digest(ROOT / "pyproject.toml"))


def prepare_clients() -> None:
    _prepare(CLIENTS, "clients", resolution="clients", project="")


def prepare_yardsticks() -> None:
    _prepare(YARDSTICKS, "yardsticks", resolution="yardsticks", project="")


def prepare_docs() -> None:
    _prepare(DOCS, "docs", resolution="docs", project="")


def _prepare(folder: Path, lock: str, *, resolution: str, project: str) -> None:
    requirements = _requirements(lock)
    wanted = Installed(str(ROOT), _digest(_requirements(resolution)), project, {lock: _digest(requirements)})
    found = _read(folder)
    if found is not None and found.resolution == wanted.resolution and found.checkout == wanted.checkout:
        if found.project == project and found.locks.get(lock) == wanted.locks[lock]:
            return
        wanted.locks = found.locks | wanted.locks
    if sys.version_info < (3, 11):  # noqa: UP036 - it is the older Python that must be told
        sys.exit(f"cbbot needs Python 3.11 or newer, this is {sys.version.split()[0]}: run it with a newer python3")
    if problem := _unwritable(folder):
        sys.exit(problem)
    started = time.monotonic()
    packages = sum("==" in line for line in requirements.read_text(encoding="utf-8").splitlines())
    say(f"== setting up {_short(folder)} with {packages} packages of {_short(requirements)}; this may take minutes")
    # Packages of another resolution are not removed one by one: the environment is made anew.
    if _ours(folder) and (found is None or found.resolution != wanted.resolution):
        _stamp(folder).unlink(missing_ok=True)
        quietly("removing the old environment", [_base_python(), "-m", "venv", "--clear", str(folder)])
    elif not (folder / "bin" / "python").exists():
        quietly("making the environment", [_base_python(), "-m", "venv", str(folder)])
    _stamp(folder).unlink(missing_ok=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    quietly("installing packages", [*pip, "--require-hashes", "-r", str(requirements)])
    if project:
        quietly("installing cbbot", [*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)])
    _stamp(folder).write_text(json.dumps(asdict(wanted)), encoding="utf-8")
    say(f"== set up in {time.monotonic() - started:.0f} s")


def say(line: str) -> None:
    print(line, flush=True)


def quietly(doing: str, command: list[str]) -> None:
    """Run a command to its end. Its output is shown only when it fails; that it runs, every few seconds."""
    say(f"   {doing}")
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        try:
            code = None
            while code is None:
                try:
                    code = process.wait(STILL_SECONDS)
                except subprocess.TimeoutExpired:
                    say(f"   {doing}: {time.monotonic() - started:.0f} s so far")
        finally:
            process.kill()
            process.wait()
        if code:
            output.seek(0)
            said = output.read().decode(errors="replace")
            if any(words in said for words in OFFLINE):
                sys.exit(
                    f"{doing} failed: the package index cannot be reached; connect to the network, or name a proxy "
                    "(HTTPS_PROXY) or a mirror (PIP_INDEX_URL), and run this again"
                )
            sys.stderr.write(said)
            sys.exit(f"failed with exit code {code}: {' '.join(command)}")


def _unwritable(folder: Path) -> str:
    """What to do where the environment cannot be made; empty where it can."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if there.is_dir() and os.access(there, os.W_OK):
        return ""
    return (
        f"{there} cannot be written to, so the environment cannot be made in {folder}; "
        "set VENV to a folder that can be, such as VENV=~/.cache/cbbot/venv, and run this again"
    )


def _read(folder: Path) -> Installed | None:
    try:
        return Installed(**json.loads(_stamp(folder).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _ours(folder: Path) -> bool:
    """Whether it may be made anew: it is in the checkout and has our stamp (or an older one, ``.installed-dev``)."""
    return folder.is_relative_to(ROOT) and any(folder.glob(".installed*"))


def _stamp(folder: Path) -> Path:
    return folder / ".installed"


def _requirements(lock: str) -> Path:
    return ROOT / "requirements" / f"{lock}.txt"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def _base_python() -> str:
    """The interpreter outside of any environment: ours may be the one that is made anew."""
    return str(getattr(sys, "_base_executable", sys.executable))
