"""``python -m cbbot``, and the ``cbbot`` command."""

from __future__ import annotations

import signal
import sys

__all__ = ["main"]


def main() -> None:
    """Runs the command line; never returns. Ctrl-C ends it without a traceback from its first import to its end."""
    try:
        if sys.argv[1:2] in (["run"], ["up"], ["bridge"]):  # the commands that last, and have use for secrets
            from cbbot.contract.secret_keys import SECRET_KEYS  # noqa: PLC0415  as below
            from cbbot.process.secret_environment import hide_secrets  # noqa: PLC0415  as below

            hide_secrets(SECRET_KEYS)
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
