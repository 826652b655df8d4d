"""Which port the bot of cbbot up is served on."""

from __future__ import annotations

import socket

import pytest

from cbbot.errors import BadInput, CbbotError
from cbbot_operator.local.bot_port import check_asked, first_free, is_taken, ports_to_try
from free_port import free_port


def test_it_is_8080_or_the_next_ones_and_exactly_the_one_that_is_asked_for() -> None:
    assert ports_to_try(None)[:3] == (8080, 8081, 8082)
    assert ports_to_try(9000) == (9000,)
    assert ports_to_try(0) == (0,)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104  another program may listen everywhere
def test_one_that_somebody_listens_on_is_passed_over_and_refused_when_asked_for(host: str) -> None:
    free = free_port()
    with socket.create_server((host, 0)) as server:
        port = server.getsockname()[1]
        assert is_taken(port)
        assert first_free((port, free)) == free
        with pytest.raises(CbbotError, match=f"ports {port} to {port} are all taken; --port 0 takes any"):
            first_free((port,))
        with pytest.raises(
            BadInput, match=rf"--port {port}: cannot listen on 127.0.0.1:{port}: Address already in use"
        ):
            check_asked(port)
    assert first_free((port, free)) == port
    check_asked(port)


def test_a_connection_that_a_server_left_behind_does_not_take_its_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()  # whoever closes first waits
            assert client.recv(1) == b""
    assert not is_taken(port)


def test_any_port_is_never_taken() -> None:
    assert first_free((0,)) == 0
    check_asked(0)
