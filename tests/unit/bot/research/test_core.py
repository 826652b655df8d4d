"""Who compiles, and who must never pay for it."""

from __future__ import annotations

import builtins
import errno
import io
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from cbbot.contract.settings import load
from cbbot.errors import BadInput, CbbotError
from cbbot.research import compiled as module
from cbbot.research.backtest_run import BacktestOptions, backtest

TRADING = "cbbot.cli.run_command, cbbot.cli.backtest_command, cbbot.research.backtest_run, cbbot.runtime.live_bot"


def test_neither_live_nor_a_plain_backtest_loads_the_compiler() -> None:
    code = f"import sys, {TRADING}; print([name for name in ('numba', 'plotly', 'pyarrow') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_numba_a_compiled_run_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "numba":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(CbbotError, match=r"pip install 'cbbot\[research\]'"):
        module.compiled.__wrapped__()


def test_machine_code_is_kept_apart_for_every_version_of_the_kernel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = module.cache_folder()
    assert first is not None
    assert module.cache_folder() == first
    assert module.cache_folder(module.KERNEL_MODULES[1:]) not in (None, first)
    assert not module.ready()


def test_where_nothing_can_be_kept_a_run_compiles_all_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert module.cache_folder() is None
    assert not module.ready()
    assert not module.kept()
    sample = files("cbbot_bridge.simulator") / "sample" / "BTC-USD-1m-6000.csv"
    said = io.StringIO()
    backtest(load({}), BacktestOptions(csv=Path(str(sample)), compiled=True), said)
    assert "compiling, as every run must: the cache folder cannot be written to" in said.getvalue()


def test_a_first_compiled_run_says_why_it_waits_and_a_second_does_not(tmp_path: Path) -> None:
    sample = files("cbbot_bridge.simulator") / "sample" / "BTC-USD-1m-6000.csv"
    command = [sys.executable, "-m", "cbbot", "backtest", "--csv", str(sample), "--compiled"]
    said = []
    for _ in range(2):
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        said.append("compiling" in done.stderr)
    assert said == [True, False]
    # Nor does it compile what numba's own lists are made of.
    counting = (
        "import sys; from numba.core import event; from cbbot.cli import main\n"
        "with event.install_recorder('numba:compile') as seen: main(sys.argv[1:])\n"
        "sys.exit(len(seen.buffer))"
    )
    counted = subprocess.run([sys.executable, "-c", counting, *command[3:]], check=False, env=environment)
    assert counted.returncode == 0


def test_machine_code_that_finds_no_room_on_the_disk_runs_all_the_same() -> None:
    calls = []

    def full(function: Any, cache: bool) -> Any:
        def compiled_once(number: int) -> Any:
            calls.append(cache)
            if len(calls) == 1:
                raise OSError(errno.ENOSPC, "No space left on device")
            return function(number)

        return compiled_once

    assert module.jitted(full, lambda number: number + 1, keep=True)(1) == 2
    assert calls == [True, True]


def test_a_compiled_backtest_writes_the_same_result(tmp_path: Path) -> None:
    sample = files("cbbot_bridge.simulator") / "sample" / "BTC-USD-1m-6000.csv"
    keys = {"ALLOW_PYRAMIDING": "true", "TAKE_PROFIT_PCT": "0.3", "SCALP_TP_MIN_PCT": "0.2", "WALK_FORWARD_MIN": "60"}
    keys |= {"PYRAMID_MIN_ADVERSE_PCT": "0.2", "PYRAMID_DECAY_MIN_PCT": "0.1", "BUY_THRESHOLD": "0.5"}
    written = []
    for compiled in (False, True):
        out = tmp_path / f"{compiled}.json"
        options = BacktestOptions(csv=Path(str(sample)), json=out, compiled=compiled, fill_model="ohlc")
        document = backtest(load(keys), options, io.StringIO())
        assert len(document["trades"]) > 10
        written.append(out.read_bytes())
    assert written[0] == written[1]


def test_a_compiled_run_is_not_watched() -> None:
    options = BacktestOptions(csv=Path("none.csv"), compiled=True, serve=0)
    with pytest.raises(BadInput, match="--compiled runs too fast"):
        backtest(load({}), options, io.StringIO())
