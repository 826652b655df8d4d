"""Which settings a backtest's result depends on: the others would only distract from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["WITHOUT_EFFECT", "effective"]

WITHOUT_EFFECT: Final = frozenset(
    {
        "USE_TICK_PRICE", "TICK_INTERVAL_SEC", "CANDLE_RESYNC_SEC", "USE_LIVE_EQUITY", "DRY_RUN", "BACKTEST_SLEEP_MS",
        "STATE_FILE", "PORT", "BRIDGE_URL", "SLACK_WEBHOOK", "SLACK_WEBHOOK_FILE", "BRIDGE_TOKEN",
        "BRIDGE_TOKEN_FILE", "CONTROL_TOKEN_FILE", "BOT_ID",
    }
)  # fmt: skip
"""Of ticks, balances, pace and the process: whatever they say, the same candles give the same result."""


def effective(settings: Mapping[str, str]) -> dict[str, str]:
    """Those that the result may depend on."""
    return {key: value for key, value in settings.items() if key not in WITHOUT_EFFECT}
