"""What all tests rely on, however pytest was started."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Let tests that send a signal to their own process be interrupted.

    Started in the background or by nohup we ignore SIGINT and SIGHUP, and the code under test heeds no signal that
    its process ignores. Children are started by ``started_processes``, which sees to theirs.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)
