"""A backtest's trades and its equity as tables for other programs: CSV, gzipped CSV or Parquet, by the name's ending.

CSV holds the text of the JSON. In Parquet times are timestamps, and amounts, prices and sizes exact decimals.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from cbbot.domain.instrument import Instrument
from cbbot.errors import BadInput

__all__ = ["TRADE_COLUMNS", "TableForm", "checked_table_form", "equity_table", "table_bytes", "trades_table"]

TableForm = Literal["csv", "csv.gz", "parquet"]
Kind = Literal["text", "integer", "moment", "price", "base", "money", "float"]
Table = Sequence[tuple[str, Kind, Sequence[Any]]]
"""Columns of equal length: name, what it holds, values as in the JSON; None for a value that is not defined."""

TRADE_COLUMNS: Final[Mapping[str, Kind]] = {
    "lot": "integer", "role": "text", "closed_as": "text", "side": "text", "opened_at": "moment", "open_price": "price",
    "base_size": "base", "cost": "money", "entry_fee": "money", "closed_at": "moment", "close_price": "price",
    "proceeds": "money", "exit_fee": "money", "net_pnl": "money", "exit_reason": "text", "return_pct": "float",
    "mae_pct": "float", "mfe_pct": "float",
}  # fmt: skip
_EQUITY_COLUMNS: Final[Mapping[str, Kind]] = {
    "at": "moment", "equity_usd": "money", "drawdown_pct": "float", "open_lots": "integer", "exposure_pct": "float",
}  # fmt: skip
_DIGITS: Final = 38


def checked_table_form(option: str, path: Path) -> TableForm:
    """How the table is written. What has no ending, such as a pipe or ``-``, takes CSV.

    Raises:
        BadInput: an ending that is none of ours, or Parquet without pyarrow.
    """
    name = path.name
    if name.endswith(".parquet"):
        if importlib.util.find_spec("pyarrow") is None:
            raise BadInput(
                f"{option} {path}: Parquet needs pyarrow, which is not installed: pip install 'cbbot[research]'"
            )
        return "parquet"
    if name.endswith(".csv.gz"):
        return "csv.gz"
    if name.endswith(".csv") or not path.suffix or (path.exists() and not path.is_file()):
        return "csv"
    raise BadInput(f"{option} {path}: the name must end in .csv, .csv.gz or .parquet")


def trades_table(trades: Sequence[Mapping[str, Any]]) -> Table:
    """A row for each closed lot, in the order in which they were closed."""
    return [(name, kind, [trade[name] for trade in trades]) for name, kind in TRADE_COLUMNS.items()]


def equity_table(columns: Mapping[str, Sequence[Any]]) -> Table:
    """A row for each step, from ``run_analysis.equity_columns``."""
    return [(name, kind, columns[name]) for name, kind in _EQUITY_COLUMNS.items()]


def table_bytes(table: Table, form: TableForm, instrument: Instrument) -> bytes:
    """The file. The same table gives the same bytes."""
    if form == "parquet":
        return _parquet(table, instrument)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([name for name, _, _ in table])
    writer.writerows(zip(*(values for _, _, values in table), strict=True))
    content = text.getvalue().encode()
    return gzip.compress(content, mtime=0) if form == "csv.gz" else content


def _parquet(table: Table, instrument: Instrument) -> bytes:
    import pyarrow as pa  # noqa: PLC0415  Arrow takes 0.2 s to import
    from pyarrow import parquet  # noqa: PLC0415  likewise

    increments = {
        "price": instrument.price_increment, "base": instrument.base_increment, "money": instrument.ledger_increment,
    }  # fmt: skip
    types = {kind: pa.decimal128(_DIGITS, _decimals(increment)) for kind, increment in increments.items()} | {
        "text": pa.string(), "integer": pa.int64(), "float": pa.float64(), "moment": pa.timestamp("ms", tz="UTC"),
    }  # fmt: skip
    arrays = [pa.array(_typed(kind, values), types[kind]) for _, kind, values in table]
    sink = io.BytesIO()
    parquet.write_table(pa.table(arrays, names=[name for name, _, _ in table]), sink)
    return sink.getvalue()


def _typed(kind: Kind, values: Sequence[Any]) -> Any:
    if kind == "moment":
        return np.array([moment.removesuffix("Z") for moment in values], dtype="datetime64[ms]")
    if kind in ("price", "base", "money"):
        return [Decimal(value) for value in values]
    return values


def _decimals(increment: Decimal) -> int:
    exponent = increment.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
