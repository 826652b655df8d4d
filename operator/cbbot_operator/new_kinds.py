"""Kinds that the cluster learns, such as ServiceMonitor with the Prometheus Operator: no watch tells of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from cbbot.errors import CbbotError
from cbbot_operator.cluster import Cluster, served
from cbbot_operator.kinds import CHILDREN

__all__ = ["notice_new_kinds"]

_LOG = logging.getLogger(__name__)


async def notice_new_kinds(
    cluster: Cluster, look_again: Callable[[], None], ask_seconds: float, known_seconds: float
) -> None:
    """Ask for ever which kinds of children there are; ``look_again`` when they are others than before.

    It is called once what was known of them before, for ``known_seconds``, is forgotten.
    """
    before: list[str] | None = None
    while True:
        try:
            there = [kind.name for kind in await served(cluster, CHILDREN)]
        except CbbotError as error:
            _LOG.warning("which kinds there are is not known: %s", error)
        else:
            if before is not None and there != before:
                _LOG.info("the cluster knows other kinds", extra={"fields": {"kinds": ",".join(there)}})
                await asyncio.sleep(known_seconds)
                look_again()
            before = there
        await asyncio.sleep(ask_seconds)
