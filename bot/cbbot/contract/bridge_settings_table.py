"""The bridge's environment: one table of keys, TradingBot fields, defaults and bounds.

The operator renders ``exchange.*`` of a TradingBot through this table, the bridge reads its
environment through it, and the reference in docs/ comes from it. Keys and defaults are those of the
old bridge, so that its env files keep working.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cbbot.contract.ports import BRIDGE_PORT
from cbbot.contract.setting import Kind, Setting
from cbbot.contract.text_setting import EVERYWHERE, ListSetting, TextSetting, host_setting, token_setting
from cbbot.domain.instrument import PRODUCT_ID

__all__ = [
    "API_KEY_PAIR",
    "API_KEY_SOURCES",
    "BRIDGE_TOKEN",
    "COINBASE_API_BASE",
    "COINBASE_WS_URL",
    "EXCHANGE_BY_FIELD",
    "EXCHANGE_BY_KEY",
    "EXCHANGE_SETTINGS",
    "MOST_FURTHER_PRODUCTS",
]

COINBASE_API_BASE = "https://api.coinbase.com"
COINBASE_WS_URL = "wss://advanced-trade-ws.coinbase.com"

# The two halves of an API key: settings of the bridge, and the keys of the Secret that holds them.
API_KEY_PAIR: Final = ("COINBASE_API_KEY_NAME", "COINBASE_API_PRIVATE_KEY")

# Where each half may come from: the environment, a file, an old name.
API_KEY_SOURCES: Final = (
    (API_KEY_PAIR[0], f"{API_KEY_PAIR[0]}_FILE"),
    (API_KEY_PAIR[1], f"{API_KEY_PAIR[1]}_FILE", "COINBASE_API_SECRET"),
)

# A TradingBot may name so many; the bridge follows the traded one besides.
MOST_FURTHER_PRODUCTS: Final = 50


def _text(key: str, pattern: str, words: str, meaning: str, *, secret: bool = False) -> Setting:
    return TextSetting(key=key, meaning=meaning, pattern=pattern, words=words, secret=secret)


def _file(key: str, meaning: str) -> Setting:
    return Setting(key=key, kind=Kind.PATH, meaning=meaning)


_KEY_TEXT = (
    "the JSON file of Coinbase's portal, a PEM key (line breaks real, written as \\n, or spaces) or base64 of an "
    "Ed25519 key"
)

BRIDGE_TOKEN: Final = token_setting("BRIDGE_TOKEN", "What a bot must show to order.", shortest=16)

EXCHANGE_SETTINGS: tuple[Setting, ...] = (
    TextSetting(
        key="COINBASE_API_KEY_NAME",
        pattern=r"[!-~]{1,256}",
        words="the key's name, organizations/.../apiKeys/... or a bare id",
        meaning="Name of the API key; with COINBASE_API_PRIVATE_KEY it opens the order and account endpoints. Not "
        "needed beside the JSON file of Coinbase's portal, which holds it.",
        secret=True,  # never shown: people put the private key here by mistake
        quotes_dropped=True,
    ),
    _file("COINBASE_API_KEY_NAME_FILE", "File that holds the name of the API key."),
    _text("COINBASE_API_PRIVATE_KEY", r".{1,8192}", _KEY_TEXT, "The API key's private half.", secret=True),
    _file("COINBASE_API_PRIVATE_KEY_FILE", "File that holds the private key."),
    _text("COINBASE_API_SECRET", r".{1,8192}", _KEY_TEXT, "Old name of COINBASE_API_PRIVATE_KEY.", secret=True),
    Setting(
        key="COINBASE_API_BASE",
        field="exchange.apiBase",
        kind=Kind.ORIGIN,
        default=COINBASE_API_BASE,
        meaning="Address of the exchange's REST API, where it is not Coinbase's: scheme, host and port.",
    ),
    Setting(
        key="COINBASE_AUTH",
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
    ListSetting(
        key="COINBASE_WS_PRODUCTS",
        field="exchange.websocket.products",
        default="BTC-USD",
        pattern=PRODUCT_ID,
        most_characters=41,
        most=MOST_FURTHER_PRODUCTS + 1,
        words=f"up to {MOST_FURTHER_PRODUCTS + 1} products separated by commas, upper case, such as BTC-USD,ETH-USD",
        meaning="Products whose prices are followed from the start.",
    ),
    Setting(
        key="COINBASE_WS_URL",
        field="exchange.websocket.url",
        kind=Kind.WEBSOCKET,
        meaning="Address of the WebSocket; when not given Coinbase's own, or the host of another API.",
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
        kind=Kind.DECIMAL,
        default="1",
        minimum="0",
        maximum="1",
        above=True,
        meaning="This bridge's share of the request allowance, when several share one API key or address.",
    ),
    BRIDGE_TOKEN,
    _file("BRIDGE_TOKEN_FILE", "File that holds the bridge token."),
    host_setting(
        "BRIDGE_HOST",
        "Address to listen on. Off loopback, orders need BRIDGE_TOKEN.",
        default=EVERYWHERE,  # a pod is reached from outside; orders then need the token
    ),
    Setting(
        key="PORT",
        kind=Kind.INTEGER,
        default=str(BRIDGE_PORT),
        minimum="0",
        maximum="65535",
        meaning="Port of the bridge's HTTP server; 0 picks a free one.",
    ),
    Setting(
        key="BRIDGE_METRICS_PORT",
        kind=Kind.INTEGER,
        minimum="0",
        maximum="65535",
        meaning="A further port, which serves /metrics alone; 0 picks a free one.",
    ),
)

EXCHANGE_BY_KEY: Mapping[str, Setting] = {setting.key: setting for setting in EXCHANGE_SETTINGS}
EXCHANGE_BY_FIELD: Mapping[str, Setting] = {setting.field: setting for setting in EXCHANGE_SETTINGS if setting.field}
