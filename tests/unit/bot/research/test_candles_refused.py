"""Files that are no candle files, and files that are damaged: one line that says what, where and what to do."""

from __future__ import annotations

import gzip
import random
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from cbbot.cli.dispatch import main
from cbbot.domain.instrument import BTC_USD
from cbbot.errors import BadInput
from cbbot.research.candles import BadCandles, CandleFile, read_candles

HEADER = "time,open,high,low,close,volume\n"
ROWS = "".join(f"2025-09-06T07:{i:02d}:00Z,100.5,101,100,100.25,1.5\n" for i in range(30))
GZIPPED = gzip.compress((HEADER + ROWS).encode())
NOISE = random.Random(5).randbytes(4096)

# What is in the file, and what is said of it.
UNUSABLE: dict[str, tuple[str, bytes, str]] = {
    "empty": ("c.csv", b"", "the file is empty"),
    "empty and gzipped": ("c.csv.gz", gzip.compress(b""), "the file is empty"),
    "empty, but gzipped by name": ("c.csv.gz", b"", "the file is empty"),
    "header only": ("c.csv", HEADER.encode(), "no candles in it"),
    "header without a line's end": ("c.csv", HEADER.strip().encode(), "no candles in it"),
    "blank lines": ("c.csv", HEADER.encode() + b"\n \n\n", "no candles in it"),
    "no volume": ("c.csv", b"time,open,high,low,close\n1,1,1,1,1\n", ":1: no column volume; needed are time"),
    "a header that is cut": ("c.csv", b"time,open,high\n", ":1: no column low, close, volume"),
    "gzip cut short": ("c.csv.gz", GZIPPED[:-12], "cut short; is the file complete"),
    "gzip cut in its middle": ("c.csv.gz", GZIPPED[: len(GZIPPED) // 2], "is the file complete"),
    "gzip damaged": ("c.csv.gz", GZIPPED[:40] + b"\xff\x00\xff" + GZIPPED[43:], "is the file complete"),
    "gzip with another checksum": ("c.csv.gz", GZIPPED[:-8] + b"\0\0\0\0" + GZIPPED[-4:], "is the file complete"),
    "not gzip": ("c.csv.gz", (HEADER + ROWS).encode(), "is not gzip-compressed, as its name says"),
    "binary garbage": ("c.csv", b"\x01" + NOISE, "is not text"),
    "letters that are no UTF-8": ("c.csv", b"\xff\xfe\xfa,1,2\n", "is not text"),
    "an archive": ("c.csv", b"PK\x03\x04\x14\0\0\0\x08\0" + NOISE, "is not a zip file; is the file complete"),
    "Parquet that is damaged": ("c.csv", b"PAR1" + NOISE, "cannot be read"),
    "lines that end as on an old Macintosh": (
        "c.csv",
        (HEADER + ROWS).replace("\n", "\r").encode(),
        "carriage returns",
    ),
    "no Parquet": ("c.parquet", (HEADER + ROWS).encode(), "cannot be read"),
    "an endless line": ("c.csv", b"x" * 2_000_000, "a line has more than"),
    "last row cut short": ("c.csv", (HEADER + ROWS + "2025-09-06T07:30").encode(), ":32: the last row is cut short"),
    "a row too long": ("c.csv", (HEADER + ROWS + "1,2,3,4,5,6,7\n").encode(), ":32: 7 values where the header names 6"),
    "a row too short": ("c.csv", (HEADER + "1,2,3\n" + ROWS).encode(), ":2: 3 values where the header names 6"),
    "a row broken in two": (
        "c.csv",
        (HEADER + "0,1,1\n1,1,1\n" + ROWS).encode(),
        ":2: 3 values where the header names 6",
    ),
    "five minutes": ("c.csv", (HEADER + "0,1,1,1,1,1\n300,1,1,1,1,1\n").encode(), "set GRANULARITY=FIVE_MINUTE"),
    "seven seconds": ("c.csv", (HEADER + "0,1,1,1,1,1\n7,1,1,1,1,1\n").encode(), "none of the lengths"),
    "odd spacing": (
        "c.csv",
        (HEADER + ROWS + "2025-09-06T07:30:30Z,1,1,1,1,1\n").encode(),
        "07:30:30Z comes 90 seconds",
    ),
}

# What stands in place of a good row's values, and what is said of it.
BAD_ROWS = {
    "60,1,2,x,1,1": "low is not a number: 'x'",
    "60,1,2,1,,1": "close is empty",
    "60,1,2,1, ,1": "close is empty",
    "60,1,2,nan,1,1": "low is not a finite number: nan",
    "60,1,2,1,NaN,1": "close is not a finite number: NaN",
    "60,1,inf,1,1,1": "high is not a finite number: inf",
    "60,1,-Infinity,1,1,1": "high is not a finite number: -Infinity",
    "60,1,2,1,1e400,1": "close: '1e400' is not a finite number",
    "60,1,2,1,-1,1": "close is not above 0: -1",
    "60,0,2,1,1,1": "open is not above 0: 0",
    "60,1,1,2,1,1": "high 1 is below low 2",
    "60,1,2,1,1,-3": "volume is below 0: -3",
    '60,1,2,1,"1,000.5",1': "close has a comma in it: '1,000.5'; the decimal mark is a point, thousands have none",
    "60,1,2,1,1_000,1": "close is not a number: '1_000'",
    "60,1,2,1,0x10,1": "close is not a number: '0x10'",
    "60,1,2,1,1.2.3,1": "close is not a number: '1.2.3'",
    "60,1,2,1,$1,1": "close is not a number: '$1'",
    "60,1,2,1,١,1": "close is not a number",
    '60,1,2,1,"1': "5 values where",
    "60,1,2,1,1,\xff": "volume is not a number",
    "yesterday,1,2,1,1,1": "'yesterday' is no time",
    ",1,2,1,1,1": "'' is no time",
    "2025-02-29T00:00:00Z,1,2,1,1,1": "is no time: day is out of range",
    "2025-01-01T24:00:00Z,1,2,1,1,1": "is no time",
    "2025-13-01T00:00:00Z,1,2,1,1,1": "is no time",
    "2025-01-01T00:00:00.5Z,1,2,1,1,1": "is not a whole second",
    "1700000040123,1,2,1,1,1": "is not a whole second",
    "1700000040.5,1,2,1,1,1": "is no time",
    "1700000040000001,1,2,1,1,1": "is not a whole second",
    "1700000040000000001,1,2,1,1,1": "is not a whole second",
    "17000000400000000000,1,2,1,1,1": "is no time",
}


def raw(row: str) -> bytes:
    return row.encode("latin-1" if "\xff" in row else "utf-8")


def read(path: Path, *, skip_bad_rows: bool = False) -> CandleFile:
    return read_candles(path, BTC_USD, 60, skip_bad_rows=skip_bad_rows)


@pytest.mark.parametrize("case", UNUSABLE)
def test_an_unusable_file_is_refused_in_a_line_that_names_it(tmp_path: Path, case: str) -> None:
    name, content, said = UNUSABLE[case]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadCandles) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert said in message
    assert len(message) < 500


@pytest.mark.parametrize("row", BAD_ROWS)
def test_a_bad_row_is_named_and_skipped_only_when_asked(tmp_path: Path, row: str) -> None:
    path = tmp_path / "c.csv"
    lines = [line.encode() for line in (HEADER + ROWS).splitlines()]
    path.write_bytes(b"\n".join([*lines[:4], raw(row), *lines[4:]]))
    with pytest.raises(BadCandles) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}:5: ")
    assert BAD_ROWS[row] in str(caught.value)
    assert str(caught.value).endswith("--skip-bad-rows counts and skips such rows")
    found = read(path, skip_bad_rows=True)
    assert (found.bad_rows, len(found.columns.start)) == (1, 30)


