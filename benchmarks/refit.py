"""What a refit of the model costs, as the backtest and the trader ask for it.

    python benchmarks/refit.py [FILE...]

Each file's newest candles, 5,000 rows a window (MAX_HISTORY_CANDLES), the window one candle on every time.
CPU time of a call, the median and the 99th percentile, on one core.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path

from machine_facts import machine
from timed_files import files_here

from cbbot.domain.instrument import BTC_USD
from cbbot.kernel.batch import Columns, feature_rows, readings
from cbbot.kernel.model import fit
from cbbot.research.candles import read_candles

WINDOW, CALLS = 5_000, 500


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*", type=Path, default=files_here())
    print(machine())
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for path in parser.parse_args().files:
        found = read_candles(path, BTC_USD, 60).columns
        newest = Columns(*(column[-WINDOW - CALLS - 500 :] for column in found))
        for extended in (False, True):
            print(f"{path.name}  {'extended' if extended else 'baseline'}  {measured(newest, extended)}")


def measured(candles: Columns, extended: bool) -> str:
    rows = feature_rows(readings(candles, 10, 30, extended), extended)
    taken = []
    for until in range(len(rows) - CALLS, len(rows)):
        begun = time.process_time()
        fit(rows[until - WINDOW : until], candles.close[until - WINDOW : until])
        taken.append(1000.0 * (time.process_time() - begun))
    taken.sort()
    return f"median {statistics.median(taken):.3f} ms CPU, p99 {taken[int(0.99 * len(taken))]:.3f} ms"


if __name__ == "__main__":
    main()
