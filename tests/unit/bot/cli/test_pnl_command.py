"""Closed trades summed up by what their profit came from."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cbbot.cli.dispatch import main

TRADE: dict[str, Any] = {
    "lot": 1, "role": "runner", "closed_as": "runner", "side": "BUY", "opened_at": "2026-05-01T10:00:00Z",
    "open_price": "100.00", "base_size": "0.1", "cost": "10", "entry_fee": "0.01", "close_price": "101.00",
    "proceeds": "10.1", "exit_fee": "0.02",
}  # fmt: skip
ROWS = [
    {"closed_at": "2026-05-01T23:30:00Z", "net_pnl": "0.5", "exit_reason": "take_profit"},
    {"closed_at": "2026-05-02T01:30:00+02:00", "net_pnl": "-2", "exit_reason": "stop_loss", "role": "scalp"},
    {"closed_at": "2026-05-04T09:00:00Z", "net_pnl": "0", "exit_reason": "take_profit"},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = [json.dumps({**TRADE, **row, "number": number}) for number, row in enumerate(ROWS, 1)]
    (tmp_path / "trades.jsonl").write_text("\n".join(lines) + '\n{"torn')
    return tmp_path


@pytest.mark.parametrize(
    ("by", "sums"),
    [
        ("exit", [("stop_loss", 1, 0, "-2"), ("take_profit", 2, 1, "0.5")]),
        ("role", [("runner", 2, 1, "0.5"), ("scalp", 1, 0, "-2")]),
        ("hour", [("09", 1, 0, "0"), ("23", 2, 1, "-1.5")]),
        ("weekday", [("Mon", 1, 0, "0"), ("Fri", 2, 1, "-1.5")]),
    ],
)
def test_every_trade_counts_once_with_its_fees(folder: Path, by: str, sums: list[Any], tmp_path: Path) -> None:
    out = tmp_path / "pnl.csv"
    assert main(["pnl", str(folder), "--by", by, "--csv", str(out)]) == 0
    rows = list(csv.DictReader(out.read_text().splitlines()))
    found = [(row["cause"], int(row["trades"]), int(row["wins"]), row["net_pnl"]) for row in rows]
    assert found == sums
    assert sum(Decimal(row["fees"]) for row in rows) == Decimal("0.09")


def test_the_table_fits_80_columns_and_ends_with_the_sum(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pnl", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[-1].split() == ["all", "3", "1", "-1.5", "0.09"]


def test_to_standard_output_it_is_the_csv_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pnl", str(folder), "--csv", "-"]) == 0
    assert capsys.readouterr().out.startswith(
        "cause,trades,wins,net_pnl,fees,mean\nstop_loss,1,0,-2,0.03,-2.00000000\n"
    )


def test_a_state_without_trades_and_a_cause_that_is_none_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pnl", str(tmp_path)]) == 2
    assert main(["pnl", str(tmp_path), "--by", "moon"]) == 2
    said = capsys.readouterr().err
    assert "no trade was closed" in said
    assert "weekday" in said
