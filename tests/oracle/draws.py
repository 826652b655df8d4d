"""Random settings and market shapes: small levels and gates, so that a few hundred candles exercise every rule."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Final

__all__ = ["FLOORS", "SHAPES", "VALUES", "completed", "drawn"]

VALUES: Final[dict[str, tuple[str, ...]]] = {
    "ORDER_MIN_USD": ("5", "0", "30.005"),
    "MAX_DAILY_LOSS_PCT": ("2", "0", "0.3", "0.02"),
    "DAILY_BREAKER_MARK_TO_MARKET": ("true", "false"),
    "RISK_PER_TRADE_PCT": ("1", "5.123456", "3", "22", "0.11", "100"),
    "ENTRY_COOLDOWN_SEC": ("0", "0", "299.5", "600"),
    "VOL_RISK_ADJUST": ("true", "false"),
    "USD_EQUITY": ("1000", "123456.78", "9.87654321"),
    "MAX_ORDER_USD": ("", "", "25.555"),
    "MAX_EXPOSURE_USD": ("", "", "120"),
    "FEE_RATE_PCT": ("0", "0.05", "0.123457", "0.04", "0.75", "10"),
    "PAPER_SLIPPAGE_BPS": ("0", "0", "1.000001", "0.3", "12.5", "1000"),
    "MAX_HISTORY_CANDLES": ("5000", "400"),
    "LONG_ONLY": ("true", "false"),
    "ALLOW_PYRAMIDING": ("true", "true", "true", "false"),
    "MAX_CONCURRENT_LOTS": ("3", "20", "7", "1000", "1"),
    "PYRAMID_MIN_SECONDS_BETWEEN": ("0", "0", "180.001", "600"),
    "PYRAMID_MIN_ADVERSE_PCT": ("0.1", "0.05", "0.3", "0", "1.5"),
    "PYRAMID_DECAY_LAMBDA": ("0", "0.02", "0.5"),
    "PYRAMID_DECAY_MIN_PCT": ("0", "0"),
    "SCALP_TP_DECAY_ENABLE": ("true", "true", "false"),
    "SCALP_TP_DEC_MODE": ("linear", "exp"),
    "SCALP_TP_DEC_PCT": ("0.05", "0.1", "0.2", "0"),
    "SCALP_TP_DECAY_FACTOR": ("0.5", "0.7", "0.9802", "1"),
    "SCALP_TP_MIN_PCT": ("0.1", "0.15", "0"),
    "TAKE_PROFIT_PCT": ("0.15", "0.3", "1.9"),
    "STOP_LOSS_PCT": ("0.3", "0.8", "3", "100"),
    "TRAIL_ACTIVATE_PCT": ("0.1", "0.2", "0"),
    "TRAIL_DISTANCE_PCT": ("0.05", "0.1", "0.2", "0", "100"),
    "BUY_THRESHOLD": ("0.45", "0.5", "0.4", "0.48", "0.55", "0", "0.5", "1"),
    "SELL_THRESHOLD": ("0.5", "0.52", "0.45", "0.55", "0.6", "0"),
    "USE_MA_FILTER": ("true", "false"),
    "MA_FAST": ("1", "10", "40"),
    "MA_SLOW": ("41", "60", "50", "400"),
    "MODEL_MODE": ("baseline", "extended"),
    "WALK_FORWARD_MIN": ("0", "0", "61", "0", "23", "61", "7.5"),
}
FLOORS: Final = ("0", "0.05", "0.1")
SHAPES: Final = ("up", "down", "chop", "crash", "rally", "flat", "gap", "wild")


def completed(keys: dict[str, str], floor: str) -> dict[str, str]:
    """The floor of the decayed gate must not be above the gate."""
    return keys | {
        "PYRAMID_DECAY_MIN_PCT": floor if Decimal(keys["PYRAMID_MIN_ADVERSE_PCT"]) >= Decimal(floor) else "0"
    }


def drawn(rng: Random) -> tuple[dict[str, str], list[tuple[str, int]]]:
    """Settings of every key, and the stretches of a market."""
    # Each key by a generator of its own: a key that is added draws the others no differently.
    seed = rng.getrandbits(64)
    chosen = {key: Random(f"{seed} {key}").choice(values) for key, values in VALUES.items()}
    keys = completed(chosen, rng.choice(FLOORS))
    return keys, [(rng.choice(SHAPES), rng.randint(5, 120)) for _ in range(rng.randint(4, 9))]
