"""``python -m cbbot``, and the ``cbbot`` command."""

from __future__ import annotations

import signal
import sys

__all__ = ["main"]


def main() -> None:
    """Runs the command line; never returns. Ctrl-C ends it without a traceback from its first import to its end."""
    try:
        from cbbot.cli import main as _main  # noqa: PLC0415  importing takes long enough to be interrupted

        code = _main(sys.argv[1:])
        # Nothing is left that an interrupt could save; while Python takes itself down it would show as a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        code = 128 + signal.SIGINT
    sys.exit(code)


if __name__ == "__main__":
    main()
