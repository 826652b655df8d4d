"""Environment of a bot's process that is no trading setting: who it is in a cluster, where it listens.

The operator and ``cbbot up`` set these beside the settings table; nobody writes them into a ``bot.env``.
"""

from __future__ import annotations

from typing import Final

__all__ = ["BOT_HOST", "BOT_LOG_LEVEL", "BOT_NAME", "BOT_VENUE", "DEFAULT_HOST", "POD_NAMESPACE", "RUNTIME_KEYS"]

POD_NAMESPACE: Final = "POD_NAMESPACE"
"""Namespace of the TradingBot, for ``/status``; empty outside a cluster."""

BOT_NAME: Final = "BOT_NAME"
"""Name of the TradingBot; without it the bot is called after its id."""

BOT_VENUE: Final = "BOT_VENUE"
"""``Coinbase`` or ``Simulator``. It is part of the state's identity; without it the bridge's address is."""

BOT_HOST: Final = "BOT_HOST"
"""Address the HTTP server listens on. ``HOST`` is not read: shells set it to something else."""

BOT_LOG_LEVEL: Final = "BOT_LOG_LEVEL"
"""``debug`` (every tick), ``info`` (the default), ``warning`` or ``error``."""

# A pod is reached from outside of it. Steering needs a token, or comes from loopback.
DEFAULT_HOST: Final = "0.0.0.0"  # noqa: S104  see above

RUNTIME_KEYS: Final = (POD_NAMESPACE, BOT_NAME, BOT_VENUE, BOT_HOST, BOT_LOG_LEVEL)
