from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from cbbot.domain.instrument import BTC_USD
from cbbot.errors import BadInput
from cbbot.research.candles import CandleFile, read_candles

HEADER = "time,open,high,low,close,volume\n"
ROWS = [
    "2025-09-06T07:02:00Z,110754.29,110777.14,110754.28,110777.13,1.18492322",
    "2025-09-06T07:03:00Z,110777.14,110787.11,110774.3,110785.93,0.82540205",
    "2025-09-06T07:04:00Z,110785.93,110785.93,110785.2,110785.21,0.06626733",
]


def written(folder: Path, text: str, name: str = "c.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def read(path: Path, *, skip_bad_rows: bool = False) -> CandleFile:
    return read_candles(path, BTC_USD, 60, skip_bad_rows=skip_bad_rows)


def test_prices_and_volumes_are_exact(tmp_path: Path) -> None:
    found = read(written(tmp_path, HEADER + "\n".join(ROWS) + "\n")).columns
    assert found.start.tolist() == [1757142120, 1757142180, 1757142240]
    assert found.close.tolist() == [11077713, 11078593, 11078521]
    assert found.volume.tolist() == [118492322, 82540205, 6626733]


@pytest.mark.parametrize("price", ["100.005", "100.015", "1001.025", "13752.18233851", "1499999.995", "108.165"])
def test_ties_round_half_even_on_the_text(tmp_path: Path, price: str) -> None:
    text = HEADER + "".join(f"{60 * i},{price},{price},{price},{price},1\n" for i in range(1, 3))
    assert read(written(tmp_path, text)).columns.close.tolist() == [BTC_USD.ticks(Decimal(price))] * 2


def test_columns_in_any_order_and_case_and_unix_times(tmp_path: Path) -> None:
    text = "Vol,x,CLOSE,Low,High,Open,Timestamp\n1,?,3,2,4,3,1700000040\n1,?,3,2,4,3,1700000100\n"
    assert read(written(tmp_path, text)).columns.start.tolist() == [1700000040, 1700000100]
    millis = text.replace("1700000040", "1700000040000").replace("1700000100", "1700000100000")
    assert read(written(tmp_path, millis)).columns.start.tolist() == [1700000040, 1700000100]


def test_rows_are_sorted_and_of_duplicates_the_last_stays(tmp_path: Path) -> None:
    changed = ROWS[1].replace("110785.93", "110786.00")
    found = read(written(tmp_path, HEADER + "\n".join([ROWS[2], ROWS[1], ROWS[0], changed])))
    assert found.duplicates == 1
    assert found.columns.close.tolist() == [11077713, 11078600, 11078521]


def test_gaps_are_counted_and_gzip_is_read(tmp_path: Path) -> None:
    path = tmp_path / "c.csv.gz"
    path.write_bytes(gzip.compress((HEADER + "\n".join([*ROWS, ROWS[2].replace("07:04", "07:09")])).encode()))
    assert read(path).gaps == 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2025-09-06T07:05:00Z,1,2,x,1,1", "x"),
        ("2025-09-06T07:05:00Z,1,2,nan,1,1", "low is not a finite number"),
        ("2025-09-06T07:05:00Z,1,2,-1,1,1", "not above 0"),
        ("2025-09-06T07:05:00Z,1,1,2,1,1", "high 1 is below low 2"),
        ("2025-09-06T07:05:00Z,1,2,1,1,-3", "volume is below 0"),
        ("yesterday,1,2,1,1,1", "yesterday"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line_and_skipped_only_when_asked(tmp_path: Path, row: str, said: str) -> None:
    path = written(tmp_path, HEADER + "\n".join([ROWS[0], row, ROWS[1]]))
    with pytest.raises(BadInput, match=r"c\.csv:3: .*" + said):
        read(path)
    assert (read(path, skip_bad_rows=True).bad_rows, len(read(path, skip_bad_rows=True).columns.start)) == (1, 2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        (HEADER, "no candles"),
        ("time,open,high,low,close\n1,1,1,1,1\n", "no column volume"),
        (HEADER + "\n".join(ROWS) + "\n2025-09-06T07:05", "cut short"),
        (HEADER + ROWS[0] + "\n1,2,3,4,5,6,7\n" + ROWS[1], "7 values"),
        (HEADER + "0,1,1,1,1,1\n300,1,1,1,1,1\n600,1,1,1,1,1", "300 seconds apart"),
        (HEADER + "60,1,1,1,1,1\n120,1,1,1,1,1\n150,1,1,1,1,1\n210,1,1,1,1,1", "no multiple of 60"),
    ],
)
def test_a_file_that_is_no_candle_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read(written(tmp_path, text))


def test_a_missing_or_broken_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        read(tmp_path / "none.csv")
    broken = tmp_path / "c.csv.gz"
    broken.write_bytes(gzip.compress((HEADER + "\n".join(ROWS)).encode())[:-12])
    with pytest.raises(BadInput, match="complete"):
        read(broken)
    (tmp_path / "p.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="not text"):
        read(tmp_path / "p.csv")
