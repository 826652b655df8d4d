"""How much to buy: a budget from equity, a size from the budget. Exact, rounded down."""

from __future__ import annotations

from cbbot.kernel.money import fee_up
from cbbot.kernel.params import NO_CAP, RATE_SCALE, RISK_SCALE, Params

__all__ = ["base_for", "budget", "vol_tenths"]


def vol_tenths(std_over_close: float) -> int:
    """The volatility factor in tenths, from the 20-candle standard deviation over the close; 10 is neutral."""
    if std_over_close > 0.02:
        return 6
    if std_over_close > 0.01:
        return 8
    if std_over_close < 0.004:
        return 12
    return 10


def budget(params: Params, equity: int, tenths: int) -> int:
    """What an entry may spend, fee included: ledger units, a whole number of quote units.

    ``tenths`` is 10 without volatility adjustment. Negative equity gives the minimum order.
    """
    risk = min(params.risk * tenths // 10, RISK_SCALE)
    spend = params.order_min_quote
    if equity > 0:
        # floor(equity x risk / RISK_SCALE), in parts that stay inside 63 bits.
        whole = equity // RISK_SCALE
        portion = whole * risk + (equity - whole * RISK_SCALE) * risk // RISK_SCALE
        spend = max(spend, portion // params.quote_ledger)
    if params.max_order_quote != NO_CAP:
        spend = min(spend, params.max_order_quote)
    return spend * params.quote_ledger


def base_for(spend: int, ticks: int, fee_rate: int) -> int:
    """``floor(spend / ((1 + fee rate) x price))`` in base units: the most whose cost and fee fit in ``spend``.

    A float estimate, made exact by asking the ledger; the exact quotient needs more than 64 bits.
    """
    base = int(spend / (ticks * (1.0 + fee_rate / RATE_SCALE)))
    while (base + 1) * ticks + fee_up((base + 1) * ticks, fee_rate) <= spend:
        base += 1
    while base > 0 and base * ticks + fee_up(base * ticks, fee_rate) > spend:
        base -= 1
    return base
