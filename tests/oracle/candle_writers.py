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

__all__ = ["BARS", "FORMS", "START", "Bar", "cryptodatadownload", "freqtrade_json", "lines", "metatrader", "ohlcv",
           "plain", "written"]  # fmt: skip

START = 1_757_142_120


@dataclass(frozen=True)
class Bar:
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


BARS = (
    Bar(START, "110754.29", "110777.14", "110754.28", "110777.13", "1.18492322"),
    Bar(START + 60, "110777.14", "110787.11", "110774.3", "110785.93", "0.82540205"),
    Bar(START + 120, "110785.93", "110785.94", "110785.2", "110785.21", "0.06626733"),
)
Writer = Callable[[Sequence[Bar]], bytes]


def lines(rows: Sequence[Sequence[object]], header: str = "", mark: str = ",", end: str = "\n") -> bytes:
    body = "".join(mark.join(map(str, row)) + end for row in rows)
    return ((header + end if header else "") + body).encode()


def ohlcv(bar: Bar) -> list[str]:
    return [bar.open, bar.high, bar.low, bar.close, bar.volume]


def titled(title: str, time: Callable[[Bar], object]) -> Writer:
    return lambda bars: lines([[time(bar), *ohlcv(bar)] for bar in bars], f"{title},open,high,low,close,volume")


def turnover(bar: Bar) -> str:
    return str(Decimal(bar.close) * Decimal(bar.volume))


def binance(unit: int) -> Writer:
    def write(bars: Sequence[Bar]) -> bytes:
        return lines(
            [
                [bar.start * unit, *ohlcv(bar), (bar.start + 60) * unit - 1, turnover(bar), 31, "0.1", "9.5", 0]
                for bar in bars
            ]
        )

    return write


def newest_first(bars: Sequence[Bar]) -> list[Bar]:
    return sorted(bars, key=lambda bar: -bar.start)


def cryptodatadownload(bars: Sequence[Bar]) -> bytes:
    rows = [
        [bar.start, bar.stamp("%Y-%m-%d %H:%M:%S"), "BTC/USD", *ohlcv(bar), turnover(bar)] for bar in newest_first(bars)
    ]
    return lines(rows, "https://www.CryptoDataDownload.com\nunix,date,symbol,open,high,low,close,Volume BTC,Volume USD")


def metatrader(bars: Sequence[Bar]) -> bytes:
    rows = [
        [bar.stamp("%Y.%m.%d"), bar.stamp("%H:%M:%S"), bar.open, bar.high, bar.low, bar.close, 17, bar.volume, 5]
        for bar in bars
    ]
    header = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>"
    return lines(rows, header, "\t", "\r\n")


def metatrader_4(bars: Sequence[Bar]) -> bytes:
    return lines([[bar.stamp("%Y.%m.%d"), bar.stamp("%H:%M"), *ohlcv(bar)] for bar in bars])


def as_utf16(write: Writer, encoding: str) -> Writer:
    return lambda bars: write(bars).decode().encode(encoding)


def frame(bars: Sequence[Bar]) -> pd.DataFrame:
    table = pd.DataFrame(
        [list(map(float, ohlcv(bar))) for bar in bars], columns=["open", "high", "low", "close", "volume"]
    )
    table.insert(0, "date", pd.to_datetime([bar.start for bar in bars], unit="s", utc=True))
    return table


def freqtrade_feather(bars: Sequence[Bar]) -> bytes:
    sink = io.BytesIO()
    feather.write_feather(frame(bars), sink, compression="lz4")
    return sink.getvalue()


def pandas_csv(bars: Sequence[Bar]) -> bytes:
    text: str = frame(bars).set_index("date").rename_axis(None).to_csv()
    return text.encode()


def pandas_parquet(bars: Sequence[Bar]) -> bytes:
    sink = io.BytesIO()
    frame(bars).set_index("date").rename_axis(None).to_parquet(sink)
    return sink.getvalue()


def number(text: str) -> float:
    return float(text)


def freqtrade_json(bars: Sequence[Bar]) -> bytes:
    return json.dumps([[bar.start * 1000, *map(number, ohlcv(bar))] for bar in bars]).encode()


def coinbase_json(bars: Sequence[Bar]) -> bytes:
    return json.dumps(
        [[bar.start, *map(number, (bar.low, bar.high, bar.open, bar.close, bar.volume))] for bar in newest_first(bars)]
    ).encode()


def binance_json(bars: Sequence[Bar]) -> bytes:
    rows = [
        [bar.start * 1000, *ohlcv(bar), bar.start * 1000 + 59_999, turnover(bar), 31, "0.1", "9.5", "0"] for bar in bars
    ]
    return json.dumps(rows, indent=1).encode()


