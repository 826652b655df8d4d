"""The command line of the simulator: text becomes settings, or lines on stderr and exit code 2."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NoReturn

from cbbot.contract.ports import SIMULATOR_PORT
from cbbot.contract.setting import BadSetting, Kind, Setting
from cbbot.contract.settings_reading import BadSettings, Problems, read_secret, read_settings
from cbbot.contract.text_setting import TextSetting, host_setting
from cbbot.errors import BadInput
from cbbot.venue.exchange import Delays
from cbbot.venue.order_book import BookShape
from cbbot.venue.prints import FEWEST_PRINTS
from cbbot_bridge.simulator.api_keys import (
    USUAL_PERMISSIONS,
    ApiKey,
    Permission,
    parse_permissions,
    public_key,
    read_key_file,
)
from cbbot_bridge.simulator.product_options import PRODUCT_OPTIONS, add_product_options, read_markets
from cbbot_bridge.simulator.simulator_settings import MarketSettings, SimulatorSettings

__all__ = ["OPTIONS", "parse_arguments"]

_PROGRAM: Final = "python -m cbbot_bridge.simulator"
# What an account's money may need; the exchange's own amounts have 18 at most.
_DIGITS: Final = 18


class _Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line, told like every other."""

    def error(self, message: str) -> NoReturn:
        raise BadSettings([BadInput(f"{message}; see {self.prog} --help")])


def _whole(key: str, default: int | None, bounds: tuple[int, int], meaning: str) -> Setting:
    low, high = map(str, bounds)
    text = None if default is None else str(default)
    return Setting(key=key, kind=Kind.INTEGER, default=text, meaning=meaning, minimum=low, maximum=high)


def _decimal(key: str, default: str | None, meaning: str, **bounds: Any) -> Setting:
    return Setting(key=key, kind=Kind.DECIMAL, default=default, meaning=meaning, digits=_DIGITS, **bounds)


def _fraction(key: str, default: str, meaning: str) -> Setting:
    return _decimal(key, default, meaning, minimum="0", maximum="1", below=True)


def _rate(key: str, usual: str, meaning: str) -> Setting:
    """Requests a second of ours; how the usual rate follows the speed is told in :mod:`.rate_limits`."""
    words = f"{meaning}; 0 for no limit ({usual}, times the speed without keys, none with a stopped clock)"
    return _decimal(key, None, words, minimum="0", maximum="1000000")


def _file(key: str, meaning: str, default: str | None = None) -> Setting:
    return Setting(key=key, kind=Kind.PATH, default=default, meaning=meaning)


def _line(key: str, meaning: str, default: str | None = None) -> Setting:
    words = "text without line breaks"
    return TextSetting(key=key, default=default, meaning=meaning, pattern=r"[^\x00-\x1f\x7f]+", words=words)


_DAY_MS: Final = (0, 86_400_000)
OPTIONS: Final[tuple[Setting, ...]] = (
    host_setting("--host", "address to listen on", default="127.0.0.1"),
    _whole("--port", SIMULATOR_PORT, (0, 65535), "port to listen on, 0 picks a free one"),
    _file("--state", "file that keeps account and clock over a restart"),
    _line("--key-name", "name of the API key to accept; needs --public-key-file"),
    _file("--public-key-file", "PEM of the key that signs; requests are then verified"),
    _line("--key-permissions", "what that key may do, or everybody without a key: view,trade,transfer", "view,trade"),
    _file("--keys-file", "JSON list of further keys: name, public_key_file, permissions, portfolio"),
    _rate("--private-rate", "30", "private requests a second that a key has"),
    _rate("--public-rate", "10", "public requests a second that an address has"),
    _whole("--order-visible-delay-ms", 0, _DAY_MS, "venue ms until an order can be seen"),
    _whole("--fills-delay-ms", 0, _DAY_MS, "venue ms until fills can be seen"),
    _whole("--settle-delay-ms", 0, _DAY_MS, "venue ms until balances move"),
    _whole("--walk", None, (-(10**18), 10**18), "play random walks of this seed where no file is given"),
    _decimal("--speed", "600", "venue seconds per second; 0 stops the clock", minimum="0", maximum="1000000"),
    _fraction("--history-fraction", "0.7", "share of the candles that is history at the start"),
    _whole("--prints-per-candle", 12, (FEWEST_PRINTS, 60), "trades in which a candle is played"),
    _whole("--spread-ticks", 1, (0, 10**6), "ask - bid"),
    _whole("--book-levels", 20, (1, 200), "levels a side"),
    _whole("--level-size", 10**9, (1, 10**15), "base units that rest on a level"),
    _fraction("--taker-rate", "0.009", "fraction of the notional"),
    _fraction("--maker-rate", "0.005", "fraction of the notional"),
    _decimal(
        "--websocket-rate",
        "8",
        "WebSocket connections a second, and messages without a signature, of one address; 0 for no limit",
        minimum="0",
        maximum="1000000",
    ),
    Setting(
        key="--websocket-client-id",
        kind=Kind.BOOLEAN,
        default="true",
        meaning="whether WebSocket messages have a client_id, which Coinbase's Python client wants",
    ),
    *PRODUCT_OPTIONS,
)
_PUBLIC_KEY: Final = TextSetting(
    key="--public-key-file", meaning="the key", pattern=r"[\x00-\x7f]+", words="a public key in PEM"
)
_BALANCE: Final = "CURRENCY=AMOUNT with an amount of 0 or more, such as USD=10000"
_AMOUNT: Final = _decimal("--balance", "0", "an amount", minimum="0")


