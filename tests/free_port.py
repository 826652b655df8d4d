"""A port for a server that has to be given one by number."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from typing import Final

__all__ = ["free_port"]

# Below those that the kernel gives to clients and to whoever asks for any: one that is free now could be such a one's
# before the server takes it. Of the 16 shares each worker of a run has one.
_FIRST: Final = 20_000
_END: Final = 30_000
_SHARES: Final = 16


def free_port() -> int:
    """One that nobody listens on, another one each time.

    Raises:
        StopIteration: all of this process have been given away.
    """
    return next(_FREE)


def _free() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = list(range(_FIRST + worker % _SHARES, _END, _SHARES))
    random.SystemRandom().shuffle(ports)  # other runs on this machine
    for port in ports:
        try:
            with socket.create_server(("", port), family=socket.AF_INET):
                pass
        except OSError:
            continue
        yield port


_FREE: Final = _free()
