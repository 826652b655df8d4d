"""The many ways in which people write the same candles."""

from __future__ import annotations

import gzip
import random
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from cbbot.candles.candle_errors import BadRow, TooLarge
from cbbot.domain.instrument import BTC_USD, Instrument
from cbbot.research.candles import BadCandles, CandleFile, read_candles
from cbbot.research.candles.fast_rows import PADDING, _units, fields_of, numbers_of
from cbbot.research.candles.row_collector import candle

HEADER = "time,open,high,low,close,volume\n"
LINES = [
    "2025-09-06T07:02:00Z,110754.29,110777.14,110754.28,110777.13,1.18492322",
    "2025-09-06T07:03:00Z,110777.14,110787.11,110774.3,110785.93,0.82540205",
    "2025-09-06T07:04:00Z,110785.93,110785.93,110785.2,110785.21,0.06626733",
]
PLAIN = HEADER + "".join(f"{line}\n" for line in LINES)


def read(path: Path, instrument: Instrument = BTC_USD) -> CandleFile:
    return read_candles(path, instrument, 60)


def as_lists(found: CandleFile) -> list[list[int]]:
    return [column.tolist() for column in found.columns]


EXPECTED = [
    [1757142120, 1757142180, 1757142240],
    [11075429, 11077714, 11078593],
    [11077714, 11078711, 11078593],
    [11075428, 11077430, 11078520],
    [11077713, 11078593, 11078521],
    [118492322, 82540205, 6626733],
]

