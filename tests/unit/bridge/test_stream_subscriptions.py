"""Which products a new connection subscribes to, after refusals."""

from __future__ import annotations

import logging

import pytest

from cbbot_bridge.coinbase.subscriptions import Subscriptions
from cbbot_bridge.rare_log import RareWarning


def test_a_refused_product_is_left_out_for_a_time_that_doubles() -> None:
    subscriptions = Subscriptions(["NOPE-USD", "BTC-USD"])
    now, waited = 0.0, []
    for _ in range(8):
        assert subscriptions.wanted(now) == ["NOPE-USD", "BTC-USD"]
        seconds = subscriptions.refuse("NOPE-USD", now)
        waited.append(seconds)
        assert subscriptions.wanted(now + seconds - 1) == ["BTC-USD"]
        assert subscriptions.refused() == ["NOPE-USD"]
        now += seconds
    assert waited == [60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_a_product_that_was_accepted_again_is_left_out_briefly_the_next_time() -> None:
    subscriptions = Subscriptions(["NOPE-USD"])
    subscriptions.refuse("NOPE-USD", 0.0)
    subscriptions.refuse("NOPE-USD", 60.0)
    subscriptions.accept("NOPE-USD")
    assert subscriptions.refused() == []
    assert subscriptions.refuse("NOPE-USD", 1000.0) == 60


def test_suspicion_comes_twice_running_before_it_counts() -> None:
    subscriptions = Subscriptions(["A-USD", "B-USD"])
    assert not subscriptions.suspect("A-USD")
    assert subscriptions.wanted(0.0) == ["B-USD", "A-USD"]
    assert not subscriptions.suspect("B-USD")
    assert subscriptions.wanted(0.0) == ["A-USD", "B-USD"]
    assert subscriptions.suspect("B-USD")
    assert not subscriptions.suspect("B-USD")
    subscriptions.accept("B-USD")
    assert not subscriptions.suspect("B-USD")


def test_what_comes_a_thousand_times_a_second_is_logged_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    now = [100.0]
    warn = RareWarning(logging.getLogger("rare"), "something odd", lambda: now[0])
    for _ in range(1000):
        warn({"reason": "x"})
        now[0] += 0.001
    assert len(caplog.records) == 1
    now[0] += 10
    warn({"reason": "y"})
    assert [getattr(record, "fields", None) for record in caplog.records] == [
        {"reason": "x", "times": 1},
        {"reason": "y", "times": 1000},
    ]
