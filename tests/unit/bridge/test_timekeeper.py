"""The venue's time: right within a second's samples, backwards only with the venue, at whatever speed it runs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbbot.domain.venue_clock import WINDOW
from cbbot.errors import Retryable
from cbbot_bridge.timekeeper import Timekeeper

pytestmark = pytest.mark.anyio

WALL = 1_795_368_120.0
START_MS = 1_700_000_000_000


class World:
    """A venue whose clock runs at ``speed`` and whose answers take ``latency`` seconds, half each way."""

    def __init__(self, speed: float = 1.0, latency: float = 0.0, ahead_ms: int = 0) -> None:
        self.now = 50.0
        self.speed = speed
        self.latency = latency
        self.start_ms = int(WALL * 1000) + ahead_ms if speed == 1.0 else START_MS
        self.away = False
        self.lies: list[int] = []
        self.slept = 0.0
        self.timekeeper = Timekeeper(self.fetch, lambda: self.now, lambda: WALL + self.slept + self.now - 50.0)

    @property
    def venue_ms(self) -> float:
        return self.start_ms + (self.now - 50.0) * 1000 * self.speed

    async def fetch(self) -> dict[str, Any]:
        if self.away:
            raise Retryable("away")
        if self.lies:
            return {"epochMillis": str(self.lies.pop(0))}
        self.now += self.latency / 2
        venue_ms = int(self.venue_ms)
        self.now += self.latency / 2
        return {"epochMillis": str(venue_ms)}

    async def sample_for(self, seconds: float, interval: float = 0.25) -> None:
        end = self.now + seconds
        while self.now <= end:
            await self.timekeeper.sample()
            self.now += interval


async def test_before_a_sample_our_own_clock_stands_in() -> None:
    world = World()
    assert not world.timekeeper.known
    assert world.timekeeper.now_ms() == int(WALL * 1000)
    assert world.timekeeper.offset_ms() is None


async def test_a_real_venues_offset_is_found_and_used_for_signing() -> None:
    world = World(ahead_ms=45_000, latency=0.08)
    await world.sample_for(2)
    assert world.timekeeper.rate == 1.0
    assert world.timekeeper.offset_ms() == pytest.approx(45_000, abs=50)
    assert world.timekeeper.signing_seconds() == pytest.approx(world.venue_ms / 1000, abs=0.05)


@pytest.mark.parametrize("speed", [2.0, 60.0, 600.0, 3600.0])
async def test_a_fast_venue_is_recognised_within_two_seconds(speed: float) -> None:
    world = World(speed=speed, latency=0.004)
    await world.sample_for(2)
    assert world.timekeeper.rate == pytest.approx(speed, rel=0.02)
    world.now += 1.0
    # Half a percent of the second since the last sample, or what the latency hides.
    assert world.timekeeper.now_ms() == pytest.approx(world.venue_ms, abs=speed * 1000 * 0.03)
    # A simulator verifies signatures on real time, whatever its market's clock shows.
    assert world.timekeeper.signing_seconds() == pytest.approx(WALL + world.now - 50.0)


async def test_a_stopped_venue_stands_still() -> None:
    world = World(speed=0.0)
    await world.sample_for(2)
    assert world.timekeeper.rate == 0.0
    world.now += 100
    assert world.timekeeper.now_ms() == START_MS


async def test_answers_from_a_cache_do_not_make_a_real_venue_fast_or_slow() -> None:
    world = World()
    answers: list[int] = []

    async def cached() -> dict[str, Any]:
        if len(answers) % 4 == 0:
            answers.append(int(world.venue_ms))
        else:
            answers.append(answers[-1])
        return {"epochMillis": str(answers[-1])}

    timekeeper = Timekeeper(cached, lambda: world.now, lambda: WALL + world.now - 50.0)
    for _ in range(40):
        await timekeeper.sample()
        assert timekeeper.rate == 1.0
        world.now += 0.25


SPEEDS = st.sampled_from([1.0, 600.0])
STEPS = st.tuples(st.floats(0.0, 0.4), st.integers(-(10**8), 10**8) | st.integers(-3000, 3000) | st.just(0))


@settings(max_examples=100, deadline=None)
@given(speed=SPEEDS, steps=st.lists(STEPS, min_size=3, max_size=30))
async def test_time_goes_backwards_only_with_a_venue_that_was_set_back(
    speed: float, steps: list[tuple[float, int]]
) -> None:
    world = World(speed=speed)
    latest = 0
    for latency, jump in steps:
        world.latency = latency
        world.start_ms += jump
        before = world.timekeeper.set_backs
        await world.timekeeper.try_sample()
        now = world.timekeeper.now_ms()
        if now < latest:
            assert world.timekeeper.set_backs == before + 1
        latest = now
        world.now += 0.1
        assert world.timekeeper.now_ms() >= latest


@settings(max_examples=100, deadline=None)
@given(speed=SPEEDS, steps=st.lists(STEPS, min_size=0, max_size=12), data=st.data())
async def test_whatever_the_venue_told_its_time_is_right_again_after_good_answers(
    speed: float, steps: list[tuple[float, int]], data: st.DataObject
) -> None:
    world = World(speed=speed)
    for latency, jump in steps:
        world.latency = latency
        world.start_ms = data.draw(st.integers(1, 4_000_000_000_000)) if jump == 0 else max(world.start_ms + jump, 1)
        await world.timekeeper.try_sample()
        world.timekeeper.now_ms()
        world.now += 0.25
    world.latency = 0.0
    # Two answers that agree are believed; the rate wants a whole window of them.
    await world.sample_for(0.25 * (WINDOW + 2))
    assert world.timekeeper.now_ms() == pytest.approx(world.venue_ms, abs=2100 * speed)
    assert world.timekeeper.rate == pytest.approx(speed, rel=0.05)


async def test_one_wrong_answer_is_asked_for_again_and_not_believed() -> None:
    world = World()
    await world.sample_for(2)
    world.lies = [4_102_444_800_000]
    await world.timekeeper.sample()
    assert (world.timekeeper.outliers, world.timekeeper.set_backs) == (1, 0)
    assert world.timekeeper.now_ms() == pytest.approx(world.venue_ms, abs=1)


async def test_two_answers_that_contradict_each_other_are_a_failure() -> None:
    world = World()
    await world.sample_for(2)
    world.lies = [4_102_444_800_000, 1_000_000_000_000]
    assert not await world.timekeeper.try_sample()
    assert (world.timekeeper.outliers, world.timekeeper.failures) == (1, 1)
    assert world.timekeeper.now_ms() == pytest.approx(world.venue_ms, abs=1)


async def test_a_venue_that_was_set_back_is_followed_and_others_are_told() -> None:
    world = World()
    heard: list[int] = []
    world.timekeeper.on_set_back = lambda: heard.append(world.timekeeper.now_ms())
    await world.sample_for(2)
    world.start_ms -= 86_400_000
    await world.timekeeper.sample()
    assert world.timekeeper.now_ms() == pytest.approx(world.venue_ms, abs=1)
    assert world.timekeeper.set_backs == len(heard) == 1
    assert heard[0] == pytest.approx(world.venue_ms, abs=1)


async def test_a_small_correction_is_waited_out() -> None:
    world = World()
    await world.sample_for(2)
    before = world.timekeeper.now_ms()
    world.start_ms -= 1500
    await world.timekeeper.sample()
    assert world.timekeeper.now_ms() == before
    assert world.timekeeper.set_backs == 0
    world.now += 2
    assert world.timekeeper.now_ms() == pytest.approx(world.venue_ms, abs=1)


async def test_a_time_that_the_venue_cannot_have_reached_is_known_before_its_rate_is() -> None:
    world = World(speed=600.0)
    assert world.timekeeper.latest_plausible_seconds() == float("inf")
    await world.timekeeper.sample()
    assert world.venue_ms / 1000 + 600 < world.timekeeper.latest_plausible_seconds() < 4_000_000_000
    await world.sample_for(2)
    assert world.timekeeper.latest_plausible_seconds() == pytest.approx(world.venue_ms / 1000 + 36_000, abs=1500)


async def test_after_a_simulators_restart_the_rate_is_right_again_within_eight_samples() -> None:
    world = World(speed=600.0)
    await world.sample_for(3)
    world.start_ms -= 30 * 600 * 1000
    world.now += 30
    await world.sample_for(8 * 0.25)
    assert world.timekeeper.rate == pytest.approx(600.0, rel=0.01)


async def test_a_venue_that_is_away_is_counted_and_time_goes_on() -> None:
    world = World(ahead_ms=1000)
    await world.sample_for(1)
    world.away = True
    assert not await world.timekeeper.try_sample()
    world.now += 5
    assert world.timekeeper.failures == 1
    assert world.timekeeper.now_ms() == pytest.approx(world.venue_ms, abs=1)


def test_sampling_is_dense_at_first_and_stays_so_for_a_fast_venue() -> None:
    timekeeper = Timekeeper(World().fetch)
    assert timekeeper.interval(done=True, since_first=0.0) == 0.25
    assert timekeeper.interval(done=True, since_first=3.0) == 10.0
    assert timekeeper.interval(done=False, since_first=3.0) == 1.0


async def test_a_fast_venue_is_sampled_every_second() -> None:
    world = World(speed=600.0)
    await world.sample_for(2)
    assert world.timekeeper.interval(done=True, since_first=30.0) == 1.0


@pytest.mark.parametrize("hours", [1, 8])
async def test_a_venues_clock_that_was_set_forward_goes_on_at_its_rate(hours: int) -> None:
    world = World()
    await world.sample_for(120, interval=10)
    world.start_ms += hours * 3_600_000
    for _ in range(12):
        await world.timekeeper.sample()
        assert world.timekeeper.rate == 1.0
        assert world.timekeeper.now_ms() == pytest.approx(world.venue_ms, abs=5)
        world.now += 10


async def test_a_venue_that_goes_on_at_another_speed_is_followed_after_two_samples() -> None:
    world = World()
    await world.sample_for(120, interval=10)
    world.start_ms += int((world.now - 50.0) * 1000 * (1 - 300))
    world.speed = 300
    world.now += 10
    await world.sample_for(3, interval=1)
    assert world.timekeeper.rate == pytest.approx(300)


@pytest.mark.parametrize(("speed", "seconds"), [(1.0, 7.0), (100.0, 0.07)])
async def test_a_moment_is_as_far_away_as_the_venue_takes_to_it(speed: float, seconds: float) -> None:
    world = World(speed)
    await world.sample_for(3.0)
    assert world.timekeeper.seconds_until(int(world.venue_ms) + 7_000) == pytest.approx(seconds, abs=0.01)
    world.now += 60.0
    assert world.timekeeper.seconds_until(int(world.venue_ms) - 7_000) == pytest.approx(-seconds, abs=0.01)


async def test_of_a_machine_that_slept_the_wall_clock_tells_how_long_until_the_venue_does() -> None:
    world = World()
    await world.sample_for(3.0)
    moment = int(world.venue_ms) + 7_000
    world.slept = 600.0
    assert world.timekeeper.seconds_until(moment) == pytest.approx(-593.0, abs=0.01)
    world.start_ms += 600_000
    await world.sample_for(3.0)
    assert world.timekeeper.seconds_until(moment) == pytest.approx(-596.0, abs=0.5)


@pytest.mark.parametrize("speed", [0.0, 1.0, 2.0, 600.0])
async def test_the_rate_is_known_once_a_clock_that_runs_looks_no_longer_like_one_that_stands(speed: float) -> None:
    world = World(speed, latency=0.02)
    while not world.timekeeper.rate_known:
        await world.timekeeper.sample()
        world.now += 0.25
    assert 1.0 < world.now - 50.0 < 2.0
    assert world.timekeeper.rate == pytest.approx(speed, rel=0.1)
    # What is set later does not make it unknown.
    world.start_ms += 3_600_000 * 1000
    await world.timekeeper.sample()
    assert world.timekeeper.rate_known
