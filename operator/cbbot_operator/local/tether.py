"""``python -I -S tether.py PARENT COMMAND...``: becomes COMMAND, which the kernel kills when PARENT dies.

A program of its own, because between fork and exec of a process with threads no Python may run
safely. Linux only (PR_SET_PDEATHSIG); elsewhere COMMAND is run without the tie. Nothing but the standard library
is imported: this runs before every child.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1
_NOT_STARTED = 127


def main(arguments: list[str]) -> int:
    """Does not return when the command could be started."""
    parent, command = int(arguments[0]), arguments[1:]
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        # SIGKILL and not SIGTERM: nobody is left to enforce a bound, and every part is built to be killed.
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel was told
        return _NOT_STARTED
    try:
        os.execv(command[0], command)  # noqa: S606  the command is a list of ours, and no shell is wanted
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error.strerror}\n")
    return _NOT_STARTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
