"""The bridge's environment: one table of keys, TradingBot fields, defaults and bounds.

The operator renders ``exchange.*`` of a TradingBot through this table, the bridge reads its
environment through it, and the reference in docs/ comes from it. Keys and defaults are those of the
old bridge, so that its env files keep working.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cbbot.contract.setting import Kind, Setting

__all__ = ["COINBASE_API_BASE", "COINBASE_WS_URL", "EXCHANGE_BY_FIELD", "EXCHANGE_BY_KEY", "EXCHANGE_SETTINGS"]

COINBASE_API_BASE = "https://api.coinbase.com"
COINBASE_WS_URL = "wss://advanced-trade-ws.coinbase.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class _TextSetting(Setting):
    """A setting whose text must match ``pattern`` as a whole; ``words`` say so to a person."""

    kind: Kind = Kind.IDENTIFIER
    pattern: str
    words: str

    @property
    def accepted(self) -> str:
        return self.words

    def parse(self, text: str) -> Any:
        stripped = text.strip()
        if re.fullmatch(self.pattern, stripped, re.DOTALL) is None:
            raise self.bad(text)
        return stripped


_PRODUCT = "[A-Z0-9]{1,20}-[A-Z0-9]{1,20}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _ProductsSetting(_TextSetting):
    """A comma separated list of products, parsed to a tuple without repeats."""

    pattern: str = rf"{_PRODUCT}(\s*,\s*{_PRODUCT}){{0,49}}"
    words: str = "up to 50 products separated by commas, upper case, such as BTC-USD,ETH-USD"

    def parse(self, text: str) -> tuple[str, ...]:
        # The explicit form: zero-argument super() does not survive dataclass(slots=True).
        matched = _TextSetting.parse(self, text)
        return tuple(dict.fromkeys(part.strip() for part in matched.split(",")))

    def text(self, value: Any) -> str:
        return ",".join(value)


def _text(
    key: str, pattern: str, words: str, meaning: str, *, default: str | None = None, secret: bool = False
) -> Setting:
    return _TextSetting(
        key=key, field=None, default=default, meaning=meaning, pattern=pattern, words=words, secret=secret
    )


def _file(key: str, meaning: str) -> Setting:
    return Setting(key=key, field=None, kind=Kind.PATH, default=None, meaning=meaning)


_KEY_TEXT = "a PEM key (line breaks real or written as \\n) or base64 of an Ed25519 key"
_TOKEN_WORDS = "16 to 512 printable characters without spaces"  # noqa: S105  a description, no secret

EXCHANGE_SETTINGS: tuple[Setting, ...] = (
    _text(
        "COINBASE_API_KEY_NAME",
        r"[!-~]{1,256}",
        "the key's name, organizations/.../apiKeys/... or a bare id",
        "Name of the API key; with COINBASE_API_PRIVATE_KEY it opens the order and account endpoints.",
    ),
    _file("COINBASE_API_KEY_NAME_FILE", "File that holds the name of the API key."),
    _text("COINBASE_API_PRIVATE_KEY", r".{1,8192}", _KEY_TEXT, "The API key's private half.", secret=True),
    _file("COINBASE_API_PRIVATE_KEY_FILE", "File that holds the private key."),
    _text("COINBASE_API_SECRET", r".{1,8192}", _KEY_TEXT, "Old name of COINBASE_API_PRIVATE_KEY.", secret=True),
    Setting(
        key="COINBASE_API_BASE",
        field="exchange.apiBase",
        kind=Kind.URL,
        default=COINBASE_API_BASE,
        meaning="Address of the exchange's REST API, without a path.",
    ),
    Setting(
        key="COINBASE_AUTH",
        field=None,
        kind=Kind.CHOICE,
        choices=("jwt", "none"),
        default="jwt",
        meaning="How requests are signed. none: not at all, for the Simulator; refused for an https:// API base "
        "that is not on this machine.",
    ),
    Setting(
        key="COINBASE_WS_ENABLE",
        field="exchange.websocket.enabled",
        kind=Kind.BOOLEAN,
        default="true",
        meaning="Take prices from the WebSocket; otherwise they are polled every second.",
    ),
    _ProductsSetting(
        key="COINBASE_WS_PRODUCTS",
        field="exchange.websocket.products",
        default="BTC-USD",
        meaning="Products whose prices are followed from the start.",
    ),
    _TextSetting(
        key="COINBASE_WS_URL",
        field="exchange.websocket.url",
        default=None,
        pattern=r"wss?://[^\s/?#]+[^\s]*",
        words="a ws:// or wss:// address",
        meaning=f"Address of the WebSocket; when not given {COINBASE_WS_URL} for Coinbase, else the host of "
        "COINBASE_API_BASE.",
    ),
    Setting(
        key="COINBASE_WS_STALE_SEC",
        field="exchange.websocket.staleSeconds",
        kind=Kind.INTEGER,
        default="10",
        minimum="1",
        maximum="600",
        meaning="A price received longer ago than this is stale.",
    ),
    Setting(
        key="COINBASE_RATE_SHARE",
        field=None,
        kind=Kind.DECIMAL,
        default="1",
        minimum="0",
        maximum="1",
        above=True,
        meaning="This bridge's share of the request allowance, when several share one API key or address.",
    ),
    _text("BRIDGE_TOKEN", r"[!-~]{16,512}", _TOKEN_WORDS, "What a bot must show to order.", secret=True),
    _file("BRIDGE_TOKEN_FILE", "File that holds the bridge token."),
    _text(
        "BRIDGE_HOST",
        r"[0-9A-Za-z.:-]{1,253}",
        "an address or host name to listen on",
        "Address to listen on. Off loopback, orders need BRIDGE_TOKEN.",
        default="0.0.0.0",  # noqa: S104  a pod is reached from outside; orders then need the token
    ),
    Setting(
        key="PORT",
        field=None,
        kind=Kind.INTEGER,
        default="8787",
        minimum="0",
        maximum="65535",
        meaning="Port of the bridge's HTTP server; 0 picks a free one.",
    ),
)

EXCHANGE_BY_KEY: Mapping[str, Setting] = {setting.key: setting for setting in EXCHANGE_SETTINGS}
EXCHANGE_BY_FIELD: Mapping[str, Setting] = {setting.field: setting for setting in EXCHANGE_SETTINGS if setting.field}
