"""Results on standard output, in pipes and on devices, as shells make them: the exit code, and what each stream has."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

SAMPLE = Path(str(files("cbbot_bridge.simulator") / "sample" / "BTC-USD-1m-6000.csv"))
CBBOT = f"{shlex.quote(sys.executable)} -m cbbot"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a shell runs, with a file of candles that is read in no time."""
    (tmp_path / "candles.csv").write_text("".join(SAMPLE.read_text().splitlines(keepends=True)[:801]))
    return tmp_path


def typed(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What a person typed, into bash; a pipeline's code is that of ``cbbot`` before it."""
    script = line.replace("BACKTEST", f"{CBBOT} backtest --csv candles.csv").replace("CHECK", f"{CBBOT} data check")
    return subprocess.run(
        ["bash", "-c", f"{script}\nexit ${{PIPESTATUS[0]}}"],
        check=False, capture_output=True, text=True, cwd=folder, timeout=120,
    )  # fmt: skip


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "candles.csv")


def test_the_json_of_a_backtest_comes_out_alone(folder: Path) -> None:
    ran = typed("BACKTEST --json - --check-lookahead", folder)
    assert ran.returncode == 0
    assert json.loads(ran.stdout)["checks"]["lookahead"]["difference"] is None
    for heading in ("RESULT", "DECISIONS", "LOOK-AHEAD"):
        assert heading in ran.stderr
    report = typed("BACKTEST --check-lookahead", folder).stdout.splitlines()
    # A run that takes longer than a second says in between how far it is.
    assert [line for line in ran.stderr.splitlines() if line in report] == report
    assert names(folder) == []


def test_the_page_of_a_backtest_comes_out_alone(folder: Path) -> None:
    ran = typed("BACKTEST --html - --json a.json", folder)
    assert ran.returncode == 0
    assert ran.stdout.startswith("<!doctype html>")
    assert ran.stdout.endswith("</html>\n")
    assert typed("BACKTEST --html page.html", folder).returncode == 0
    assert ran.stdout == (folder / "page.html").read_text()
    assert names(folder) == ["a.json", "page.html"]


def test_the_findings_of_a_data_check_come_out_alone_with_its_exit_code(folder: Path) -> None:
    ran = typed("CHECK candles.csv --json -", folder)
    assert (ran.returncode, json.loads(ran.stdout)["candles"]) == (0, 800)
    assert "a backtest takes it as it is" in ran.stderr
    doubtful = typed(
        "head -300 candles.csv > short.csv; tail -1 short.csv >> short.csv\nCHECK short.csv --json -", folder
    )
    assert (doubtful.returncode, json.loads(doubtful.stdout)["duplicates"]["count"]) == (1, 1)


def test_two_results_do_not_fit_on_standard_output(folder: Path) -> None:
    for other in ("-", "/dev/stdout", "/dev/fd/1"):
        ran = typed(f"BACKTEST --json - --html {other}", folder)
        assert (ran.returncode, ran.stdout) == (2, "")
        assert ran.stderr == f"cbbot: --html {other}: the same file is written by --json; give another name\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["BACKTEST --html - --json a.json", "CHECK candles.csv --json -"])
def test_a_reader_that_has_gone_is_no_news_and_costs_no_file(command: str, unbuffered: str, folder: Path) -> None:
    ran = typed(f"export PYTHONUNBUFFERED={unbuffered}\n{command} 2> errors | exec true", folder)
    assert ran.returncode == 1
    said = (folder / "errors").read_text()
    assert "cbbot:" not in said
    assert "Error" not in said
    assert names(folder) == (["a.json", "errors"] if "a.json" in command else ["errors"])


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["BACKTEST --check-lookahead --json a.json", "CHECK candles.csv --json a.json"])
def test_a_table_that_nobody_reads_does_not_cost_the_json(command: str, unbuffered: str, folder: Path) -> None:
    ran = typed(f"export PYTHONUNBUFFERED={unbuffered}\n{command} 2> errors | exec true", folder)
    assert ran.returncode == 1
    assert "Error" not in (folder / "errors").read_text()
    assert json.loads((folder / "a.json").read_text())


def test_head_gets_its_line(folder: Path) -> None:
    ran = typed("BACKTEST --html - 2> errors | head -1", folder)
    assert (ran.stdout, ran.stderr) == ("<!doctype html>\n", "")
    assert "Error" not in (folder / "errors").read_text()


def test_a_full_device_fails_with_one_line_and_leaves_no_file(folder: Path) -> None:
    ran = typed("BACKTEST --json - --html a.html > /dev/full", folder)
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1] == "cbbot: --json -: cannot be written: No space left on device"
    ran = typed("BACKTEST --json /dev/full --html a.html", folder)
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1] == "cbbot: --json /dev/full: cannot be written: No space left on device"
    assert names(folder) == []


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["BACKTEST --check-lookahead --json a.json", "CHECK candles.csv --json a.json"])
def test_a_table_that_does_not_fit_anywhere_does_not_cost_the_json(command: str, unbuffered: str, folder: Path) -> None:
    ran = typed(f"export PYTHONUNBUFFERED={unbuffered}\n{command} > /dev/full", folder)
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1] == "cbbot: standard output: cannot be written: No space left on device"
    assert json.loads((folder / "a.json").read_text())


def test_a_closed_standard_output_is_refused_before_the_run(folder: Path) -> None:
    ran = typed("BACKTEST --json - >&-", folder)
    assert (ran.returncode, ran.stderr) == (2, "cbbot: --json -: cannot be written: it is closed\n")


def test_dev_null_takes_everything_and_stays_a_device(folder: Path) -> None:
    ran = typed("BACKTEST --json /dev/null --html /dev/null", folder)
    assert ran.returncode == 0
    assert "RESULT" in ran.stdout
    assert Path("/dev/null").is_char_device()


def test_named_pipes_and_process_substitution_get_the_whole_result(folder: Path) -> None:
    ran = typed(
        "mkfifo pipe done; cat pipe > page.html & BACKTEST --html pipe --json >(cat > a.json; echo > done); code=$?; "
        "cat done; wait; exit $code",
        folder,
    )
    assert (ran.returncode, ran.stderr) == (0, "candles.csv: 2 gaps\n")
    assert (folder / "page.html").read_text().endswith("</html>\n")
    assert json.loads((folder / "a.json").read_text())["candles"] == 800
    assert (folder / "pipe").is_fifo()


def test_what_standard_output_was_sent_to_is_not_replaced(folder: Path) -> None:
    assert typed("exec > all; BACKTEST --json /dev/stdout; echo after", folder).returncode == 0
    text, after = (folder / "all").read_text().rsplit("\n", 2)[:2]
    assert json.loads(text)["candles"] == 800
    assert after == "after"
