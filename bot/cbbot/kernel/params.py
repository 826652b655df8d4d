"""The settings as the numbers the kernel counts with."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["DAY_MS", "FOREVER_MS", "NO_CAP", "RATE_SCALE", "RISK_SCALE", "SLIPPAGE_SCALE", "Params"]

DAY_MS: Final = 86_400_000
RATE_SCALE: Final = 100_000_000  # a fee of 1 is 100 %
RISK_SCALE: Final = 1_000_000_000  # a share of 1 is 100 %; one digit more than a rate, for the volatility factor
SLIPPAGE_SCALE: Final = 10_000_000_000  # a slippage of 1 is 100 %
NO_CAP: Final = -1
FOREVER_MS: Final = 2**62


class Params(NamedTuple):
    """Numbers only. Build it with :func:`cbbot.trader.rules.kernel_params`.

    Units: ``*_ms`` milliseconds, ``*_pct`` percent as float64, ``*_quote`` quote units,
    ``*_ledger`` ledger units, ``*_rate`` parts of ``RATE_SCALE``. Caps are ``NO_CAP`` when not set.
    """

    # A price in currency is ticks x tick_numerator / tick_denominator, correctly rounded.
    tick_numerator: int
    tick_denominator: int
    quote_ledger: int
    min_notional_ledger: int

    fee_rate: int
    slippage: int
    risk: int
    vol_adjust: bool
    order_min_quote: int
    max_order_quote: int
    max_exposure_ledger: int

    max_daily_loss_rate: int
    breaker_marks: bool
    cooldown_ms: int

    long_only: bool
    pyramiding: bool
    max_lots: int
    spacing_ms: int
    adverse_pct: float
    adverse_decay: float
    adverse_floor_pct: float
    # So long after an add the decayed gate has reached its floor and stays there.
    adverse_floor_ms: int

    take_pct: float
    stop_pct: float
    trail_activate_pct: float
    trail_distance_pct: float
    scalp_mode: int
    scalp_step_pct: float
    scalp_factor: float
    scalp_floor_pct: float

    buy_logit: float
    sell_logit: float
    ma_filter: bool
    ma_fast: int
    ma_slow: int
    extended: bool
    refit_ms: int
