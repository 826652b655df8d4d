"""The venue's clock set, a machine that slept, one wrong answer: what the bot's idea of the time makes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from cbbot.errors import CbbotError, Retryable
from cbbot.runtime.bridge_clock import LiveClock

HOUR = 3600.0


class Venue:
    """A venue's clock on the loop's time, which a test may set; ``wrong`` answers come first."""

    def __init__(self, rate: float = 1.0) -> None:
        self.rate = rate
        self.set_by = 0.0
        self.wrong: list[float] = []

    def seconds(self) -> float:
        return 1_795_000_000 + self.set_by + asyncio.get_running_loop().time() * self.rate

    async def fetch(self) -> int:
        return int((self.seconds() + (self.wrong.pop(0) if self.wrong else 0.0)) * 1000)


async def ticking(venue: Venue, jumps: list[float]) -> tuple[LiveClock, asyncio.Task[None]]:
    clock = LiveClock(venue.fetch, asyncio.get_running_loop().time, jumps.append)
    await clock.synchronise()

    def failed(error: CbbotError) -> None:
        raise error

    return clock, asyncio.create_task(clock.run(failed))


@pytest.mark.parametrize("set_by", [HOUR, 8 * HOUR, -HOUR, -8 * HOUR, 5.0, -5.0])
def test_a_clock_that_was_set_is_followed_within_seconds_at_the_same_rate(virtually: Any, set_by: float) -> None:
    async def main() -> None:
        venue, jumps = Venue(), list[float]()
        clock, running = await ticking(venue, jumps)
        await asyncio.sleep(60)
        clock.now_ms()
        venue.set_by = set_by
        await asyncio.sleep(13)
        for _ in range(100):
            assert clock.rate == 1.0
            assert clock.now_ms() == pytest.approx(venue.seconds() * 1000, abs=10)
            await asyncio.sleep(7)
        assert jumps == [pytest.approx(set_by, abs=0.1)]
        running.cancel()

    virtually(main)


@pytest.mark.parametrize("rate", [0.0, 0.5, 1.0, 2.0, 600.0])
@pytest.mark.parametrize("journey", [0.01, 0.4, 2.0])
def test_slow_answers_do_not_make_a_standing_or_slow_clock_look_like_ours(
    virtually: Any, rate: float, journey: float
) -> None:
    async def main() -> None:
        venue = Venue(rate)

        async def fetch() -> int:
            await asyncio.sleep(journey / 2)
            told = await venue.fetch()
            await asyncio.sleep(journey / 2)
            return told

        clock = LiveClock(fetch, asyncio.get_running_loop().time)
        await clock.synchronise()
        assert clock.rate == pytest.approx(rate, rel=0.02)
        # What is not live and so never late: a simulator that plays history, or lets it stand.
        assert clock.fast is (rate != 1.0)

    virtually(main)


def test_one_wrong_time_moves_nothing(virtually: Any) -> None:
    async def main() -> None:
        venue, jumps = Venue(), list[float]()
        clock, running = await ticking(venue, jumps)
        await asyncio.sleep(60)
        venue.wrong = [HOUR]
        for _ in range(30):
            await asyncio.sleep(1)
            assert clock.now_ms() == pytest.approx(venue.seconds() * 1000, abs=10)
        assert (jumps, clock.rate, venue.wrong) == ([], 1.0, [])
        running.cancel()

    virtually(main)


def test_times_that_agree_on_nothing_are_not_believed(virtually: Any) -> None:
    async def main() -> None:
        venue = Venue()
        clock = LiveClock(venue.fetch, asyncio.get_running_loop().time)
        await clock.synchronise()
        venue.wrong = [HOUR, 10.0, 7_000.0, 3.0, 900.0, 50.0, 4_000.0, 2_000.0]
        with pytest.raises(Retryable, match="does not run evenly"):
            await clock.sample()
        assert clock.now_ms() == pytest.approx(venue.seconds() * 1000, abs=10)

    virtually(main)


@pytest.mark.parametrize(("before", "after"), [(1.0, 600.0), (600.0, 1.0), (600.0, 60.0)])
def test_another_rate_is_believed_when_several_samples_show_it(virtually: Any, before: float, after: float) -> None:
    async def main() -> None:
        venue = Venue(before)
        clock, running = await ticking(venue, [])
        await asyncio.sleep(30)
        venue.set_by += asyncio.get_running_loop().time() * (before - after)
        venue.rate = after
        await asyncio.sleep(20)
        assert clock.rate == pytest.approx(after, rel=0.01)
        assert clock.now_ms() == pytest.approx(venue.seconds() * 1000, abs=after * 100)
        running.cancel()

    virtually(main)


def test_small_corrections_never_step_back(virtually: Any) -> None:
    async def main() -> None:
        venue, jumps = Venue(), list[float]()
        clock, running = await ticking(venue, jumps)
        seen = []
        for step in range(200):
            venue.set_by += 0.9 * (-1) ** step
            await asyncio.sleep(3)
            seen.append(clock.now_ms())
        assert seen == sorted(seen)
        assert (jumps, clock.rate) == ([], 1.0)
        running.cancel()

    virtually(main)


@pytest.mark.parametrize("set_by", [HOUR, -HOUR])
@pytest.mark.parametrize("use_tick_price", ["true", "false"])
def test_a_bot_goes_on_deciding_when_the_venues_clock_is_set(
    make_rig: Callable[..., Any], virtually: Any, fake_bridge: Any, tmp_path: Path, set_by: float, use_tick_price: str
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, USE_TICK_PRICE=use_tick_price, BUY_THRESHOLD="0")
        await rig.until(lambda: len(rig.bot.decisions(1000)) > 3)
        answer = bridge.now_ms
        bridge.broken["/time"] = lambda _: said(answer() + int(set_by * 1000))
        await asyncio.sleep(30)
        decided = len(rig.bot.decisions(1000))
        await asyncio.sleep(300)
        assert len(rig.bot.decisions(1000)) >= decided + 3
        assert rig.bot.status().phase == "trading"
        assert rig.exposed()["bot_clock_jumps_total"] == 1
        await rig.stop()

    virtually(main)


def test_a_start_waits_until_the_bridge_knows_whether_the_venues_clock_runs(
    make_rig: Callable[..., Any], virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        answer = bridge.now_ms
        told = {"iso": "x", "offset_ms": 0, "rate_known": False}
        bridge.broken["/time"] = lambda _: httpx.Response(200, json=told | {"epoch_ms": answer()})
        rig = make_rig(bridge, tmp_path)
        await asyncio.sleep(60)
        assert "the rate of the venue's clock is not known yet" in rig.bot.status().reason
        del bridge.broken["/time"]
        await rig.until(lambda: rig.bot.readiness[0])
        await rig.stop()

    virtually(main)


def said(epoch_ms: int) -> httpx.Response:

    return httpx.Response(200, json={"iso": "x", "epoch_ms": epoch_ms, "offset_ms": 0})
