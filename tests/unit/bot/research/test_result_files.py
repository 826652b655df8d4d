"""Trades and equity as tables that other programs read."""

from __future__ import annotations

import gzip
import io
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from cbbot.domain.instrument import BTC_USD
from cbbot.errors import BadInput
from cbbot.research.backtest_report import marked_equity
from cbbot.research.result_files import checked_table_form, equity_table, table_bytes, trades_table
from cbbot.research.run_analysis import equity_columns


def test_a_parquet_of_trades_keeps_every_digit_and_its_times(demo: Any) -> None:
    content = table_bytes(trades_table(demo.document["trades"]), "parquet", BTC_USD)
    table = parquet.read_table(io.BytesIO(content))
    rows, trades = table.to_pylist(), demo.document["trades"]
    assert len(rows) == len(trades)
    for field in ("net_pnl", "cost", "base_size", "open_price"):
        assert [row[field] for row in rows] == [Decimal(trade[field]) for trade in trades]
    assert table.schema.field("net_pnl").type == pa.decimal128(38, 10)
    assert table.schema.field("close_price").type == pa.decimal128(38, 2)
    opened = [row["opened_at"].isoformat().replace("+00:00", "Z") for row in rows]
    assert opened == [trade["opened_at"] for trade in trades]
    assert [row["mae_pct"] for row in rows] == [trade["mae_pct"] for trade in trades]
    assert list(rows[0]) == list(trades[0])


def test_pandas_reads_both_forms_of_equity_alike(demo: Any) -> None:
    table = equity_table(equity_columns(demo.result, marked_equity(demo.result)))
    text = pd.read_csv(io.BytesIO(table_bytes(table, "csv", BTC_USD)), parse_dates=["at"])
    typed = pd.read_parquet(io.BytesIO(table_bytes(table, "parquet", BTC_USD))).astype({"equity_usd": float})
    assert list(text) == list(typed)
    assert (text["at"] == typed["at"]).all()
    for column in ("equity_usd", "drawdown_pct", "open_lots", "exposure_pct"):
        assert text[column].tolist() == typed[column].tolist()
    assert text["drawdown_pct"].max() == pytest.approx(demo.document["summary"]["max_drawdown_pct"])


def test_a_run_without_trades_gives_a_table_of_titles() -> None:
    assert table_bytes(trades_table([]), "csv", BTC_USD).decode().count("\n") == 1
    empty = parquet.read_table(io.BytesIO(table_bytes(trades_table([]), "parquet", BTC_USD)))
    assert empty.num_rows == 0
    assert empty.schema.field("opened_at").type == pa.timestamp("ms", tz="UTC")


@pytest.mark.parametrize("form", ["csv", "csv.gz", "parquet"])
def test_the_same_table_gives_the_same_bytes(demo: Any, form: Any) -> None:
    table = trades_table(demo.document["trades"])
    content = table_bytes(table, form, BTC_USD)
    assert table_bytes(table, form, BTC_USD) == content
    if form == "csv.gz":
        assert gzip.decompress(content) == table_bytes(table, "csv", BTC_USD)


@pytest.mark.parametrize(
    ("name", "form"),
    [("t.csv", "csv"), ("t.csv.gz", "csv.gz"), ("t.parquet", "parquet"), ("-", "csv"), ("/dev/null", "csv")],
)
def test_the_ending_says_the_form(name: str, form: str) -> None:
    assert checked_table_form("--trades", Path(name)) == form


def test_a_pipe_takes_csv_whatever_its_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.out")
    assert checked_table_form("--trades", tmp_path / "pipe.out") == "csv"


@pytest.mark.parametrize("name", ["t.xlsx", "t.json", "t.csv.zip"])
def test_another_ending_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(BadInput, match=r"must end in \.csv, \.csv\.gz or \.parquet"):
        checked_table_form("--equity", Path(name))
