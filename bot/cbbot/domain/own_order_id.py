"""The client order ids of a bot: its own id, the epoch of the start that placed the order, and the order's number."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["epoch_and_sequence", "id_prefix", "own_order_id"]

# Another bot's id may begin as ours does.
_EPOCH_AND_SEQUENCE: Final = re.compile("([0-9]{1,19})-([0-9]{1,15})")


def id_prefix(bot_id: str) -> str:
    """What every client order id of the bot begins with."""
    return f"{bot_id}-"


def own_order_id(bot_id: str, epoch: int, sequence: int) -> str:
    """The client order id of the bot's order number ``sequence``, placed in ``epoch``."""
    return f"{id_prefix(bot_id)}{epoch}-{sequence}"


def epoch_and_sequence(prefix: str, client_order_id: str) -> tuple[int, int] | None:
    """Epoch and number of an id that is ``prefix`` and these two; None of any other."""
    numbers = _EPOCH_AND_SEQUENCE.fullmatch(client_order_id.removeprefix(prefix))
    return None if numbers is None else (int(numbers[1]), int(numbers[2]))
