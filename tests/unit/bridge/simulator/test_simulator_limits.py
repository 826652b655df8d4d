"""How often the simulator may be asked, and how it says that it was too often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cbbot_bridge.simulator.rate_limits import Allowances

ROOT = "/api/v3/brokerage"
Simulate = Callable[..., AbstractContextManager[httpx.Client]]


def statuses(client: httpx.Client, path: str, times: int) -> Counter[int]:
    return Counter(client.get(ROOT + path).status_code for _ in range(times))


def test_an_allowance_refills_with_time_and_is_each_callers_own() -> None:
    now = [0.0]
    allowances = Allowances(10, lambda: now[0])
    assert [allowances.take("a") for _ in range(11)] == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, None]
    assert allowances.take("b") == 9
    now[0] += 0.1
    assert allowances.take("a") == 0
    assert allowances.take("a") is None
    now[0] += 100
    assert sum(allowances.take("a") is not None for _ in range(50)) == 10


def test_an_allowance_below_one_a_second_lets_one_through_at_a_time() -> None:
    now = [0.0]
    allowances = Allowances(0.5, lambda: now[0])
    assert [allowances.take("a"), allowances.take("a")] == [0, None]
    now[0] += 2
    assert allowances.take("a") == 0


def test_many_callers_cost_a_bounded_memory() -> None:
    allowances = Allowances(1, lambda: 0.0)
    for number in range(20_000):
        allowances.take(str(number))
    assert allowances.callers <= 10_000
    assert allowances.take("19999") is None  # the newest are known


def test_private_and_public_requests_are_counted_apart(simulate: Simulate) -> None:
    with simulate("--speed", "1", "--private-rate", "0.001", "--public-rate", "0.001") as client:
        assert statuses(client, "/accounts", 5) == {200: 1, 429: 4}
        assert statuses(client, "/time", 5) == {200: 1, 429: 4}


def test_a_refusal_has_each_of_the_bodies_in_turn(simulate: Simulate) -> None:
    with simulate("--speed", "1", "--public-rate", "0.001") as client:
        client.get(f"{ROOT}/time")
        first, second, third, fourth = (client.get(f"{ROOT}/time") for _ in range(4))
    assert first.json() == {"errors": [{"id": "rate_limit_exceeded", "message": "Too many requests"}]}
    assert second.content == b""
    assert third.text.startswith("<html>")
    assert fourth.json() == first.json()
    assert first.headers["x-ratelimit-remaining"] == "0"


def test_what_is_left_is_told(simulate: Simulate) -> None:
    with simulate("--speed", "1") as client:
        private, public = (client.get(ROOT + path).headers for path in ("/accounts", "/time"))
    assert (private["x-ratelimit-limit"], private["x-ratelimit-remaining"]) == ("30", "29")
    assert (public["x-ratelimit-limit"], public["x-ratelimit-remaining"]) == ("10", "9")


def test_without_keys_a_fast_replay_may_be_asked_as_much_faster(simulate: Simulate) -> None:
    with simulate("--speed", "600") as client:
        assert statuses(client, "/time", 100) == {200: 100}
        assert client.get(f"{ROOT}/time").headers["x-ratelimit-limit"] == "6000"


def test_with_keys_the_limits_are_coinbases_whatever_the_speed(simulate: Simulate, tmp_path: Path) -> None:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    (tmp_path / "key.pem").write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    key = ("--key-name", "k", "--public-key-file", str(tmp_path / "key.pem"))
    with simulate("--speed", "600", *key) as client:
        assert client.get(f"{ROOT}/time").headers["x-ratelimit-limit"] == "10"


def test_a_rate_that_is_given_holds_at_any_speed(simulate: Simulate) -> None:
    for speed in ("0", "1", "600"):
        with simulate("--speed", speed, "--public-rate", "0.001", "--private-rate", "0.001") as client:
            assert statuses(client, "/time", 3) == statuses(client, "/accounts", 3) == {200: 1, 429: 2}


@pytest.mark.parametrize("arguments", [("--speed", "0"), ("--speed", "1", "--private-rate", "0", "--public-rate", "0")])
def test_a_stopped_clock_counts_no_seconds_and_the_limits_can_be_switched_off(
    simulate: Simulate, arguments: tuple[str, ...]
) -> None:
    with simulate(*arguments) as client:
        assert statuses(client, "/accounts", 60) == statuses(client, "/time", 60) == {200: 60}
