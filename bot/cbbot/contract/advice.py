"""Legal but unwise settings, told to the user in words: in the command line, the log and the status."""

from __future__ import annotations

from decimal import Decimal

from cbbot.contract.settings import Settings

__all__ = ["break_even_pct", "warnings"]


def break_even_pct(fee_rate_pct: Decimal) -> Decimal:
    """The rise, in percent, at which selling returns exactly what buying cost, both fees paid."""
    rate = fee_rate_pct / 100
    return 2 * rate / (1 - rate) * 100


def warnings(settings: Settings, taker_rate_pct: Decimal | None = None) -> list[str]:
    """Sentences, most expensive mistake first; empty when there is nothing to say.

    ``taker_rate_pct`` is the venue's own rate when live; FEE_RATE_PCT otherwise.
    """
    fee = settings.fee_rate_pct if taker_rate_pct is None else taker_rate_pct
    return [
        *_takes_below_the_fees(settings, fee),
        *_stops_that_never_trigger(settings),
        *_lots_without_room(settings),
        *_half_a_trail(settings),
    ]


def _takes_below_the_fees(settings: Settings, fee: Decimal) -> list[str]:
    needed = break_even_pct(fee)
    takes = [("TAKE_PROFIT_PCT", settings.take_profit_pct)]
    if settings.scalp_tp_decay_enable and settings.allow_pyramiding:
        takes.append(("SCALP_TP_MIN_PCT", settings.scalp_tp_min_pct))
    return [
        f"{key}={take} does not cover the fees: at {fee} % a side a round trip needs {needed:.2f} %, "
        "so every take profit at it loses money"
        for key, take in takes
        if take <= needed
    ]


def _stops_that_never_trigger(settings: Settings) -> list[str]:
    if settings.stop_loss_pct < 100:
        return []
    return [f"STOP_LOSS_PCT={settings.stop_loss_pct} can never trigger for a bought lot: there is no stop loss"]


def _lots_without_room(settings: Settings) -> list[str]:
    cap = settings.max_concurrent_lots if settings.allow_pyramiding else 1
    room = int(100 / settings.risk_per_trade_pct)
    if room >= cap:
        return []
    key = f"RISK_PER_TRADE_PCT={settings.risk_per_trade_pct}"
    return [f"{key} pays for {room} lots, fewer than MAX_CONCURRENT_LOTS={cap}: cash runs out first"]


def _half_a_trail(settings: Settings) -> list[str]:
    if (settings.trail_activate_pct > 0) == (settings.trail_distance_pct > 0):
        return []
    return ["only one of TRAIL_ACTIVATE_PCT and TRAIL_DISTANCE_PCT is above 0: there is no trailing stop"]
