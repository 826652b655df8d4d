from __future__ import annotations

import pytest

from cbbot.domain.venue_clock import VenueClock


def test_a_real_venue_keeps_a_rate_of_exactly_one() -> None:
    clock = VenueClock.start(100.0, 1_000_000.0).sample(110.0, 1_010_050.0)
    assert clock.rate == 1.0
    assert clock.now_ms(111.0) == 1_011_050


def test_a_fast_venue_shows_its_rate_after_two_samples() -> None:
    clock = VenueClock.start(0.0, 0.0).sample(1.0, 600_000.0)
    assert clock.rate == pytest.approx(600.0)
    assert clock.now_ms(1.5) == 900_000
    assert clock.seconds_until(960_000, 1.0) == pytest.approx(0.6)


def test_samples_too_close_together_say_nothing_of_the_rate() -> None:
    assert VenueClock.start(0.0, 0.0).sample(0.01, 600.0).rate == 1.0


def test_a_venue_time_in_the_past_is_no_wait() -> None:
    assert VenueClock.start(0.0, 5_000.0).seconds_until(4_000, 0.0) == 0.0
