"""Who may ask for what: the bearer token, and the newest epoch of each bot.

A bot that was replaced must not order any more: its epoch is below the newest that its successor has
shown. Two that came to the same epoch, started at once from one state, differ in their instance: the first one has
it. Only a request with a valid token may raise an epoch, or any passer-by could lock a bot out.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from contextlib import contextmanager

from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot.contract.bridge_fields import BOT_EPOCH_HEADER, BOT_INSTANCE_HEADER
from cbbot.process.bearer_token import shown_token
from cbbot_bridge.http_errors import RequestRefused, UpstreamUnavailable

__all__ = ["MOST_STRANGERS_AT_ONCE", "Access", "EpochRegistry", "StrangersAtOnce"]

_MOST_BOTS = 10_000
MOST_STRANGERS_AT_ONCE = 8


class Access:
    """Checks ``Authorization``. Without a token, only a bridge bound to loopback is open."""

    def __init__(self, token: str | None, *, on_loopback: bool) -> None:
        self._token = token.encode("utf-8") if token is not None else None
        self._on_loopback = on_loopback

    @property
    def closed(self) -> bool:
        """True when nobody can be let in: no token to show, and reachable from outside."""
        return self._token is None and not self._on_loopback

    def allows(self, authorization: str | None) -> bool:
        """Whether the header opens the order and account endpoints. Constant time."""
        if self._token is None:
            return self._on_loopback
        return self.knows(authorization)

    def knows(self, authorization: str | None) -> bool:
        """Whether the header shows the token. Constant time."""
        return self._token is not None and hmac.compare_digest(shown_token(authorization).encode("utf-8"), self._token)

    def require(self, authorization: str | None) -> None:
        """Raises RequestRefused, 403 without a token configured, else 401."""
        if self.closed:
            message = "no BRIDGE_TOKEN is configured and the bridge listens beyond loopback: orders are refused"
            raise RequestRefused(403, BridgeErrorCode.NO_TOKEN_CONFIGURED, message)
        if not self.allows(authorization):
            message = "the Authorization header does not carry the bridge's token"
            raise RequestRefused(401, BridgeErrorCode.BAD_TOKEN, message)


class StrangersAtOnce:
    """How many requests without the token may wait for Coinbase at once. A bot shows its token, and is not counted."""

    def __init__(self, most: int = MOST_STRANGERS_AT_ONCE) -> None:
        self._free = most

    @contextmanager
    def one(self) -> Iterator[None]:
        """Counts one within the block.

        Raises:
            UpstreamUnavailable: there are too many.
        """
        if not self._free:
            message = "too many requests without the bridge's token wait for Coinbase; show it, or ask again later"
            raise UpstreamUnavailable(503, BridgeErrorCode.BUSY, message)
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1


class EpochRegistry:
    """The newest epoch seen for each bot, and which instance has it; empty where none was named."""

    def __init__(self) -> None:
        self._newest: dict[str, tuple[int, str]] = {}

    def check(self, bot_id: str, epoch: int, instance: str = "") -> None:
        """Raises RequestRefused (409) for an epoch below the newest seen, or for that of another instance."""
        newest, holder = self._newest.get(bot_id, (0, ""))
        if epoch < newest:
            message = (
                f"{BOT_EPOCH_HEADER} {epoch} of bot {bot_id!r} is older than {newest}: a newer instance of this bot "
                "is running; this one must stop"
            )
            raise RequestRefused(409, BridgeErrorCode.STALE_EPOCH, message)
        if epoch == newest and holder and instance and instance != holder:
            message = (
                f"{BOT_EPOCH_HEADER} {epoch} of bot {bot_id!r} is another process's, by {BOT_INSTANCE_HEADER}: "
                "this one must stop"
            )
            raise RequestRefused(409, BridgeErrorCode.STALE_EPOCH, message)

    def newest(self, bot_id: str) -> int:
        """0 for a bot that was not seen."""
        return self._newest.get(bot_id, (0, ""))[0]

    def learn(self, bot_id: str, epoch: int, instance: str = "") -> None:
        """Takes note of an epoch that passed ``check``, shown with a valid token."""
        if bot_id not in self._newest and len(self._newest) >= _MOST_BOTS:
            # Forgetting one would let its old instances order again.
            message = f"more than {_MOST_BOTS} bot ids have been seen; restart the bridge"
            raise RequestRefused(403, BridgeErrorCode.INVALID_INPUT, message)
        newest, holder = self._newest.get(bot_id, (0, ""))
        if epoch > newest or not holder:
            self._newest[bot_id] = (epoch, instance)
