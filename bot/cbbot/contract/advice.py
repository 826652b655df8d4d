"""Legal but unwise settings, told to the user in words: in the command line, the log and the status."""

from __future__ import annotations

from decimal import Decimal

from cbbot.contract.settings import Settings
from cbbot.domain.decimals import plain

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
        *_trails_that_never_trigger(settings),
    ]


def _takes_below_the_fees(settings: Settings, fee: Decimal) -> list[str]:
    needed = break_even_pct(fee)
    round_trip = f"at {plain(fee.normalize())} % a side a round trip needs {needed:.2f} %"
    takes = [("TAKE_PROFIT_PCT", settings.take_profit_pct)]
    if settings.scalp_tp_decay_enable:
        takes.append(("SCALP_TP_MIN_PCT", settings.scalp_tp_min_pct))
    return [
        f"{key}={plain(take)} does not cover the fees: {round_trip}, so {_losers(key, take, needed)}"
        for key, take in takes
        if take <= needed
    ]


def _losers(key: str, take: Decimal, needed: Decimal) -> str:
    if key == "TAKE_PROFIT_PCT" and 2 * take <= needed:
        return "every take profit loses money, the runner's too"
    return "every scalp that takes profit at it loses money (the runner takes twice TAKE_PROFIT_PCT)"


def _stops_that_never_trigger(settings: Settings) -> list[str]:
    if settings.stop_loss_pct < 100:
        return []
    return [f"STOP_LOSS_PCT={plain(settings.stop_loss_pct)} can never trigger for a bought lot: there is no stop loss"]


def _lots_without_room(settings: Settings) -> list[str]:
    """Fewer lots fit than may be open: the cash, or the cap of the exposure, runs out first."""
    cap = settings.max_concurrent_lots if settings.allow_pyramiding else 1
    key = f"RISK_PER_TRADE_PCT={plain(settings.risk_per_trade_pct)}"
    budget = _budget(settings)
    known = not settings.use_live_equity or settings.dry_run
    room = int(settings.usd_equity / budget) if known and budget else int(100 / settings.risk_per_trade_pct)
    if room < cap:
        return [f"{key} pays for {room} lots, fewer than MAX_CONCURRENT_LOTS={cap}: cash runs out first"]
    if not known or settings.max_exposure_usd is None or not budget:
        return []
    # The cap counts what a lot costs, without the fee that is in its budget.
    room = int(settings.max_exposure_usd * (1 + settings.fee_rate_pct / 100) / budget)
    if room >= cap:
        return []
    limit = f"MAX_EXPOSURE_USD={plain(settings.max_exposure_usd)}"
    return [f"{limit} is room for {room} lots at {key}, fewer than may be open ({cap}): entries end there"]


def _budget(settings: Settings) -> Decimal:
    """What one entry spends of the starting equity."""
    share = settings.usd_equity * settings.risk_per_trade_pct / 100
    budget = max(settings.order_min_usd, share)
    return budget if settings.max_order_usd is None else min(budget, settings.max_order_usd)


def _trails_that_never_trigger(settings: Settings) -> list[str]:
    activate, distance = settings.trail_activate_pct, settings.trail_distance_pct
    if (activate > 0) != (distance > 0):
        return ["only one of TRAIL_ACTIVATE_PCT and TRAIL_DISTANCE_PCT is above 0: there is no trailing stop"]
    if activate >= 2 * settings.take_profit_pct and activate > 0:
        key, take = f"TRAIL_ACTIVATE_PCT={plain(activate)}", f"TAKE_PROFIT_PCT={plain(settings.take_profit_pct)}"
        return [f"{key} is not below twice {take}: the runner takes its profit before its trailing stop could begin"]
    if distance >= 100:
        return [f"TRAIL_DISTANCE_PCT={plain(distance)} can never trigger for a bought lot: there is no trailing stop"]
    return []
