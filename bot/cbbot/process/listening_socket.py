"""The socket that a server listens on, made before anything is served: an address that cannot be had is a line."""

from __future__ import annotations

import socket
from typing import Final

from cbbot.errors import BadInput

__all__ = ["CANNOT_LISTEN", "listening_socket"]

CANNOT_LISTEN: Final = "cannot listen on"
"""In the last words of a process that could not have its address: whoever started it may try another."""


def listening_socket(host: str, port: int, *, host_name: str, port_name: str) -> socket.socket:
    """A socket bound to an address; port 0 picks a free one. ``host_name`` and ``port_name`` are the settings' names.

    ``::`` is every address of this machine, of IPv6 and IPv4, or of IPv4 alone where there is no IPv6.

    Raises:
        BadInput: the address cannot be had; the message names the setting to change.
    """
    everywhere = host == "::"
    if everywhere and not socket.has_dualstack_ipv6():
        host = "0.0.0.0"  # noqa: S104  asked for
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise BadInput(f"{host_name}={host!r}: {CANNOT_LISTEN} {host}: {error.strerror or error}") from error
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit it. asyncio sets it only where it made the listener itself, and without it an
        # answer's second packet waits 40 ms for the client's delayed acknowledgement.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if everywhere and family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise BadInput(
            f"{port_name}={port}: {CANNOT_LISTEN} {host} port {port}: {error.strerror or error}; choose another port "
            f"(0 picks a free one) or another {host_name}"
        ) from error
    return bound
