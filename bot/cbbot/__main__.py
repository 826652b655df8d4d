"""``python -m cbbot``, and the ``cbbot`` command."""

from __future__ import annotations

import sys

from cbbot.cli import main as _main

__all__ = ["main"]


def main() -> None:
    """Runs the command line; never returns."""
    sys.exit(_main(sys.argv[1:]))


if __name__ == "__main__":
    main()
