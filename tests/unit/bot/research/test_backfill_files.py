"""What a backfill keeps on disk: the journal of fetched pages, and the file that is replaced whole."""

from __future__ import annotations

import builtins
import gzip
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from cbbot.domain.candle import Granularity
from cbbot.domain.instrument import BTC_USD
from cbbot.errors import BadInput, CbbotError
from cbbot.research.backfill.existing import scan, stranger
from cbbot.research.backfill.files import check_target, read_rows, replace_rows
from cbbot.research.backfill.journal import Journal
from cbbot.research.backfill.rows import Row
from cbbot.research.candles import read_candles

ABOUT = {"product_id": "BTC-USD", "granularity": "ONE_MINUTE"}
BASE = 1_757_376_000
ENDINGS = (".csv", ".csv.gz", ".parquet")
# More digits than a float holds, and zeros at the end: the text is kept as it came.
ROWS = [
    Row(BASE + 60 * number, f"{100 + number}.10", f"{200 + number}.00", "99.5", "100", f"{number}.12345678901234567890")
    for number in range(200)
]


def pages(journal: Journal) -> list[list[Row]]:
    return [journal.rows(page) for _, page in journal.pages]


def opened(target: Path, product: str = "BTC-USD", granularity: Granularity = Granularity.ONE_MINUTE) -> Journal:
    return Journal(target, product, granularity)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "candles.csv"


@pytest.fixture
def journalled(target: Path) -> Path:
    """A journal of four pages that its run did not live to use."""
    journal = opened(target)
    for number in range(4):
        journal.append(ROWS[number * 50 : number * 50 + 50])
    journal.close()
    return journal.path


def test_pages_outlive_the_run_that_fetched_them(target: Path, journalled: Path) -> None:
    journal = opened(target)
    assert pages(journal) == [ROWS[number : number + 50] for number in range(0, 200, 50)]
    assert list(journal.starts()) == [row.start for row in ROWS]
    journal.append(ROWS[:3])
    assert pages(journal)[-1] == ROWS[:3]
    journal.close()
    assert journalled.exists()
    again = opened(target)
    assert len(again.pages) == 5
    again.discard()
    assert list(target.parent.iterdir()) == []


def test_a_run_that_fetched_nothing_leaves_nothing(target: Path) -> None:
    journal = opened(target)
    journal.append([])
    journal.close()
    assert list(target.parent.iterdir()) == []


def test_cut_short_at_any_byte_it_holds_every_page_before_and_takes_new_ones(target: Path, journalled: Path) -> None:
    whole = journalled.read_bytes()
    ends = [end for end in range(len(whole)) if whole[end - 1 : end] == b"\n"]
    for length in (0, 1, *ends, *(end + 1 for end in ends), *(end - 1 for end in ends), 3000, len(whole) - 7):
        journalled.write_bytes(whole[:length])
        journal = opened(target)
        full = sum(end <= length for end in ends) - 1
        assert pages(journal) == [ROWS[n * 50 : n * 50 + 50] for n in range(max(full, 0))], length
        assert journal.damaged == 0
        journal.append(ROWS[100:102])
        journal.close()
        again = opened(target)
        assert pages(again)[-1] == ROWS[100:102]
        again.close()


def test_a_damaged_page_is_passed_over_and_counted(target: Path, journalled: Path) -> None:
    lines = journalled.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b"99.5", b"99.6", 1)
    journalled.write_bytes(b"".join(lines))
    journal = opened(target)
    assert pages(journal) == [ROWS[:50], ROWS[100:150], ROWS[150:]]
    assert journal.damaged == 1
    journal.close()


@pytest.mark.parametrize("page", [[["1", "2"]], [[1, "a", "2", "1", "2", "1"]], {"a": 1}, [5], [[1, 2, 3, 4, 5, 6]]])
def test_a_page_that_holds_no_candles_is_passed_over_whatever_its_checksum_says(
    target: Path, journalled: Path, page: Any
) -> None:
    text = json.dumps(page).encode()
    with journalled.open("ab") as file:
        file.write(b"%08x %s\n" % (zlib.crc32(text), text))
    journal = opened(target)
    assert (len(journal.pages), journal.damaged) == (4, 1)
    journal.close()


@pytest.mark.parametrize(
    ("product", "granularity"), [("ETH-USD", Granularity.ONE_MINUTE), ("BTC-USD", Granularity.ONE_HOUR)]
)
def test_the_journal_of_something_else_is_refused_and_kept(
    target: Path, journalled: Path, product: str, granularity: Granularity
) -> None:
    before = journalled.read_bytes()
    with pytest.raises(BadInput, match=f"interrupted backfill of BTC-USD ONE_MINUTE .* not of {product}"):
        opened(target, product, granularity)
    assert journalled.read_bytes() == before


