"""The operator's own configuration: read once from the environment that the chart writes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cbbot.errors import BadInput

__all__ = ["Configuration", "read_configuration"]

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """``namespaces`` empty means the whole cluster."""

    bot_image: str
    bridge_image: str
    image_pull_secrets: tuple[str, ...]
    namespaces: tuple[str, ...]
    own_namespace: str
    identity: str
    lease_name: str
    log_level: str
    port: int
    workers: int
    resync_seconds: float
    poll_seconds: float

    @property
    def lease_namespace(self) -> str:
        """Where the Lease stands: it must be among what is watched."""
        return (
            self.own_namespace if not self.namespaces or self.own_namespace in self.namespaces else self.namespaces[0]
        )


def read_configuration(environment: Mapping[str, str]) -> Configuration:
    """Read and check.

    Raises:
        BadInput: one line per bad value, naming key, value and what is accepted.
    """
    reader = _Reader(environment)
    configuration = Configuration(
        bot_image=reader.image("CBBOT_BOT_IMAGE"),
        bridge_image=reader.image("CBBOT_BRIDGE_IMAGE"),
        image_pull_secrets=reader.names("CBBOT_IMAGE_PULL_SECRETS"),
        namespaces=reader.namespaces(),
        own_namespace=reader.namespace("POD_NAMESPACE", "default"),
        identity=environment.get("POD_NAME") or "cbbot-operator",
        lease_name=reader.namespace("CBBOT_LEASE_NAME", "cbbot-operator"),
        log_level=reader.choice("LOG_LEVEL", "INFO", _LEVELS),
        port=int(reader.number("PORT", "8080", 0, 65535)),
        workers=int(reader.number("CBBOT_WORKERS", "10", 1, 100)),
        resync_seconds=reader.number("CBBOT_RESYNC_SECONDS", "600", 10, 86400),
        poll_seconds=reader.number("CBBOT_POLL_SECONDS", "10", 1, 600),
    )
    if reader.problems:
        raise BadInput("\n".join(reader.problems))
    return configuration


class _Reader:
    """Collects every problem, so that a person sees them all at once."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def _text(self, key: str, default: str = "") -> str:
        return self._environment.get(key, "").strip() or default

    def _bad(self, key: str, accepted: str) -> None:
        self.problems.append(f"{key}={self._text(key)!r} is not accepted: {accepted}")

    def image(self, key: str) -> str:
        value = self._text(key)
        if not value or any(character.isspace() for character in value):
            self._bad(key, "the name of a container image, such as example.org/cbbot-bot:0.1.0")
        return value

    def names(self, key: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in self._text(key).split(",") if part.strip())

    def namespace(self, key: str, default: str) -> str:
        value = self._text(key, default)
        if not _NAMESPACE.fullmatch(value):
            self._bad(key, "lower case letters, digits and dashes, at most 63")
        return value

    def namespaces(self) -> tuple[str, ...]:
        """``*`` is the whole cluster; not given is the operator's own namespace."""
        key = "CBBOT_NAMESPACES"
        listed = self.names(key) or (self._text("POD_NAMESPACE", "default"),)
        if listed == ("*",):
            return ()
        if not all(_NAMESPACE.fullmatch(name) for name in listed):
            self._bad(key, "* for the whole cluster, or names of namespaces separated by commas")
        return tuple(dict.fromkeys(listed))

    def choice(self, key: str, default: str, choices: tuple[str, ...]) -> str:
        value = self._text(key, default).upper()
        if value not in choices:
            self._bad(key, "one of " + ", ".join(choices))
        return value

    def number(self, key: str, default: str, low: float, high: float) -> float:
        try:
            value = float(self._text(key, default))
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            self._bad(key, f"a number from {low} to {high}")
            return float(default)
        return value
