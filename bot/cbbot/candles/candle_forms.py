"""Which column of a file holds what: by the names in its header, or by the known forms that have none.

There is one table of names. A form without a header is a list of such names, so that both ways end in the same layout.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from cbbot.candles.candle_errors import BadCandles, BadRow
from cbbot.candles.candle_rows import FIELDS, seconds

__all__ = ["FORMATS", "QUOTE_VOLUME", "SAMPLE_ROWS", "Layout", "is_known", "layout_of"]

SAMPLE_ROWS: Final = 200

_KLINE: Final = ("close_time", "quote_volume", "count", "taker_buy_volume", "taker_buy_quote_volume", "ignore")
FORMATS: Final[Mapping[str, tuple[str, ...]]] = {
    "ohlcv": FIELDS,
    "coinbase": ("time", "low", "high", "open", "close", "volume"),
    "bitfinex": ("time", "open", "close", "high", "low", "volume"),
    "kraken": (*FIELDS, "trades"),
    "binance": (*FIELDS, *_KLINE),
    "metatrader": ("date", "time", "open", "high", "low", "close", "tickvol", "vol", "spread"),
}
"""The forms without a header, by the name that ``--format`` takes."""

# Titles are compared in lower case, without brackets, spaces, dashes and underscores.
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "time": ("time", "timestamp", "start", "starttime", "date", "datetime", "ts", "unix", "unixtime", "unixtimestamp",
             "opentime"),
    "open": ("open", "openprice"),
    "high": ("high", "highprice"),
    "low": ("low", "lowprice"),
    "close": ("close", "closeprice"),
    "volume": ("volume", "vol", "basevolume", "volumebase", "volumefrom"),
}  # fmt: skip
# What counts only where nothing better is there: the index that pandas writes, and ticks counted in place of volume.
_INDEX: Final = ("", "unnamed:0", "index", "indexlevel0")
_TICK_VOLUME: Final = ("tickvol", "tickvolume")
_QUOTE_VOLUME: Final = ("quotevolume", "volumequote", "quoteassetvolume", "volumeto", "turnover", "amount", "volumeusd",
                        "usdvolume", "volumeusdt")  # fmt: skip
_ROLES: Final = {title: role for role, titles in _NAMES.items() for title in titles}
_STRIPPED: Final = re.compile(r"[\s_<>\-]+")
_VOLUME_OF: Final = re.compile(r"volume[\s_(]+([a-z0-9]{2,10})\)?")
# A volume in one of these is in the quote currency, unless the other volume is in one that stands before it.
_QUOTES: Final = ("currency", "quote", "usd", "usdt", "usdc", "busd", "tusd", "fdusd", "dai", "eur", "gbp", "jpy",
                  "aud", "cad", "chf", "try", "brl", "krw")  # fmt: skip
_EITHER: Final = ("btc", "eth", "bnb")
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):\d\d(:\d\d)?")
_DATE: Final = re.compile(r"\d{4}[-.]\d\d[-.]\d\d")
_SHOWN: Final = 120
QUOTE_VOLUME: Final = (
    "volume in quote currency (as large as price x base), where volume in the base currency is wanted: divide it by "
    "the close"
)
"""What such a volume is called, and what to do about it."""
_FITS: Final = 0.95


class Layout(NamedTuple):
    """``columns`` are the places of ``FIELDS`` among ``width``; ``clock`` is that of a time of day beside a date.

    ``known_as`` says how a file without a header was read, ``others`` whether it has columns that nothing reads.
    """

    columns: tuple[int, ...]
    width: int
    clock: int | None = None
    known_as: str = ""
    others: bool = False


def is_known(title: str) -> bool:
    """Whether a column of this title may be read."""
    plain = _plain(title)
    return plain in _ROLES or plain in (*_INDEX, *_TICK_VOLUME, *_QUOTE_VOLUME) or bool(_VOLUME_OF.match(title.lower()))


def layout_of(where: str, rows: Sequence[Sequence[str]], form: str | None) -> tuple[Layout, bool]:
    """The layout of a file that begins with ``rows``, and whether the first of them is a header.

    ``where`` begins the message of an error; ``form`` is one of ``FORMATS``, None to find out.

    Raises:
        BadCandles: a column is missing, or what the columns are is not clear.
    """
    first, rest = rows[0], rows[1:]
    is_header = sum(_plain(title) in _ROLES for title in first) > 1 or not _is_data(first)
    if form is not None:
        return _given(where, form, first, rest, is_header)
    if is_header:
        return _named(where, first, rest), True
    return _recognised(where, rows), False


def _plain(title: str) -> str:
    return _STRIPPED.sub("", title.strip().lower())


def _is_data(row: Sequence[str]) -> bool:
    return len(row) > 1 and _is_time(row[0])


def _is_time(text: str) -> bool:
    try:
        seconds(text)
    except BadRow:
        return False
    return True


def _given(
    where: str, form: str, first: Sequence[str], rest: Sequence[Sequence[str]], is_header: bool
) -> tuple[Layout, bool]:
    titles = FORMATS[form]
    fewest = len(titles) - 2 if form == "metatrader" else len(titles)
    if not fewest <= len(first) <= len(titles):
        raise BadCandles(
            f"{where}: --format {form} has {len(titles)} columns, the first line has {len(first)}; "
            "leave --format out, or give another"
        )
    data = rest if is_header else [first, *rest]
    layout = _named(where, titles[: len(first)], data)
    if is_header and any(_plain(title) in _ROLES for title in first):
        named = _named(where, first, data)
        if named.columns[:5] != layout.columns[:5]:
            raise BadCandles(f"{where}: its header names another order of columns than --format {form}; leave that out")
        return named, True
    return layout._replace(known_as=_shown_as(form)), is_header


def _shown_as(form: str) -> str:
    return f"{form} ({', '.join(FORMATS[form])})"


def _recognised(where: str, rows: Sequence[Sequence[str]]) -> Layout:
    """The layout of a file without a header: the one form of its width that its numbers fit."""
    width = len(rows[0])
    whole = [row for row in rows if len(row) == width]
    dated = _CLOCK.fullmatch(rows[0][1].strip()) is not None
    if dated:
        names = ["metatrader"] if 7 <= width <= len(FORMATS["metatrader"]) else []
    else:
        names = [name for name, titles in FORMATS.items() if len(titles) == width and name != "metatrader"]
    layouts = {name: _named(where, FORMATS[name][:width], whole) for name in names}
    fitting = _fitting(layouts, whole)
    if len(fitting) == 1:
        name, layout = fitting.popitem()
        return layout if name == "ohlcv" else layout._replace(known_as=_shown_as(name))
    choices = " or ".join(f"--format {name}" for name in fitting or FORMATS)
    why = "its numbers fit several orders of columns" if fitting else "its numbers fit no known order of columns"
    raise BadCandles(
        f"{where}: has no header, and {why if layouts else f'{width} columns are no known form'}; "
        f"its first line must name the columns (time,open,high,low,close,volume), or give {choices}"
    )


def _fitting(layouts: Mapping[str, Layout], rows: Sequence[Sequence[str]]) -> dict[str, Layout]:
    """The layouts under which the rows are candles. Rows that fit all of them decide nothing."""
    fits = [[_is_candle(row, layout) for layout in layouts.values()] for row in rows]
    if len(layouts) > 1:
        fits = [each for each in fits if not all(each)]
        if not fits:
            return dict(layouts)
    needed = _FITS * len(fits)
    return {
        name: layout
        for place, (name, layout) in enumerate(layouts.items())
        if sum(each[place] for each in fits) >= needed and _rest_fits(name, rows)
    }


def _is_candle(row: Sequence[str], layout: Layout) -> bool:
    try:
        opened, high, low, close, volume = (float(row[place]) for place in layout.columns[1:])
    except ValueError:
        return False
    return 0 < low <= min(opened, close) <= max(opened, close) <= high and volume >= 0


def _rest_fits(name: str, rows: Sequence[Sequence[str]]) -> bool:
    """Whether the columns that are not read are what the form says: a count of trades, a time of close."""
    if name == "kraken":
        return all(row[6].strip().isdecimal() for row in rows)
    if name == "binance":
        return all(row[6].strip() > row[0].strip() for row in rows)
    return True


def _named(where: str, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Layout:
    """The layout that a header says; ``rows`` decide between columns that mean the same."""
    plain = [_plain(title) for title in titles]
    whole = [row for row in rows if len(row) == len(titles)]
    found = {role: [i for i, title in enumerate(plain) if _ROLES.get(title) == role] for role in FIELDS}
    clock = _clock(plain, whole)
    if clock is not None:
        found["time"] = [plain.index("date")]
    if not found["time"]:
        found["time"] = [i for i, title in enumerate(plain) if title in _INDEX and (title or i == 0)]
    found["volume"] = _volumes(titles, plain, found["volume"], whole)
    missing = [name for name in FIELDS if not found[name]]
    if missing:
        raise BadCandles(_missing(where, titles, plain, missing))
    time = next((i for i in found["time"] if _tells_time(i, whole)), found["time"][0])
    if plain[time] in _INDEX and [row[time].strip() for row in whole[:2]] == ["0", "1"]:
        raise BadCandles(
            f"{where}: {titles[time] or 'its first column'} counts rows, and no other column is named time"
        )
    columns = (time, *(found[name][0] for name in FIELDS[1:]))
    return Layout(columns, len(titles), clock, "", len(titles) > len(FIELDS))


def _tells_time(place: int, rows: Sequence[Sequence[str]]) -> bool:
    """Whether a column has times, and not the same in every row, as a day beside a time has."""
    texts = [row[place] for row in rows]
    return all(map(_is_time, texts[:3])) and (len(texts) < 2 or len(set(texts)) > 1)


def _clock(plain: Sequence[str], rows: Sequence[Sequence[str]]) -> int | None:
    """Where the time of day is, in a file that has it in a column of its own."""
    if "date" not in plain or "time" not in plain or not rows:
        return None
    date, time = (rows[0][plain.index(name)].strip() for name in ("date", "time"))
    return plain.index("time") if _DATE.fullmatch(date) and _CLOCK.fullmatch(time) else None


def _volumes(
    titles: Sequence[str], plain: Sequence[str], named: Sequence[int], rows: Sequence[Sequence[str]]
) -> list[int]:
    """The columns of volume in the base currency, the best first."""
    ticks = [i for i, title in enumerate(plain) if title in _TICK_VOLUME]
    if ticks and named and rows and all(_is_nothing(row[named[0]]) for row in rows):
        return ticks
    if named or ticks:
        return [*named, *ticks]
    of = {i: found[1] for i, title in enumerate(titles) if (found := _VOLUME_OF.fullmatch(title.strip().lower()))}
    base = [i for i, currency in of.items() if currency not in (*_QUOTES, *_EITHER)]
    if base:
        return base
    either = [i for i, currency in of.items() if currency in _EITHER]
    # Of two such currencies the one that quotes the other stands first: ETH is traded in BTC.
    return sorted(either, key=lambda i: -_EITHER.index(of[i]))


def _is_nothing(text: str) -> bool:
    return not text.strip().strip("0.")


def _missing(where: str, titles: Sequence[str], plain: Sequence[str], missing: Sequence[str]) -> str:
    quoted = [
        title
        for title, name in zip(titles, plain, strict=True)
        if name in _QUOTE_VOLUME or _VOLUME_OF.fullmatch(title.strip().lower())
    ]
    if list(missing) == ["volume"] and quoted:
        return f"{where}: {quoted[0].strip()} is {QUOTE_VOLUME} and name the result volume"
    listed = ", ".join(titles)
    shown = listed if len(listed) <= _SHOWN else listed[:_SHOWN] + "..."
    hint = ": its first line must name the columns" if any(title.strip()[:1].isdigit() for title in titles) else ""
    return (
        f"{where}: no column {', '.join(missing)}; needed are time (or timestamp, date, unix, start), open, high, low, "
        f"close, volume (or vol), found {shown or 'none'}{hint}"
    )
