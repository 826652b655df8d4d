"""A call that blocks, and stands still in its middle, between two operations of the disk."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable

from cbbot.soak.simulated_disk import BEFORE_OPERATION

__all__ = ["interrupted"]


async def interrupted(call: Callable[[], None], operation: int, seconds: float) -> None:
    """Runs ``call``, which stands still before its ``operation``-th operation, if it has so many.

    It has a thread of its own; that and the loop take turns, so that never both run. A process that dies while the
    call stands still has done what was before, and nothing of what comes after.
    """
    turns = _Turns(call, operation)
    turns.go_on()
    if turns.stands:
        try:
            await asyncio.sleep(seconds)
        finally:
            turns.go_on()
    if turns.error is not None:
        raise turns.error


class _Turns:
    def __init__(self, call: Callable[[], None], operation: int) -> None:
        self.stands = False
        self.error: BaseException | None = None
        self._call = call
        self._left = operation
        self._ours = threading.Semaphore(0)
        self._its = threading.Semaphore(0)
        context = contextvars.copy_context()
        context.run(BEFORE_OPERATION.set, self._before)
        threading.Thread(target=context.run, args=(self._run,), daemon=True).start()

    def go_on(self) -> None:
        """The call's turn, until it stands still or has ended."""
        self.stands = False
        self._its.release()
        self._ours.acquire()

    def _run(self) -> None:
        self._its.acquire()
        try:
            self._call()
        except BaseException as error:  # noqa: BLE001  it is raised where the call was awaited
            self.error = error
        finally:
            self._ours.release()

    def _before(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.stands = True
            self._ours.release()
            self._its.acquire()
