"""Secrets of an environment kept out of ``/proc/PID/environ``.

What a program is started with stays readable there for as long as it runs, whatever it later does to ``os.environ``. So
a program that finds secrets in its environment becomes itself anew without them (same process, same descriptors), and
reads them from a file that has no name. One that starts a program of ours gives it such a file from the beginning.

Elsewhere than on Linux there is neither such a file nor ``/proc``: secrets stay where they were.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Final

from cbbot.process.durable_files import write_all
from cbbot.process.proxies import PROXY_VARIABLES

__all__ = ["hide_secrets", "without_secrets"]

_DESCRIPTOR: Final = "CBBOT_SECRETS_FD"


def hide_secrets(names: Iterable[str]) -> None:
    """To be called first of all by a program of ours. ``os.environ`` is afterwards what the program was started with.

    It does not return, but begins the program anew, where one of ``names`` is in the environment itself.
    """
    number = os.environ.pop(_DESCRIPTOR, "")
    if number.isdigit():
        with os.fdopen(int(number), "rb") as file:
            os.environ.update(json.load(file))
        return
    with without_secrets(os.environ, names) as (environment, descriptors):
        for descriptor in descriptors:
            os.set_inheritable(descriptor, True)
        if descriptors:
            os.execve(sys.executable, sys.orig_argv, environment)  # noqa: S606  this very program


@contextmanager
def without_secrets(
    environment: Mapping[str, str], names: Iterable[str]
) -> Iterator[tuple[dict[str, str], tuple[int, ...]]]:
    """``environment`` for a program of ours, without its secrets, and the descriptors that it must inherit.

    Secrets are ``names``, and proxies that are named with a password.
    """
    with_password = (name for name in PROXY_VARIABLES if "@" in environment.get(name, ""))
    held = {name: environment[name] for name in (*names, *with_password) if environment.get(name)}
    if not held or not hasattr(os, "memfd_create"):
        yield dict(environment), ()
        return
    descriptor = os.memfd_create("secrets")
    try:
        write_all(partial(os.write, descriptor), json.dumps(held).encode())
        os.lseek(descriptor, 0, os.SEEK_SET)
        rest = {name: value for name, value in environment.items() if name not in held}
        yield {**rest, _DESCRIPTOR: str(descriptor)}, (descriptor,)
    finally:
        os.close(descriptor)
