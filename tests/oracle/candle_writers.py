"""The same candles written as exchanges, platforms and tools write them: what the product's reader is held against."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
from pyarrow import feather

from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD

__all__ = [
    "CANDLES",
    "FORMS",
    "START",
    "TextCandle",
    "cryptodatadownload",
    "freqtrade_json",
    "lines",
    "metatrader",
    "ohlcv",
    "plain",
    "written",
]

START = 1_757_142_120


@dataclass(frozen=True)
class TextCandle:
    """A candle as text, as a file has it."""

    start: int
    open: str
    high: str
    low: str
    close: str
    volume: str

    @property
    def candle(self) -> Candle:
        prices = [BTC_USD.ticks(Decimal(text)) for text in (self.open, self.high, self.low, self.close)]
        return Candle(
            self.start, prices[0], prices[1], prices[2], prices[3], BTC_USD.volume_units(Decimal(self.volume))
        )

    def stamp(self, form: str) -> str:
        return f"{datetime.fromtimestamp(self.start, UTC):{form}}"


CANDLES = (
    TextCandle(START, "110754.29", "110777.14", "110754.28", "110777.13", "1.18492322"),
    TextCandle(START + 60, "110777.14", "110787.11", "110774.3", "110785.93", "0.82540205"),
    TextCandle(START + 120, "110785.93", "110785.94", "110785.2", "110785.21", "0.06626733"),
)
Writer = Callable[[Sequence[TextCandle]], bytes]


def lines(rows: Sequence[Sequence[object]], header: str = "", mark: str = ",", end: str = "\n") -> bytes:
    body = "".join(mark.join(map(str, row)) + end for row in rows)
    return ((header + end if header else "") + body).encode()


def ohlcv(each: TextCandle) -> list[str]:
    return [each.open, each.high, each.low, each.close, each.volume]


def titled(title: str, time: Callable[[TextCandle], object]) -> Writer:
    return lambda candles: lines(
        [[time(each), *ohlcv(each)] for each in candles], f"{title},open,high,low,close,volume"
    )


def turnover(each: TextCandle) -> str:
    return str(Decimal(each.close) * Decimal(each.volume))


def binance(unit: int) -> Writer:
    def write(candles: Sequence[TextCandle]) -> bytes:
        return lines(
            [
                [
                    each.start * unit,
                    *ohlcv(each),
                    (each.start + 60) * unit - 1,
                    turnover(each),
                    31,
                    "0.1",
                    "9.5",
                    0,
                ]
                for each in candles
            ]
        )

    return write


def newest_first(candles: Sequence[TextCandle]) -> list[TextCandle]:
    return sorted(candles, key=lambda each: -each.start)


def cryptodatadownload(candles: Sequence[TextCandle]) -> bytes:
    rows = [
        [each.start, each.stamp("%Y-%m-%d %H:%M:%S"), "BTC/USD", *ohlcv(each), turnover(each)]
        for each in newest_first(candles)
    ]
    return lines(rows, "https://www.CryptoDataDownload.com\nunix,date,symbol,open,high,low,close,Volume BTC,Volume USD")


def metatrader(candles: Sequence[TextCandle]) -> bytes:
    rows = [
        [
            each.stamp("%Y.%m.%d"),
            each.stamp("%H:%M:%S"),
            each.open,
            each.high,
            each.low,
            each.close,
            17,
            each.volume,
            5,
        ]
        for each in candles
    ]
    header = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>"
    return lines(rows, header, "\t", "\r\n")


def metatrader_4(candles: Sequence[TextCandle]) -> bytes:
    return lines([[each.stamp("%Y.%m.%d"), each.stamp("%H:%M"), *ohlcv(each)] for each in candles])


def as_utf16(write: Writer, encoding: str) -> Writer:
    return lambda candles: write(candles).decode().encode(encoding)


def frame(candles: Sequence[TextCandle]) -> pd.DataFrame:
    table = pd.DataFrame(
        [list(map(float, ohlcv(each))) for each in candles], columns=["open", "high", "low", "close", "volume"]
    )
    table.insert(0, "date", pd.to_datetime([each.start for each in candles], unit="s", utc=True))
    return table


def freqtrade_feather(candles: Sequence[TextCandle]) -> bytes:
    sink = io.BytesIO()
    feather.write_feather(frame(candles), sink, compression="lz4")
    written: bytes = sink.getvalue()
    return written


def pandas_csv(candles: Sequence[TextCandle]) -> bytes:
    text: str = frame(candles).set_index("date").rename_axis(None).to_csv()
    return text.encode()


def pandas_parquet(candles: Sequence[TextCandle]) -> bytes:
    sink = io.BytesIO()
    frame(candles).set_index("date").rename_axis(None).to_parquet(sink)
    return sink.getvalue()


def number(text: str) -> float:
    return float(text)


def freqtrade_json(candles: Sequence[TextCandle]) -> bytes:
    return json.dumps([[each.start * 1000, *map(number, ohlcv(each))] for each in candles]).encode()


def coinbase_json(candles: Sequence[TextCandle]) -> bytes:
    return json.dumps(
        [
            [each.start, *map(number, (each.low, each.high, each.open, each.close, each.volume))]
            for each in newest_first(candles)
        ]
    ).encode()


def binance_json(candles: Sequence[TextCandle]) -> bytes:
    rows = [
        [each.start * 1000, *ohlcv(each), each.start * 1000 + 59_999, turnover(each), 31, "0.1", "9.5", "0"]
        for each in candles
    ]
    return json.dumps(rows, indent=1).encode()


def objects_json(candles: Sequence[TextCandle]) -> bytes:
    rows = [
        {
            "start": str(each.start),
            "low": each.low,
            "high": each.high,
            "open": each.open,
            "close": each.close,
            "volume": each.volume,
        }
        for each in candles
    ]
    return json.dumps(rows).encode()


def zipped(write: Writer, name: str) -> Writer:
    def pack(candles: Sequence[TextCandle]) -> bytes:
        sink = io.BytesIO()
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("__MACOSX/._" + name, b"\0\x05\x16\x07")
            archive.writestr(name, write(candles))
        return sink.getvalue()

    return pack


def doubled(header: str) -> Writer:
    return lambda candles: lines([[each.stamp("%Y-%m-%dT%H:%M:%SZ"), *ohlcv(each)] for each in candles], header)


plain = titled("time", lambda each: each.stamp("%Y-%m-%dT%H:%M:%SZ"))

# The file's name, and how it is written.
FORMS: dict[str, tuple[str, Writer]] = {
    "date": ("c.csv", titled("date", lambda each: each.stamp("%Y-%m-%d %H:%M:%S"))),
    "Datetime of Yahoo": ("c.csv", titled("Datetime", lambda each: each.stamp("%Y-%m-%d %H:%M:%S+00:00"))),
    "ts": ("c.csv", titled("ts", lambda each: each.start * 1000)),
    "unix": ("c.csv", titled("unix", lambda each: each.start)),
    "no seconds in the time": ("c.csv", titled("date", lambda each: each.stamp("%Y-%m-%d %H:%M"))),
    "unnamed first column": ("c.csv", pandas_csv),
    "unnamed index in Parquet": ("c.parquet", pandas_parquet),
    "microseconds": ("c.csv", titled("timestamp", lambda each: each.start * 10**6)),
    "nanoseconds": ("c.csv", titled("timestamp", lambda each: each.start * 10**9)),
    "plain order without a header": (
        "c.csv",
        lambda candles: lines([[each.start, *ohlcv(each)] for each in candles]),
    ),
    "Binance in milliseconds": ("BTCUSDT-1m.csv", binance(1000)),
    "Binance in microseconds": ("BTCUSDT-1m.csv", binance(10**6)),
    "Binance as it is downloaded": ("BTCUSDT-1m.zip", zipped(binance(10**6), "BTCUSDT-1m.csv")),
    "Binance with a header": (
        "c.csv",
        lambda candles: (
            b"open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
            b"taker_buy_quote_volume,ignore\n" + binance(1000)(candles)
        ),
    ),
    "Kraken OHLCVT": (
        "XBTUSD_1.csv",
        lambda candles: lines([[each.start, *ohlcv(each), 12] for each in candles]),
    ),
    "Bitfinex": (
        "c.csv",
        lambda candles: lines(
            [[b.start * 1000, b.open, b.close, b.high, b.low, b.volume] for b in newest_first(candles)]
        ),
    ),
    "Bitfinex JSON": (
        "c.json",
        lambda candles: json.dumps(
            [[b.start * 1000, *map(number, (b.open, b.close, b.high, b.low, b.volume))] for b in candles]
        ).encode(),
    ),
    "CryptoDataDownload": ("c.csv", cryptodatadownload),
    "Kaggle's Bitcoin": (
        "c.csv",
        lambda candles: lines(
            [[each.start, *ohlcv(each), turnover(each), each.close] for each in candles],
            "Timestamp,Open,High,Low,Close,Volume_(BTC),Volume_(Currency),Weighted_Price",
        ),
    ),
    "sep=,": ("c.csv", lambda candles: b"sep=,\r\n" + plain(candles).replace(b"\n", b"\r\n")),
    "blank lines before the header": ("c.csv", lambda candles: b"\n  \n" + plain(candles)),
    "sep=;": ("c.csv", lambda candles: b"sep=;\r\n" + plain(candles).replace(b",", b";")),
    "semicolons": ("c.csv", lambda candles: plain(candles).replace(b",", b";")),
    "MetaTrader 5": ("BTCUSD_M1.csv", metatrader),
    "MetaTrader 5 in UTF-16": ("BTCUSD_M1.csv", as_utf16(metatrader, "utf-16")),
    "UTF-16 without a mark": ("BTCUSD_M1.csv", as_utf16(metatrader, "utf-16-le")),
    "UTF-16, the other way round": ("BTCUSD_M1.csv", as_utf16(metatrader, "utf-16-be")),
    "MetaTrader 4": ("BTCUSD1.csv", metatrader_4),
    "freqtrade feather": ("BTC_USDT-1m.feather", freqtrade_feather),
    "freqtrade JSON": ("BTC_USDT-1m.json", freqtrade_json),
    "freqtrade JSON, gzipped": ("BTC_USDT-1m.json.gz", lambda candles: gzip.compress(freqtrade_json(candles))),
    "Coinbase's arrays": ("candles.json", coinbase_json),
    "Binance's arrays": ("klines.json", binance_json),
    "an array of objects": ("candles.json", objects_json),
    "zip": ("c.zip", zipped(plain, "c.csv")),
    "zip of JSON": ("c.zip", zipped(coinbase_json, "c.json")),
}


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path
