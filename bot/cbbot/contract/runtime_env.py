"""Environment of a bot's process that is no trading setting: who it is in a cluster, where it listens.

The operator and ``cbbot up`` set these beside the settings table; nobody writes them into a ``bot.env``.
"""

from __future__ import annotations

from typing import Final

from cbbot.contract.setting import Kind, Setting
from cbbot.contract.text_setting import EVERYWHERE, TextSetting, host_setting

__all__ = [
    "BOT_HOST",
    "BOT_LOG_LEVEL",
    "BOT_NAME",
    "BOT_VENUE",
    "LOG_LEVELS",
    "POD_NAMESPACE",
    "RUNTIME_SETTINGS",
]

POD_NAMESPACE: Final = "POD_NAMESPACE"
BOT_NAME: Final = "BOT_NAME"
BOT_VENUE: Final = "BOT_VENUE"
BOT_HOST: Final = "BOT_HOST"
BOT_LOG_LEVEL: Final = "BOT_LOG_LEVEL"

LOG_LEVELS: Final = ("debug", "info", "warning", "error")


def _line(key: str, meaning: str) -> Setting:
    return TextSetting(key=key, meaning=meaning, pattern=r"[^\x00-\x1f\x7f]+", words="text without line breaks")


RUNTIME_SETTINGS: Final = (
    _line(POD_NAMESPACE, "Namespace of the TradingBot, for /status; empty outside a cluster."),
    _line(BOT_NAME, "Name of the TradingBot; without it the bot is called after its id."),
    _line(BOT_VENUE, "Coinbase or Simulator, part of the state's identity; without it the bridge's address is."),
    # HOST is not read: shells set it to something else. A pod is reached from outside of it; steering needs a token, or
    # comes from loopback.
    host_setting(BOT_HOST, "Address the HTTP server listens on.", default=EVERYWHERE),
    Setting(
        key=BOT_LOG_LEVEL,
        kind=Kind.CHOICE,
        choices=LOG_LEVELS,
        default="info",
        meaning="How much is logged; debug: every tick.",
    ),
)
