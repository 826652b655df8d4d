"""What all tests rely on, however pytest was started."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Let processes that tests start, and tests themselves, be interrupted.

    Started in the background or by nohup we ignore SIGINT and SIGHUP, and children inherit that. They do not
    inherit handlers written in Python, so that a SIGHUP which does nothing here does what it always does there.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)
