"""What the API server says of TradingBots that it refuses, without making any that stays."""

from __future__ import annotations

from typing import Any

from cluster.api_server import ApiServer
from refused_tradingbots import Change, manifest, without_the_head

__all__ = ["changed", "created", "words"]

_STRICT = "dryRun=All&fieldValidation=Strict"


def _bots(namespace: str) -> str:
    return f"/apis/cbbot.io/v1alpha1/namespaces/{namespace}/tradingbots"


def words(answer: tuple[int, dict[str, Any]]) -> str:
    """What it has against it; "" when it takes it."""
    code, content = answer
    return without_the_head(str(content["message"])) if code >= 400 else ""


def created(api_server: ApiServer, namespace: str, spec: dict[str, Any], name: str = "refused") -> str:
    return words(api_server("POST", f"{_bots(namespace)}?{_STRICT}", manifest(spec, name)))


def changed(api_server: ApiServer, namespace: str, change: Change) -> str:
    """Only what exists can be changed: it is made, and deleted again."""
    before = manifest(change.spec(change.before), "changing")
    made = words(api_server("POST", _bots(namespace), before))
    if made:
        raise ValueError(f"{change.name}: what was there before is refused: {made}")
    path = f"{_bots(namespace)}/changing"
    try:
        after = {"spec": change.spec(change.after)}
        return words(api_server("PATCH", f"{path}?{_STRICT}", after, "application/merge-patch+json"))
    finally:
        api_server("DELETE", path)
