"""The pages of settings: docs/settings.md of the bot, docs/bridge-settings.md, docs/operator-settings.md."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from markdown_rows import table

from cbbot.contract.bridge_settings_table import EXCHANGE_SETTINGS
from cbbot.contract.runtime_env import RUNTIME_SETTINGS
from cbbot.contract.setting import Setting
from cbbot.contract.settings_table import SETTINGS
from cbbot_operator.configuration import CONFIGURATION

__all__ = ["pages"]

_BOT: Final = """# Settings

Generated from the settings table (`bot/cbbot/contract/settings_table.py`) by `make generate`; do not edit.

A TradingBot's field and an environment key are two names of the same setting; the environment (and a `bot.env`) is for
one machine. A value that is malformed or out of bounds is refused with the key, the value and what is accepted.

"""
_RUNTIME: Final = """
## Where and as whom it runs

Not settings of the trader: the operator and `cbbot up` set them for the bot's process.

"""
_BRIDGE: Final = """# Settings of the bridge

Generated from the settings table (`bot/cbbot/contract/bridge_settings_table.py`) by `make generate`; do not edit.

The bridge reads them from its environment, from a file (`cbbot bridge --env bridge.env`), or, in a TradingBot, from
the fields below `spec.exchange`. A value that is malformed or out of bounds is refused with the key, the value and
what is accepted.

"""
_OPERATOR: Final = """# Settings of the operator

Generated from the operator's table (`operator/cbbot_operator/configuration.py`) by `make generate`; do not edit.

The chart writes them from its values ([charts/README.md](../charts/README.md)). An operator outside of a cluster
takes them from the environment; the cluster is the one of its kubeconfig.

"""


def pages() -> dict[str, str]:
    """By the page's path."""
    return {
        "docs/settings.md": _BOT + _table(SETTINGS) + _RUNTIME + _table(RUNTIME_SETTINGS, fields=False),
        "docs/bridge-settings.md": _BRIDGE + _table(EXCHANGE_SETTINGS),
        "docs/operator-settings.md": _OPERATOR + _table(CONFIGURATION, fields=False),
    }


def _table(settings: Iterable[Setting], *, fields: bool = True) -> str:
    titles = ["environment", "TradingBot field", "default", "accepted", "meaning"]
    rows = [[each.key, each.field or "-", _default(each), each.accepted, each.meaning] for each in settings]
    if fields:
        return table(titles, rows)
    return table(titles[:1] + titles[2:], (row[:1] + row[2:] for row in rows))


def _default(setting: Setting) -> str:
    return "-" if setting.default is None else setting.default
