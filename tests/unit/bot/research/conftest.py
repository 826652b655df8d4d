"""One run of the demo's settings over the bundled candles, for every test that looks at its result."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from cbbot.contract.settings import load
from cbbot.domain.instrument import BTC_USD
from cbbot.kernel.batch import Columns
from cbbot.research.backtest import Result, Span, run
from cbbot.research.backtest_report import as_document
from cbbot.research.candles import read_candles
from cbbot.trader.rules import Rules, build_rules

SAMPLE = Path(str(files("cbbot_bridge.simulator") / "sample" / "BTC-USD-1m-6000.csv"))
DEMO = {
    "FEE_RATE_PCT": "0.05", "TAKE_PROFIT_PCT": "0.15", "SCALP_TP_MIN_PCT": "0.15", "STOP_LOSS_PCT": "2",
    "PYRAMID_MIN_ADVERSE_PCT": "0.1", "PYRAMID_DECAY_MIN_PCT": "0.05", "BUY_THRESHOLD": "0.5",
    "RISK_PER_TRADE_PCT": "5", "ALLOW_PYRAMIDING": "true", "VOL_RISK_ADJUST": "true", "WALK_FORWARD_MIN": "60",
}  # fmt: skip


@dataclass(frozen=True)
class Ran:
    rules: Rules
    candles: Columns
    span: Span
    result: Result
    document: dict[str, Any]


@pytest.fixture(scope="session")
def demo() -> Ran:
    rules = build_rules(load(DEMO), BTC_USD)
    file = read_candles(SAMPLE, BTC_USD, 60)
    span = Span.of(len(file.columns.start), Decimal("0.7"), 50)
    result = run(rules, file.columns, span)
    assert len(result.tally.closed) > 20
    return Ran(rules, file.columns, span, result, as_document(result, "close", file))
