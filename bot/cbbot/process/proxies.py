"""Which proxy a request to another machine goes through: the variables that curl knows, read and checked in one place.

HTTP libraries read these variables themselves, each in its own way, and some end in a traceback over what they do not
expect. So no client of ours reads them: it is told its proxy, or None, and the variables are checked at the start.

- ``HTTPS_PROXY`` is for https and wss, ``HTTP_PROXY`` for http and ws, then ``ALL_PROXY``, then ``SOCKS_PROXY``; lower
  case wins.
- This machine (loopback) is always reached directly, as is what ``NO_PROXY`` names: ``*``, a domain with all below it,
  an address, a network such as ``10.0.0.0/8`` or ``fd00::/8``, each with or without a port, brackets or not.
- A proxy speaks HTTP. One that does not (SOCKS) is refused where it would be used, and nowhere else.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from cbbot.errors import BadInput
from cbbot.process.loopback import is_loopback

__all__ = ["PROXY_VARIABLES", "proxy_for"]

_BY_SCHEME: Final = {"https": "HTTPS_PROXY", "wss": "HTTPS_PROXY", "http": "HTTP_PROXY", "ws": "HTTP_PROXY"}
_FALLBACKS: Final = ("ALL_PROXY", "SOCKS_PROXY")
_NO_PROXY: Final = "NO_PROXY"
_DEFAULT_PORTS: Final = {"https": 443, "wss": 443, "http": 80, "ws": 80}
_ACCEPTED: Final = "an address of an HTTP proxy such as http://proxy.example:3128 (SOCKS is not supported)"

PROXY_VARIABLES: Final = tuple(
    name for upper in (*dict.fromkeys(_BY_SCHEME.values()), *_FALLBACKS, _NO_PROXY) for name in (upper, upper.lower())
)
"""Every variable that :func:`proxy_for` looks at."""


def proxy_for(url: str, environment: Mapping[str, str]) -> str | None:
    """The proxy for requests to ``url``, None for a direct connection. It may hold a password.

    Raises:
        BadInput: the variable that applies holds no HTTP proxy; the message names it, and repeats no password.
    """
    target = urlsplit(url)
    host = (target.hostname or "").rstrip(".")
    if is_loopback(host) or _goes_past(host, target.port or _DEFAULT_PORTS.get(target.scheme), environment):
        return None
    for name in (_BY_SCHEME[target.scheme], *_FALLBACKS):
        variable, text = _given(name, environment)
        if text:
            return _checked(variable, text)
    return None


def _given(name: str, environment: Mapping[str, str]) -> tuple[str, str]:
    for variable in (name.lower(), name):
        if text := environment.get(variable, "").strip():
            return variable, text
    return name, ""


def _checked(variable: str, text: str) -> str:
    address = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(address)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is none, a bracket that is never closed
        sound = False
    if not sound or re.search(r"\s", address):
        # What stands before an "@" may be a password.
        shown = repr(text) if "@" not in text else "'***'"
        raise BadInput(f"{variable}={shown} is not accepted: {_ACCEPTED}")
    return address


def _goes_past(host: str, port: int | None, environment: Mapping[str, str]) -> bool:
    _, text = _given(_NO_PROXY, environment)
    return any(_names(entry, host, port) for entry in re.split(r"[\s,]+", text.lower()) if entry)


def _names(entry: str, host: str, port: int | None) -> bool:
    """Whether an entry of NO_PROXY means ``host``; one that cannot be understood means nobody."""
    if entry == "*":
        return True
    bracketed = re.fullmatch(r"\[([^]]*)\](?::(\d+))?", entry)
    with_port = re.fullmatch(r"([^:]*):(\d+)", entry)
    if found := bracketed or with_port:
        entry = found[1]
        if found[2] is not None and int(found[2]) != port:
            return False
    try:
        network = ipaddress.ip_network(entry, strict=False)
    except ValueError:
        domain = entry.removeprefix("*").strip(".")
        return bool(domain) and (host == domain or host.endswith(f".{domain}"))
    try:
        return ipaddress.ip_address(host) in network
    except ValueError:
        return False
