"""The bridge's settings from its environment, by the table in ``cbbot.contract.bridge_settings_table``.

Everything that can be wrong is found here, before anything listens: one line for each problem, which names
the key, the value (never a secret's) and what is accepted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from cbbot.contract.bridge_settings_table import (
    API_KEY_PAIR,
    API_KEY_SOURCES,
    COINBASE_WS_URL,
    EXCHANGE_BY_KEY,
    EXCHANGE_SETTINGS,
)
from cbbot.contract.key_fingerprint import key_fingerprint
from cbbot.contract.setting import BadSetting
from cbbot.contract.settings_reading import Problems, read_secret, read_settings
from cbbot.errors import BadInput
from cbbot.process.loopback import is_loopback
from cbbot.process.proxies import proxy_for
from cbbot_bridge.coinbase.api_key_text import names_in
from cbbot_bridge.coinbase.signing import Signer, load_private_key

__all__ = ["BridgeSettings", "KeyFiles", "load_settings"]


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """The files of an API key. A Secret that is mounted changes under a running process."""

    paths: tuple[str, str]
    fingerprint: str
    """Of the key in use."""

    def fingerprint_now(self) -> str:
        """Of the key that stands in the files at this moment; empty when they cannot be read."""
        return _fingerprint(self.paths)

    def signer_now(self) -> Signer:
        """The key that stands in the files at this moment.

        Raises:
            BadSetting: it is none.
        """
        signer = _signer({f"{key}_FILE": path for key, path in zip(API_KEY_PAIR, self.paths, strict=True)})
        if signer is None:
            raise AssertionError("both files are named")
        return signer


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeSettings:
    """What the bridge runs with. ``signer`` None: no keys, or a venue that wants no signature.

    ``api_proxy`` and ``ws_proxy`` are the proxies on the way to the venue, None for a direct connection. ``key_files``
    are where both halves of the key came from, None when one of them did not come from a file.
    """

    host: str
    port: int
    metrics_port: int | None
    api_base: str
    unsigned: bool
    signer: Signer | None = field(repr=False)
    ws_enabled: bool
    ws_url: str
    ws_products: tuple[str, ...]
    ws_stale_seconds: int
    rate_share: Decimal
    token: str | None = field(repr=False)
    api_proxy: str | None = field(repr=False, default=None)
    ws_proxy: str | None = field(repr=False, default=None)
    key_files: KeyFiles | None = None
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
        BadSettings: every reason, each naming the key, the value and what is accepted.
    """
    problems = Problems()
    values = read_settings(EXCHANGE_SETTINGS, environment, problems)
    unsigned = values.get("COINBASE_AUTH") == "none"
    base = urlsplit(values["COINBASE_API_BASE"]) if "COINBASE_API_BASE" in values else None
    token = signer = ws_url = api_proxy = ws_proxy = None
    with problems.collected():
        token = _secret(values, ("BRIDGE_TOKEN", "BRIDGE_TOKEN_FILE"))
    if not unsigned and all(source in values for sources in API_KEY_SOURCES for source in sources):
        with problems.collected():
            signer = _signer(values)
    if base is not None:
        with problems.collected():
            _check_crossing(base, unsigned=unsigned, signed=signer is not None)
        with problems.collected():
            ws_url = _ws_url(base, values.get("COINBASE_WS_URL"))
        with problems.collected():
            api_proxy = proxy_for(base.geturl(), environment)
            ws_proxy = None if ws_url is None else proxy_for(ws_url, environment)
    problems.raise_found()
    if base is None or ws_url is None:
        raise AssertionError("an address that is missing has been found above")
    return BridgeSettings(
        host=values["BRIDGE_HOST"],
        port=values["PORT"],
        metrics_port=values["BRIDGE_METRICS_PORT"],
        api_base=base.geturl(),
        unsigned=unsigned,
        signer=signer,
        ws_enabled=values["COINBASE_WS_ENABLE"],
        ws_url=ws_url,
        ws_products=values["COINBASE_WS_PRODUCTS"],
        ws_stale_seconds=values["COINBASE_WS_STALE_SEC"],
        rate_share=values["COINBASE_RATE_SHARE"],
        token=token,
        api_proxy=api_proxy,
        ws_proxy=ws_proxy,
        key_files=_key_files(values) if signer is not None else None,
        warnings=_warnings(environment, values, unsigned=unsigned),
    )


