"""What a save of the state costs, and how much of it is the disk's.

    python benchmarks/state_save.py [--folder FOLDER] [--saves 1000] [--lots 20]

A state with so many open lots, 50 trades, a model, and MA_SLOW=400 with its anchors, saved as the bot does: encoded,
checksummed, written under another name, synced, linked, renamed, the folder synced. Then the same content written and
synced alone, in the same folder: what the disk takes whatever a program does. Wall time, in turns, so that both meet
the same disk.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from machine_facts import machine

from cbbot.contract.settings import load
from cbbot.domain.instrument import BTC_USD
from cbbot.kernel.account import booked_open, opening_account
from cbbot.kernel.advance import Closed
from cbbot.kernel.codes import BUY, EXIT_TAKE_PROFIT
from cbbot.kernel.indicators import Indicators
from cbbot.kernel.lot import Lot
from cbbot.kernel.model import Fit
from cbbot.process.durable_files import write_durably
from cbbot.runtime.store import StateStore
from cbbot.trader.codec import encode
from cbbot.trader.rules import Rules, build_rules
from cbbot.trader.trader_state import TRADES_KEPT, Anchor, Identity, Market, Trade, TraderState, new_state

START_MS = 1_757_376_000_000
ANCHORS, SLOW, WINDOW = 2, 400, 20


def lot(number: int) -> Lot:
    ticks = 11_000_000 + 997 * number
    opened_ms = START_MS + 60_000 * number
    return Lot(
        number, BUY, number == 1, number == 1, opened_ms, ticks, 81_972, ticks * 81_972, 7_512_345_678,
        ticks * 0.0096123456, ticks * 0.0101987654, False, 0.0, 0.0,
    )  # fmt: skip


def state_with(rules: Rules, lots: int) -> TraderState:
    indicators = Indicators(
        100_000, SLOW, tuple(range(11_000_000, 11_000_000 + SLOW)), (123_456_789,) * WINDOW, (987_654_321,) * WINDOW,
        1.2345678901, 2.3456789012, 3.4567890123, 110_001.23456789, 110_002.3456789, 0.123456789,
    )  # fmt: skip
    held = [lot(number) for number in range(1, lots + 1)]
    account = opening_account(10**13)
    for each in held:
        account = booked_open(account, each)
    closed = Closed(lot(1), START_MS, 11_200_000, 11_200_000 * 81_972, 8_512_345_678, 123_456_789, EXIT_TAKE_PROFIT)
    begun = new_state(rules, Identity("benchmark", "BTC-USD", "live", "Coinbase"), START_MS)
    return replace(
        begun,
        account=account,
        lots=tuple(held),
        market=Market(indicators, START_MS // 1000, (Anchor(START_MS // 1000, indicators),) * ANCHORS, last_price=1),
        model=Fit((0.123456789012,) * 8, 0.1, (0.5,) * 8, (1.0,) * 8, 5_000),
        trades=tuple(Trade(number, closed) for number in range(1, TRADES_KEPT + 1)),
        trade_count=TRADES_KEPT,
    )


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def summary(name: str, times: list[float]) -> str:
    ordered = sorted(times)
    p99 = ordered[int(len(ordered) * 0.99)]
    p50, slowest = statistics.median(times), ordered[-1]
    return f"{name:<28} p50 {p50 * 1e3:7.2f} ms   p99 {p99 * 1e3:7.2f} ms   max {slowest * 1e3:7.2f} ms"


def save(store: StateStore, rules: Rules, state: TraderState) -> None:
    store.save(encode(rules, state))


def measure(folder: Path, saves: int, lots: int) -> None:
    rules = build_rules(load({"MA_SLOW": str(SLOW), "MODEL_MODE": "extended"}), BTC_USD)
    state = state_with(rules, lots)
    store = StateStore(folder / "state.json")
    store.save(encode(rules, state))
    content = store.path.read_bytes()
    raw = folder / "raw"
    whole: list[float] = []
    encoding: list[float] = []
    disk: list[float] = []
    for number in range(saves):
        whole.append(seconds(partial(save, store, rules, replace(state, sequence=number))))
        encoding.append(seconds(lambda: encode(rules, state)))
        disk.append(seconds(lambda: write_durably(raw, content)))
    print(f"{saves:,} saves of {len(content):,} bytes with {lots} lots in {folder}")
    print(summary("a save", whole))
    print(summary("of which the document", encoding))
    print(summary("one write and fsync alone", disk))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--saves", type=int, default=1000)
    parser.add_argument("--lots", type=int, default=20)
    options = parser.parse_args()
    print(machine(), f"; load {os.getloadavg()[0]:.1f}", sep="")
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        measure(Path(name), options.saves, options.lots)


if __name__ == "__main__":
    main()
