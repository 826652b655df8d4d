"""The environment's keys whose values are secrets, of all processes."""

from __future__ import annotations

from typing import Final

from cbbot.contract.bridge_settings_table import EXCHANGE_SETTINGS
from cbbot.contract.settings_table import SETTINGS

__all__ = ["SECRET_KEYS"]

SECRET_KEYS: Final = tuple(dict.fromkeys(setting.key for setting in (*EXCHANGE_SETTINGS, *SETTINGS) if setting.secret))
