"""The command line: exit codes, one line for every mistake, and nothing imported that is not needed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cbbot.cli import dispatch
from cbbot.cli.dispatch import COMMANDS, CommandEntry, main
from cbbot.cli.sources import gathered
from cbbot.contract.settings_reading import Problems
from cbbot.errors import BadInput, Refused, UnsafeStart
from cbbot.runtime.store import StateStore


def reasons(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Of a refused run: why, line by line."""
    return [json.loads(line)["reason"] for line in capsys.readouterr().err.splitlines()]


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr."""
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("STATE_FILE", "DRY_RUN", "BOT_LOG_LEVEL", "CBBOT_TRACEBACK"):
        monkeypatch.delenv(key, raising=False)


def test_the_overview_imports_next_to_nothing() -> None:
    script = "import sys; from cbbot.cli import main; main(['--help']); print(' '.join(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.splitlines()[-1].split())
    assert all(f"  {name} " in ran.stdout for name in COMMANDS)
    assert loaded.isdisjoint({"typer", "click", "rich", "pydantic", "httpx", "numpy", "fastapi", "asyncio", "decimal"})


def test_version_and_groups(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("cbbot 0.")
    assert main(["state"]) == 0
    assert "state verify" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bakctest"], "did you mean 'backtest'"),
        (["state", "shwo"], "did you mean 'state show'"),
        (["explain", "BUY_THRESHOL"], "did you mean BUY_THRESHOLD"),
        (["explain", "\x1b[2J\u202e"], "\\x1b[2J\\u202e: no such setting"),
        (["run", "--bogus"], "--bogus"),
        (["run", "--set", "BUY_TRESHOLD=1"], "did you mean BUY_THRESHOLD"),
        (["run", "--set", "BUY_THRESHOLD"], "KEY=VALUE"),
        (["run", "--set", "=1"], "KEY=VALUE"),
        (["run", "--set", "buy_threshold=0.5"], "did you mean BUY_THRESHOLD"),
        (["run", "--set", "BUY_THRESHOLD=2"], "from 0 to 1"),
        (["run", "--set", "FEE_RATE_PCT=1e400"], "FEE_RATE_PCT='1e400' is not accepted: a number from 0 to 10"),
        (["run", "--set", "USD_EQUITY=1_000"], "USD_EQUITY='1_000'"),
        (["run", "--set", "MA_SLOW=\uff14\uff10"], "whole number from 1 to 400"),
        (["run", "--set", "BRIDGE_URL=http://bridge:port"], "BRIDGE_URL"),
        (["run", "--set", "PYRAMID_DECAY_MIN_PCT=1.6"], "PYRAMID_MIN_ADVERSE_PCT=1.5"),
        (["run", "--set", "SCALP_TP_DECAY_ENABLE=true", "--set", "SCALP_TP_MIN_PCT=2"], "TAKE_PROFIT_PCT=1.9"),
        (["run", "--set", "MA_FAST=50"], "MA_SLOW=30"),
        (["run", "--set", "DRY_RUN=false", "--set", "MAX_EXPOSURE_USD=9"], "MAX_ORDER_USD must be set"),
        (["run", "--env", "nowhere.env"], "nowhere.env"),
        (["run", "--set", "CONTROL_TOKEN_FILE=nowhere"], "CONTROL_TOKEN_FILE"),
        (["state", "verify", "nowhere.json"], "no such file"),
        (["state", "show", "nowhere.json"], "no such file"),
        (["state", "show", "\x9b2J.json"], "\\x9b2J.json: there is no such file"),
    ],
)
def test_bad_input_is_code_2_and_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert said in error_line(capsys)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadInput("a\nb"), 2),
        (UnsafeStart("no"), 3),
        (Refused("x", "no"), 1),
        (OSError("no"), 1),
        (ZeroDivisionError("ours"), 1),
    ],
)
def test_every_error_has_its_code_and_its_line(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing() -> None:
        raise error

    monkeypatch.setattr(dispatch, "_loaded", lambda *_: failing)
    assert main(["explain"]) == code
    assert error_line(capsys).startswith("cbbot: ")


def test_an_interrupt_is_130_and_a_command_tells_its_own_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    def unsound() -> int:
        return 3

    monkeypatch.setattr(dispatch, "_loaded", lambda *_: interrupted)
    assert main(["run"]) == 130
    monkeypatch.setattr(dispatch, "_loaded", lambda *_: unsound)
    assert main(["run"]) == 3


@pytest.mark.parametrize(
    "arguments",
    [
        "backtest --csv", "backtest --csv c.csv --env", "backtest --csv c.csv -f", "backtest --csv c.csv --json",
        "backtest --csv c.csv --html", "backfill --out", "backfill --out c.csv --token-file", "data check",
        "data check c.csv --json", "run --env", "state show", "state verify", "up -f", "up -f bot.yaml --state-dir",
    ],
)  # fmt: skip
def test_a_path_without_a_name_is_refused(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments.split(), ""]) == 2
    assert "the name is empty" in error_line(capsys)


def test_an_output_need_not_be_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    candles, result = tmp_path / "c.csv", tmp_path / "a.json"
    candles.write_text("time,open,high,low,close,volume\n" + "".join(f"{60 * i},1,1,1,1,1\n" for i in range(200)))
    result.touch(mode=0o222)
    access = os.access
    # As for a user who is not root.
    monkeypatch.setattr(os, "access", lambda path, mode, **more: mode != os.R_OK and access(path, mode, **more))
    assert main(["data", "check", str(candles), "--json", str(result)]) == 0
    assert json.loads(result.read_text())["candles"] == 200


@pytest.mark.processes
def test_ctrl_c_while_it_imports_or_goes_is_no_traceback() -> None:
    at_first_import = (
        "import sys, signal\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'cbbot.cli': signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    at_the_end = "import atexit, signal; atexit.register(signal.raise_signal, signal.SIGINT)\n"
    for prepared, code in ((at_first_import, 130), (at_the_end, -signal.SIGINT)):
        script = f"{prepared}import sys; sys.argv[1:] = ['--version']\nfrom cbbot.__main__ import main; main()"
        ended = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
        assert (ended.returncode, ended.stderr) == (code, "")


@pytest.mark.processes
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_cannot_be_written_fails_and_is_said_once(unbuffered: str) -> None:
    command = [sys.executable, "-m", "cbbot", "explain", "TAKE_PROFIT_PCT"]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(command, check=False, stdout=full, stderr=subprocess.PIPE, text=True, env=environment)
    named = "[Errno 28]" if unbuffered else "standard output: cannot be written:"
    assert (ended.returncode, ended.stderr) == (1, f"cbbot: {named} No space left on device\n")
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(command, check=False, stdout=writer, stderr=subprocess.PIPE, text=True, env=environment)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (1, "")


@pytest.mark.processes
def test_closed_and_narrow_streams_are_no_reason_to_fail(tmp_path: Path) -> None:
    named = tmp_path / "\u00fc.csv"
    named.write_text("time,open,high,low,close,volume\n" + "".join(f"{60 * i},1,1,1,1,1\n" for i in range(200)))
    command = [sys.executable, "-m", "cbbot", "data", "check", str(named)]
    narrow = os.environ | {"PYTHONIOENCODING": "ascii"}
    ended = subprocess.run(command, check=False, capture_output=True, text=True, env=narrow)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "\\xfc.csv" in ended.stdout
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *command]
        ended = subprocess.run(shell, check=False, capture_output=True, text=True)
        assert (ended.returncode, ended.stderr) == (0, "")


def test_a_part_that_is_not_installed_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(COMMANDS, "up", CommandEntry("cbbot_not_there.processes:up", "", "operator"))
    assert main(["up"]) == 1
    line = error_line(capsys)
    assert "pip install 'cbbot[operator]'" in line
    assert "cbbot_not_there" in line


def test_the_environment_wins_over_the_file_and_set_over_both(tmp_path: Path) -> None:
    file = tmp_path / "bot.env"
    file.write_text("BUY_THRESHOLD=0.1\nSELL_THRESHOLD=0.2\nMA_FAST=3\nCOINBASE_API_KEY=secret\nPRODUCT=x\n")
    environment = {"SELL_THRESHOLD": "0.3", "MA_FAST": "4", "USE_MA_FILTER": "", "OTHER": "x"}
    problems = Problems()
    values, warnings = gathered(file, ["MA_FAST=5"], environment, problems)
    assert problems.found == []
    assert values == {"BUY_THRESHOLD": "0.1", "SELL_THRESHOLD": "0.3", "MA_FAST": "5"}
    (warning,) = warnings
    assert "PRODUCT (did you mean PRODUCT_ID?)" in warning
    assert "secret" not in warning


def test_every_problem_of_a_start_is_a_line_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOT_LOG_LEVEL", "loud")
    file = tmp_path / "bot.env"
    file.write_text(f"FEE_RATE_PCT=1_0\nMA_FAST=40\nBRIDGE_TOKEN_FILE={tmp_path / 'none'}\n")
    assert main(["run", "--env", str(file), "--set", "MA_SLOWW=1", "--host", "two words"]) == 2
    said = reasons(capsys)
    assert [reason.split("=")[0].split(":")[0].strip() for reason in said] == [
        "BOT_LOG_LEVEL",
        "--host",
        "MA_SLOWW",
        "FEE_RATE_PCT",
        "MA_FAST",
    ]
    monkeypatch.delenv("BOT_LOG_LEVEL")
    file.write_text(f"DRY_RUN=false\nBRIDGE_TOKEN_FILE={tmp_path / 'none'}\nCONTROL_TOKEN_FILE={tmp_path / 'none'}\n")
    assert main(["run", "--env", str(file)]) == 2
    said = reasons(capsys)
    assert [reason.split("=")[0].split()[0] for reason in said] == [
        "MAX_ORDER_USD",
        "MAX_EXPOSURE_USD",
        "BRIDGE_TOKEN_FILE",
        "CONTROL_TOKEN_FILE",
    ]


def test_a_mounted_webhook_that_is_no_address_is_refused_without_being_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hook").write_text("hooks.slack.example/very-secret\n")
    assert main(["run", "--set", f"SLACK_WEBHOOK_FILE={tmp_path / 'hook'}"]) == 2
    line = error_line(capsys)
    assert "SLACK_WEBHOOK" in line
    assert "very-secret" not in line


def test_explain_takes_either_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "strategy.buyThreshold"]) == 0
    by_field = capsys.readouterr().out
    assert main(["explain", "buy_threshold"]) == 0
    assert capsys.readouterr().out == by_field
    assert "spec.strategy.buyThreshold" in by_field


STATES = Path(__file__).parents[1] / "trader" / "states"


def body(**changed: Any) -> dict[str, Any]:
    """A sound state with one lot, its exit under way, and dust."""
    whole: dict[str, Any] = json.loads((STATES / "version-2.json").read_text())
    return whole | changed


def test_state_show_prints_lots_and_orders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.json"
    StateStore(path).save(body(paused_by=["hand"]))
    before = path.read_bytes()
    assert main(["state", "show", str(path)]) == 0
    shown = capsys.readouterr().out
    for word in ("BTC-USD, paper, test", "1000.1497861848", "1 open lots", "runner", "hand", "bot-3-99"):
        assert word in shown
    assert path.read_bytes() == before


def test_a_state_of_an_older_version_is_shown_and_verified_as_it_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older = json.loads((STATES / "version-1.json").read_text())
    path = tmp_path / "s.json"
    StateStore(path).save(older)
    before = path.read_bytes()
    assert main(["state", "show", str(path)]) == 0
    assert main(["state", "verify", str(path)]) == 0
    assert f"{len(older['lots'])} open lots" in capsys.readouterr().out
    assert path.read_bytes() == before


def test_state_verify_tells_which_generation_is_sound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.json"
    store = StateStore(path)
    store.save(body())
    store.save(body(epoch=4))
    assert main(["state", "verify", str(path)]) == 0
    path.write_bytes(path.read_bytes()[:-9])
    assert main(["state", "verify", str(path)]) == 1
    assert "cut short" in capsys.readouterr().out
    store.previous.write_text(json.dumps({"version": 1, "checksum": "x", "body": {}}))
    assert main(["state", "verify", str(path)]) == 3
    store.save(body(lots=[]))
    assert main(["state", "verify", str(path)]) in (1, 3)
    assert "counts 1 lots, there are 0" in capsys.readouterr().out


def test_state_verify_says_that_the_epoch_before_the_body_was_altered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.json"
    StateStore(path).save(body(epoch=4))
    path.write_bytes(path.read_bytes().replace(b'"epoch":4', b'"epoch":9', 1))
    assert main(["state", "verify", str(path)]) == 3
    assert "says epoch 9 before its body and 4 in it: it was altered" in capsys.readouterr().out


def test_state_show_names_the_orders_that_were_given_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    newest = json.loads((STATES / "version-5.json").read_text())
    given_up = newest["intents"][0] | {"client_order_id": "bot-3-7"}
    path = tmp_path / "s.json"
    StateStore(path).save(newest | {"given_up": [given_up]})
    assert main(["state", "show", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "1 orders believed absent, still looked for" in shown
    assert "bot-3-7" in shown


def test_a_folder_means_the_state_file_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    StateStore(tmp_path / "bot_state.json").save(body())
    assert main(["state", "show", str(tmp_path)]) == 0
    assert "1 open lots" in capsys.readouterr().out


def test_state_verify_counts_the_dust_in_the_accounts_sums(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sound = body()
    dusty = body(dust={"base": "0.001", "cost": "1", "entry_fee": "0.1"})
    path = tmp_path / "bot_state.json"
    StateStore(path).save(dusty)
    StateStore(path).save(dusty)
    assert main(["state", "verify", str(path)]) == 3
    assert "lots and dust add up to" in capsys.readouterr().out
    account = dict(sound["account"])
    for total, of in (("base_sum", "base"), ("cost_sum", "cost"), ("fee_sum", "entry_fee")):
        added = Decimal(dusty["dust"][of]) - Decimal(sound["dust"][of])
        account[total] = str(Decimal(account[total]) + added)
    StateStore(path).save(dusty | {"account": account})
    assert main(["state", "verify", str(path)]) == 0


def test_state_verify_refuses_what_run_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bot_state.json"
    for changed, said in (
        ({"lots": [body()["lots"][0] | {"stop": None}]}, "lots[0].stop is null, not a number"),
        ({"trades": "none"}, "trades is 'none', not a list"),
        ({"last_fit_ms": 10**30}, "last_fit_ms"),
        ({"market": {}}, "market.price_increment"),
        ({"account": body()["account"] | {"next_lot": 1}}, "the next lot's id is 1"),
        ({"lots": [body()["lots"][0] | {"base": "-1"}]}, "lots[0].base"),
        ({"lots": [body()["lots"][0]] * 2}, "ids do not rise"),
    ):
        StateStore(path).save(body(**changed))
        assert main(["state", "verify", str(path)]) in (1, 3)
        assert said in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize("damage", [None, b"", b"[" * 200_000, b'{"version":1,"checksum":"x","body":{"a":NaN}}'])
def test_without_a_readable_newest_generation_the_previous_is_shown_with_a_remark(
    damage: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bot_state.json"
    store = StateStore(path)
    store.save(body())
    store.save(body(epoch=4))
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    assert main(["state", "show", str(path)]) == 0
    shown = capsys.readouterr()
    assert "1 open lots" in shown.out
    assert f"this is the previous generation, {store.previous}" in shown.err
    assert main(["state", "verify", str(path)]) == 1


def test_state_show_names_a_field_that_is_nonsense(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bot_state.json"
    StateStore(path).save(body(lots=[body()["lots"][0] | {"opened_ms": "noon"}]))
    assert main(["state", "show", str(path)]) == 2
    assert "lots[0].opened_ms is 'noon'" in error_line(capsys)
