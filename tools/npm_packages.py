"""Packages of npm, at the versions and checksums of a lock in this repository.

    python3 tools/npm_packages.py page     prints where those of tools/page are installed

A folder of tools/ with package.json and package-lock.json names them; npm holds each against the lock's SHA-512 and
runs no script of theirs. They are installed once per lock into the user's cache, outside of the checkout.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["NO_NPM", "has_npm", "packages_of"]

NO_NPM = 4
"""The exit code of a tool where this machine has neither node nor npm."""


def has_npm() -> bool:
    return shutil.which("node") is not None and shutil.which("npm") is not None


def packages_of(named: Path) -> Path:
    """The ``node_modules`` that the folder ``named`` asks for, installed if they are not there yet.

    Raises:
        subprocess.CalledProcessError: npm failed, or a package is not what the lock says.
    """
    lock = b"".join((named / name).read_bytes() for name in ("package.json", "package-lock.json"))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / f"cbbot-{named.name}"
    place = cache / hashlib.sha256(lock).hexdigest()
    if not place.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as temporary:
            building = Path(temporary) / "package"
            shutil.copytree(named, building)
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=building, check=True, timeout=300)
            try:
                building.rename(place)
            except OSError:  # another run was faster
                if not place.exists():
                    raise
    return place / "node_modules"


def main() -> int:
    if not has_npm():
        print("neither node nor npm on this machine (Debian: apt-get install nodejs npm)", file=sys.stderr)
        return NO_NPM
    print(packages_of(Path(__file__).resolve().parent / sys.argv[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
