"""The settings of the bot in the simulated world."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Final

from cbbot.contract.settings import Settings, load
from cbbot.domain.instrument import BTC_USD

__all__ = ["FEE_PCT", "FOLDER", "QUOTE", "STATE_NAME", "soaked_settings"]

FOLDER: Final = "/state"
STATE_NAME: Final = "bot_state.json"
QUOTE: Final = Decimal(10_000)
"""What the account begins with."""

FEE_PCT: Final = Decimal("0.06")
"""So little that the daily loss that stops entries comes of prices, and not of every run's first dozen orders."""

# On closed candles there is one decision a minute: little happens in such a run.
_ON_TICKS_SHARE: Final = 0.875


def soaked_settings(seed: int) -> Settings:
    """Settings that trade often: several lots, a trail, narrow stops, and now and then the breaker."""
    chance = Random(f"settings {seed}")  # noqa: S311  seeded pseudo-randomness is the point
    values: dict[str, str] = {
        "PRODUCT_ID": BTC_USD.product_id,
        "DRY_RUN": "false",
        "BOT_ID": "soak",
        "BRIDGE_URL": "http://bridge.invalid",
        "STATE_FILE": f"{FOLDER}/{STATE_NAME}",
        "USD_EQUITY": str(QUOTE),
        "MAX_ORDER_USD": "600",
        "MAX_EXPOSURE_USD": "8000",
        "RISK_PER_TRADE_PCT": "5",
        "FEE_RATE_PCT": str(FEE_PCT),
        "MAX_DAILY_LOSS_PCT": chance.choice(("0", "20", "1.5")),
        "MAX_HISTORY_CANDLES": "400",
        "TICK_INTERVAL_SEC": chance.choice(("2", "3", "4")),
        "USE_TICK_PRICE": "true" if chance.random() < _ON_TICKS_SHARE else "false",
        "USE_MA_FILTER": "false",
        "BUY_THRESHOLD": "0.3",
        "SELL_THRESHOLD": "0.01",
        "TAKE_PROFIT_PCT": chance.choice(("0.1", "0.2", "0.4")),
        "STOP_LOSS_PCT": chance.choice(("0.15", "0.25", "0.5")),
        "ALLOW_PYRAMIDING": "true",
        "MAX_CONCURRENT_LOTS": "12",
        "PYRAMID_MIN_SECONDS_BETWEEN": "5",
        "PYRAMID_MIN_ADVERSE_PCT": "0.02",
        "PYRAMID_DECAY_LAMBDA": "0.5",
        "PYRAMID_DECAY_MIN_PCT": "0.01",
        "TRAIL_ACTIVATE_PCT": "0.15",
        "TRAIL_DISTANCE_PCT": "0.08",
    }
    return load(values)
