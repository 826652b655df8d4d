"""From settings to the numbers the machine runs on."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import ceil

from cbbot.contract.settings import Settings
from cbbot.domain.decimals import floor_units
from cbbot.domain.instrument import Instrument
from cbbot.kernel.codes import SCALP_EXP, SCALP_LINEAR, SCALP_OFF
from cbbot.kernel.gates import floor_reached_ms
from cbbot.kernel.indicators import BASELINE_WARM, EXTENDED_WARM
from cbbot.kernel.params import NO_CAP, RATE_SCALE, RISK_SCALE, SLIPPAGE_SCALE, Params
from cbbot.kernel.strategy import logit

__all__ = ["Rules", "build_rules", "kernel_params"]


@dataclass(frozen=True, slots=True)
class Rules:
    """All that steers a trader and does not change while it runs."""

    settings: Settings
    instrument: Instrument
    params: Params
    candle_ms: int
    live: bool

    @property
    def warm(self) -> int:
        """Candles a decision needs, the forming one counted."""
        return EXTENDED_WARM if self.params.extended else BASELINE_WARM


def build_rules(settings: Settings, instrument: Instrument) -> Rules:
    return Rules(
        settings=settings,
        instrument=instrument,
        params=kernel_params(settings, instrument),
        candle_ms=settings.candle_seconds * 1000,
        live=not settings.dry_run,
    )


def kernel_params(settings: Settings, instrument: Instrument) -> Params:
    """The kernel's numbers. Every conversion to an integer is exact: the settings bound their digits."""
    numerator, denominator = instrument.price_increment.as_integer_ratio()
    scalp = SCALP_OFF
    if settings.scalp_tp_decay_enable:
        scalp = SCALP_EXP if settings.scalp_tp_dec_mode == "exp" else SCALP_LINEAR
    return Params(
        tick_numerator=numerator,
        tick_denominator=denominator,
        quote_ledger=instrument.quote_units,
        min_notional_ledger=instrument.ledger_up(instrument.min_notional),
        fee_rate=_scaled(settings.fee_rate_pct, RATE_SCALE),
        # Slippage is the simulation's guess of what a venue does; live, the venue does it.
        slippage=int(settings.paper_slippage_bps * SLIPPAGE_SCALE / 10_000) if settings.dry_run else 0,
        risk=_scaled(settings.risk_per_trade_pct, RISK_SCALE),
        vol_adjust=settings.vol_risk_adjust,
        order_min_quote=floor_units(settings.order_min_usd, instrument.quote_increment),
        max_order_quote=_cap(settings.max_order_usd, instrument.quote_increment),
        max_exposure_ledger=_cap(settings.max_exposure_usd, instrument.ledger_increment),
        max_daily_loss_rate=_scaled(settings.max_daily_loss_pct, RATE_SCALE),
        breaker_marks=settings.daily_breaker_mark_to_market,
        cooldown_ms=_milliseconds(settings.entry_cooldown_sec),
        long_only=settings.long_only,
        pyramiding=settings.allow_pyramiding,
        max_lots=settings.max_concurrent_lots,
        spacing_ms=_milliseconds(settings.pyramid_min_seconds_between),
        adverse_pct=float(settings.pyramid_min_adverse_pct),
        adverse_decay=float(settings.pyramid_decay_lambda),
        adverse_floor_pct=float(settings.pyramid_decay_min_pct),
        adverse_floor_ms=floor_reached_ms(
            float(settings.pyramid_min_adverse_pct),
            float(settings.pyramid_decay_lambda),
            float(settings.pyramid_decay_min_pct),
        ),
        take_pct=float(settings.take_profit_pct),
        stop_pct=float(settings.stop_loss_pct),
        trail_activate_pct=float(settings.trail_activate_pct),
        trail_distance_pct=float(settings.trail_distance_pct),
        scalp_mode=scalp,
        scalp_step_pct=float(settings.scalp_tp_dec_pct),
        scalp_factor=float(settings.scalp_tp_decay_factor),
        scalp_floor_pct=float(settings.scalp_tp_min_pct),
        buy_logit=logit(float(settings.buy_threshold)),
        sell_logit=logit(float(settings.sell_threshold)),
        ma_filter=settings.use_ma_filter,
        ma_fast=settings.ma_fast,
        ma_slow=settings.ma_slow,
        extended=settings.model_mode == "extended",
        # Up: the smallest pace that can be written is no pace of 0, which is none.
        refit_ms=ceil(settings.walk_forward_min * 60_000),
    )


def _scaled(percent: Decimal, scale: int) -> int:
    return int(percent * scale / 100)


def _milliseconds(seconds: Decimal) -> int:
    # Up: whole milliseconds have passed a wait when they have passed the next whole one.
    return ceil(seconds * 1000)


def _cap(amount: Decimal | None, increment: Decimal) -> int:
    return NO_CAP if amount is None else floor_units(amount, increment)