def _parser(program: str) -> _Parser:
    parser = _Parser(prog=program, description="A Coinbase Advanced Trade look-alike.")
    for option in OPTIONS:
        if option not in PRODUCT_OPTIONS:
            shown = "" if option.default is None else f" ({option.default})"
            parser.add_argument(option.key, help=f"{option.meaning}{shown}")
    add_product_options(parser)
    parser.add_argument("--faults", action="store_true", help="open the control endpoints under /sim")
    parser.add_argument(
        "--balance",
        action="append",
        default=[],
        metavar="CURRENCY=AMOUNT",
        help="opening balance, may be repeated (10000 of each product's quote currency)",
    )
    return parser


def parse_arguments(arguments: Sequence[str], program: str = _PROGRAM) -> SimulatorSettings:
    """Settings from command line arguments; ``program`` is what was called with them.

    Raises:
        BadSettings: every value that is not accepted, values that do not go together, a key that cannot be read; or
            an argument that is none.
        SystemExit: 0 for ``--help``.
    """
    given = vars(_parser(program).parse_args(arguments))
    problems = Problems()
    general = [option for option in OPTIONS if option not in PRODUCT_OPTIONS]
    texts = {option.key: given[_name(option)] for option in general if given[_name(option)] is not None}
    values = read_settings(general, texts, problems)
    balances: dict[str, Decimal] = {}
    keys: tuple[ApiKey, ...] = ()
    permissions = USUAL_PERMISSIONS
    with problems.collected():
        balances = _balances(given["balance"])
    if "--key-permissions" in values:
        with problems.collected():
            permissions = parse_permissions(values["--key-permissions"].split(","))
    if {"--key-name", "--public-key-file", "--keys-file"} <= values.keys():
        with problems.collected():
            keys = _keys(values, permissions)
    markets: tuple[MarketSettings, ...] = ()
    with problems.collected():
        markets = read_markets(given, values.get("--walk"))
    problems.raise_found()
    opening = {item.instrument.base_currency: Decimal(0) for item in markets}
    opening |= {item.instrument.quote_currency: Decimal(10_000) for item in markets}
    return SimulatorSettings(
        host=values["--host"],
        port=values["--port"],
        markets=markets,
        speed=float(values["--speed"]),
        history_fraction=values["--history-fraction"].as_integer_ratio(),
        prints_per_candle=values["--prints-per-candle"],
        state=None if values["--state"] is None else Path(values["--state"]),
        balances=opening | balances,
        taker_rate=values["--taker-rate"],
        maker_rate=values["--maker-rate"],
        delays=Delays(values["--order-visible-delay-ms"], values["--fills-delay-ms"], values["--settle-delay-ms"]),
        book=BookShape(values["--spread-ticks"], values["--book-levels"], values["--level-size"]),
        keys=keys,
        unsigned=permissions,
        private_rate=_float(values["--private-rate"]),
        public_rate=_float(values["--public-rate"]),
        stream_rate=float(values["--websocket-rate"]),
        stream_client_id=values["--websocket-client-id"],
        control=given["faults"],
    )


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _name(option: Setting) -> str:
    return option.key.removeprefix("--").replace("-", "_")


def _balances(texts: Iterable[str]) -> dict[str, Decimal]:
    problems = Problems()
    balances = {}
    for text in texts:
        currency, _, amount = text.partition("=")
        with problems.collected():
            balances[_currency(currency, text)] = _amount(amount, text)
    problems.raise_found()
    return balances


def _currency(currency: str, text: str) -> str:
    if not (currency.isascii() and currency.isalnum()):
        raise BadSetting("--balance", text, _BALANCE)
    return currency.upper()


def _amount(amount: str, text: str) -> Decimal:
    try:
        return Decimal(_AMOUNT.parse(amount))
    except BadSetting as error:
        raise BadSetting("--balance", text, _BALANCE) from error


def _keys(values: Mapping[str, Any], permissions: frozenset[Permission]) -> tuple[ApiKey, ...]:
    name, path, further = values["--key-name"], values["--public-key-file"], values["--keys-file"]
    if (name is None) != (path is None):
        raise BadInput("--key-name and --public-key-file belong together: give both or neither")
    keys = () if further is None else read_key_file(Path(further))
    if name is None:
        return keys
    pem = str(read_secret(_PUBLIC_KEY, path, "--public-key-file"))
    if any(key.name == name for key in keys):
        raise BadInput(f"--key-name {name}: --keys-file has a key of this name, too")
    return (ApiKey(name, public_key(pem), permissions), *keys)
