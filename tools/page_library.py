"""Puts the chart's library among the files of the bot's page, where wheel, images and `cbbot up` find it.

    python3 tools/page_library.py

It is lightweight-charts (Apache-2.0) from npm, at the version and checksum of tools/page/package-lock.json; nothing
of it is in the repository. Without it the page works, with a sentence in the chart's place.
Exit codes: 0 it is there, 1 failed, 4 neither node nor npm on this machine.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from npm_packages import NO_NPM, has_npm, packages_of

__all__ = ["ENTRY", "FILES", "LIBRARY", "put"]

ROOT = Path(__file__).resolve().parents[1]
NAMED = ROOT / "tools" / "page"
LIBRARY = ROOT / "bot" / "cbbot" / "web" / "page" / "library"
PACKAGE = "lightweight-charts"
# As the package has them, and as the page asks for them.
ENTRY = "dist/lightweight-charts.standalone.production.mjs"
FILES = {
    ENTRY: "lightweight-charts.js",
    "LICENSE": "lightweight-charts.license.txt",
}


def put() -> None:
    """Copy the library and its license.

    Raises:
        subprocess.CalledProcessError: npm failed, or the package is not what the lock says.
    """
    package = packages_of(NAMED) / PACKAGE
    LIBRARY.mkdir(parents=True, exist_ok=True)
    for source, name in FILES.items():
        # Whole or not at all: a bot that starts meanwhile reads them.
        staged = LIBRARY / f".{name}"
        shutil.copyfile(package / source, staged)
        staged.replace(LIBRARY / name)


def main() -> int:
    if not has_npm():
        print(
            "the bot's page will have no chart: its library comes from npm (Debian: apt-get install nodejs npm)",
            file=sys.stderr,
        )
        return NO_NPM
    try:
        put()
    except (subprocess.SubprocessError, OSError) as error:
        print(f"the bot's page will have no chart: npm did not bring its library: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
