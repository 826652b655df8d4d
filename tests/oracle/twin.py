"""Runs the reference trader over candles as a backtest does, and compares it with the product exactly."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import numpy as np
from sklearn.linear_model import LogisticRegression

from cbbot.contract.settings import as_text, load
from cbbot.domain.instrument import BTC_USD, Instrument
from cbbot.kernel.batch import Columns
from cbbot.research.backtest import Result, Span, run
from cbbot.research.backtest_report import as_document
from cbbot.trader.rules import build_rules
from oracle.definitions import Floats, feature_columns, frame
from oracle.reference import Product, Reference, Seen

__all__ = ["backtest", "differences", "fitted", "referred"]

CANDLE_MS: Final = 60_000
Predictor = Callable[[Floats], float]


def backtest(
    keys: Mapping[str, str], candles: Columns, span: Span, instrument: Instrument = BTC_USD, *, ohlc: bool = False
) -> Result:
    """The product over the candles."""
    return run(build_rules(load(keys), instrument), candles, span, fill_model="ohlc" if ohlc else "close")


def fitted(rows: Floats, closes: Floats) -> Predictor | None:
    """The model by scikit-learn: the probability that the next close is higher."""
    x, higher = rows[:-1], closes[1:] > closes[:-1]
    counted = np.isfinite(x).all(axis=1)
    x, higher = x[counted], higher[counted]
    n, ones = len(x), int(higher.sum())
    if n == 0:
        return None
    if ones in (0, n):
        only = (ones + 0.5) / (n + 1)
        return lambda _row: only
    mean, std = x.mean(axis=0), x.std(axis=0)
    std = np.where(std < 1e-12, 1.0, std)
    model = LogisticRegression(C=1.0, tol=1e-12, solver="newton-cholesky", max_iter=1000)
    model.fit((x - mean) / std, higher)
    weights, bias = model.coef_[0], float(model.intercept_[0])

    def predicted(row: Floats) -> float:
        z = float(((row - mean) / std) @ weights) + bias
        return 1.0 / (1.0 + math.exp(-z)) if z > -700 else 0.0

    return predicted


def referred(
    keys: Mapping[str, str], candles: Columns, span: Span, product: Product | None = None, *, ohlc: bool = False
) -> Reference:
    """The reference trader over the candles; ``seen`` counts the refits too."""
    keys = as_text(load(keys))
    product = product or Product()
    reference = Reference(keys, product)
    table = frame(candles)
    extended = keys["MODEL_MODE"] == "extended"
    rows, closes = feature_columns(table, extended), candles.close.astype(float)
    spread = feature_columns(table, True)[:, 7] if keys["VOL_RISK_ADJUST"] == "true" else np.zeros(span.total)
    needed, longest = 60 if extended else 40, int(keys["MAX_HISTORY_CANDLES"])
    refit_ms = Decimal(keys["WALK_FORWARD_MIN"]) * 60_000
    fast, slow = int(keys["MA_FAST"]), int(keys["MA_SLOW"])
    model = fitted(rows[max(0, span.train - longest) : span.train], closes[max(0, span.train - longest) : span.train])
    last_fit_ms = int(candles.start[span.train - 1]) * 1000 + CANDLE_MS
    ticks = candles.close.tolist()
    for i in range(span.first, span.total):
        now_ms = int(candles.start[i]) * 1000 + CANDLE_MS
        if refit_ms and now_ms - last_fit_ms >= refit_ms:
            window = slice(max(0, i + 1 - longest), i + 1)
            model, last_fit_ms = fitted(rows[window], closes[window]) or model, now_ms
            reference.seen["refits"] += 1
        known = model is not None and i + 1 >= needed and bool(np.isfinite(rows[i]).all())
        p_up = model(rows[i]) if known and model is not None else None
        price = ticks[i] * product.price_increment
        opened, high, low = (
            int(column[i]) * product.price_increment for column in (candles.open, candles.high, candles.low)
        )
        path = (opened, high, low) if ohlc else None
        reference.step(Seen(now_ms, price, p_up, _order(ticks, i, fast, slow), float(spread[i]), path))
    return reference


def _order(ticks: list[int], i: int, fast: int, slow: int) -> int | None:
    """The sign of fast average - slow average, exactly; None before there is a slow one."""
    if i + 1 < slow:
        return None
    difference = sum(ticks[i + 1 - fast : i + 1]) * slow - sum(ticks[i + 1 - slow : i + 1]) * fast
    return (difference > 0) - (difference < 0)


def differences(result: Result, reference: Reference) -> list[str]:
    """What the product did otherwise than the reference, first things first; empty when all is the same."""
    document = as_document(result)
    found = []
    for i, (ours, theirs) in enumerate(zip(document["trades"], map(_trade, reference.trades), strict=False)):
        wrong = [f"{k}: product {ours[k]}, reference {v}" for k, v in theirs.items() if _value(ours[k]) != _value(v)]
        if wrong:
            found.append(f"trade {i + 1}: {'; '.join(wrong)}")
            break
    if len(document["trades"]) != len(reference.trades):
        found.append(f"trades: product {len(document['trades'])}, reference {len(reference.trades)}")
    if document["decisions"] != {name: reference.decisions[name] for name in ("buy", "sell", "flat")}:
        found.append(f"decisions: product {document['decisions']}, reference {dict(reference.decisions)}")
    if document["denials"] != dict(reference.denials):
        found.append(f"denials: product {document['denials']}, reference {dict(reference.denials)}")
    left, known = [_open(lot) for lot in document["open_lots"]], [_reference_lot(lot) for lot in reference.lots]
    if left != known:
        found.append(f"open lots: product {left}, reference {known}")
    ledger = reference.product.ledger
    for i, (mine, other) in enumerate(zip(result.tally.marked, reference.marked, strict=True)):
        if int(mine) * ledger != other:
            found.append(f"marked equity after step {i}: product {int(mine) * ledger}, reference {other}")
            break
    if Decimal(document["summary"]["equity_end"]) != reference.equity:
        found.append(f"equity: product {document['summary']['equity_end']}, reference {reference.equity}")
    return found


def _trade(trade: Any) -> dict[str, Any]:
    values = dict(vars(trade))
    return values | {"opened_at": _time(values.pop("opened_ms")), "closed_at": _time(values.pop("closed_ms"))}


def _open(row: dict[str, Any]) -> tuple[Any, ...]:
    amounts = (Decimal(row[key]) for key in ("open_price", "base_size", "cost", "entry_fee"))
    return row["lot"], row["role"], row["side"], row["opened_at"], *amounts, row["stop_price"], row["take_price"]


def _reference_lot(lot: Any) -> tuple[Any, ...]:
    amounts = (lot.price, lot.base, lot.cost, lot.entry_fee)
    return lot.number, lot.role, lot.side, _time(lot.opened_ms), *amounts, lot.stop, lot.take


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat().replace("+00:00", "Z")


def _value(value: Any) -> Any:
    try:
        return Decimal(value)
    except (ArithmeticError, ValueError, TypeError):
        return value