def objects_json(bars: Sequence[Bar]) -> bytes:
    return json.dumps([{"start": str(bar.start), "low": bar.low, "high": bar.high, "open": bar.open, "close": bar.close,
                        "volume": bar.volume} for bar in bars]).encode()  # fmt: skip


def zipped(write: Writer, name: str) -> Writer:
    def pack(bars: Sequence[Bar]) -> bytes:
        sink = io.BytesIO()
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("__MACOSX/._" + name, b"\0\x05\x16\x07")
            archive.writestr(name, write(bars))
        return sink.getvalue()

    return pack


def doubled(header: str) -> Writer:
    return lambda bars: lines([[bar.stamp("%Y-%m-%dT%H:%M:%SZ"), *ohlcv(bar)] for bar in bars], header)


plain = titled("time", lambda bar: bar.stamp("%Y-%m-%dT%H:%M:%SZ"))

# The file's name, and how it is written.
FORMS: dict[str, tuple[str, Writer]] = {
    "date": ("c.csv", titled("date", lambda bar: bar.stamp("%Y-%m-%d %H:%M:%S"))),
    "Datetime of Yahoo": ("c.csv", titled("Datetime", lambda bar: bar.stamp("%Y-%m-%d %H:%M:%S+00:00"))),
    "ts": ("c.csv", titled("ts", lambda bar: bar.start * 1000)),
    "unix": ("c.csv", titled("unix", lambda bar: bar.start)),
    "no seconds in the time": ("c.csv", titled("date", lambda bar: bar.stamp("%Y-%m-%d %H:%M"))),
    "unnamed first column": ("c.csv", pandas_csv),
    "unnamed index in Parquet": ("c.parquet", pandas_parquet),
    "microseconds": ("c.csv", titled("timestamp", lambda bar: bar.start * 10**6)),
    "nanoseconds": ("c.csv", titled("timestamp", lambda bar: bar.start * 10**9)),
    "plain order without a header": ("c.csv", lambda bars: lines([[bar.start, *ohlcv(bar)] for bar in bars])),
    "Binance in milliseconds": ("BTCUSDT-1m.csv", binance(1000)),
    "Binance in microseconds": ("BTCUSDT-1m.csv", binance(10**6)),
    "Binance as it is downloaded": ("BTCUSDT-1m.zip", zipped(binance(10**6), "BTCUSDT-1m.csv")),
    "Binance with a header": (
        "c.csv",
        lambda bars: (
            b"open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
            b"taker_buy_quote_volume,ignore\n" + binance(1000)(bars)
        ),
    ),
    "Kraken OHLCVT": ("XBTUSD_1.csv", lambda bars: lines([[bar.start, *ohlcv(bar), 12] for bar in bars])),
    "Bitfinex": (
        "c.csv",
        lambda bars: lines([[b.start * 1000, b.open, b.close, b.high, b.low, b.volume] for b in newest_first(bars)]),
    ),
    "Bitfinex JSON": (
        "c.json",
        lambda bars: json.dumps(
            [[b.start * 1000, *map(number, (b.open, b.close, b.high, b.low, b.volume))] for b in bars]
        ).encode(),
    ),
    "CryptoDataDownload": ("c.csv", cryptodatadownload),
    "Kaggle's Bitcoin": (
        "c.csv",
        lambda bars: lines(
            [[bar.start, *ohlcv(bar), turnover(bar), bar.close] for bar in bars],
            "Timestamp,Open,High,Low,Close,Volume_(BTC),Volume_(Currency),Weighted_Price",
        ),
    ),
    "sep=,": ("c.csv", lambda bars: b"sep=,\r\n" + plain(bars).replace(b"\n", b"\r\n")),
    "blank lines before the header": ("c.csv", lambda bars: b"\n  \n" + plain(bars)),
    "sep=;": ("c.csv", lambda bars: b"sep=;\r\n" + plain(bars).replace(b",", b";")),
    "semicolons": ("c.csv", lambda bars: plain(bars).replace(b",", b";")),
    "MetaTrader 5": ("BTCUSD_M1.csv", metatrader),
    "MetaTrader 5 in UTF-16": ("BTCUSD_M1.csv", as_utf16(metatrader, "utf-16")),
    "UTF-16 without a mark": ("BTCUSD_M1.csv", as_utf16(metatrader, "utf-16-le")),
    "UTF-16, the other way round": ("BTCUSD_M1.csv", as_utf16(metatrader, "utf-16-be")),
    "MetaTrader 4": ("BTCUSD1.csv", metatrader_4),
    "freqtrade feather": ("BTC_USDT-1m.feather", freqtrade_feather),
    "freqtrade JSON": ("BTC_USDT-1m.json", freqtrade_json),
    "freqtrade JSON, gzipped": ("BTC_USDT-1m.json.gz", lambda bars: gzip.compress(freqtrade_json(bars))),
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
