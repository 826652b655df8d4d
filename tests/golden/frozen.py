"""What a golden holds, how it is made, and how a difference to it is told.

A golden is one settings file (``*.env`` beside this module) run over one candle file. It keeps the
summary, the counts, a hash of everything, and every trade, so that a difference can be named.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from cbbot.contract.env_file import parse_env_file
from cbbot.contract.settings import load
from cbbot.domain.instrument import BTC_USD
from cbbot.research.backtest import Result, Span, run
from cbbot.research.backtest_report import as_document
from cbbot.trader.rules import build_rules
from oracle.market import FILES, SHORT, YEAR, columns_of

__all__ = ["CASES", "FOLDER", "difference", "golden_path", "made", "read", "settings_of", "write"]

FOLDER: Final = Path(__file__).resolve().parent
CASES: Final = tuple((path.stem, name) for path in sorted(FOLDER.glob("*.env")) for name in FILES)
TRAIN_FRACTION: Final = {SHORT: Decimal("0.1"), YEAR: Decimal("0.93")}
TRADE_FIELDS: Final = (
    "lot", "role", "closed_as", "side", "opened_at", "open_price", "base_size", "cost", "entry_fee",
    "closed_at", "close_price", "proceeds", "exit_fee", "net_pnl", "exit_reason",
)  # fmt: skip


def settings_of(case: str) -> dict[str, str]:
    return parse_env_file((FOLDER / f"{case}.env").read_text(encoding="utf-8"), f"{case}.env").values


def golden_path(case: str, name: str) -> Path:
    return FOLDER / f"{case}.{name.partition('-')[0]}.json.gz"


def ran(case: str, name: str) -> Result:
    rules = build_rules(load(settings_of(case)), BTC_USD)
    candles = columns_of(name)
    return run(rules, candles, Span.of(len(candles.start), TRAIN_FRACTION[name], 50))


def made(case: str, name: str) -> dict[str, Any]:
    """The golden that today's code gives."""
    result = ran(case, name)
    document = as_document(result)
    trades = [[str(trade[field]) for field in TRADE_FIELDS] for trade in document["trades"]]
    marked = [str(int(amount)) for amount in result.tally.marked]
    whole = json.dumps([trades, document["open_lots"], marked], sort_keys=True, separators=(",", ":"))
    reasons: dict[str, int] = {}
    for trade in document["trades"]:
        reasons[trade["exit_reason"]] = reasons.get(trade["exit_reason"], 0) + 1
    return {
        "counts": {
            "candles": document["candles"],
            "train": document["train"],
            "evaluated": document["evaluated"],
            "trades": len(trades),
            "exits": dict(sorted(reasons.items())),
            "denials": dict(sorted(document["denials"].items())),
            "decisions": document["decisions"],
        },
        "summary": {key: document["summary"][key] for key in SUMMARY_FIELDS},
        "open_lots": document["open_lots"],
        "sha256": hashlib.sha256(whole.encode()).hexdigest(),
        "trades": trades,
    }


SUMMARY_FIELDS: Final = (
    "equity_start", "equity_end", "equity_end_mtm", "wins", "losses", "total_return_pct", "max_drawdown_pct",
    "sharpe", "sortino", "calmar", "profit_factor", "win_rate_pct", "expectancy_usd", "exposure_pct", "fees_usd",
    "buy_and_hold_return_pct", "cagr_pct",
)  # fmt: skip


def read(case: str, name: str) -> dict[str, Any]:
    golden: dict[str, Any] = json.loads(gzip.decompress(golden_path(case, name).read_bytes()))
    return golden


def write(case: str, name: str, golden: dict[str, Any]) -> None:
    text = json.dumps(golden, separators=(",", ":"))
    golden_path(case, name).write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def difference(golden: dict[str, Any], now: dict[str, Any]) -> str | None:
    """The first thing that is not as it was, in words; None when all is."""
    for i, (was, became) in enumerate(zip(golden["trades"], now["trades"], strict=False)):
        if was != became:
            changes = ", ".join(
                f"{field} {a} -> {b}" for field, a, b in zip(TRADE_FIELDS, was, became, strict=True) if a != b
            )
            return f"trade {i + 1} (opened {was[4]}, closed {was[9]}): {changes}"
    if len(golden["trades"]) != len(now["trades"]):
        longer = golden if len(golden["trades"]) > len(now["trades"]) else now
        extra = longer["trades"][min(len(golden["trades"]), len(now["trades"]))]
        word = "missing" if longer is golden else "new"
        return f"{len(golden['trades'])} trades -> {len(now['trades'])}; the first {word} one: {extra}"
    for part in ("counts", "open_lots", "summary"):
        if golden[part] != now[part]:
            return f"{part}: {_changed(golden[part], now[part])}"
    if golden["sha256"] != now["sha256"]:
        return "the marked equity of some step differs (trades, open lots and summary are the same)"
    return None


def _changed(was: Any, became: Any) -> str:
    if isinstance(was, dict):
        keys = [key for key in was | became if was.get(key) != became.get(key)]
        return ", ".join(f"{key} {was.get(key)} -> {became.get(key)}" for key in keys)
    return f"{was} -> {became}"
