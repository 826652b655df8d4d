"""Candle files as exchanges, platforms and tools write them: every form of the same candles reads to the same."""

from __future__ import annotations

import contextlib
import io
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from cbbot.candles.candle_blocks import opened, rows_of
from cbbot.candles.candle_errors import BadCandles
from cbbot.candles.candle_forms import FORMATS
from cbbot.cli.dispatch import main
from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD
from cbbot.errors import BadInput
from cbbot.research.backfill.files import read_rows
from cbbot.research.candles import CandleFile, read_candles
from cbbot_bridge.simulator import candle_file
from oracle.candle_writers import (
    CANDLES,
    FORMS,
    START,
    TextCandle,
    cryptodatadownload,
    freqtrade_json,
    lines,
    metatrader,
    ohlcv,
    plain,
    written,
)


def read(path: Path, form: str | None = None) -> CandleFile:
    return read_candles(path, BTC_USD, 60, form=form)


def candles_in(file: CandleFile) -> list[Candle]:
    return [Candle(*row) for row in zip(*(column.tolist() for column in file.columns), strict=True)]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_reads_to_the_same_candles_in_a_backtest(tmp_path: Path, form: str) -> None:
    name, write = FORMS[form]
    file = read(written(tmp_path, name, write(CANDLES)))
    assert candles_in(file) == [candle.candle for candle in CANDLES]
    assert (file.bad_rows, file.duplicates, file.gaps, file.doubts) == (0, 0, 0, ())


@pytest.mark.parametrize("form", FORMS)
def test_the_simulator_plays_every_form(tmp_path: Path, form: str) -> None:
    name, write = FORMS[form]
    path = written(tmp_path, name, write(CANDLES))
    assert list(candle_file.read_candles(path, BTC_USD)) == [candle.candle for candle in CANDLES]


@pytest.mark.parametrize("form", ["date", "unix", "nanoseconds", "sep=;", "plain order without a header"])
def test_a_backfill_goes_on_from_a_form_without_other_columns(tmp_path: Path, form: str) -> None:
    name, write = FORMS[form]
    path = written(tmp_path, name, write(CANDLES))
    rows = [row for _, row in read_rows(path, {"product_id": "BTC-USD", "granularity": "ONE_MINUTE"})]
    assert [(row.start, *row[1:]) for row in rows] == [(candle.start, *ohlcv(candle)) for candle in CANDLES]


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("Kraken OHLCVT", "kraken"),
        ("Bitfinex", "bitfinex"),
        ("Coinbase's arrays", "coinbase"),
        ("MetaTrader 4", "meta"),
    ],
)
def test_a_recognised_form_is_named(tmp_path: Path, form: str, said: str) -> None:
    name, write = FORMS[form]
    assert read(written(tmp_path, name, write(CANDLES))).notes[0].startswith(f"read as {said}")


PRICE = st.integers(min_value=10_000_00, max_value=150_000_00)


@st.composite
def candles(draw: st.DrawFn) -> list[TextCandle]:
    found = []
    for place in range(draw(st.integers(3, 30))):
        low, first, last, high = sorted(draw(st.lists(PRICE, min_size=4, max_size=4, unique=True)))
        opened_at, closed = (first, last) if draw(st.booleans()) else (last, first)
        opened, highest, lowest, ended = (f"{cents / 100:.2f}" for cents in (opened_at, high, low, closed))
        volume = str(draw(st.integers(0, 10**10)) / 10**8 + 0.5)
        found.append(TextCandle(START + 60 * place, opened, highest, lowest, ended, volume))
    return found


@settings(max_examples=150, deadline=None)
@given(form=st.sampled_from(list(FORMS)), some=candles())
def test_any_candles_in_any_form_read_to_themselves(
    tmp_path_factory: pytest.TempPathFactory, form: str, some: list[TextCandle]
) -> None:
    name, write = FORMS[form]
    path = written(tmp_path_factory.mktemp("forms"), name, write(some))
    assert candles_in(read(path)) == [candle.candle for candle in some]


