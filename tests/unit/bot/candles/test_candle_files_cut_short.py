"""Files whose end is missing: a last line without an end is told, and refused where it does not fit."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from cbbot.cli.dispatch import main
from cbbot.domain.instrument import BTC_USD
from cbbot.errors import BadInput
from cbbot.research.backfill.files import read_rows
from cbbot.research.candles import CandleFile, read_candles
from cbbot_bridge.simulator import candle_file

HEADER = "time,open,high,low,close,volume\n"
START = 1_757_142_120
ROWS = [f"{START + 60 * n},100.5,101,100,100.25,10.125" for n in range(400)]
ABOUT = {"product_id": "BTC-USD", "granularity": "ONE_MINUTE"}


def written(folder: Path, text: str) -> Path:
    path = folder / "c.csv"
    path.write_text(text)
    return path


def read(path: Path, *, skip: bool = False) -> CandleFile:
    return read_candles(path, BTC_USD, 60, skip_bad_rows=skip)


def test_a_whole_file_is_not_doubted(tmp_path: Path) -> None:
    for end in ("\n", "\r\n", "\n\n", "\n \n"):
        assert read(written(tmp_path, HEADER + "\n".join(ROWS[:3]) + end)).doubts == ()


@pytest.mark.parametrize("volume", ["10.125", "10.", "10", "1"])
def test_a_last_line_without_an_end_is_read_with_a_warning(tmp_path: Path, volume: str) -> None:
    file = read(written(tmp_path, HEADER + "\n".join(ROWS[:3])[: -len("10.125")] + volume))
    assert (len(file.columns.start), len(file.doubts)) == (3, 1)
    assert "its last line has no end: the file may be cut short" in file.doubts[0]


def test_the_commands_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, HEADER + "\n".join(ROWS)[:-4])
    assert main(["backtest", "--csv", str(path)]) == 0
    assert f"warning: {path}: its last line has no end" in capsys.readouterr().err
    assert main(["data", "check", str(path)]) == 1
    assert "look at: its last line has no end" in capsys.readouterr().out


def test_the_simulator_says_so_in_its_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = written(tmp_path, HEADER + "\n".join(ROWS[:3]))
    assert len(list(candle_file.read_candles(path, BTC_USD))) == 3
    assert [record.levelname for record in caplog.records if "its last line has no end" in record.message] == [
        "WARNING"
    ]


# The columns of a file, its last row cut, and what is said of that.
CUT = [
    ("time,open,high,low,close,volume", f"{START + 180},100.5,101,100,100.2", "the last row is cut short"),
    ("time,open,high,low,close,volume", f"{START + 180},100.5,101,100,", "the last row is cut short"),
    ("time,open,high,low,close,volume", "1757", "the last row is cut short"),
    ("time,open,high,low,close,volume", f"{START + 180},100.5,101,100,100.25,", r"\(volume is empty\); is the file"),
    ("time,volume,open,high,low,close", f"{START + 180},1,100.5,101,100,10", r"its close is more than half off"),
    ("time,volume,open,high,low,close", f"{START + 180},1,100.5,101,100,1", r"its close is more than half off"),
    ("time,volume,open,low,close,high", f"{START + 180},1,100.5,100,100.25,10", r"\(high 10 is below low 100\)"),
    ("time,volume,open,high,close,low", f"{START + 180},1,100.5,101,100.25,1", r"its low is more than half off"),
    ("volume,open,high,low,close,time", "1,100.5,101,100,100.25,1757142", r"its time is more than half off"),
]


def whole_rows(header: str) -> str:
    values = {"open": "100.5", "high": "101", "low": "100", "close": "100.25", "volume": "10.125"}
    rows = ({**values, "time": str(START + 60 * n)} for n in range(3))
    return f"{header}\n" + "".join(",".join(row[name] for name in header.split(",")) + "\n" for row in rows)


@pytest.mark.parametrize(("header", "last", "said"), CUT)
def test_a_last_row_that_does_not_fit_is_refused_as_cut_short_by_every_reader(
    tmp_path: Path, header: str, last: str, said: str
) -> None:
    path = written(tmp_path, whole_rows(header) + last)
    readers = (
        lambda: read(path),
        lambda: list(candle_file.read_candles(path, BTC_USD)),
        lambda: list(read_rows(path, ABOUT)),
    )
    for reader in readers:
        with pytest.raises(BadInput, match=rf"c\.csv:5: the last row is cut short.*{said}|c\.csv:5: {said}"):
            reader()
    kept = read(path, skip=True)
    assert (kept.bad_rows, len(kept.columns.start)) == (1, 3)


def test_data_check_lists_it_as_a_row_that_a_backtest_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, HEADER + "\n".join(ROWS)[:-14])
    assert main(["data", "check", str(path)]) == 1
    said = capsys.readouterr().out
    assert "c.csv:401: the last row is cut short" in said
    assert "a backtest refuses it" in said


@pytest.mark.parametrize("last", ["149.9", "51"])
def test_a_real_move_within_half_is_no_cut(tmp_path: Path, last: str) -> None:
    row = f"{START + 180},100.25,150,51,{last},1"
    assert len(read(written(tmp_path, HEADER + "\n".join([*ROWS[:3], row]))).columns.start) == 4


def test_a_crash_in_the_middle_of_a_file_is_no_cut(tmp_path: Path) -> None:
    rows = [*ROWS[:2], f"{START + 120},10,10,10,10,1", f"{START + 180},10,10,10,10,1"]
    assert len(read(written(tmp_path, HEADER + "\n".join(rows) + "\n")).columns.start) == 4


def test_a_single_row_without_an_end_has_nothing_to_be_held_against(tmp_path: Path) -> None:
    assert len(read(written(tmp_path, HEADER + ROWS[0])).columns.start) == 1


def test_gzip_that_is_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress((HEADER + "\n".join(ROWS) + "\n").encode())
    path = tmp_path / "c.csv.gz"
    for length in (10, 30, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        path.write_bytes(whole[:length])
        for reader in (lambda: read(path), lambda: list(candle_file.read_candles(path, BTC_USD))):
            with pytest.raises(BadInput, match="is the file complete"):
                reader()
