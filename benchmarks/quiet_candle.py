"""A candle that touches no lot, with more and more lots open: it must not cost more.

python benchmarks/quiet_candle.py
"""

from __future__ import annotations

import statistics
import time
from random import Random

from machine_facts import machine

from cbbot.contract.settings import load
from cbbot.domain.instrument import BTC_USD
from cbbot.kernel.account import booked_open, opening_account
from cbbot.kernel.advance import Portfolio, Steps, advance
from cbbot.kernel.codes import BUY
from cbbot.kernel.lot import Lot, opened
from cbbot.research.core import PLAIN
from cbbot.trader.rules import build_rules

CANDLES, ROUNDS = 100_000, 7
PRICE, SIZE = 5_000_000, 1_000


def main() -> None:
    print(machine())
    rules = build_rules(load({"TAKE_PROFIT_PCT": "50", "STOP_LOSS_PCT": "50", "ALLOW_PYRAMIDING": "true"}), BTC_USD)
    rng = Random(1)
    close = [PRICE + rng.randint(-10_000, 10_000) for _ in range(CANDLES)]
    flat = [0.0] * CANDLES
    steps = Steps([i * 60_000 for i in range(CANDLES)], close, close, close, close, flat, flat, flat, flat)
    print("lots  ns a candle, plain Python")
    for count in (0, 1, 20, 100):
        account, lots = opening_account(10**13), list[Lot]()
        for k in range(count):
            lots.append(opened(rules.params, k + 1, BUY, 0, PRICE, SIZE, PRICE * SIZE, 1, k))
            account = booked_open(account, lots[-1])
        times = []
        for _ in range(ROUNDS):
            tally = PLAIN.tally(CANDLES)
            started = time.process_time()
            advance(rules.params, Portfolio(account, lots), steps, 0, CANDLES, tally)
            times.append(time.process_time() - started)
            assert not tally.closed
        print(f"{count:4}  {statistics.median(times) / CANDLES * 1e9:6.0f}")


if __name__ == "__main__":
    main()
