"""What a step of the live trader costs, and whether a million of them cost memory.

    python benchmarks/live_step.py [--steps 1000000]

First the machine alone (``cbbot.trader.machine.step``) on ticks a second apart, a candle closing
every sixty: extended features, a history of 5,000 candles, averages over up to 400, 20 lots open,
a signal in every step. Then the trader as a process has it (queue, loop, executor, state file, trade log,
metrics scraped now and then, a listener that does not listen), trading on a wave.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from machine_facts import machine

from cbbot.brokers.paper import PaperBroker, paper_fill
from cbbot.contract.settings import load
from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD
from cbbot.kernel.model import Fit
from cbbot.runtime.command_executor import CommandExecutor
from cbbot.runtime.event_queue import EventQueue
from cbbot.runtime.live import TradingLoop
from cbbot.runtime.notifications import Broadcast, Notifier
from cbbot.runtime.state_writer import StateWriter
from cbbot.runtime.store import StateStore
from cbbot.runtime.trade_log import TradeLog
from cbbot.trader.commands import Count, Place
from cbbot.trader.events import CandleClosed, Event, HistoryLoaded, OrderFilled, Started, Tick
from cbbot.trader.machine import step
from cbbot.trader.rules import Rules, build_rules
from cbbot.trader.trader_state import Identity, TraderState, new_state
from cbbot.views.bot_metrics import BotMetrics

START = 1_757_376_000
HISTORY, PRICE = 5_000, 5_000_000
MEASURED = 30_000
COMMON = {
    "MODEL_MODE": "extended", "ALLOW_PYRAMIDING": "true", "MAX_CONCURRENT_LOTS": "20", "USE_MA_FILTER": "false",
    "MA_SLOW": "400", "PYRAMID_MIN_ADVERSE_PCT": "0", "PYRAMID_DECAY_LAMBDA": "0", "BUY_THRESHOLD": "0",
    "MAX_DAILY_LOSS_PCT": "0", "VOL_RISK_ADJUST": "true", "TRAIL_ACTIVATE_PCT": "1", "TRAIL_DISTANCE_PCT": "0.5",
    "SCALP_TP_DECAY_ENABLE": "true", "FEE_RATE_PCT": "0.01",
}  # fmt: skip
HELD = COMMON | {"TAKE_PROFIT_PCT": "50", "STOP_LOSS_PCT": "50", "TRAIL_ACTIVATE_PCT": "60"}
TRADING = COMMON | {
    "TAKE_PROFIT_PCT": "0.5",
    "SCALP_TP_MIN_PCT": "0.3",
    "STOP_LOSS_PCT": "0.8",
    "ENTRY_COOLDOWN_SEC": "60",
}
SURE = Fit((0.01,) * 8, 3.0, (0.0,) * 8, (1.0,) * 8, HISTORY)


@dataclass
class Walk:
    """A price that is pulled back to where it began: it goes on for ever and stays in its band."""

    dice: Random
    price: int = PRICE
    spread: int = 300

    def next(self) -> int:
        self.price += self.dice.randint(-self.spread, self.spread) + (PRICE - self.price) // 2_000
        return self.price

    def candle(self, start: int) -> Candle:
        opened = self.price
        seen = [opened, *(self.next() for _ in range(3))]
        return Candle(start, opened, max(seen), min(seen), self.price, self.dice.randint(1, 10**8))


def begun(rules: Rules, walk: Walk) -> TraderState:
    history = tuple(walk.candle(START + 60 * i) for i in range(HISTORY))
    state = new_state(rules, Identity("bench", "BTC-USD", "paper", "bench"), 1)
    at_ms = (START + 60 * HISTORY) * 1000
    state, _ = step(rules, state, HistoryLoaded(at_ms, history))
    return replace(step(rules, state, Started(at_ms))[0], model=SURE)


def events(walk: Walk) -> Iterator[Event]:
    """Ticks a second apart; before the first of a minute the candle of the minute before."""
    second = START + 60 * HISTORY
    opened = high = low = close = walk.price
    while True:
        close = walk.next()
        high, low = max(high, close), min(low, close)
        yield Tick(second * 1000, close)
        second += 1
        if second % 60 == 0:
            yield CandleClosed(Candle(second - 60, opened, high, low, close, walk.dice.randint(1, 10**8)))
            opened = high = low = close


def machine_alone(label: str, **keys: str) -> None:
    rules = build_rules(load(HELD | keys), BTC_USD)
    walk = Walk(Random(1))
    state, taken = begun(rules, walk), 0
    ticks: list[int] = []
    closes: list[int] = []
    fits: list[int] = []
    for event in events(walk):
        began = time.thread_time_ns()
        state, commands = step(rules, state, event)
        spent = time.thread_time_ns() - began
        for command in commands:
            if isinstance(command, Place):
                intent = command.intent
                filled = OrderFilled(
                    intent.created_ms, intent.client_order_id, paper_fill(rules.params, intent, command.price)
                )
                state, _ = step(rules, state, filled)
        if len(state.lots) < 20:
            continue
        fitted = any(isinstance(command, Count) and command.name == "fits" for command in commands)
        (fits if fitted else ticks if isinstance(event, Tick) else closes).append(spent)
        taken += 1
        if taken == MEASURED:
            break
    assert len(state.lots) == 20
    assert state.decision is not None
    assert state.decision.reason == "max_lots"
    print(f"\n{label}")
    groups = [("tick", ticks), ("candle close", closes), ("tick that refits", fits)]
    for name, spent_ns in (*groups, ("any event", [*ticks, *closes, *fits])):
        if spent_ns:
            ordered = sorted(spent_ns)
            p99 = ordered[len(ordered) * 99 // 100]
            print(
                f"  {name:17} {len(ordered):6} steps   p50 {statistics.median(ordered) / 1e3:7.1f} us"
                f"   p99 {p99 / 1e3:7.1f} us   max {ordered[-1] / 1e3:7.1f} us"
            )


def resident_mib() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096 / 2**20


async def inline(save: object) -> None:
    assert callable(save)
    save()


async def process(steps: int, folder: Path) -> None:
    """The parts of a running bot but for its sockets, over ``steps`` events."""
    rules = build_rules(load(TRADING | {"WALK_FORWARD_MIN": "1440"}), BTC_USD)
    walk = Walk(Random(2), spread=2_000)
    metrics, queue, broadcast = BotMetrics(), EventQueue(), Broadcast()
    writer = StateWriter(rules, StateStore(folder / "state.json"), TradeLog(folder / "trades.jsonl"), metrics, inline)
    broker = PaperBroker(rules.params)
    executor = CommandExecutor(broker, writer, queue, metrics, Notifier(broadcast))
    state = begun(rules, walk)
    loop = TradingLoop(rules, state, broker, queue, executor, metrics, broadcast)
    executing = asyncio.create_task(executor.run())
    listener = broadcast.listen()
    asleep = asyncio.ensure_future(anext(listener))
    await asyncio.sleep(0)
    marks = {steps // 10, steps // 2, steps}
    began = time.process_time()
    print(f"\nas a process, {steps:,} events")
    for done, event in enumerate(events(walk), 1):
        if isinstance(event, Tick):
            queue.put_tick(event)
        else:
            queue.put(event)
        await loop.take(await queue.next())
        while queue.answered:
            await loop.take(await queue.next())
        # As between two ticks of a real bot: whoever has something to do does it.
        await asyncio.sleep(0)
        if done % 1_000 == 0:
            metrics.observe(rules, loop.state)
            metrics.exposition()
        if done in marks:
            await executor.drained()
            spent = (time.process_time() - began) / done * 1e6
            print(
                f"  after {done:9,}: RSS {resident_mib():6.1f} MiB, {loop.state.trade_count:6,} trades,"
                f" {len(loop.state.lots):2} lots open, {spent:5.0f} us CPU an event, state file"
                f" {(folder / 'state.json').stat().st_size / 1024:.0f} KiB"
            )
        if done == steps:
            break
    asleep.cancel()
    executing.cancel()
    await asyncio.gather(asleep, executing, return_exceptions=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1_000_000)
    steps = parser.parse_args().steps
    print(machine())
    machine_alone("walk-forward off")
    machine_alone("walk-forward every minute, 5,000 rows", WALK_FORWARD_MIN="1")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(process(steps, Path(folder)))


if __name__ == "__main__":
    main()
