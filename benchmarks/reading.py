"""What reading a candle file costs: CPU and peak memory, each time in a process of its own.

    python benchmarks/reading.py [FILE...]

The imports are measured apart: a process that imports the reader and reads nothing.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from machine_facts import machine
from timed_files import files_here

RUNS = 7
PROGRAM = """
import json, resource, sys, time
from pathlib import Path
from cbbot.domain.instrument import BTC_USD
from cbbot.research.candles import read_candles
begun, rows = time.process_time(), 0
if sys.argv[1:]:
    rows = len(read_candles(Path(sys.argv[1]), BTC_USD, 60).columns.start)
taken = time.process_time() - begun
kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([rows, taken, begun, kilobytes / 1024]))
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*", type=Path, default=files_here())
    print(machine())
    _, _, begun, megabytes = measured([])
    print(f"imports alone: {begun:.3f} s CPU, {megabytes:.0f} MB")
    for path in parser.parse_args().files:
        rows, taken, _, megabytes = measured([str(path)])
        print(f"{path.name}: {rows:,.0f} rows, median {taken:.3f} s CPU, {megabytes:.0f} MB at most")


def measured(arguments: list[str]) -> list[float]:
    """Medians of rows, CPU seconds of reading, CPU seconds before it, peak megabytes."""
    runs = []
    for _ in range(RUNS):
        ended = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True)
        runs.append(json.loads(ended.stdout))
    return [statistics.median(values) for values in zip(*runs, strict=True)]


if __name__ == "__main__":
    main()