@settings(max_examples=300, deadline=None)
@given(
    form=st.sampled_from(list(FORMS)), cut=st.integers(0, 10**6), put=st.binary(max_size=3), at=st.integers(0, 10**6)
)
def test_whatever_damages_a_file_the_readers_read_it_or_say_why_not(
    tmp_path_factory: pytest.TempPathFactory, form: str, cut: int, put: bytes, at: int
) -> None:
    name, write = FORMS[form]
    content = write(CANDLES)
    content = content[: len(content) - cut % (len(content) + 1)] if cut % 3 == 0 else content
    place = at % (len(content) + 1)
    path = written(tmp_path_factory.mktemp("damaged"), name, content[:place] + put + content[place + len(put) :])
    about = {"product_id": "BTC-USD", "granularity": "ONE_MINUTE"}
    for reader in (
        lambda: read(path),
        lambda: read_candles(path, BTC_USD, 60, skip_bad_rows=True),
        lambda: list(candle_file.read_candles(path, BTC_USD)),
        lambda: list(read_rows(path, about)),
    ):
        with contextlib.suppress(BadInput):
            reader()


FLAT = [TextCandle(START + 60 * place, "100.5", "100.5", "100.5", "100.5", "1") for place in range(5)]


@pytest.mark.parametrize("form", ["ohlcv", "coinbase", "bitfinex"])
def test_what_fits_several_orders_is_refused_until_one_is_named(tmp_path: Path, form: str) -> None:
    path = written(tmp_path, "c.csv", lines([[candle.start, *ohlcv(candle)] for candle in FLAT]))
    with pytest.raises(
        BadCandles, match=r"c\.csv:1: has no header.*--format ohlcv or --format coinbase or --format bitfinex"
    ):
        read(path)
    assert candles_in(read(path, form)) == [candle.candle for candle in FLAT]


def test_a_form_that_is_named_decides_the_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "c.csv", FORMS["Bitfinex"][1](CANDLES))
    assert candles_in(read(path, "bitfinex")) == [candle.candle for candle in CANDLES]
    with pytest.raises(BadCandles, match=r"high .* is below low"):
        read(path, "ohlcv")
    with pytest.raises(BadCandles, match=r"--format kraken has 7 columns, the first line has 6; leave --format out"):
        read(path, "kraken")
    with pytest.raises(BadCandles, match="its header names another order of columns than --format bitfinex"):
        read(written(tmp_path, "d.csv", plain(CANDLES)), "bitfinex")
    assert candles_in(read(written(tmp_path, "e.csv", metatrader(CANDLES)), "metatrader")) == [
        candle.candle for candle in CANDLES
    ]


def test_a_header_that_names_nothing_known_is_passed_over_for_a_form(tmp_path: Path) -> None:
    path = written(tmp_path, "c.csv", b"MTS,A,B,C,D,E\n" + FORMS["Bitfinex"][1](CANDLES))
    assert candles_in(read(path, "bitfinex")) == [candle.candle for candle in CANDLES]


@pytest.mark.parametrize("rows", [[[START, 1, 2, 3]], [[START, *"12345678"]], [[START, 5, 1, 9, 2, 1]] * 3])
def test_columns_that_no_form_has_are_refused_with_what_to_do(tmp_path: Path, rows: list[list[object]]) -> None:
    with pytest.raises(BadCandles, match=r"has no header.*must name the columns.*--format"):
        read(written(tmp_path, "c.csv", lines(rows)))