def test_a_file_of_somebody_elses_is_not_taken_for_a_journal(target: Path) -> None:
    other = target.with_name("candles.csv.partial")
    other.write_text("my notes\nof today\n")
    with pytest.raises(BadInput, match="is no journal"):
        opened(target)
    assert other.read_text() == "my notes\nof today\n"


def test_two_runs_do_not_fill_one_file(target: Path, journalled: Path) -> None:
    first = opened(target)
    with pytest.raises(BadInput, match="another cbbot backfill"):
        opened(target)
    first.discard()
    one, other = opened(target), opened(target)
    one.append(ROWS[:2])
    with pytest.raises(BadInput, match="another cbbot backfill"):
        other.append(ROWS[2:4])
    other.close()
    assert pages(one) == [ROWS[:2]]
    one.close()
    assert journalled.exists()


def read(path: Path) -> list[Row]:
    return [row for _, row in read_rows(path, ABOUT)]


@pytest.mark.parametrize("ending", ENDINGS)
def test_rows_come_back_as_they_were_written_and_the_backtest_reads_them(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"candles{ending}"
    assert replace_rows(path, ROWS, ABOUT, lambda: True)
    assert read(path) == ROWS
    candles = read_candles(path, BTC_USD, 60)
    assert list(candles.columns.start) == [row.start for row in ROWS]
    assert list(candles.columns.open) == [(100 + number) * 100 + 10 for number in range(200)]
    assert (candles.bad_rows, candles.duplicates, candles.gaps) == (0, 0, 0)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_csv_looks_as_people_expect_and_the_same_candles_are_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    replace_rows(path, ROWS[:1], ABOUT, lambda: True)
    assert path.read_text() == (
        "time,open,high,low,close,volume\n2025-09-09T00:00:00Z,100.10,200.00,99.5,100,0.12345678901234567890\n"
    )
    one, other = tmp_path / "a.csv.gz", tmp_path / "b.csv.gz"
    for zipped in (one, other):
        replace_rows(zipped, ROWS, ABOUT, lambda: True)
    assert one.read_bytes() == other.read_bytes()
    assert gzip.decompress(one.read_bytes()).startswith(b"time,open,high,low,close,volume\n")


@pytest.mark.parametrize("ending", ENDINGS)
def test_whatever_stops_the_writing_the_old_file_is_whole(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"candles{ending}"
    replace_rows(path, ROWS[:5], ABOUT, lambda: True)
    path.chmod(0o640)
    before = path.read_bytes()

    def failing(error: BaseException) -> Iterator[Row]:
        yield from ROWS[:100]
        raise error

    for error, raised in (
        (OSError(28, "No space left on device"), CbbotError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ):
        with pytest.raises(raised):
            replace_rows(path, failing(error), ABOUT, lambda: True)
        assert path.read_bytes() == before
        assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert not replace_rows(path, ROWS, ABOUT, lambda: False)
    assert path.read_bytes() == before
    replace_rows(path, ROWS, ABOUT, lambda: True)
    assert read(path) == ROWS
    assert path.stat().st_mode & 0o777 == 0o640, "its rights stay as they were"


def test_columns_of_any_order_and_name_and_times_of_any_form_are_read(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(
        f"\ufeffVol,Close,Low,High,Open,Timestamp\r\n 1e1 ,2,1,3,1.5,{BASE}000\r\n\r\n4,2,1,3,1,{BASE + 60}\r\n"
    )
    assert read(path) == [Row(BASE, "1.5", "3", "1", "2", "10"), Row(BASE + 60, "1", "3", "1", "2", "4")]


HEADER = "time,open,high,low,close,volume\n"
GOOD = "2025-09-09T00:00:00Z,1,2,1,2,1\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "the file is empty"),
        ("time,open,high,low,close,volume,trades\n", "no others"),
        ("time,open,high,low,close\n", ":1: no column volume"),
        (HEADER + GOOD + "2025-09-09T00:01:00Z,1,2", ":3: the last row is cut short"),
        (HEADER + GOOD + "2025-09-09T00:01:00Z,1,2,1,2,1,5\n", ":3: 7 values"),
        (HEADER + GOOD + "2025-09-09T00:01:00Z,1,2,x,2,1\n", ":3: low is not a number: 'x'"),
        (HEADER + GOOD + "2025-09-09T00:01:00Z,1,2,nan,2,1\n", ":3: low is not a finite number: nan"),
        (HEADER + GOOD + "yesterday,1,2,1,2,1\n", ":3: time 'yesterday' is no time"),
        (HEADER + GOOD + "2025-09-09T00:01:00Z,1,1,2,2,1\n", ":3: high 1 is below low 2"),
        (HEADER + GOOD + "2025-09-09T00:01:00Z,1,2,1,2,-1\n", ":3: volume is below 0"),
        (HEADER + GOOD + "2025-09-08T00:01:00Z,1,2,1,2,1\n", ":3: the rows are not in order"),
        (HEADER + GOOD + "2025-09-09T00:00:30Z,1,2,1,2,1\n", "2025-09-09T00:00:30Z is no multiple of 60"),
        (HEADER + "".join(f"{BASE + 300 * n},1,2,1,2,1\n" for n in range(20)), "its candles are 300 seconds apart"),
        (
            HEADER + GOOD + "2025-09-09T00:01:00Z,1,2,1,3,1\n",
            ":3: prices must be above 0 with low <= open, close <= high",
        ),
        (b"\xff\xfe\x00", "is not text"),
    ],
)
def test_a_file_that_cannot_be_filled_up_is_refused_with_its_line(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadInput, match=said) as refusal:
        scan(path, ABOUT, 60)
    assert str(path) in str(refusal.value)


def test_a_zipped_file_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.csv.gz"
    replace_rows(path, ROWS, ABOUT, lambda: True)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(BadInput, match="is the file complete"):
        scan(path, ABOUT, 60)
    path.write_text("no gzip")
    with pytest.raises(BadInput, match="is not gzip-compressed, as its name says"):
        scan(path, ABOUT, 60)


def test_a_parquet_file_knows_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    replace_rows(path, ROWS, ABOUT, lambda: True)
    with pytest.raises(BadInput, match="candles of BTC-USD, not of ETH-USD"):
        scan(path, {**ABOUT, "product_id": "ETH-USD"}, 60)
    with pytest.raises(BadInput, match="candles of ONE_MINUTE, not of ONE_HOUR"):
        scan(path, {**ABOUT, "granularity": "ONE_HOUR"}, 3600)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(BadInput, match="is the file complete"):
        scan(path, ABOUT, 60)


def test_parquet_of_another_hand_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    columns = {"start": [BASE, BASE + 60], "open": [1.5, 2], "high": [3.0, 3], "low": [1e-5, 1], "close": [2.0, 2]}
    parquet.write_table(pa.table({**columns, "vol": [1.0, 2.0]}), path)
    assert read(path) == [
        Row(BASE, "1.5", "3", "0.00001", "2", "1"),
        Row(BASE + 60, "2", "3", "1", "2", "2"),
    ]


def test_doubles_and_rare_candles_are_no_reason_to_refuse(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(HEADER + GOOD + GOOD + "2025-09-09T00:10:00Z,1,2,1,2,1\n")
    assert list(scan(path, ABOUT, 60).starts) == [BASE, BASE + 600]
    assert list(scan(tmp_path / "none.csv", ABOUT, 60).starts) == []


def test_one_candle_that_agrees_shows_that_a_file_is_the_venues() -> None:
    ours = ROWS[:3]
    assert stranger(ours, [ROWS[1]._replace(open="100.1"), *ROWS[1:3]]) == ""
    assert stranger(ours, [ROWS[0], ROWS[1]._replace(close="5"), ROWS[2]._replace(close="5")]) == ""
    assert "where the venue has no candle" in stranger(ours, [])
    assert "2025-09-09T00:02:00Z it has a candle from 102.10 to 100" in stranger(ours, [ROWS[2]._replace(close="5")])


@pytest.mark.parametrize("name", ["candles.txt", "candles", ".csv", "candles.csv.zip", "nowhere/candles.csv"])
def test_a_place_or_name_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="--out"):
        check_target(tmp_path / name)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(BadInput, match="--out"):
        check_target(tmp_path / "a.csv")


def test_parquet_without_its_library_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(BadInput, match="cbbot\\[research\\]"):
        check_target(tmp_path / "c.parquet")
    check_target(tmp_path / "c.csv")


def test_a_file_that_may_not_be_replaced_is_refused_before_anything_is_fetched(ordinary_user: Path) -> None:
    path = ordinary_user / "c.csv"
    path.write_text("time,open,high,low,close,volume\n")
    path.chmod(0o444)
    with pytest.raises(BadInput, match=r"--out .*c\.csv: cannot be written: Permission denied"):
        check_target(path)
    circle = ordinary_user / "circle.csv"
    circle.symlink_to(circle)
    with pytest.raises(BadInput, match="Too many levels of symbolic links"):
        check_target(circle)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(BadInput, match="may write to"):
        check_target(tmp_path / "c.csv")
    tmp_path.chmod(0o700)
