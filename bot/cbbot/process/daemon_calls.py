"""Calls that may hang for ever in the kernel, as writes to a frozen disk do: the process can end without them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable

__all__ = ["in_daemon_thread"]


async def in_daemon_thread(call: Callable[[], None]) -> None:
    """Runs ``call`` in a thread that neither the event loop nor the interpreter waits for at the end.

    Cancelled, it returns at once; the call goes on.

    Raises:
        what ``call`` raises.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def resolve(error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        failed: BaseException | None = None
        try:
            call()
        except Exception as error:  # noqa: BLE001  passed on to who waits
            failed = error
        # The loop may be closed by now.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(resolve, failed)

    threading.Thread(target=run, name="disk", daemon=True).start()
    await done
