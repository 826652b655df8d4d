"""A TradingBot's guarded children get it as their owner, and the cluster collects them when it is gone."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from cbbot.errors import Refused, Retryable
from cbbot_operator.cluster import Cluster
from cbbot_operator.keys import Key, Object
from cbbot_operator.ownership import handovers

__all__ = ["hand_over"]

_LOG = logging.getLogger(__name__)
_GONE = "404"


async def hand_over(
    cluster: Cluster,
    key: Key,
    children: Mapping[tuple[str, str], Object],
    uid: str | None = None,
    *,
    forced: bool = False,
) -> None:
    """Those of the TradingBot of that ``uid``; of every TradingBot of that name that is gone, when it is None.

    ``forced``: a child that cannot be handed over is said and left behind.

    Raises:
        Refused, Retryable: the API server said so of one that was not ``forced``.
    """
    for handover in handovers(key.name, ((kind, child) for (kind, _), child in children.items()), uid):
        try:
            await cluster.patch(handover.kind, key.namespace, handover.name, handover.patch)
        except (Refused, Retryable) as error:
            if isinstance(error, Refused) and error.code == _GONE:
                continue
            if not forced:
                raise
            fields = {"tradingbot": str(key), "kind": handover.kind, "child": handover.name}
            _LOG.warning("left behind: %s", error, extra={"fields": fields})
