"""Renews tests/oracle/quantstats.json, figures as QuantStats has them: ``python tools/renew_quantstats.py``.

It runs in an environment with QuantStats, which is not among this project's: it brings a hundred megabytes to be
compared with once. The equity is a seeded walk of a value a day; the tests work out the same figures from it.
"""

from __future__ import annotations

import json
import random
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from quantstats import stats

FILE = Path(__file__).resolve().parents[1] / "tests" / "oracle" / "quantstats.json"
START = 10_000.0
DAYS = pd.date_range("2024-08-20", "2026-01-20", freq="D")
DAYS_A_YEAR = 365
WINDOW_DAYS = 30
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def equity() -> dict[str, float]:
    """Equity at the end of each day. It falls on the first, so that the start is a high."""
    chance = random.Random(2018)  # noqa: S311  the same walk every time is the point
    values = [START * 0.99]
    while len(values) < len(DAYS):
        values.append(round(values[-1] * (1 + chance.gauss(0.0012, 0.025)), 4))
    return dict(zip(DAYS.strftime("%Y-%m-%d"), values, strict=True))


def figures(returns: pd.Series) -> dict[str, Any]:
    """What QuantStats makes of daily returns, in its own units: shares of 1, and falls below 0."""
    rolling_sharpe = stats.rolling_sharpe(returns, rolling_period=WINDOW_DAYS, periods_per_year=DAYS_A_YEAR)
    rolling_volatility = stats.rolling_volatility(
        returns, rolling_period=WINDOW_DAYS, periods_per_year=DAYS_A_YEAR, prepare_returns=False
    )
    months = stats.monthly_returns(returns)
    worst = stats.drawdown_details(stats.to_drawdown_series(returns)).sort_values("max drawdown").head(5)
    return {
        "total_return": float(stats.comp(returns)),
        "cagr": float(stats.cagr(returns, periods=DAYS_A_YEAR)),
        "sharpe": float(stats.sharpe(returns, periods=DAYS_A_YEAR)),
        "sortino": float(stats.sortino(returns, periods=DAYS_A_YEAR)),
        "calmar": float(stats.calmar(returns, periods=DAYS_A_YEAR)),
        "volatility": float(stats.volatility(returns, periods=DAYS_A_YEAR)),
        "max_drawdown": float(stats.max_drawdown(returns)),
        "best": float(stats.best(returns)),
        "worst": float(stats.worst(returns)),
        "consecutive_wins": int(stats.consecutive_wins(returns)),
        "consecutive_losses": int(stats.consecutive_losses(returns)),
        "rolling_sharpe": rolling_sharpe.dropna().tolist(),
        "rolling_volatility": rolling_volatility.dropna().tolist(),
        "months": {
            f"{year}-{number:02}": float(row[name])
            for year, row in months.iterrows()
            for number, name in enumerate(MONTHS, start=1)
        },
        "years": {str(year): float(value) for year, value in months["EOY"].items()},
        "drawdowns": [
            {name: row[name] for name in ("start", "valley", "end", "days", "max drawdown")}
            for row in worst.to_dict("records")
        ],
    }


def main() -> None:
    curve = equity()
    returns = pd.Series([START, *curve.values()]).pct_change().dropna()
    returns.index = DAYS
    recorded = {
        "quantstats": version("quantstats"), "start": START, "equity": curve, "figures": figures(returns),
    }  # fmt: skip
    FILE.write_text(json.dumps(recorded, indent=1, allow_nan=False, default=str) + "\n", encoding="utf-8")
    print(f"{FILE.name}: {len(curve)} days, QuantStats {recorded['quantstats']}")


if __name__ == "__main__":
    main()
