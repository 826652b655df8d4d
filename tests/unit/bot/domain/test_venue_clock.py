from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbbot.domain.venue_clock import WINDOW, ClockSample, VenueClock


def clock(*samples: tuple[float, int], doubt: float = 0.0, cached: float = 0.0) -> VenueClock:
    made: VenueClock | None = None
    for at, venue_ms in samples:
        made = VenueClock.sampled(made, ClockSample(at, venue_ms, doubt), baseline_seconds=0.5, cached_seconds=cached)
    assert made is not None
    return made


def test_a_real_venue_keeps_a_rate_of_exactly_one() -> None:
    found = clock((100.0, 1_000_000), (110.0, 1_010_050))
    assert found.rate == 1.0
    assert found.now_ms(111.0) == 1_011_050


def test_a_fast_venue_shows_its_rate_after_two_samples() -> None:
    found = clock((0.0, 0), (1.0, 600_000))
    assert found.rate == pytest.approx(600.0)
    assert found.now_ms(1.5) == 900_000


def test_samples_too_close_together_say_nothing_of_the_rate() -> None:
    assert clock((0.0, 0), (0.1, 60_000)).rate == 1.0


def test_what_a_slow_answer_or_a_cache_explains_is_no_other_rate() -> None:
    assert clock((0.0, 0), (1.0, 1_300)).rate == pytest.approx(1.3)
    assert clock((0.0, 0), (1.0, 1_300), doubt=0.15).rate == 1.0
    assert clock((0.0, 0), (1.0, 1_300), cached=1.0).rate == 1.0


def test_a_venue_that_is_set_back_keeps_its_rate_and_forgets_its_past() -> None:
    found = clock((0.0, 0), (1.0, 600_000), (2.0, 5_000))
    assert (found.rate, found.samples) == (600.0, (ClockSample(2.0, 5_000, 0.0),))


def test_a_venue_that_stands_still_is_not_believed_to_run_while_its_samples_are_too_few_to_tell() -> None:
    stood = VenueClock((ClockSample(0.0, 1_000, 0.0),), 0.0)
    soon = VenueClock.sampled(stood, ClockSample(1.0, 1_000, 0.0), baseline_seconds=0.5, cached_seconds=1.0)
    assert soon.rate == 0.0


def test_old_samples_leave_the_window_so_that_a_new_rate_shows() -> None:
    slow = [(float(i), i * 1000) for i in range(10)]
    fast = [(10.0 + i, 10_000 + i * 50_000) for i in range(WINDOW)]
    found = clock(*slow, *fast)
    assert len(found.samples) == WINDOW
    assert found.rate == pytest.approx(50.0)


def test_a_question_is_answered_in_the_middle_of_its_journey() -> None:
    assert ClockSample.of(1.0, 1.5, 7) == ClockSample(1.25, 7, 0.25)


def test_a_clock_that_was_set_forward_by_years_does_not_run_at_a_rate_of_millions() -> None:
    found = clock((0.0, 1_795_000_000_000), (1.0, 1_795_000_001_000), (2.0, 4_102_444_800_000))
    assert (found.rate, found.baseline) == (1.0, 0.0)
    assert found.now_ms(3.0) == 4_102_444_801_000


@given(
    before=st.lists(st.tuples(st.floats(0.0, 20.0), st.integers(0, 10**14)), max_size=20),
    rate=st.sampled_from([0.0, 1.0, 1.5, 600.0, 100_000.0]),
)
def test_a_window_of_even_samples_gives_time_and_rate_whatever_came_before(
    before: list[tuple[float, int]], rate: float
) -> None:
    at, samples = 0.0, []
    for pause, venue_ms in before:
        at += pause
        samples.append((at, venue_ms))
    even = [(at + 1 + second, int(10**12 + second * 1000 * rate)) for second in range(WINDOW + 1)]
    found = clock(*samples, *even)
    assert found.rate == pytest.approx(rate, rel=1e-6, abs=1e-9)
    assert found.now_ms(even[-1][0]) == even[-1][1]