@pytest.mark.parametrize("row", BAD_ROWS)
def test_a_file_of_bad_rows_alone_has_no_candles(tmp_path: Path, row: str) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(HEADER.encode() + raw(row) + b"\n")
    with pytest.raises(BadCandles, match=r"not one of 1 rows is a candle; the first, .*c\.csv:2: "):
        read(path, skip_bad_rows=True)


def test_what_cannot_be_opened_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("none.csv", "none.csv.gz", "none.parquet"):
        with pytest.raises(BadCandles, match="no such file"):
            read(tmp_path / name)
    for name in ("folder.csv", "folder.parquet"):
        (tmp_path / name).mkdir()
        with pytest.raises(BadCandles, match="is a folder"):
            read(tmp_path / name)

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    for name in ("c.csv", "c.parquet"):
        with pytest.raises(BadCandles, match="may not be read by this user"):
            read(tmp_path / name)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("60,1,1518500.25,1,1,1", "high 1518500.25 is more than 151850024 ticks of 0.01.*--price-increment"),
        ("60,1,1e30,1,1,1", ".*--price-increment"),
        ("60,1,1,1,1,4611686018.42738791", "volume .*; give --base-increment 0.0000001"),
        ("60,1,1,1,1,1234567890123", r".*it may be volume in quote currency \(as large as price x base\)"),
    ],
)
def test_numbers_that_sums_could_not_hold_name_the_option_to_change(tmp_path: Path, row: str, said: str) -> None:
    path = tmp_path / "c.csv"
    path.write_text(f"{HEADER}0,1,1,1,1,1\n{row}\n")
    for skip in (False, True):
        with pytest.raises(BadCandles, match=r"c\.csv:3: " + said):
            read(path, skip_bad_rows=skip)
    path.write_text(f"{HEADER}0,1518500.24,1518500.24,1518500.24,1518500.24,4611686018.42738790\n")
    assert read(path).columns.volume.tolist() == [461168601842738790]


