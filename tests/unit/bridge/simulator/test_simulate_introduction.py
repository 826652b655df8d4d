"""What ``cbbot simulate`` tells a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from cbbot_bridge.simulator.command_line import parse_arguments
from cbbot_bridge.simulator.simulate_command import introduction
from cbbot_bridge.simulator.world import build_world


def told(*arguments: str, host: str = "127.0.0.1") -> str:
    world = build_world(parse_arguments(["--product", "BTC-USD", *arguments]), None)
    return "\n".join(introduction(world, host, 8788))


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8788"),
        ("0.0.0.0", "http://127.0.0.1:8788"),  # noqa: S104  shown, not bound to
        ("::", "http://[::1]:8788"),
        ("::1", "http://[::1]:8788"),
        ("fd00::2", "http://[fd00::2]:8788"),
    ],
)
def test_the_address_is_one_that_a_client_can_use(host: str, address: str) -> None:
    assert f"COINBASE_API_BASE={address} " in told(host=host)


def test_a_stopped_clock_says_how_it_is_moved() -> None:
    assert "/sim/advance" in told("--speed", "0")
    assert "0.5 times as fast as ours" in told("--speed", "0.5")


def test_a_state_is_named_and_a_start_without_one_says_what_that_means(tmp_path: Path) -> None:
    assert f"{tmp_path}/s.json: the next start goes on" in told("--state", f"{tmp_path}/s.json")
    assert "begins at the same time with the same balances" in told()
