"""What counts as this machine."""

from __future__ import annotations

import pytest

from cbbot.process.loopback import is_loopback


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.10", "::1", "[::1]", "::ffff:127.0.0.1"]
)
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "0.0.0.0",  # noqa: S104 - nobody binds it
        "::",
        "10.0.0.1",
        "127.0.0.1.example",
        "localhost.example",
        "::ffff:10.0.0.1",
        "[::1",
        "2130706433",
    ],
)
def test_elsewhere(host: str) -> None:
    assert not is_loopback(host)
