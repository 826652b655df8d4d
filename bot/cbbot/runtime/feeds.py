"""From the bridge into the queue: ticks with balances, closed candles, and the passing of time.

Intervals of the settings count on the venue's clock. Each ``once`` does one round and returns the
seconds to pause; :class:`~cbbot.runtime.outages.Outages` keeps it going.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from cbbot.domain.candle import Candle
from cbbot.errors import CbbotError
from cbbot.runtime.bridge_clock import LiveClock
from cbbot.runtime.bridge_market import BridgeMarket, parse_candles
from cbbot.runtime.closing import is_fresh, is_late, split_closed
from cbbot.runtime.event_queue import EventQueue
from cbbot.runtime.outages import Outages
from cbbot.trader.events import BalancesKnown, CandleClosed, CandleForming, Tick, TimePassed
from cbbot.trader.rules import Rules
from cbbot.views.bot_metrics import BotMetrics

__all__ = ["AccountFeed", "CandleFeed", "TickFeed", "TimeFeed"]

_LOG = logging.getLogger(__name__)

_SHORTEST_TICK_SECONDS: Final = 0.02
_BALANCES_OLD_MS: Final = 4_000
_SHORTEST_BALANCES_SECONDS: Final = 1.0
_BALANCES_PATIENCE_SECONDS: Final = 0.25
_MOST_CANDLES: Final = 9_000
_CANDLES_KEPT: Final = 2_000
_FIRST_LOOK_BACK: Final = 350


class AccountFeed:
    """Live balances: young enough for entries, and asked for again after every order."""

    def __init__(
        self, rules: Rules, market: BridgeMarket, clock: LiveClock, queue: EventQueue, outages: Outages
    ) -> None:
        self._rules = rules
        self._market = market
        self._clock = clock
        self._queue = queue
        self._outages = outages
        self._task: asyncio.Task[None] | None = None
        self._known_at = float("-inf")
        self._asked_at = float("-inf")
        self._wanted = True

    def want(self) -> None:
        """An order has changed the account."""
        self._wanted = True

    async def refresh_if_due(self) -> None:
        """Asks when the known balances are old or an order came after them; not more often than the bridge bears.

        Waits a moment for the answer, so that the tick that is fetched beside it can use it; a slow
        answer goes on without the tick.
        """
        now = asyncio.get_running_loop().time()
        old = (now - self._known_at) * 1000 * max(self._clock.rate, 1.0) > _BALANCES_OLD_MS
        due = self._rules.live and (old or self._wanted) and now - self._asked_at >= _SHORTEST_BALANCES_SECONDS
        if not due or (self._task is not None and not self._task.done()):
            return
        self._asked_at, self._wanted = now, False
        self._task = asyncio.create_task(self._ask(self._clock.now_ms()))
        await asyncio.wait({self._task}, timeout=_BALANCES_PATIENCE_SECONDS)

    async def _ask(self, asked_ms: int) -> None:
        try:
            balances = await self._market.balances(self._rules.instrument)
        except CbbotError as error:
            self._outages.failed("balances", error)
            return
        self._outages.recovered("balances")
        # They are as old as the question: an order that ended meanwhile may or may not be in them.
        self._known_at = self._asked_at
        self._queue.put(BalancesKnown(asked_ms, balances.base, balances.quote))


class TickFeed:
    """Prices at the pace of TICK_INTERVAL_SEC. ``fresh_at`` is when the last fresh one came, on the loop's clock."""

    def __init__(
        self,
        rules: Rules,
        market: BridgeMarket,
        clock: LiveClock,
        queue: EventQueue,
        metrics: BotMetrics,
        account: AccountFeed,
    ) -> None:
        self._rules = rules
        self._market = market
        self._clock = clock
        self._queue = queue
        self._metrics = metrics
        self._account = account
        self._due = 0.0
        self.fresh_at: float | None = None

    async def once(self) -> float:
        loop = asyncio.get_running_loop()
        traded, _ = await asyncio.gather(self._market.price(self._rules.instrument), self._account.refresh_if_due())
        if traded is None:
            self._metrics.stale_prices.inc()
        else:
            self.fresh_at = loop.time()
            if self._queue.put_tick(Tick(self._clock.now_ms(), *traded)):
                self._metrics.skipped_ticks.inc()
        interval = float(self._rules.settings.tick_interval_sec)
        period = max(interval / self._clock.rate if self._clock.rate > 0 else interval, _SHORTEST_TICK_SECONDS)
        # What was missed is skipped, not made up for.
        self._due = max(self._due + period, loop.time())
        return self._due - loop.time()


