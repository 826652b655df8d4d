"""One process's settings: parsed once from text, frozen, typed.

``load`` reads a mapping of environment keys and holds them against the constraints. What may only
be asked of a live trader is in ``live_requirements``, so that a backtest can read a ``bot.env``
that is not fit to trade with.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal

from cbbot.contract.constraints import broken_by_settings
from cbbot.contract.settings_reading import Problems, read_settings
from cbbot.contract.settings_table import BY_KEY, SETTINGS
from cbbot.domain.candle import Granularity
from cbbot.errors import BadInput

__all__ = ["Settings", "as_text", "live_requirements", "load", "nearest_key", "unknown_keys"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every key of the settings table, in lower case, with its parsed value.

    Percentages, seconds and money are Decimal as written; the trader turns them into the
    scales it counts on. Build it with :func:`load`.
    """

    product_id: str
    granularity: str
    use_tick_price: bool
    tick_interval_sec: Decimal
    candle_resync_sec: Decimal
    order_min_usd: Decimal
    max_daily_loss_pct: Decimal
    daily_breaker_mark_to_market: bool
    risk_per_trade_pct: Decimal
    entry_cooldown_sec: Decimal
    vol_risk_adjust: bool
    usd_equity: Decimal
    use_live_equity: bool
    max_order_usd: Decimal | None
    max_exposure_usd: Decimal | None
    fee_rate_pct: Decimal
    paper_slippage_bps: Decimal
    max_history_candles: int
    dry_run: bool
    long_only: bool
    allow_pyramiding: bool
    max_concurrent_lots: int
    pyramid_min_seconds_between: Decimal
    pyramid_min_adverse_pct: Decimal
    pyramid_decay_lambda: Decimal
    pyramid_decay_min_pct: Decimal
    scalp_tp_decay_enable: bool
    scalp_tp_dec_mode: str
    scalp_tp_dec_pct: Decimal
    scalp_tp_decay_factor: Decimal
    scalp_tp_min_pct: Decimal
    take_profit_pct: Decimal
    stop_loss_pct: Decimal
    trail_activate_pct: Decimal
    trail_distance_pct: Decimal
    buy_threshold: Decimal
    sell_threshold: Decimal
    use_ma_filter: bool
    ma_fast: int
    ma_slow: int
    model_mode: str
    walk_forward_min: Decimal
    backtest_sleep_ms: int
    state_file: str
    port: int
    bridge_url: str
    slack_webhook: str | None
    slack_webhook_file: str | None
    bridge_token: str | None = field(repr=False)
    bridge_token_file: str | None
    control_token_file: str | None
    bot_id: str | None

    @property
    def candle_seconds(self) -> int:
        return Granularity(self.granularity).seconds

    @property
    def mode(self) -> str:
        """``paper`` or ``live``, as in metrics and the state file."""
        return "paper" if self.dry_run else "live"


def load(values: Mapping[str, str]) -> Settings:
    """Settings from environment text; keys that are missing or empty take their default.

    Keys outside the table are ignored here: :func:`unknown_keys` is for callers to whom an
    unknown key is a mistake.

    Raises:
        BadSettings: every value that is malformed or out of bounds, and every contradiction among the others.
    """
    problems = Problems()
    parsed = read_settings(SETTINGS, values, problems)
    problems.found += [BadInput(message) for message in broken_by_settings(parsed)]
    problems.raise_found()
    return Settings(**{BY_KEY[key].attribute: value for key, value in parsed.items()})


def as_text(settings: Settings) -> dict[str, str]:
    """Every key that has a value, as environment text, secrets left out."""
    texts = {}
    for each in fields(settings):
        setting = BY_KEY[each.name.upper()]
        value = getattr(settings, each.name)
        if value is not None and not setting.secret:
            texts[setting.key] = setting.text(value)
    return texts


def live_requirements(settings: Settings) -> list[str]:
    """What a live trader needs and these settings do not say."""
    return broken_by_settings({key: getattr(settings, row.attribute) for key, row in BY_KEY.items()}, only_live=True)


def nearest_key(key: str) -> str | None:
    """The known key that ``key`` was probably meant to be."""
    close = difflib.get_close_matches(key.upper(), BY_KEY, n=1, cutoff=0.6)
    return close[0] if close else None


def unknown_keys(keys: Iterable[str]) -> list[BadInput]:
    """One error per key that is not in the table, naming the nearest one that is."""
    errors = []
    for key in keys:
        if key not in BY_KEY:
            near = nearest_key(key)
            errors.append(BadInput(f"{key}: no such setting{f'; did you mean {near}?' if near else ''}"))
    return errors
