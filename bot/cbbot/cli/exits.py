"""The one place where errors become exit codes and a line on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Final

from cbbot.errors import BadInput, CbbotError, UnsafeStart

__all__ = ["BAD_INPUT", "DONE", "FAILED", "INTERRUPTED", "REFUSED", "guarded"]

DONE: Final = 0
FAILED: Final = 1
BAD_INPUT: Final = 2
REFUSED: Final = 3
INTERRUPTED: Final = 130


def guarded(run: Callable[[], int]) -> int:
    """Runs a command. Every error is told in one line; CBBOT_TRACEBACK=1 shows where it comes from."""
    try:
        return run()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; Python's own flush at exit must not complain about it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except CbbotError as error:
        _tell(error, str(error))
        return BAD_INPUT if isinstance(error, BadInput) else REFUSED if isinstance(error, UnsafeStart) else FAILED
    except OSError as error:
        _tell(error, str(error))
        return FAILED
    except Exception as error:  # noqa: BLE001  the top of the process: told, and the exit code says it failed
        _tell(error, f"a mistake in cbbot: {type(error).__name__}: {error}; CBBOT_TRACEBACK=1 shows where")
        return FAILED


def _tell(error: BaseException, message: str) -> None:
    if os.environ.get("CBBOT_TRACEBACK"):
        import traceback  # noqa: PLC0415  seldom asked for

        traceback.print_exception(error)
    sys.stderr.write(f"cbbot: {' '.join(message.split())}\n")
