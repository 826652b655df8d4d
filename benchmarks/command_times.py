"""What a user waits for: whole commands in processes of their own, files read, reports printed.

python benchmarks/command_times.py [FILE...]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from machine_facts import machine
from timed_files import files_here

ROUNDS = 7
PYRAMID = [
    f"--set={pair}"
    for pair in (
        "ALLOW_PYRAMIDING=true", "FEE_RATE_PCT=0.05", "TAKE_PROFIT_PCT=0.5", "SCALP_TP_MIN_PCT=0.4",
        "PYRAMID_MIN_ADVERSE_PCT=0.3", "PYRAMID_DECAY_MIN_PCT=0.1",
    )
]  # fmt: skip


def once(arguments: list[str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak memory (MB) of one process."""
    program = str(Path(sys.executable).parent / "cbbot")
    started = time.monotonic()
    child = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, arguments
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, default=files_here())
    print(machine())
    print(f"median of {ROUNDS} processes        wall s   CPU s      MB")
    commands = [("--help", ["--help"])]
    for path in parser.parse_args().files:
        backtest = ["backtest", "--csv", str(path)]
        commands += [(path.name, backtest), (f"{path.name}, pyramiding", backtest + PYRAMID)]
    for name, arguments in commands:
        wall, cpu, memory = (statistics.median(values) for values in zip(*map(once, [arguments] * ROUNDS), strict=True))
        print(f"{name:34} {wall:6.2f} {cpu:7.2f} {memory:7.0f}")


if __name__ == "__main__":
    main()
