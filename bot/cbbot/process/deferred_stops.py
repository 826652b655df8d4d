"""What must not be cut short by a signal: the signal has its effect afterwards."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

from cbbot.process.stop_signals import STOP_SIGNALS

__all__ = ["DeferredStops"]


class DeferredStops:
    """Within the ``with`` block the signals that stop this process are remembered, and handled when it ends.

    Python runs a handler in the main thread whichever thread the kernel chose for the signal, so a mask of the main
    thread would not do. In any other thread there is nothing to defer. Blocks may be nested.
    """

    def __init__(self) -> None:
        self._deferring = False
        self._letting_through = False
        self._came: list[int] = []
        self._before: dict[int, Any] = {}

    def __enter__(self) -> DeferredStops:
        if threading.current_thread() is threading.main_thread():
            for number in STOP_SIGNALS:
                handler = signal.getsignal(number)
                # What is ignored stays so; None is a handler that Python does not know and could not put back.
                if handler not in (signal.SIG_IGN, None):
                    self._before[number] = handler
                    signal.signal(number, self._handle)
        self._deferring = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # From here on a signal passes, by our handler as well as by the one that takes its place.
        self._letting_through = False
        self._deferring = False
        for number, handler in self._before.items():
            signal.signal(number, handler)
        for number in self._came:
            self._pass_on(number, None)

    @contextlib.contextmanager
    def let_through(self) -> Iterator[None]:
        """Within this block, which may wait for others, a signal is handled at once, as is one that came before.

        Those that come after one whose handler raised are deferred again: they must not cut short what clears up.
        """
        self._letting_through = True
        self._deferring = False
        try:
            while self._came:
                self._handle(self._came.pop(0), None)
            yield
        finally:
            self._deferring = True
            self._letting_through = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._deferring:
            self._came.append(number)
            return
        # Before the handler raises, so that nothing comes between.
        self._deferring = self._letting_through
        self._pass_on(number, frame)
        self._deferring = False

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        handler = self._before[number]
        if callable(handler):
            handler(number, frame)
        else:
            signal.signal(number, handler)
            signal.raise_signal(number)
