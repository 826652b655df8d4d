from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from cbbot.cli.dispatch import main
from cbbot.domain.candle import Granularity
from cbbot.domain.instrument import BTC_USD
from cbbot.errors import BadInput
from cbbot.research.data_check import Findings, Gap, examine

HEADER = "time,open,high,low,close,volume"


def minutes(count: int, price: float = 100.0) -> list[str]:
    """A quiet market: the close moves by a cent or two."""
    return [f"{60 * i},{price},{price + 0.5},{price - 0.5},{price + 0.01 * (i % 3)},1" for i in range(count)]


def written(folder: Path, rows: list[str], name: str = "c.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


def found_in(folder: Path, rows: list[str]) -> Findings:
    return examine(written(folder, rows), BTC_USD, Granularity.ONE_MINUTE)


def test_a_clean_file_has_nothing_to_tell_but_its_range(tmp_path: Path) -> None:
    found = found_in(tmp_path, minutes(200))
    assert (found.refused, found.doubtful) == ((), ())
    assert (found.rows, found.candles, found.spacing, found.first, found.last) == (200, 200, 60, 0, 11940)
    assert (found.lowest, found.highest) == ((9950, 0), (10050, 0))


def test_gaps_of_whole_candles_are_listed_by_length_and_are_no_fault(tmp_path: Path) -> None:
    rows = minutes(200)
    found = found_in(tmp_path, rows[:10] + rows[12:30] + rows[37:60] + rows[61:])
    assert (found.gaps, found.missing) == (3, 10)
    assert found.largest_gaps == (Gap(29 * 60, 37 * 60, 7), Gap(9 * 60, 12 * 60, 2), Gap(59 * 60, 61 * 60, 1))
    assert (found.refused, found.doubtful) == ((), ())


def test_duplicates_are_counted_and_those_that_differ(tmp_path: Path) -> None:
    rows = minutes(20)
    found = found_in(tmp_path, [*rows, rows[19], "1140,100,101,99,100.77,1"])
    assert (found.rows, found.candles, found.duplicates, found.conflicting) == (22, 20, 2, 2)
    assert found.doubtful == ("2 rows with the time of a later one, 2 with other numbers than the one that counts",)
    same = found_in(tmp_path, [*rows, rows[19]])
    assert (same.duplicates, same.conflicting) == (1, 0)


def test_rows_out_of_order_are_counted(tmp_path: Path) -> None:
    rows = minutes(20)
    found = found_in(tmp_path, rows[:5] + rows[10:] + rows[5:10])
    assert (found.unsorted_rows, found.gaps) == (1, 0)
    assert found.doubtful == ("1 row before the time of the row above",)


def test_bad_rows_are_shown_with_their_lines_and_the_rest_is_still_examined(tmp_path: Path) -> None:
    rows = minutes(260)
    rows[3] = "180,1,2,x,1,1"
    for i in range(20, 45):
        rows[i] = "what?"
    found = found_in(tmp_path, rows)
    assert (found.rows, found.candles, found.bad_rows, found.gaps) == (260, 234, 26, 2)
    assert len(found.refusals) == 20
    assert found.refusals[0].where.endswith("c.csv:5")
    assert found.refusals[0].said == "low is not a number: 'x'"
    assert found.refused == ("26 rows that no candle can be read from",)


def test_candles_of_another_length_are_refused_and_their_gaps_counted_in_their_own_length(tmp_path: Path) -> None:
    rows = [f"{300 * i},100,101,99,100,1" for i in range(200) if i != 7]
    found = found_in(tmp_path, rows)
    assert (found.spacing, found.gaps, found.missing) == (300, 1, 1)
    assert found.refused == ("candles 300 seconds apart, where ONE_MINUTE is 60",)
    assert examine(tmp_path / "c.csv", BTC_USD, Granularity.FIVE_MINUTE).refused == ()


def test_distances_that_no_candles_fit_into_are_refused(tmp_path: Path) -> None:
    found = found_in(tmp_path, [*minutes(200), "11970,100,101,99,100,1", "12030,100,101,99,100,1"])
    assert (found.odd_spacings, found.gaps) == (1, 0)
    assert found.first_odd == (Gap(11940, 11970, 0),)
    assert found.refused == ("1 distance that no whole number of candles fits into",)


def test_jumps_and_wicks_far_beyond_the_usual_are_outliers(tmp_path: Path) -> None:
    rows = minutes(200)
    rows[50] = "3000,100,1000.5,99,1000,1"
    rows[90] = "5400,100,101,9,100,1"
    found = found_in(tmp_path, rows)
    kinds = {(each.start, each.kind, round(each.change, 3)) for each in found.largest_outliers}
    assert (3000, "jump", 8.999) in kinds
    assert (5400, "wick", -0.91) in kinds
    assert found.outliers == 3  # the way back is a jump too
    assert found.outlier_from == 0.02


def test_what_is_usual_is_the_files_own_median_move(tmp_path: Path) -> None:
    wild = [f"{60 * i},{100 + i % 2},{102 + i % 2},{99 + i % 2},{100 + i % 2},1" for i in range(100)]
    wild[50] = "3000,100,190,99,100,1"
    assert found_in(tmp_path, wild).outliers == 0
    assert found_in(tmp_path, wild).outlier_from == pytest.approx(1.0, rel=0.02)


def test_a_move_over_a_gap_is_no_jump(tmp_path: Path) -> None:
    later = [f"{60 * (i + 100)},200,200.5,199.5,{200 + 0.01 * (i % 3)},1" for i in range(50)]
    found = found_in(tmp_path, minutes(50) + later)
    assert (found.outliers, found.gaps) == (0, 1)


def test_closes_outside_of_the_range_and_candles_without_volume_are_counted(tmp_path: Path) -> None:
    rows = minutes(20)
    rows[4] = "240,100,100.5,99.5,100.7,0"
    found = found_in(tmp_path, rows)
    assert (found.outside_range, found.no_volume) == (1, 1)
    assert found.doubtful == ("1 candle that open or close outside of their high and low",)


def test_one_candle_is_a_file(tmp_path: Path) -> None:
    found = found_in(tmp_path, minutes(1))
    assert (found.spacing, found.gaps, found.doubtful) == (0, 0, ())
    assert found.refused == ("1 candle; to train and to trade on it takes 167 or more",)


@pytest.mark.parametrize("count", [166, 167])
def test_the_fewest_candles_are_those_of_a_backtest(
    tmp_path: Path, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(written(tmp_path, minutes(count)))
    assert main(["data", "check", path]) == (0 if count == 167 else 1)
    assert main(["backtest", "--csv", path]) == (0 if count == 167 else 2)
    capsys.readouterr()


def test_a_flat_market_has_no_outliers_and_no_warning(tmp_path: Path) -> None:
    assert found_in(tmp_path, [f"{60 * i},1,1,1,1,0" for i in range(30)]).doubtful == ()


def test_the_command_says_by_its_exit_code_what_a_backtest_makes_of_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = minutes(200)
    assert main(["data", "check", str(written(tmp_path, rows))]) == 0
    assert "a backtest takes it as it is" in capsys.readouterr().out
    assert main(["data", "check", str(written(tmp_path, rows[:10] + rows[13:]))]) == 0
    assert "after 1970-01-01T00:09:00Z until 1970-01-01T00:13:00Z: 3 missing" in capsys.readouterr().out
    assert main(["data", "check", str(written(tmp_path, [*rows, rows[0]]))]) == 1
    said = capsys.readouterr().out
    assert "look at: 1 row with the time of a later one" in said
    assert said.endswith("a backtest takes it as it is, but look at these first\n")
    assert main(["data", "check", str(written(tmp_path, [*rows, "1,2,3,4,5,x"]))]) == 1
    shown = capsys.readouterr().out
    assert f"{tmp_path / 'c.csv'}:202: volume is not a number: 'x'" in shown
    assert "a backtest refuses it: 1 row" in shown
    assert main(["data", "check", str(written(tmp_path, rows)), "--granularity", "ONE_HOUR"]) == 1
    assert main(["data", "check", str(written(tmp_path, []))]) == 2
    assert main(["data", "check", str(tmp_path / "none.csv")]) == 2
    assert main(["data", "check", str(written(tmp_path, rows)), "--granularity", "one_minute"]) == 0
    assert main(["data", "check", str(written(tmp_path, rows)), "--granularity", "HOURLY"]) == 2
    assert main(["data", "check", str(written(tmp_path, rows)), "--base-increment", "1e-30"]) == 2
    assert main(["data", "check", str(written(tmp_path, rows)), "--price-increment", "0"]) == 2
    assert main(["data", "check", str(written(tmp_path, rows)), "--price-increment", "x"]) == 2


def test_the_json_holds_what_the_table_shows_and_is_not_written_for_an_unusable_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "found.json"
    assert main(["data", "check", str(written(tmp_path, ["x,1,1,1,1,1", *minutes(200)])), "--json", str(out)]) == 1
    document = json.loads(out.read_text())
    assert (document["rows"], document["candles"], document["bad_rows"]["count"]) == (201, 200, 1)
    assert document["bad_rows"]["first"][0]["where"].endswith("c.csv:2")
    assert document["lowest"] == {"price": "99.50", "time": "1970-01-01T00:00:00Z"}
    assert document["refused"] == ["1 row that no candle can be read from"]
    out.unlink()
    assert main(["data", "check", str(written(tmp_path, [])), "--json", str(out)]) == 2
    assert not out.exists()
    path = written(tmp_path, minutes(3))
    assert main(["data", "check", str(path), "--json", str(path)]) == 2
    assert path.read_text().startswith(HEADER)
    capsys.readouterr()


def test_every_kind_of_file_gives_the_same_findings(tmp_path: Path) -> None:
    plain = written(tmp_path, minutes(30))
    table = pd.read_csv(plain)
    table.to_csv(tmp_path / "c.csv.gz", index=False)
    table.to_parquet(tmp_path / "c.parquet")
    facts = [
        (each.rows, each.first, each.last, each.lowest, each.highest, each.gaps)
        for each in (
            examine(tmp_path / name, BTC_USD, Granularity.ONE_MINUTE) for name in ("c.csv", "c.csv.gz", "c.parquet")
        )
    ]
    assert facts[1:] == facts[:1] * 2


def test_an_unusable_file_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no candles in it"):
        found_in(tmp_path, [])
    with pytest.raises(BadInput, match="not one of 2 rows is a candle"):
        found_in(tmp_path, ["x", "y"])
