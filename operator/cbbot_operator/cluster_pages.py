"""A listing read page by page, in smaller pages where the objects are large."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from cbbot_operator.bounded_answers import AnswerTooLarge

if TYPE_CHECKING:
    from cbbot_operator.cluster import Cluster

__all__ = ["each_page"]


async def each_page(
    cluster: Cluster, kind: str, namespace: str | None, selector: str, limit: int
) -> AsyncIterator[list[dict[str, Any]]]:
    """At most ``limit`` objects at a time, all that ``selector`` finds.

    Raises:
        AnswerTooLarge: a single object is longer than an answer may be.
        Refused, Retryable: the API server said so.
    """
    token = ""
    while True:
        try:
            found, token = await cluster.page(kind, namespace, selector, limit, token)
        except AnswerTooLarge:
            if limit == 1:
                raise
            limit = max(1, limit // 8)
            continue
        yield found
        if not token:
            return