def packed(**members: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return sink.getvalue()


JSON = freqtrade_json(CANDLES)
UNREADABLE: dict[str, tuple[str, bytes, str]] = {
    "a JSON object": ("c.json", b'{"result": ' + JSON + b"}", "is a JSON object; .*take the array out"),
    "a JSON array of other arrays": ("c.json", b"[[1, 2, 3], [4, 5, 6]]", "row 1: has no header, and 3 columns"),
    "a JSON array of numbers": ("c.json", b"[1, 2, 3]", "row 1: a JSON value among the candles"),
    "JSON cut short": ("c.json", JSON[:-30], "ends in the middle or is damaged; is the file complete"),
    "JSON without a comma": ("c.json", JSON.replace(b"], [", b"] [", 1), "its JSON is damaged"),
    "JSON of one endless element": ("c.json", b'["' + b"x" * 300_000, "an element of the JSON array cannot be read"),
    "an empty JSON array": ("c.json", b" [ ] ", "no candles in it"),
    "UTF-16 text that is cut": (
        "c.csv",
        metatrader(CANDLES).decode().encode("utf-16")[:-1],
        "is UTF-16 text that is dam",
    ),
    "two files in a zip": ("c.zip", packed(a_csv=b"1", b_csv=b"2"), r"zip archive of 2 files \(a.csv, b.csv\): unpack"),
    "a zip in a zip": ("c.zip", packed(a_zip=packed(a_csv=b"1")), "what is packed in it is no text: unpack it"),
    "Parquet in a zip": ("c.zip", packed(a_parquet=b"PAR1" + b"x" * 99), "what is packed in it is no text: unpack it"),
    "nothing in a zip": ("c.zip", packed(), "a zip archive with nothing in it"),
    "a zip cut short": ("c.zip", packed(a_csv=plain(CANDLES))[:-10], "is the file complete"),
    "no zip": ("c.zip", plain(CANDLES), "is no whole zip archive, as its name says"),
    "an Excel workbook": (
        "c.xlsx",
        packed(xl_x=b"1").replace(b"xl.x", b"xl/x"),
        "is an Excel workbook: save it as CSV",
    ),
    "a web page": ("c.csv", b"<!DOCTYPE html><html>404</html>", "is a web page"),
    "Feather of old": ("c.feather", b"FEA1" + b"x" * 99, "is Feather of the first version: write it anew"),
    "xz": ("c.csv.xz", b"\xfd7zXZ\0\0\4", "is compressed with xz: unpack it"),
    "volume in dollars alone": (
        "c.csv",
        b"unix,open,high,low,close,Volume USD\n",
        r":1: Volume USD is volume in quote currency \(as large as price x base\).*divide it by the close",
    ),
    "quote volume alone": ("c.csv", b"unix,open,high,low,close,quote_volume\n", "is volume in quote currency"),
    "rows counted, no time": (
        "c.csv",
        b",open,high,low,close,volume\n0,1,2,1,2,1\n1,1,2,1,2,1\n",
        "its first column counts rows",
    ),
    "decimal commas": (
        "c.csv",
        b"time;open;high;low;close;volume\n60;1,5;2,5;1,5;2,0;1\n",
        ":2: open has a comma in it: '1,5'; the decimal mark is a point",
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
@pytest.mark.parametrize("reader", ["backtest", "simulator"])
def test_what_is_not_read_is_named_with_the_next_step_by_every_reader(tmp_path: Path, case: str, reader: str) -> None:
    name, content, said = UNREADABLE[case]
    path = written(tmp_path, name, content)
    with pytest.raises(BadInput, match=said) as caught:
        read(path) if reader == "backtest" else list(candle_file.read_candles(path, BTC_USD))
    assert str(caught.value).startswith(str(path))


def test_of_two_volumes_the_one_in_the_base_currency_counts(tmp_path: Path) -> None:
    for names in ("Volume ETH,Volume BTC", "Volume BTC,Volume ETH", "Volume USDT,Volume SOL"):
        values = "7,1" if names.split(",")[0].endswith("ETH") else "1,7"
        text = f"unix,open,high,low,close,{names}\n60,1,1,1,1,{values}\n120,1,1,1,1,{values}\n"
        assert read(written(tmp_path, "c.csv", text.encode())).columns.volume.tolist() == [7 * 10**8] * 2


def test_ticks_are_counted_for_volume_where_the_broker_has_none(tmp_path: Path) -> None:
    silent = [TextCandle(candle.start, candle.open, candle.high, candle.low, candle.close, "0") for candle in CANDLES]
    assert read(written(tmp_path, "c.csv", metatrader(silent))).columns.volume.tolist() == [17 * 10**8] * 3


def test_a_zip_that_unpacks_to_far_more_than_candles_is_refused_in_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, "c.zip", packed(a_csv=b"time,open,high,low,close,volume\n" + b"\n" * 40_000_000))
    assert path.stat().st_size < 100_000
    monkeypatch.setattr("cbbot.candles.candle_contents._MOST_BYTES", 1 << 24)
    with pytest.raises(BadCandles, match="come out of it, which no file of candles is"):
        read(path)


def test_more_rows_than_a_century_has_minutes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cbbot.candles.candle_blocks._MOST_ROWS", 2)
    with pytest.raises(BadCandles, match="which no file of candles has"):
        read(written(tmp_path, "c.csv", plain(CANDLES)))


def test_a_large_json_file_is_read_piece_by_piece(tmp_path: Path) -> None:
    many = [TextCandle(START + 60 * place, "100", "102", "99", "101", "1.5") for place in range(20_000)]
    path = written(tmp_path, "c.json", freqtrade_json(many))
    assert path.stat().st_size > 5 * (1 << 16)
    assert candles_in(read(path)) == [candle.candle for candle in many]
    bad = path.read_bytes().replace(b"101.0, 1.5]]", b"null, 1.5]]")
    with pytest.raises(BadCandles, match=r"c\.json: row 20000: close is empty"):
        read(written(tmp_path, "c.json", bad))


def test_every_form_without_a_header_has_the_columns_of_a_candle() -> None:
    for titles in FORMATS.values():
        assert {"open", "high", "low", "close"} < set(titles)
        assert any("vol" in title for title in titles)


def test_a_file_for_a_backfill_with_columns_that_it_would_lose_is_refused(tmp_path: Path) -> None:
    about = {"product_id": "BTC-USD", "granularity": "ONE_MINUTE"}
    path = written(tmp_path, "c.csv", FORMS["Kraken OHLCVT"][1](CANDLES))
    with pytest.raises(BadInput, match="more columns than time, open"):
        list(read_rows(path, about))
    table = pa.table({name: ["60"] for name in ("time", "open", "high", "low", "close", "volume", "mine")})
    parquet.write_table(table, tmp_path / "c.parquet")
    with pytest.raises(BadInput, match="more columns than time, open"):
        list(read_rows(tmp_path / "c.parquet", about))


def test_the_rows_of_a_file_say_where_they_are(tmp_path: Path) -> None:
    path = written(tmp_path, "c.csv", cryptodatadownload(CANDLES))
    assert [row.where for row in rows_of(opened(path))] == [f"{path}:{line}" for line in (3, 4, 5)]


@pytest.mark.parametrize("command", [["backtest", "--csv"], ["data", "check"]])
def test_a_format_that_is_none_is_refused_by_every_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    path = written(tmp_path, "c.csv", plain(CANDLES))
    assert main([*command, str(path), "--format", "excel"]) == 2
    assert f"--format excel is not accepted: one of {', '.join(FORMATS)}" in capsys.readouterr().err


def test_the_commands_read_a_file_by_the_format_that_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    many = [TextCandle(START + 60 * n, "100.5", "100.5", "100.5", "100.5", "1") for n in range(400)]
    path = str(written(tmp_path, "c.csv", lines([[candle.start, *ohlcv(candle)] for candle in many])))
    for command in (["backtest", "--csv", path], ["data", "check", path]):
        assert main(command) == 2
        assert "--format bitfinex" in capsys.readouterr().err
        assert main([*command, "--format", "bitfinex"]) == 0
        said = capsys.readouterr()
        assert "read as bitfinex (time, open, close, high, low, volume)" in said.out + said.err
