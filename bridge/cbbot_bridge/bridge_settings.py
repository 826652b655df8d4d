"""The bridge's settings from its environment, by the table in ``cbbot.contract.bridge_settings_table``.

Everything that can be wrong is found here, before anything listens, in one line that names the key,
the value (never a secret's) and what is accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from cbbot.contract.bridge_settings_table import COINBASE_WS_URL, EXCHANGE_BY_KEY
from cbbot.contract.setting import BadSetting
from cbbot.errors import BadInput
from cbbot.process.loopback import is_loopback
from cbbot_bridge.coinbase.signing import Signer, load_private_key

__all__ = ["BridgeSettings", "load_settings"]

_MOST_SECRET_BYTES = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeSettings:
    """What the bridge runs with. ``signer`` None: no keys, or a venue that wants no signature."""

    host: str
    port: int
    api_base: str
    unsigned: bool
    signer: Signer | None = field(repr=False)
    ws_enabled: bool
    ws_url: str
    ws_products: tuple[str, ...]
    ws_stale_seconds: int
    rate_share: Decimal
    token: str | None = field(repr=False)
    warnings: tuple[str, ...] = ()

    @property
    def can_order(self) -> bool:
        """Whether Coinbase would listen to order and account requests."""
        return self.unsigned or self.signer is not None

    @property
    def on_loopback(self) -> bool:
        return is_loopback(self.host)


def load_settings(environment: Mapping[str, str]) -> BridgeSettings:
    """Settings from ``environment``.

    Raises:
        BadSetting: names the key, the value and what is accepted.
    """
    values = {
        key: setting.parse(text)
        for key, setting in EXCHANGE_BY_KEY.items()
        if (text := environment.get(key, "").strip() or setting.default or "")
    }
    base = _checked_base(values["COINBASE_API_BASE"])
    unsigned = values["COINBASE_AUTH"] == "none"
    if unsigned and base.scheme == "https" and not is_loopback(base.hostname or ""):
        raise BadSetting("COINBASE_AUTH", "none", f"jwt, because COINBASE_API_BASE is {base.geturl()}")
    signer = None if unsigned else _signer(values)
    if signer is not None and base.scheme == "http" and not is_loopback(base.hostname or ""):
        raise BadSetting(
            "COINBASE_API_BASE", base.geturl(), "an https:// address: signed requests must not cross a network in clear"
        )
    return BridgeSettings(
        host=values["BRIDGE_HOST"],
        port=values["PORT"],
        api_base=base.geturl(),
        unsigned=unsigned,
        signer=signer,
        ws_enabled=values["COINBASE_WS_ENABLE"],
        ws_url=_ws_url(base, values.get("COINBASE_WS_URL")),
        ws_products=values["COINBASE_WS_PRODUCTS"],
        ws_stale_seconds=values["COINBASE_WS_STALE_SEC"],
        rate_share=values["COINBASE_RATE_SHARE"],
        token=_secret(values, "BRIDGE_TOKEN"),
        warnings=_warnings(environment, values, unsigned=unsigned),
    )


def _checked_base(address: str) -> SplitResult:
    base = urlsplit(address)
    if not base.hostname or base.path or base.query or base.fragment or base.username:
        raise BadSetting("COINBASE_API_BASE", address, "scheme, host and port alone, such as https://api.coinbase.com")
    return base


def _ws_url(base: SplitResult, given: str | None) -> str:
    """Prices and orders must come from one venue: a replay's orders at real prices would be nonsense."""
    at_coinbase = _is_coinbase(base.hostname)
    if given is None:
        scheme = "wss" if base.scheme == "https" else "ws"
        return COINBASE_WS_URL if at_coinbase else f"{scheme}://{base.netloc}"
    if _is_coinbase(urlsplit(given).hostname) != at_coinbase:
        raise BadSetting("COINBASE_WS_URL", given, f"the WebSocket of the venue at {base.geturl()}")
    return given


def _is_coinbase(host: str | None) -> bool:
    return host is not None and (host == "coinbase.com" or host.endswith(".coinbase.com"))


def _signer(values: Mapping[str, Any]) -> Signer | None:
    name = _secret(values, "COINBASE_API_KEY_NAME")
    private_key = _secret(values, "COINBASE_API_PRIVATE_KEY", alias="COINBASE_API_SECRET")
    if name is None and private_key is None:
        return None
    if name is None or private_key is None:
        missing = "COINBASE_API_KEY_NAME" if name is None else "COINBASE_API_PRIVATE_KEY"
        raise BadSetting(missing, "", f"{EXCHANGE_BY_KEY[missing].accepted} (the other half of the key is set)")
    try:
        return Signer(name, load_private_key(private_key))
    except BadInput as error:
        key = EXCHANGE_BY_KEY["COINBASE_API_PRIVATE_KEY"]
        raise BadSetting(key.key, "***", f"{key.accepted}; {error}") from None


def _secret(values: Mapping[str, Any], key: str, alias: str | None = None) -> str | None:
    """The value of ``key``, of the file that ``key_FILE`` names, or of an old name; two of them are an error."""
    sources = [source for source in (key, f"{key}_FILE", alias) if source and source in values]
    if len(sources) > 1:
        raise BadSetting(sources[1], "***", f"only one of {' and '.join(sources)}")
    if not sources:
        return None
    source = sources[0]
    if not source.endswith("_FILE"):
        return str(values[source])
    path = Path(values[source])
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadSetting(source, str(path), f"a file that can be read ({error.strerror})") from error
    if len(content) > _MOST_SECRET_BYTES:
        raise BadSetting(source, str(path), f"a file of at most {_MOST_SECRET_BYTES} bytes")
    try:
        return str(EXCHANGE_BY_KEY[key].parse(content.decode("utf-8")))
    except (UnicodeDecodeError, BadSetting):
        raise BadSetting(source, str(path), f"a file that holds {EXCHANGE_BY_KEY[key].accepted}") from None


def _warnings(environment: Mapping[str, str], values: Mapping[str, Any], *, unsigned: bool) -> tuple[str, ...]:
    unknown = sorted(key for key in environment if key.startswith("COINBASE_") and key not in EXCHANGE_BY_KEY)
    found = [f"{key} is not a setting of the bridge and is ignored" for key in unknown]
    if unsigned and any(
        key.startswith(("COINBASE_API_KEY", "COINBASE_API_PRIV", "COINBASE_API_SEC")) for key in values
    ):
        found.append("COINBASE_AUTH is none: the API key is not used")
    return tuple(found)
