"""Which TradingBots trade the same product with the same API key: each would sell what the other has bought."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from cbbot.contract.bridge_settings_table import API_KEY_PAIR
from cbbot_operator.keys import Key
from cbbot_operator.observed import Observed, api_key_secret

__all__ = ["Position", "Sharing", "position_of"]


class Position(NamedTuple):
    """A product in an account; the account is known by its API key's name, of which this is the digest."""

    product: str
    account: bytes


def position_of(seen: Observed) -> Position | None:
    """What a TradingBot trades with an API key; None for one that places no orders with one."""
    spec = seen.spec
    secret = api_key_secret(spec) if spec is not None else None
    contents = seen.secrets.get(secret) if secret is not None else None
    if spec is None or spec.mode != "Live" or not contents or not contents.get(API_KEY_PAIR[0]):
        return None
    return Position(spec.product.id, contents[API_KEY_PAIR[0]])


class Sharing:
    """Who trades what, of the TradingBots that are known."""

    def __init__(self) -> None:
        self._position: dict[Key, Position] = {}
        self._users: dict[Position, set[Key]] = defaultdict(set)

    def note(self, key: Key, position: Position | None) -> None:
        """Take in what ``key`` trades now; the others hear of it at their next poll."""
        before = self._position.pop(key, None)
        if before is not None:
            self._users[before].discard(key)
            if not self._users[before]:
                del self._users[before]
        if position is not None:
            self._users[position].add(key)
            self._position[key] = position

    def others(self, key: Key) -> tuple[Key, ...]:
        """Who else trades what ``key`` trades, in order."""
        position = self._position.get(key)
        return () if position is None else tuple(sorted(self._users[position] - {key}))
