"""The command line of the simulator: text becomes settings, or one line on stderr and exit code 2."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NoReturn, TypeVar

from cbbot.domain.decimals import parse_decimal
from cbbot.domain.instrument import Instrument
from cbbot.errors import BadInput
from cbbot.venue.exchange import Delays
from cbbot.venue.order_book import BookShape
from cbbot.venue.prints import FEWEST_PRINTS
from cbbot_bridge.simulator.simulator_settings import SAMPLE, SimulatorSettings

__all__ = ["parse_arguments"]

_Value = TypeVar("_Value")


class _Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"simulator: {message}; see --help\n")
        sys.exit(2)


def _checked(parse: Callable[[str], _Value], accepts: Callable[[_Value], bool], wanted: str) -> Callable[[str], _Value]:
    def convert(text: str) -> _Value:
        try:
            value = parse(text)
        except (BadInput, ValueError) as error:
            raise argparse.ArgumentTypeError(f"{text!r}: {wanted} is wanted") from error
        if not accepts(value):
            raise argparse.ArgumentTypeError(f"{text!r}: {wanted} is wanted")
        return value

    return convert


def _number(lowest: int, highest: int, wanted: str) -> Callable[[str], int]:
    return _checked(int, lambda value: lowest <= value <= highest, wanted)


def _decimal(accepts: Callable[[Decimal], bool], wanted: str) -> Callable[[str], Decimal]:
    return _checked(parse_decimal, accepts, wanted)


def _balance(text: str) -> tuple[str, Decimal]:
    currency, sign, amount = text.partition("=")
    try:
        value = parse_decimal(amount)
    except BadInput as error:
        raise argparse.ArgumentTypeError(f"{text!r}: CURRENCY=AMOUNT is wanted, e.g. USD=10000") from error
    if not currency.isalnum() or not sign or value < 0:
        raise argparse.ArgumentTypeError(f"{text!r}: CURRENCY=AMOUNT with an amount of 0 or more is wanted")
    return currency.upper(), value


def _parser() -> _Parser:
    parser = _Parser(prog="python -m cbbot_bridge.simulator", description="A Coinbase Advanced Trade look-alike.")
    _add_server(parser)
    _add_market(parser)
    _add_account(parser)
    return parser


def _add_server(parser: _Parser) -> None:
    add = parser.add_argument
    milliseconds = _number(0, 86_400_000, "milliseconds from 0 to a day")
    add("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    add("--port", type=_number(0, 65535, "a port, 0 to 65535"), default=8788, help="0 picks a free one (8788)")
    add("--state", type=Path, help="file that keeps books and clock over a restart")
    add("--key-name", help="name of the API key to accept; needs --public-key-file")
    add("--public-key-file", type=Path, help="PEM of the key that signs; requests are then verified")
    add("--faults", action="store_true", help="open the control endpoints under /sim")
    add("--order-visible-delay-ms", type=milliseconds, default=0, help="venue ms until an order can be seen (0)")
    add("--fills-delay-ms", type=milliseconds, default=0, help="venue ms until fills can be seen (0)")
    add("--settle-delay-ms", type=milliseconds, default=0, help="venue ms until balances move (0)")


def _add_market(parser: _Parser) -> None:
    add = parser.add_argument
    positive = _decimal(lambda value: value > 0, "a number above 0")
    natural = _number(1, 10**15, "a whole number above 0")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--csv", type=Path, default=SAMPLE, help="one-minute candles, .csv or .csv.gz (the sample)")
    source.add_argument("--walk", type=int, metavar="SEED", help="a seeded random walk instead of a file")
    add(
        "--speed",
        type=_decimal(lambda value: 0 <= value <= 1_000_000, "a number from 0 (stopped, see /sim/advance) to 1000000"),
        default=Decimal(600),
        help="venue seconds per second (600); 0 stops the clock",
    )
    add(
        "--history-fraction",
        type=_decimal(lambda value: 0 <= value < 1, "a fraction, 0 <= x < 1"),
        default=Decimal("0.7"),
        help="share of the candles that is history at the start (0.7)",
    )
    add(
        "--prints-per-candle",
        type=_number(FEWEST_PRINTS, 60, f"{FEWEST_PRINTS} to 60"),
        default=12,
        help="trades in which a candle is played (12)",
    )
    add("--product", default="BTC-USD", help="product id (BTC-USD)")
    add("--price-increment", type=positive, default=Decimal("0.01"))
    add("--base-increment", type=positive, default=Decimal("0.00000001"))
    add("--quote-increment", type=positive, default=Decimal("0.01"))
    add("--min-notional", type=_decimal(lambda value: value >= 0, "a number of 0 or more"), default=Decimal(1))
    add("--spread-ticks", type=_number(0, 10**6, "ticks of 0 or more"), default=1, help="ask - bid (1)")
    add("--book-levels", type=_number(1, 200, "1 to 200"), default=20, help="levels a side (20)")
    add("--level-size", type=natural, default=10**9, help="base units that rest on a level (1000000000)")


def _add_account(parser: _Parser) -> None:
    add = parser.add_argument
    rate = _decimal(lambda value: 0 <= value < 1, "a fraction of the notional, 0 <= x < 1, e.g. 0.009")
    add(
        "--balance",
        type=_balance,
        action="append",
        default=[],
        metavar="CURRENCY=AMOUNT",
        help="opening balance, may be repeated (10000 of the quote currency)",
    )
    add("--taker-rate", type=rate, default=Decimal("0.009"), help="fraction of the notional (0.009)")
    add("--maker-rate", type=rate, default=Decimal("0.005"), help="fraction of the notional (0.005)")


def parse_arguments(arguments: Sequence[str]) -> SimulatorSettings:
    """Settings from command line arguments.

    Raises:
        BadInput: values that are sound one by one but not together, or a key that cannot be read.
        SystemExit: 2 for an argument that is not sound by itself (one line on stderr), 0 for ``--help``.
    """
    given = _parser().parse_args(arguments)
    instrument = Instrument(
        product_id=given.product,
        price_increment=given.price_increment,
        base_increment=given.base_increment,
        quote_increment=given.quote_increment,
        min_notional=given.min_notional,
    )
    balances = {instrument.base_currency: Decimal(0), instrument.quote_currency: Decimal(10_000)}
    return SimulatorSettings(
        host=given.host,
        port=given.port,
        csv=given.csv,
        walk=given.walk,
        speed=float(given.speed),
        history_fraction=given.history_fraction.as_integer_ratio(),
        prints_per_candle=given.prints_per_candle,
        state=given.state,
        instrument=instrument,
        balances=balances | dict(given.balance),
        taker_rate=given.taker_rate,
        maker_rate=given.maker_rate,
        delays=Delays(given.order_visible_delay_ms, given.fills_delay_ms, given.settle_delay_ms),
        book=BookShape(given.spread_ticks, given.book_levels, given.level_size),
        key_name=given.key_name,
        public_key=_public_key(given.key_name, given.public_key_file),
        control=given.faults,
    )


def _public_key(key_name: str | None, path: Path | None) -> str | None:
    if (key_name is None) != (path is None):
        raise BadInput("--key-name and --public-key-file belong together: give both or neither")
    if path is None:
        return None
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"--public-key-file {path}: {error}") from error
