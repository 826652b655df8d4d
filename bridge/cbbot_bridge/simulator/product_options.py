"""Options that are given once a product: which products there are, where their prices come from, their increments.

The value of such an option is ``VALUE`` for the first product, or ``PRODUCT=VALUE`` for another one.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from cbbot.candles.candle_forms import FORMATS
from cbbot.candles.candle_increments import instrument_of_file
from cbbot.candles.sample_name import SAMPLE_HELP, SAMPLE_NAME
from cbbot.contract.setting import BadSetting, Kind, Setting
from cbbot.contract.settings_reading import Problems, read_settings
from cbbot.contract.text_setting import TextSetting
from cbbot.domain.instrument import BTC_USD
from cbbot_bridge.simulator.simulator_settings import SAMPLE, MarketSettings
from cbbot_bridge.simulator.walk_products import book_id, walk_instrument

__all__ = ["PRODUCT_OPTIONS", "add_product_options", "read_markets"]

_DIGITS: Final = 18
_DEFAULT_PRODUCTS: Final = (BTC_USD.product_id, "ETH-USD", "USDT-USDC")
# Walks beside a file are the same in every run, too.
_DEFAULT_SEED: Final = 0


def _increment(key: str, meaning: str, *, above: bool = True) -> Setting:
    return Setting(key=key, kind=Kind.DECIMAL, meaning=meaning, digits=_DIGITS, minimum="0", above=above)


_CSV: Final = Setting(
    key="--csv",
    kind=Kind.PATH,
    meaning=f"file of one-minute candles, in any form that a backtest reads; {SAMPLE_HELP}",
)
_FORMAT: Final = Setting(
    key="--format",
    kind=Kind.CHOICE,
    meaning=f"columns of a file without a header: {', '.join(FORMATS)}",
    choices=tuple(FORMATS),
)
_KNOWN: Final = "(the known product's, else what the candles need)"
# Of an instrument, by the option that gives it.
_FIELDS: Final = {
    "price_increment": _increment("--price-increment", f"smallest step of a price {_KNOWN}"),
    "base_increment": _increment("--base-increment", f"smallest step of a size {_KNOWN}"),
    "quote_increment": _increment("--quote-increment", f"smallest step of money {_KNOWN}"),
    "min_notional": _increment("--min-notional", "smallest order, in quote currency (1)", above=False),
}
PRODUCT_OPTIONS: Final[tuple[Setting, ...]] = (_CSV, _FORMAT, *_FIELDS.values())
_PRODUCT: Final = TextSetting(
    key="--product", meaning="product id", pattern=r"[^\x00-\x1f\x7f]+", words="text without line breaks"
)
_NAMED: Final = re.compile(r"([A-Z0-9]+-[A-Z0-9]+)=(.*)", re.DOTALL)


def add_product_options(parser: argparse.ArgumentParser) -> None:
    """Options of products; each may be repeated."""
    parser.add_argument(
        _PRODUCT.key,
        action="append",
        default=[],
        metavar="PRODUCT",
        help=f"{_PRODUCT.meaning}, may be repeated ({', '.join(_DEFAULT_PRODUCTS)}; with --csv the products it names)",
    )
    for option in PRODUCT_OPTIONS:
        parser.add_argument(
            option.key,
            action="append",
            default=[],
            metavar="[PRODUCT=]VALUE",
            help=f"{option.meaning}; may be repeated, once a product",
        )


def read_markets(given: Mapping[str, Any], seed: int | None) -> tuple[MarketSettings, ...]:
    """Markets from parsed arguments; where no file is given, of walks when there is a seed.

    Raises:
        BadSettings: every value that is not accepted, and what does not go together.
    """
    problems = Problems()
    named, bare = _split(given, problems)
    products = _product_ids(given["product"], named, any_bare=bool(bare))
    texts = {product_id: named.get(product_id, {}) for product_id in products}
    for key, text in bare.items():
        if key in texts[products[0]]:
            problems.found.append(BadSetting(key, text, f"{products[0]} has one already; name the product it is for"))
        texts[products[0]] = {key: text} | texts[products[0]]
    markets: dict[str, MarketSettings] = {}
    for product_id in products:
        values = read_settings(PRODUCT_OPTIONS, texts[product_id], problems)
        with problems.collected():
            market = _market(_PRODUCT.parse(product_id), values, seed, alone=len(products) == 1)
            other = markets.setdefault(book_id(market.instrument), market)
            if other is not market and texts[product_id]:
                raise BadSetting("--product", product_id, f"it is traded in the book of {other.instrument.product_id}")
    if seed is not None and markets and all(market.csv is not None for market in markets.values()):
        problems.found.append(BadSetting("--walk", str(seed), "every product has a file; leave it out"))
    problems.raise_found()
    return tuple(markets.values())


def _split(given: Mapping[str, Any], problems: Problems) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Texts by product and option, and those that name no product by option."""
    named: dict[str, dict[str, str]] = {}
    bare: dict[str, str] = {}
    for option in PRODUCT_OPTIONS:
        for text in given[option.key.removeprefix("--").replace("-", "_")]:
            found = _NAMED.fullmatch(text)
            holder, value = (named.setdefault(found[1], {}), found[2]) if found else (bare, text)
            if option.key in holder:
                problems.found.append(BadSetting(option.key, text, "one value a product: PRODUCT=VALUE names which"))
            if not value.strip() and (found or option.kind is Kind.PATH):
                problems.found.append(BadSetting(option.key, text, option.accepted))
            holder[option.key] = value
    return named, bare


def _product_ids(asked: Sequence[str], named: Mapping[str, Any], *, any_bare: bool) -> list[str]:
    """Those that were asked for, then those that an option names; the first is who values without a name are for."""
    if not asked and any_bare:
        asked = [BTC_USD.product_id]
    return list(dict.fromkeys([*asked, *named])) or list(_DEFAULT_PRODUCTS)


def _market(product_id: str, values: Mapping[str, Any], seed: int | None, *, alone: bool) -> MarketSettings:
    given = {field: values[option.key] for field, option in _FIELDS.items() if values.get(option.key) is not None}
    if values.get(_CSV.key) is not None:
        named, form = values[_CSV.key], values.get(_FORMAT.key)
        path = SAMPLE if named == SAMPLE_NAME else Path(named)
        return MarketSettings(instrument_of_file(product_id, given, path, form), path, form)
    like_bitcoin = replace(BTC_USD, product_id=product_id, **given)
    if seed is None and (alone or book_id(like_bitcoin) == BTC_USD.product_id):
        # The sample's prices are BTC-USD's, whatever product they stand for.
        return MarketSettings(like_bitcoin)
    walking = replace(walk_instrument(product_id), **given)
    return MarketSettings(walking, csv=None, seed=_DEFAULT_SEED if seed is None else seed)
