"""A port that a test hands to a server stays free until the server has it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from free_port import free_port

_HANDED_OUT_BY_THE_KERNEL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_each_is_another_one_that_can_be_listened_on() -> None:
    ports = [free_port() for _ in range(20)]
    assert len(set(ports)) == 20
    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()


@pytest.mark.skipif(not _HANDED_OUT_BY_THE_KERNEL.exists(), reason="no Linux")
def test_the_kernel_gives_it_to_nobody_who_asks_for_any() -> None:
    first = int(_HANDED_OUT_BY_THE_KERNEL.read_text().split()[0])
    assert all(free_port() < first for _ in range(20))
