"""Tokens are signed by a customer's own clock or by the venue's: both are good, at any speed of the replay."""

from __future__ import annotations

import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from cbbot_bridge.simulator.api_keys import ApiKey
from cbbot_bridge.simulator.auth import Signatures
from cbbot_bridge.simulator.replay_clock import SimulatedClock

VENUE = 1_757_142_000
KEY = ec.generate_private_key(ec.SECP256R1())


def signed_at(seconds: float, life: int = 120) -> str:
    claims = {"sub": "k", "iss": "cdp", "nbf": int(seconds), "exp": int(seconds) + life}
    return jwt.encode(claims, KEY, "ES256", headers={"kid": "k"})


class Venue:
    """A keyed simulator whose clock ran from VENUE on; ours is moved by hand."""

    def __init__(self, speed: float) -> None:
        self.ours = 1_000.0
        self.clock = SimulatedClock(VENUE * 1000, speed, lambda: self.ours)
        self.signatures = Signatures(self.clock, [ApiKey("k", KEY.public_key())])

    def takes(self, token: str) -> bool:
        return self.signatures.claims(token) is not None


@pytest.mark.parametrize("speed", [0, 0.5, 1, 1.01, 60, 600, 1_000_000])
def test_a_token_signed_by_either_clock_is_good(speed: float) -> None:
    venue = Venue(speed)
    assert venue.takes(signed_at(time.time()))
    assert venue.takes(signed_at(VENUE))
    assert not venue.takes(signed_at(time.time() - 7 * 86_400))
    assert not venue.takes(signed_at(time.time() + 7 * 86_400))


@pytest.mark.parametrize("speed", [1, 1.01, 60, 600])
def test_a_token_signed_by_the_venues_clock_lasts_as_long_as_one_signed_by_ours(speed: float) -> None:
    venue = Venue(speed)
    token = signed_at(VENUE)
    venue.ours += 119
    assert venue.takes(token)
    venue.ours += 7
    assert not venue.takes(token)


@pytest.mark.parametrize(("speed", "early"), [(0, 30), (1, 30), (60, 60 * 30)])
def test_a_token_of_the_venues_future_is_refused(speed: float, early: float) -> None:
    assert not Venue(speed).takes(signed_at(VENUE + early))


def test_a_token_that_lasts_for_years_is_refused_by_either_clock() -> None:
    venue = Venue(1)
    assert not venue.takes(signed_at(time.time(), life=10**9))
    assert not venue.takes(signed_at(VENUE, life=10**9))
    assert not venue.takes(signed_at(0, life=10**10))
