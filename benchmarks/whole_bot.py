"""The whole bot over a file: compiled kernel against the same loop in C, and plain Python beside them.

    python benchmarks/whole_bot.py [FILE]

The model is fitted once, outside the clock; inside are indicators, scores, and every step with
its exact money. Before anything is timed, the trades of all three are compared to the last unit.
"""

from __future__ import annotations

import argparse
import ctypes
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from machine_facts import machine
from timed_files import files_here

from cbbot.contract.settings import load
from cbbot.domain.instrument import BTC_USD
from cbbot.kernel.account import opening_account
from cbbot.kernel.advance import Portfolio, Steps, Tally
from cbbot.kernel.batch import Columns
from cbbot.kernel.model import Fit, fit
from cbbot.research.candles import read_candles
from cbbot.research.compiled import compiled
from cbbot.research.core import PLAIN, Core
from cbbot.trader.rules import Rules, build_rules

HERE = Path(__file__).resolve().parent
SETTINGS = {
    "FEE_RATE_PCT": "0.05", "TAKE_PROFIT_PCT": "0.6", "STOP_LOSS_PCT": "4", "ALLOW_PYRAMIDING": "true",
    "PYRAMID_MIN_ADVERSE_PCT": "0.4", "PYRAMID_DECAY_MIN_PCT": "0.1", "SCALP_TP_DECAY_ENABLE": "true",
    "SCALP_TP_DEC_MODE": "exp", "SCALP_TP_MIN_PCT": "0.3", "TRAIL_ACTIVATE_PCT": "0.5", "TRAIL_DISTANCE_PCT": "0.2",
    "RISK_PER_TRADE_PCT": "4", "VOL_RISK_ADJUST": "true", "BUY_THRESHOLD": "0.5", "SELL_THRESHOLD": "0.5",
    "ENTRY_COOLDOWN_SEC": "300", "PAPER_SLIPPAGE_BPS": "1", "LONG_ONLY": "false",
}  # fmt: skip
ROUNDS = 9


class CResult(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in (
            "realised", "trades", "opened", "lots", "net_hash", "marked_hash", "breaker_steps")),
        ("exits", ctypes.c_int64 * 4),
        ("denials", ctypes.c_int64 * 14),
    ]  # fmt: skip


def structure(name: str, values: dict[str, Any]) -> ctypes.Structure:
    """Integers and booleans as int64, floats as double: the C side's struct in the same order."""
    kinds = [(key, ctypes.c_double if isinstance(value, float) else ctypes.c_int64) for key, value in values.items()]
    made: type[ctypes.Structure] = type(name, (ctypes.Structure,), {"_fields_": kinds})
    return made(*values.values())


def in_c(folder: str, rules: Rules, model: Fit, candles: Columns, first: int) -> Callable[[], CResult]:
    library = Path(folder) / "bot.so"
    options = ["-O3", "-march=native", "-ffp-contract=off", "-shared", "-fPIC"]
    subprocess.run(["cc", *options, "-o", str(library), str(HERE / "c" / "bot.c"), "-lm"], check=True)
    function = ctypes.CDLL(str(library)).run_bot
    values = rules.params._asdict()
    del values["refit_ms"]
    params = structure("Params", values | {"warm": rules.warm})
    eight = ctypes.c_double * 8

    class Model(ctypes.Structure):
        _fields_ = [("weights", eight), ("bias", ctypes.c_double), ("mean", eight), ("std", eight)]

    held = Model(eight(*model.weights), model.bias, eight(*model.mean), eight(*model.std))
    closed = np.ascontiguousarray(candles.start * 1000 + rules.candle_ms)
    columns = [closed, candles.high, candles.low, candles.close, candles.volume]
    pointers = [column.ctypes.data_as(ctypes.c_void_p) for column in columns]
    equity = ctypes.c_int64(rules.instrument.ledger_down(rules.settings.usd_equity))

    def run() -> CResult:
        result = CResult()
        count = ctypes.c_int64(len(closed))
        code = function(ctypes.byref(params), ctypes.byref(held), count, ctypes.c_int64(first), equity, *pointers,
                        ctypes.byref(result))  # fmt: skip
        assert code == 0, "out of memory"
        return result

    return run


def with_core(
    core: Core, rules: Rules, model: Fit, candles: Columns, first: int
) -> Callable[[], tuple[Portfolio, Tally]]:
    closed = candles.start * 1000 + rules.candle_ms
    equity = rules.instrument.ledger_down(rules.settings.usd_equity)

    def run() -> tuple[Portfolio, Tally]:
        seen = core.observed(candles, rules.params)
        close = core.held(candles.close[first:])
        steps = Steps(
            core.held(closed[first:]), close, close, close, close,
            core.held(core.scored(model, seen.rows[first:])),
            core.held(seen.fast[first:]), core.held(seen.slow[first:]), core.held(seen.std_ratio[first:]),
        )  # fmt: skip
        count = len(candles.close) - first
        tally = core.tally(count)
        return core.advance(
            rules.params, Portfolio(opening_account(equity), core.lots()), steps, 0, count, tally
        ), tally

    return run


def compare(c: CResult, portfolio: Portfolio, tally: Tally) -> None:
    """Every net profit and every marked equity, in order, through the same hash."""
    nets = marked = 0
    for closed in tally.closed:
        nets = (nets * 31 + int(closed[5])) % 2**64
    for value in tally.marked:
        marked = (marked * 31 + int(value)) % 2**64
    exits = [0, 0, 0, 0]
    for closed in tally.closed:
        exits[int(closed[6])] += 1
    assert (portfolio.account.realised, portfolio.account.next_lot - 1, portfolio.account.lots) == (
        c.realised,
        c.opened,
        c.lots,
    )
    assert (exits, nets, marked) == (list(c.exits), c.net_hash % 2**64, c.marked_hash % 2**64)
    assert [int(n) for n in tally.denials][1:] == list(c.denials)[1:]


def median_ms(function: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        started = time.process_time()
        function()
        times.append(time.process_time() - started)
    return statistics.median(times) * 1000.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=files_here()[-1])
    path = parser.parse_args().file
    candles = read_candles(path, BTC_USD, 60).columns
    print(machine())
    print(f"{path.name}: {len(candles.close):,} candles; CPU ms, median of {ROUNDS} rounds (plain: 1)")
    print("model     stepped  trades      C  compiled  ratio   plain")
    for mode in ("baseline", "extended"):
        for train in (Decimal("0.7"), Decimal("0.02")):
            rules = build_rules(load(SETTINGS | {"MODEL_MODE": mode}), BTC_USD)
            first = int(len(candles.close) * train) + 50
            rows = PLAIN.observed(candles, rules.params).rows
            model = fit(rows[max(0, first - 5050) : first - 50], candles.close[max(0, first - 5050) : first - 50])
            assert model is not None
            arguments = (rules, model, candles, first)
            with tempfile.TemporaryDirectory() as folder:
                c = in_c(folder, *arguments)
                machine_code, plain = with_core(compiled(), *arguments), with_core(PLAIN, *arguments)
                portfolio, tally = machine_code()
                compare(c(), portfolio, tally)
                compare(c(), *plain())
                ours, theirs = median_ms(machine_code, ROUNDS), median_ms(c, ROUNDS)
                slow = median_ms(plain, 1)
            counts = f"{mode:8} {len(candles.close) - first:8,} {len(tally.closed):7,}"
            print(f"{counts} {theirs:6.1f} {ours:9.1f} {ours / theirs:6.2f} {slow:7.0f}")


if __name__ == "__main__":
    main()
