"""Bridges in memory, as the operator's protocol wants them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cbbot.contract.bridge_api import Upstream
from cbbot_operator.keys import Key
from cbbot_operator.observed import KeyReport

__all__ = ["MemoryBridges", "upstream_with"]


class MemoryBridges:
    """Bridges that answer what a test puts there."""

    def __init__(self) -> None:
        self.answers: dict[Key, Upstream] = {}
        self.tokens: list[str] = []

    async def upstream(self, key: Key, token: str, now: datetime) -> KeyReport:
        self.tokens.append(token)
        answer = self.answers.get(key)
        return KeyReport(now, answer, failure="" if answer else "the bridge does not answer: connection refused")


def upstream_with(credentials: Mapping[str, Any], following: Mapping[str, Any] | None = None) -> Upstream:
    """What a bridge tells of its key, and of the one that has come into its files."""
    return Upstream.model_validate(
        {
            "reachable": True,
            "base": "https://api.coinbase.com",
            "clock_skew_ms": 0,
            "clock_rate": 1,
            "credentials": {"configured": True, "valid": True, **credentials},
            "next_credentials": None if following is None else {"configured": True, "valid": True, **following},
            "websocket": {"enabled": True, "connected": True, "reconnects": 0, "gaps": 0},
            "ticks": [],
            "rate_budget": {"private": 1, "public": 1},
            "warnings": [],
        }
    )