def _key_files(values: Mapping[str, Any]) -> KeyFiles | None:
    name, private_key = (values.get(f"{key}_FILE") for key in API_KEY_PAIR)
    if name is None or private_key is None:
        return None
    paths = (str(name), str(private_key))
    return KeyFiles(paths, _fingerprint(paths))


def _fingerprint(paths: tuple[str, str]) -> str:
    try:
        name, private_key = (hashlib.sha256(Path(path).read_bytes()).digest() for path in paths)
    except OSError:
        return ""
    return key_fingerprint(name, private_key)


def _check_crossing(base: SplitResult, *, unsigned: bool, signed: bool) -> None:
    if is_loopback(base.hostname or ""):
        return
    if unsigned and base.scheme == "https":
        raise BadSetting("COINBASE_AUTH", "none", f"jwt, because COINBASE_API_BASE is {base.geturl()}")
    if signed and base.scheme == "http":
        raise BadSetting(
            "COINBASE_API_BASE", base.geturl(), "an https:// address: signed requests must not cross a network in clear"
        )


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
    name, private_key = (_secret(values, sources) for sources in API_KEY_SOURCES)
    if name is None and private_key is None:
        return None
    if private_key is None:
        raise _half_missing(API_KEY_PAIR[1])
    try:
        named = names_in(private_key)
        key = load_private_key(private_key)
    except BadInput as error:
        setting = EXCHANGE_BY_KEY[API_KEY_PAIR[1]]
        raise BadSetting(setting.key, "***", f"{setting.accepted}; {error}") from None
    return Signer(_key_name(name, named), key)


def _key_name(given: str | None, named: tuple[str, ...]) -> str:
    """The name to sign with: ``given``, or the one in the portal's file; ``named`` is what that calls the key."""
    if given is None:
        if not named:
            raise _half_missing(API_KEY_PAIR[0])
        return str(EXCHANGE_BY_KEY[API_KEY_PAIR[0]].parse(named[0]))
    # The last part of a name's path is the key's id.
    if named and given not in named and given.rpartition("/")[2] not in {name.rpartition("/")[2] for name in named}:
        source = API_KEY_PAIR[1]
        raise BadSetting(
            API_KEY_PAIR[0], "***", f"the name in the JSON file of {source}, which is another one, or none"
        )
    return given


def _half_missing(key: str) -> BadSetting:
    return BadSetting(key, "", f"{EXCHANGE_BY_KEY[key].accepted} (the other half of the key is set)")


def _secret(values: Mapping[str, Any], sources: Sequence[str]) -> str | None:
    """What the first of ``sources`` means, from the one of them that is given; two of them are an error."""
    given = [source for source in sources if values.get(source) is not None]
    if len(given) > 1:
        raise BadSetting(given[1], "***", f"only one of {' and '.join(given)}")
    if not given:
        return None
    (source,) = given
    held = (
        read_secret(EXCHANGE_BY_KEY[sources[0]], values[source], source) if source.endswith("_FILE") else values[source]
    )
    return str(held)


def _warnings(environment: Mapping[str, str], values: Mapping[str, Any], *, unsigned: bool) -> tuple[str, ...]:
    unknown = sorted(key for key in environment if key.startswith("COINBASE_") and key not in EXCHANGE_BY_KEY)
    found = [f"{key} is not a setting of the bridge and is ignored" for key in unknown]
    if unsigned and any(values.get(source) is not None for sources in API_KEY_SOURCES for source in sources):
        found.append("COINBASE_AUTH is none: the API key is not used")
    return tuple(found)
