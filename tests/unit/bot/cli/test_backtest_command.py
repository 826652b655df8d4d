"""``cbbot backtest`` as a person types it: what it prints, what it writes, how it ends."""

from __future__ import annotations

import contextlib
import csv
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cbbot.cli import main
from cbbot.research import backtest as running
from started_processes import start

ROOT = Path(__file__).resolve().parents[4]
SAMPLE = str(files("cbbot_bridge.simulator") / "sample" / "BTC-USD-1m-6000.csv")
TRY = ["backtest", "--csv", SAMPLE, "-f", str(ROOT / "examples" / "try.yaml")]


def test_a_manifest_and_the_settings_it_means_give_the_same_trades(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    assert main([*TRY, "--json", str(first)]) == 0
    document = json.loads(first.read_text())
    sets = [part for key, value in document["settings"].items() for part in ("--set", f"{key}={value}")]
    assert main(["backtest", "--csv", SAMPLE, *sets, "--json", str(second)]) == 0
    assert json.loads(second.read_text()) == document
    assert len(document["trades"]) == 32
    assert re.search(r"take_profit +31 +31", capsys.readouterr().out)


def test_the_old_deployments_env_file_is_read_warned_about_and_traded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "result.json"
    seed = [
        "--env",
        str(ROOT / "examples" / "seed.env"),
        "--set",
        "BACKTEST_SLEEP_MS=0",
        "--set",
        "WALK_FORWARD_MIN=30",
    ]
    assert main(["backtest", "--csv", SAMPLE, *seed, "--json", str(path)]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "STOP_LOSS_PCT=1000.00 can never trigger" in said
    assert "RISK_PER_TRADE_PCT=20.0 pays for 5 lots" in said
    document = json.loads(path.read_text())
    assert document["settings"]["DRY_RUN"] == "true"
    assert document["summary"]["equity_start"] == "68.5"
    assert document["trades"]


def test_the_page_is_written_whole_and_is_the_same_every_time(tmp_path: Path) -> None:
    first, second = tmp_path / "a.html", tmp_path / "b.html"
    for path in (first, second):
        assert main([*TRY, "--html", str(path), "--json", str(tmp_path / "a.json")]) == 0
    text = first.read_text()
    assert text == second.read_text()
    assert text.endswith("</html>\n")
    assert str(Path(SAMPLE).parent) not in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "a.json", "b.html"]


def test_the_fill_model_is_passed_on_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = {model: tmp_path / f"{model}.json" for model in ("close", "ohlc")}
    for model, path in paths.items():
        assert main([*TRY, "--fill-model", model, "--json", str(path)]) == 0
    documents = {model: json.loads(path.read_text()) for model, path in paths.items()}
    assert {model: each["fill_model"] for model, each in documents.items()} == {"close": "close", "ohlc": "ohlc"}
    assert documents["close"]["trades"] != documents["ohlc"]["trades"]
    assert "exits inside the candle" in capsys.readouterr().out


def test_the_checks_are_printed_and_are_in_the_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.json"
    small = tmp_path / "small.csv"
    small.write_text("".join(Path(SAMPLE).read_text().splitlines(keepends=True)[:1201]))
    options = ["--csv", str(small), "--check-lookahead", "--check-warmup", "--set", "BUY_THRESHOLD=0.5"]
    assert main(["backtest", *options, "--json", str(path)]) == 0
    checks = json.loads(path.read_text())["checks"]
    assert checks["lookahead"] == {"steps": 310, "points": 310, "decisions": 310, "cuts": 5, "difference": None}
    assert checks["warmup"]["agree_from"] <= 400
    said = capsys.readouterr().out
    assert "310 of 310 steps worked out again" in said
    assert "no difference: nothing comes from the future" in said
    assert re.search(r"decisions agree from [\d,]+ candles", said)


def test_a_backtest_that_looks_ahead_fails_and_names_the_first_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = running.run

    def leaky(*arguments: Any, **more: Any) -> Any:
        result = original(*arguments, **more)
        result.tally.marked[3] += len(arguments[1].close)
        return result

    monkeypatch.setattr(running, "run", leaky)
    path = tmp_path / "a.json"
    small = tmp_path / "small.csv"
    small.write_text("".join(Path(SAMPLE).read_text().splitlines(keepends=True)[:401]))
    assert main(["backtest", "--csv", str(small), "--check-lookahead", "--json", str(path)]) == 1
    printed = capsys.readouterr()
    assert printed.err.strip().splitlines()[-1].startswith("cbbot: the backtest looks ahead: with ")
    assert "DIFFERENCE with" in printed.out
    assert "equity or lots" in json.loads(path.read_text())["checks"]["lookahead"]["difference"]


BAD: list[tuple[list[str], str]] = [
    (["--csv", "none.csv"], "none.csv: no such file"),
    (["--csv", SAMPLE, "--set", "TAKE_PROFT_PCT=1"], "did you mean TAKE_PROFIT_PCT?"),
    (["--csv", SAMPLE, "--set", "TAKE_PROFIT_PCT=-1"], "TAKE_PROFIT_PCT='-1' is not accepted"),
    (["--csv", SAMPLE, "--set", "MA_FAST=50"], "MA_FAST=50 must be below MA_SLOW=30"),
    (["--csv", SAMPLE, "--set", "nothing"], "KEY=VALUE"),
    (["--csv", SAMPLE, "--env", "none.env"], "none.env"),
    (["--csv", SAMPLE, "-f", "none.yaml"], "none.yaml"),
    (["--csv", SAMPLE, "-f", "none.yaml", "--env", "a"], "use one of them"),
    (["--csv", SAMPLE, "--set", "GRANULARITY=ONE_HOUR"], "60 seconds apart, GRANULARITY says 3600"),
    (["--csv", SAMPLE, "--fill-model", "tick"], "--fill-model=tick is not accepted: close or ohlc"),
    (["--csv", SAMPLE, "--serve", "65536"], "--serve=65536 is not accepted"),
    (["--csv", SAMPLE, "--serve", "-1"], "--serve=-1 is not accepted"),
    (["--csv", SAMPLE, "--serve", "http"], "--serve"),
    (["--csv", SAMPLE, "--serve", "0", "--serve-host", "192.0.2.1"], "cannot listen on 192.0.2.1:0"),
    (["--csv", SAMPLE, "--html", "no/such/folder/a.html"], "there is no folder no/such/folder"),
    (["--csv", SAMPLE, "--html", "."], "is a folder"),
    (["--csv", SAMPLE, "--html", SAMPLE], "is read from"),
    # Not even root may: what a read-only folder is to everybody else.
    (["--csv", SAMPLE, "--html", "/proc/a.html"], "--html /proc/a.html: cannot be written"),
    (["--csv", SAMPLE, "--html", "result.json"], "is written by --json"),
    (["--csv", SAMPLE, "--train-fraction", "1"], "between 0 and 1"),
    (["--csv", SAMPLE, "--train-fraction", "nan"], "--train-fraction"),
    (["--csv", SAMPLE, "--warmup", "-1"], "--warmup=-1 is not accepted"),
    (["--csv", SAMPLE, "--warmup", "x"], "--warmup"),
    (["--csv", SAMPLE, "--price-increment", "0"], "--price-increment=0 is not accepted: a number above 0"),
    (["--csv", SAMPLE, "--min-notional", "-1"], "--min-notional=-1 is not accepted: a number of 0 or more"),
    (["--csv", SAMPLE, "--base-increment", "1e-30"], "--base-increment=1e-30: too many digits"),
    (["--csv", SAMPLE, "--quote-increment", "1e30"], "--quote-increment=1e30: too many digits"),
    (["--csv", SAMPLE, "--compiled", "--serve", "0"], "leave --serve out"),
    (["--csv", SAMPLE, "--take-profit", "2"], "No such option: --take-profit; see cbbot backtest --help"),
    (["--csv", SAMPLE, "--min-notional", "lots"], "--min-notional"),
    (["--csv", SAMPLE, "--check-everything"], "--check-everything"),
    ([], "--csv"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD, ids=[said for _, said in BAD])
def test_bad_input_is_one_line_on_stderr_and_exit_code_two(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["backtest", *arguments, "--json", "result.json"]) == 2
    printed = capsys.readouterr()
    *before, error = printed.err.strip().splitlines()
    assert said in error
    assert error.startswith("cbbot: ")
    assert [line for line in before if not line.startswith(("warning: ", f"{SAMPLE}: ", "metrics at "))] == []
    assert printed.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--env", "-f"])
def test_the_file_of_settings_is_not_overwritten(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "settings"
    text = (ROOT / "examples" / ("try.yaml" if option == "-f" else "seed.env")).read_text()
    path.write_text(text)
    assert main(["backtest", "--csv", SAMPLE, option, str(path), "--json", str(path)]) == 2
    assert f"--json {path}: the same file is read from" in capsys.readouterr().err
    assert path.read_text() == text


def test_no_line_of_the_report_is_wider_than_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = tmp_path / "small.csv"
    small.write_text("".join(Path(SAMPLE).read_text().splitlines(keepends=True)[:801]))
    for fills in ("close", "ohlc"):
        assert (
            main(["backtest", "--csv", str(small), "--fill-model", fills, "--check-lookahead", "--check-warmup"]) == 0
        )
        printed = capsys.readouterr().out
        assert "LOOK-AHEAD" in printed
        assert [line for line in printed.splitlines() if len(line) > 80] == []


def test_a_file_name_may_hold_any_byte(tmp_path: Path) -> None:
    named = tmp_path / os.fsdecode(b"n\xfc[bold].csv")
    named.write_text(Path(SAMPLE).read_text())
    page = tmp_path / "a.html"
    assert main(["backtest", "--csv", str(named), "--html", str(page)]) == 0
    assert "n\ufffd[bold].csv" in page.read_text(encoding="utf-8")


def test_a_port_that_is_taken_is_reported_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main([*TRY, "--serve", port, "--json", str(tmp_path / "a.json")]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert f"--serve {port}: cannot listen on 127.0.0.1:{port}" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("missing", "option", "name", "words"),
    [
        ("plotly", "--html", "a.html", "--html needs plotly"),
        ("pyarrow", "--trades", "a.parquet", "Parquet needs pyarrow"),
    ],
    ids=["page", "table"],
)
def test_what_needs_a_library_that_is_missing_is_refused_before_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    missing: str, option: str, name: str, words: str,
) -> None:  # fmt: skip
    original = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None if module == missing else original(module))
    assert main([*TRY, option, str(tmp_path / name)]) == 2
    printed = capsys.readouterr()
    assert f"{words}, which is not installed: pip install 'cbbot[research]'" in printed.err
    assert printed.out == ""


def test_a_table_of_another_form_is_refused_before_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.xlsx"
    assert main([*TRY, "--equity", str(path)]) == 2
    assert capsys.readouterr().err.endswith(f"--equity {path}: the name must end in .csv, .csv.gz or .parquet\n")


def test_json_trades_and_equity_tell_the_same_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = {option: tmp_path / f"{option}.csv" for option in ("trades", "equity")} | {"json": tmp_path / "a.json"}
    assert main([*TRY, *(part for option, path in paths.items() for part in (f"--{option}", str(path)))]) == 0
    document = json.loads(paths["json"].read_text())
    trades = list(csv.DictReader(paths["trades"].read_text().splitlines()))
    assert trades == [{key: str(value) for key, value in row.items()} for row in document["trades"]]
    equity = list(csv.DictReader(paths["equity"].read_text().splitlines()))
    curve = document["equity_curve"]
    assert [row["equity_usd"] for row in equity] == curve["equity_usd"]
    assert [row["at"] for row in equity] == curve["at"]
    assert len(equity) == document["evaluated"]
    assert equity[-1]["equity_usd"] == document["summary"]["equity_end_mtm"]
    warned = [line.removeprefix("warning: ") for line in capsys.readouterr().err.splitlines() if "warning:" in line]
    assert document["warnings"] == warned


def test_the_trades_of_a_pipe_are_csv(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main([*TRY, "--trades", "-"]) == 0
    lines = capsysbinary.readouterr().out.decode().splitlines()
    assert lines[0].startswith("lot,role,closed_as,side,opened_at,")
    assert len(lines) == 1 + 32


@contextlib.contextmanager
def paced(*options: str, ignoring: str = "") -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A backtest of half a minute, its metrics' address; ``ignoring`` are signals its shell has it ignore."""
    command = [sys.executable, "-m", "cbbot", *TRY, "--set", "BACKTEST_SLEEP_MS=20", "--serve", "0", *options]
    shell = ["sh", "-c", f'trap "" {ignoring}; exec "$@"', "sh"] if ignoring else []
    with start([*shell, *command], stderr=subprocess.PIPE) as process:
        try:
            assert process.stderr is not None
            yield (
                process,
                next(match[1] for line in process.stderr if (match := re.search(r"(http://\S+)/metrics", line))),
            )
        finally:
            process.kill()


def _wait_for_steps(address: str, more: int) -> None:
    begun = _steps(address)
    # 1,750 steps of 20 ms: it cannot have ended yet.
    while _steps(address) < begun + more:
        pass


@pytest.mark.processes
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_paced_backtest_is_scraped_while_it_runs_and_stops_on_a_signal(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    with paced("--html", str(tmp_path / "a.html")) as (process, address):
        _wait_for_steps(address, 3)
        families = {family.name: family for family in _scraped(address)}
        flat = {sample.labels["signal"]: sample.value for sample in families["bot_decisions"].samples}
        assert 0 < sum(flat.values()) < 1750
        assert process.poll() is None
        process.send_signal(number)
        assert process.wait(30) == code
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.processes
def test_what_a_shell_has_it_ignore_is_ignored_but_sigterm_always_ends_it() -> None:
    with paced(ignoring="INT HUP TERM") as (process, address):
        for number in (signal.SIGINT, signal.SIGHUP):
            process.send_signal(number)
            _wait_for_steps(address, 3)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143


def _steps(address: str) -> int:
    with urllib.request.urlopen(f"{address}/healthz") as answer:  # noqa: S310  our own process
        return int(json.load(answer)["done"])


def _scraped(address: str) -> list[Any]:
    with urllib.request.urlopen(f"{address}/metrics") as answer:  # noqa: S310  our own process
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        return list(text_string_to_metric_families(answer.read().decode()))
