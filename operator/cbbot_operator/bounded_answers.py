"""Answers that are not read to their end when they have none."""

from __future__ import annotations

import aiohttp

from cbbot.errors import Retryable

__all__ = ["AnswerTooLarge", "read_bounded"]

_PIECE = 65_536


class AnswerTooLarge(Retryable):
    """There was more than was asked for; the rest was not read."""


async def read_bounded(response: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    """The body.

    Raises:
        AnswerTooLarge: it is longer than ``most_bytes``. The connection is closed.
    """
    announced = response.content_length
    pieces: list[bytes] = []
    size = 0
    if announced is None or announced <= most_bytes:
        async for piece in response.content.iter_chunked(_PIECE):
            size += len(piece)
            if size > most_bytes:
                break
            pieces.append(piece)
        else:
            return b"".join(pieces)
    response.close()
    raise AnswerTooLarge(f"the answer is longer than {most_bytes} bytes")