FORMS = {
    "plain": PLAIN,
    "no line break at the end": PLAIN.rstrip(),
    "Windows line breaks": PLAIN.replace("\n", "\r\n"),
    "Windows line breaks, none at the end": PLAIN.replace("\n", "\r\n").rstrip(),
    "a byte order mark": "\ufeff" + PLAIN,
    "blank lines": PLAIN.replace("\n", "\n\n  \n"),
    "spaces after commas": PLAIN.replace(",", ", "),
    "spaces around everything": PLAIN.replace(",", " , "),
    "tabs around numbers": PLAIN.replace(",", "\t,\t"),
    "every value quoted": "".join(
        ",".join(f'"{value}"' for value in line.split(",")) + "\n" for line in PLAIN.splitlines()
    ),
    "times quoted": PLAIN.replace("2025-", '"2025-').replace("Z,", 'Z",'),
    "a column with commas in it": "note," + PLAIN.replace("\n2025", '\n"a, ""b"",c",2025'),
    "a column of any text": PLAIN.replace("volume\n", "volume,x\n")
    .replace("322\n", "322,é\n")
    .replace("5\n", "5,\n")
    .replace("733\n", "733,.\n"),
    "zeros behind": PLAIN.replace("110774.3,", "110774.30000000,").replace("110785.2,", "110785.200,"),
    "zeros before": PLAIN.replace(",110774.3,", ",000110774.3,"),
    "signs": PLAIN.replace(",110774.3,", ",+110774.3,"),
    "exponents": PLAIN.replace(",110774.3,", ",1.107743e5,").replace("0.06626733", "6626733E-8"),
    "more digits than count": PLAIN.replace(",110774.3,", ",110774.30499999999999999,"),
    "no zero before the point": PLAIN.replace(",0.8254", ",.8254").replace(",0.0662", ",.0662"),
    "lower case": PLAIN.replace("T", "t").replace("Z", "z"),
    "a space in the time": PLAIN.replace("T0", " 0").replace("Z", ""),
    "an offset": PLAIN.replace("Z", "+00:00"),
    "another zone": PLAIN.replace("T07", "T09").replace("Z", "+02:00"),
    "milliseconds that are 0": PLAIN.replace("Z", ".000Z"),
    "microseconds that are 0": PLAIN.replace("Z", ".000000+00:00"),
    "UNIX seconds": PLAIN.replace(LINES[0][:20], "1757142120")
    .replace(LINES[1][:20], "1757142180")
    .replace(LINES[2][:20], "1757142240"),
    "UNIX milliseconds": PLAIN.replace(LINES[0][:20], "1757142120000")
    .replace(LINES[1][:20], "1757142180000")
    .replace(LINES[2][:20], "1757142240000"),
    "UNIX seconds as floats": PLAIN.replace(LINES[0][:20], "1757142120.0")
    .replace(LINES[1][:20], "1757142180.0")
    .replace(LINES[2][:20], "1757142240.0"),
    "times in several forms": PLAIN.replace(LINES[0][:20], "1757142120").replace(LINES[1][:20], "1757142180000"),
    "other names": PLAIN.replace("time", "Timestamp").replace("volume", " VOL ").replace("close", "Close"),
    "a second column of times": PLAIN.replace("volume\n", "volume,timestamp\n")
    .replace("322\n", "322,1\n")
    .replace("205\n", "205,2\n")
    .replace("733\n", "733,3\n"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_form_of_the_same_candles_gives_the_same_integers(tmp_path: Path, form: str) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(FORMS[form].encode())
    assert as_lists(read(path)) == EXPECTED
    packed = tmp_path / "c.csv.gz"
    packed.write_bytes(gzip.compress(FORMS[form].encode()))
    assert as_lists(read(packed)) == EXPECTED


def test_a_gzip_file_of_several_members_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "c.csv.gz"
    path.write_bytes(gzip.compress(PLAIN[:150].encode()) + gzip.compress(PLAIN[150:].encode()))
    assert as_lists(read(path)) == EXPECTED


def random_text(rng: random.Random, widest: int) -> str:
    digits = "".join(rng.choice("0123456789") for _ in range(rng.randint(0, widest))) if widest else "0.0"
    part = "".join(rng.choice("0123456789") for _ in range(rng.randint(0, 10)))
    if widest == 0:
        text = digits + part
    else:
        text = rng.choice([digits, f"{digits}.{part}", f"{digits}.{part}", f"{digits}.5", f"{digits}.{part}5"])
    odd = rng.random()
    if odd < 0.05:
        at = rng.randint(0, len(text))
        text = text[:at] + rng.choice("-+ .eE:/x") + text[at:]
    return text


@pytest.mark.parametrize(
    ("increment", "widest"),
    [("0.01", 11), ("0.00000001", 0), ("0.000000001", 0), ("0.25", 11), ("1", 11), ("0.03", 11), ("5", 11)],
)
def test_the_short_way_reads_what_the_rules_of_a_row_say(increment: str, widest: int) -> None:
    rng = random.Random(increment)
    instrument = replace(
        BTC_USD, price_increment=Decimal(increment), base_increment=Decimal(increment), quote_increment=Decimal(225)
    )
    taken = refused = 0
    for _ in range(60):
        low, high = sorted(
            (random_text(rng, widest) for _ in range(2)), key=lambda text: (len(text.partition(".")[0]), text)
        )
        rows = [
            ["0", random_text(rng, widest), high, low, random_text(rng, widest), random_text(rng, widest)]
            for _ in range(50)
        ]
        text = "".join(",".join(row) + "\n" for row in rows).encode() + PADDING
        fields = fields_of(text, 6, list(range(6)))
        assert fields is not None
        found, sure = numbers_of(fields, instrument)
        for i, row in enumerate(rows):
            assert fields.row(i) == row
            if sure[i]:
                assert tuple(found[i].tolist()) == candle(row, instrument)
                taken += 1
            else:
                refused += 1
    assert taken > 50
    assert refused > 50


def test_the_short_way_refuses_what_is_just_beyond_its_digits() -> None:
    for good, row in [
        (True, "0,9999999.99,9999999.99,1,1,1"),
        (True, "0,1,1,1,1,9999999999.99999999"),
        (False, "0,1,1,1,1,99999999999"),
        (False, "0,1,1,1,1,1.123456789"),
        (False, "0,1,1,1,1,1."),
        (False, "0,1,1,1,1,.5"),
        (False, "0,1,1,1,1,/1"),
        (False, "0,1,1,1,1,1:"),
        (False, "0,1,1,1,1,1.:1"),
    ]:
        fields = fields_of(f"{row}\n".encode() + PADDING, 6, list(range(6)))
        assert fields is not None
        instrument = replace(BTC_USD, price_increment=Decimal(1), base_increment=Decimal("0.01"))
        assert numbers_of(fields, instrument)[1].tolist() == [good], row


def test_the_short_way_leaves_what_would_leave_64_bits() -> None:
    instrument = replace(BTC_USD, base_increment=Decimal("0.00000000001"))
    for volume in (
        "4611686.01842738",
        "7000000000",
        "9999999999",
        "5000000000.5",
        "92233720368",
        "9223372036.854775807",
    ):
        row = ["0", "1", "1", "1", "1", volume]
        fields = fields_of((",".join(row) + "\n").encode() + PADDING, 6, list(range(6)))
        assert fields is not None
        found, sure = numbers_of(fields, instrument)
        assert not sure[0] or tuple(found[0].tolist()) == candle(row, instrument)


def test_the_short_way_knows_the_calendar() -> None:
    rng = random.Random(3)
    stamps = [datetime(1900, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.randrange(2 * 10**10)) for _ in range(2000)]
    texts = [f"{stamp:%Y-%m-%dT%H:%M:%SZ}" for stamp in stamps]
    for year in (1900, 1904, 1999, 2000, 2100):
        texts += [f"{year}-{month:02d}-{day:02d}T00:00:00Z" for month in range(14) for day in range(33)]
    texts += ["2000-01-01T24:00:00Z", "2000-01-01T00:60:00Z", "2000-01-01T00:00:60Z", "2000/01/01T00:00:00Z"]
    text = "".join(f"{stamp},1,1,1,1,1\n" for stamp in texts).encode() + PADDING
    fields = fields_of(text, 6, list(range(6)))
    assert fields is not None
    found, sure = numbers_of(fields, BTC_USD)
    assert 2000 + 5 * 365 <= sure.sum() < len(texts)
    for i, stamp in enumerate(texts):
        try:
            expected = candle([stamp, "1", "1", "1", "1", "1"], BTC_USD).start
        except BadRow:
            assert not sure[i], stamp
        else:
            assert sure[i], stamp
            assert int(found[i, 0]) == expected


def test_blocks_end_where_lines_end(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    n = 50_000
    rows = (f"{60 * i},{i + 1},{i + 1}.5,{i + 1},{i + 1},{i}\n" for i in range(n))
    path.write_text(HEADER + "".join(rows))
    assert path.stat().st_size > 3 * 2**19
    coarse = replace(BTC_USD, price_increment=Decimal("0.5"))
    found = as_lists(read(path, coarse))
    assert found[0] == [60 * i for i in range(n)]
    assert found[2] == [2 * i + 3 for i in range(n)]
    bad = path.read_text().replace("\n2999940,", "\nx,")
    path.write_text(bad)
    with pytest.raises(BadCandles, match=r"c\.csv:50001: time 'x'"):
        read(path, coarse)


def frame() -> pd.DataFrame:
    rows = [line.split(",") for line in LINES]
    return pd.DataFrame(rows, columns=HEADER.strip().split(","))


@pytest.mark.parametrize(
    "form", ["text", "float64", "decimal", "seconds", "milliseconds", "naive", "zone", "date column"]
)
def test_parquet_of_any_types_gives_the_same_integers(tmp_path: Path, form: str) -> None:
    table = frame()
    numbers = ["open", "high", "low", "close", "volume"]
    if form != "text":
        table["time"] = pd.to_datetime(table["time"])
        table[numbers] = table[numbers].astype("float64")
    arrays = {name: pa.array(table[name]) for name in table.columns}
    if form == "decimal":
        for name in numbers:
            arrays[name] = pa.array([Decimal(text) for text in frame()[name]], pa.decimal128(20, 8))
    elif form in ("seconds", "milliseconds"):
        arrays["time"] = pa.array([t * (1000 if form == "milliseconds" else 1) for t in EXPECTED[0]], pa.int64())
    elif form == "naive":
        arrays["time"] = arrays["time"].cast(pa.timestamp("us"))
    elif form == "zone":
        arrays["time"] = arrays["time"].cast(pa.timestamp("ns", tz="Europe/Berlin"))
    elif form == "date column":
        arrays["day"] = pa.array([1, 2, 3])
    path = tmp_path / "c.parquet"
    parquet.write_table(pa.table(dict(reversed(arrays.items()))), path)
    assert as_lists(read(path)) == EXPECTED


def test_parquet_with_a_column_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    names = ["time", "open", "high", "low", "close", "volume", "close"]
    parquet.write_table(pa.Table.from_arrays([pa.array([60])] * 7, names=names), path)
    with pytest.raises(BadCandles, match=r"c\.parquet: column close is in it twice"):
        read_candles(path, BTC_USD, 60)


def test_bad_rows_of_parquet_are_named_by_their_number(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    for value, said in [
        (None, "close is empty"),
        (float("nan"), "close is not a finite number"),
        (-1.0, "close is not above 0"),
    ]:
        arrays = {name: pa.array(frame()[name]) for name in frame()}
        arrays["close"] = pa.array([110777.13, value, 110785.21], pa.float64())
        parquet.write_table(pa.table(arrays), path)
        with pytest.raises(BadCandles, match=rf"c\.parquet: row 2: {said}"):
            read(path)
    table = frame()
    table.loc[1, "close"] = "1,5"
    parquet.write_table(pa.Table.from_pandas(table), path)
    with pytest.raises(BadCandles, match=r"c\.parquet: row 2: close has a comma in it: '1,5'"):
        read(path)
    parquet.write_table(pa.table({"time": [1], "open": [1]}), path)
    with pytest.raises(BadCandles, match="no column high, low, close, volume"):
        read(path)
    parquet.write_table(pa.Table.from_pandas(frame()[:0]), path)
    with pytest.raises(BadCandles, match="no candles"):
        read(path)


def test_a_bad_row_far_down_a_parquet_file_is_named_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    n = 40_000
    ones = pa.array([1.0] * n)
    closes = pa.array([1.0] * (n - 1) + [-1.0])
    columns = {"time": pa.array(range(0, 60 * n, 60)), "open": ones, "high": ones, "low": ones, "close": closes}
    parquet.write_table(pa.table(columns | {"volume": ones}), path)
    with pytest.raises(BadCandles, match=r"row 40000: close is not above 0"):
        read(path)


def test_an_open_or_close_outside_of_the_range_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(HEADER + "0,3,2,1,1,1\n60,1,2,1,0.5,1\n120,1,2,1,2,1\n")
    assert read(path).outside_range == 2


def test_reading_csv_imports_neither_arrow_nor_pandas(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(PLAIN)
    program = (
        "import sys; from pathlib import Path; from cbbot.domain.instrument import BTC_USD; "
        "from cbbot.research.candles import read_candles; "
        f"read_candles(Path({str(path)!r}), BTC_USD, 60); "
        "print([name for name in ('pyarrow', 'pandas', 'numba', 'plotly') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.strip() == "[]"


def test_a_row_of_numbers_beyond_the_scales_is_not_a_bad_row() -> None:
    with pytest.raises(TooLarge):
        candle(["0", "1e9", "1e9", "1e9", "1e9", "1"], BTC_USD)


@pytest.mark.parametrize("ratio", [Fraction(2**70), Fraction(3, 2**70), Fraction(1, 10)])
def test_a_scale_that_64_bits_do_not_hold_is_left_to_exact_arithmetic(ratio: Fraction) -> None:
    units, sure = _units(np.array([15, 25, 26]), ratio)
    assert sure.tolist() == [ratio == Fraction(1, 10)] * 3
    if sure.all():
        assert units.tolist() == [2, 2, 3]