class CandleFeed:
    """Every closed candle once, in order, and the one in progress.

    ``recent`` are the newest closed ones. After an outage the next fetch reaches back to the last
    candle that was fed, so nothing is left out but what the venue itself does not have.
    """

    def __init__(
        self,
        rules: Rules,
        market: BridgeMarket,
        clock: LiveClock,
        queue: EventQueue,
        metrics: BotMetrics,
    ) -> None:
        self._rules = rules
        self._market = market
        self._clock = clock
        self._queue = queue
        self._metrics = metrics
        self._seconds = rules.settings.candle_seconds
        self._last = 0
        self._look_from = 0
        self._tries = 0
        self._round_at = asyncio.get_running_loop().time()
        self.recent: deque[Candle] = deque(maxlen=_CANDLES_KEPT)

    def begin(self, history: tuple[Candle, ...]) -> None:
        """Goes on after ``history``."""
        self.recent.extend(history[-_CANDLES_KEPT:])
        self._last = self._look_from = history[-1].start if history else 0

    async def once(self) -> float:
        asked_ms = self._clock.now_ms()
        newest = asked_ms // 1000 // self._seconds * self._seconds + self._seconds
        start = self._look_from or max(newest - _FIRST_LOOK_BACK * self._seconds, 0)
        if newest <= start:
            # The venue's clock is behind its candles: it was set back. They go on all the same.
            newest = start + _FIRST_LOOK_BACK * self._seconds
        end = min(newest, start + _MOST_CANDLES * self._seconds)
        rows = await self._market.candles(self._rules.settings.granularity, start, end)
        candles, bad = parse_candles(self._rules.instrument, rows)
        if bad:
            self._metrics.bad_candles.inc(bad)
            _LOG.warning("bad candles", extra={"fields": {"count": bad, "from": start, "to": end}})
        closed, forming = split_closed(candles, self._seconds, asked_ms, by_time=not self._clock.fast)
        fed = self._feed(closed)
        if end < newest:
            # More is waiting; a window without a candle is stepped over.
            self._look_from = self._last if fed else end
            return 0.0
        if forming is not None and forming.start > self._last:
            self._queue.put(CandleForming(asked_ms, forming))
        return self._pause(fed)

    def _feed(self, closed: list[Candle]) -> int:
        now, now_ms = asyncio.get_running_loop().time(), self._clock.now_ms()
        # A candle that a round before did not have has closed since, whatever the venue's clock says.
        recently_asked = is_fresh((now - self._round_at) * 1000, self._seconds)
        self._round_at = now
        fed = 0
        for candle in closed:
            if candle.start > self._last:
                # A simulator that plays history, or lets it stand, is followed candle by candle.
                late = not self._clock.fast and is_late(candle, self._seconds, now_ms)
                late = late and not (candle is closed[-1] and recently_asked)
                self._queue.put(CandleClosed(candle, late))
                self.recent.append(candle)
                self._last = self._look_from = candle.start
                fed += 1
        return fed

    def _pause(self, fed: int) -> float:
        """Until the next candle should be over, or the resync is due, or soon when one is late."""
        rate = self._clock.rate if self._clock.rate > 0 else 1.0
        now_ms, length_ms = self._clock.estimate_ms(), self._seconds * 1000
        # On a fast venue the first trade of the next candle shows that this one is over.
        close_delay_ms = length_ms // 10 if self._clock.fast else 2_100
        over_ms = (now_ms - close_delay_ms) // length_ms * length_ms
        resync = max(float(self._rules.settings.candle_resync_sec) / rate, _SHORTEST_TICK_SECONDS)
        if self._last * 1000 + length_ms < over_ms:
            self._tries = 0 if fed else self._tries + 1
            soon = min(0.5, self._seconds / rate / 4) * 2.0 ** min(self._tries, 4)
            return min(soon, max(resync, 0.5))
        self._tries = 0
        until_next = (over_ms + length_ms + close_delay_ms - now_ms) / 1000 / rate
        return min(max(until_next, _SHORTEST_TICK_SECONDS), resync)


class TimeFeed:
    """The passing of time, about once a second of ours; ``beat`` is called with it."""

    def __init__(self, clock: LiveClock, queue: EventQueue, beat: Callable[[], None]) -> None:
        self._clock = clock
        self._queue = queue
        self._beat = beat
        self._began = asyncio.get_running_loop().time()

    async def once(self) -> float:
        elapsed = asyncio.get_running_loop().time() - self._began
        self._queue.put_time(TimePassed(self._clock.now_ms(), int(elapsed * 1000)))
        self._beat()
        return 1.0