def test_a_coarser_increment_makes_room(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(f"{HEADER}0,20000000,20000000,20000000,20000000,1\n")
    coarse = replace(BTC_USD, price_increment=Decimal("1"))
    assert read_candles(path, coarse, 60).columns.close.tolist() == [20_000_000]


@pytest.mark.parametrize(
    "case", ["empty", "no volume", "gzip cut short", "binary garbage", "last row cut short", "folder"]
)
def test_the_command_ends_with_2_one_line_and_nothing_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    path = tmp_path / "folder.csv"
    if case == "folder":
        path.mkdir()
    else:
        path = tmp_path / UNUSABLE[case][0]
        path.write_bytes(UNUSABLE[case][1])
    before = set(tmp_path.iterdir())
    assert main(["backtest", "--csv", str(path), "--json", str(tmp_path / "out.json")]) == 2
    told = capsys.readouterr().err.splitlines()
    assert [line for line in told if line.startswith("cbbot: ")] == told[-1:]
    assert str(path) in told[-1]
    assert set(tmp_path.iterdir()) == before


def test_one_row_is_a_candle_file_that_is_too_short_to_trade(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.csv"
    path.write_text(HEADER + ROWS.splitlines()[0])
    assert len(read(path).columns.start) == 1
    assert main(["backtest", "--csv", str(path)]) == 2
    assert "1 candles are too few" in capsys.readouterr().err


def test_every_error_reaches_a_person_as_one_line() -> None:
    assert issubclass(BadCandles, BadInput)


def test_of_several_bad_rows_the_first_is_named(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    good = "60,1,1,1,1,1"
    for first, second in [
        ("x,1,1,1,1,1", "1,2"),
        ("1,2", "x,1,1,1,1,1"),
        ('60,1,1,1,1,"1,0"', good),
        (good, "60,1e9,1e9,1e9,1,1"),
    ]:
        path.write_text(f"{HEADER}0,1,1,1,1,1\n{first}\n{second}\n{good}\n")
        with pytest.raises(BadCandles, match=rf"c\.csv:{4 if first == good else 3}: "):
            read(path)
