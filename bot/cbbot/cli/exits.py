"""The one place where errors and signals become exit codes and a line on stderr."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Final

from cbbot.errors import BadInput, CbbotError, UnsafeStart
from cbbot.process.output_streams import dropped, said
from cbbot.process.stop_signals import heeded_signals, stopped_by

__all__ = ["BAD_INPUT", "DONE", "FAILED", "INTERRUPTED", "REFUSED", "guarded"]

_LOG: Final = logging.getLogger(__name__)

DONE: Final = 0
FAILED: Final = 1
BAD_INPUT: Final = 2
REFUSED: Final = 3
INTERRUPTED: Final = 130


def guarded(run: Callable[[], int], *, service: bool = False) -> int:
    """Runs a command. Every problem is one line; CBBOT_TRACEBACK=1 shows where it comes from.

    The line of a ``service`` is one of its log: JSON, unless stderr is a terminal.

    SIGTERM and SIGHUP end it as Ctrl-C does: what it holds open is closed, what it keeps is kept.
    """
    _open_streams()
    with _ended_like_ctrl_c() as signals:
        code = _guarded(run, service=service)
        # typer makes 130 of the exception, whichever signal it came from.
        return stopped_by(signals[0]) if signals and code == INTERRUPTED else code


@contextlib.contextmanager
def _ended_like_ctrl_c() -> Iterator[list[int]]:
    """SIGTERM and SIGHUP raise what Ctrl-C raises; those that came are in the list."""
    came: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        came.append(number)
        # A running event loop has put its own handler there, which cancels the task and lets it clean up.
        interrupt = signal.getsignal(signal.SIGINT)
        if callable(interrupt):
            interrupt(signal.SIGINT, frame)
        else:
            raise KeyboardInterrupt

    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        # Python's own handler of SIGINT is the one that asyncio recognises and replaces while a loop runs.
        before = {number: signal.signal(number, end) for number in heeded_signals() if number != signal.SIGINT}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _guarded(run: Callable[[], int], *, service: bool) -> int:
    try:
        code = run()
        # What is left in the buffer belongs to the command: that it cannot be written is a failure like any other.
        _flush_output()
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone, which is no news to anybody.
        dropped(sys.stdout)
        return FAILED
    except CbbotError as error:
        code = BAD_INPUT if isinstance(error, BadInput) else REFUSED if isinstance(error, UnsafeStart) else FAILED
        _tell(error, *(error.reasons if isinstance(error, BadInput) else (str(error),)), code=code, service=service)
        dropped(sys.stdout)
        return code
    except OSError as error:
        _tell(error, _problem_of_output() or str(error), code=FAILED, service=service)
        dropped(sys.stdout)
        return FAILED
    except Exception as error:  # noqa: BLE001  the top of the process: told, and the exit code says it failed
        message = f"a mistake in cbbot: {type(error).__name__}: {error}; CBBOT_TRACEBACK=1 shows where"
        _tell(error, message, code=FAILED, service=service)
        return FAILED


def _open_streams() -> None:
    """Streams that take whatever is written to them: a closed one nothing, a narrow one with escapes."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123  for the process's life
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _flush_output() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CbbotError(f"standard output: cannot be written: {error.strerror}") from error


def _problem_of_output() -> str:
    """Why what is still to be written to standard output cannot be, if so: ``print`` does not say what failed."""
    try:
        _flush_output()
    except (BrokenPipeError, CbbotError) as error:
        return str(error)
    return ""


def _tell(error: BaseException, *messages: str, code: int, service: bool) -> None:
    lines = [" ".join(message.split()) for message in messages]
    if service and not sys.stderr.isatty():
        from cbbot.process.json_logs import json_line, logs_are_queued  # noqa: PLC0415  seldom asked for

        event = "failed" if code == FAILED else "refused"
        shown = error if os.environ.get("CBBOT_TRACEBACK") else None
        events = [{"reason": line, "exit_code": code} for line in lines]
        if logs_are_queued():
            # A service's log may have a reader that is stuck, which its own handler does not wait for.
            for fields in events:
                _LOG.error(event, exc_info=shown, extra={"fields": fields})
            return
        said("".join(f"{json_line(__name__, event, fields, shown)}\n" for fields in events))
        return
    if os.environ.get("CBBOT_TRACEBACK"):
        import traceback  # noqa: PLC0415  seldom asked for

        said("".join(traceback.format_exception(error)))
    said("".join(f"cbbot: {_escaped(line)}\n" for line in lines))


def _escaped(line: str) -> str:
    """Without what a terminal would obey: a message may have words in it that somebody else wrote."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)
