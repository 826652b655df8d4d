"""A test's child can be interrupted, whatever the shell that started the tests ignores."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import pytest

from candle_files import ROOT

# Starts a child in one of the two ways, sends it a signal, prints how it ended.
PROGRAM = """
import asyncio, os, signal, sys
from started_processes import start, start_async
child = [sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()"]
way, number = sys.argv[1], signal.Signals(int(sys.argv[2]))

async def in_a_loop():
    process = await start_async(*child, env=os.environ)
    await process.stdout.readline()
    process.send_signal(number)
    return await asyncio.wait_for(process.wait(), 20)

if way == "start":
    with start(child, stdout=-1, stderr=-3) as process:
        process.stdout.readline()
        process.send_signal(number)
        code = process.wait(20)
else:
    code = asyncio.run(in_a_loop())
print(code, signal.getsignal(number) is signal.SIG_IGN)
"""


@pytest.mark.parametrize("way", ["start", "start_async"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_child_is_interrupted_although_its_parent_ignores_the_signal(way: str, number: signal.Signals) -> None:
    command = [sys.executable, "-c", PROGRAM, way, str(number.value)]
    shell = ["sh", "-c", 'trap "" INT TERM HUP; exec "$@"', "sh", *command]
    ended = subprocess.run(
        shell, capture_output=True, text=True, check=False, timeout=60, env={"PYTHONPATH": str(ROOT / "tests")}
    )
    code, still_ignored = ended.stdout.split()
    # A Python child makes an exception of SIGINT before it ends by it.
    assert (int(code), ended.stderr.count("Error")) == (-number.value, 0), ended.stderr
    assert still_ignored == "True", "for the tests themselves nothing changes"


def test_no_test_starts_a_process_of_its_own_that_it_could_interrupt() -> None:
    """subprocess.run waits for an end that comes by itself; everything else goes through started_processes."""
    started = re.compile(r"subprocess\.Popen\(|create_subprocess_(?:exec|shell)\(|os\.(?:fork|spawn|posix_spawn)\w*\(")
    listed = subprocess.run(["git", "ls-files", "tests/*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    found = {
        name for name in listed.stdout.split() if (ROOT / name).exists() and started.search((ROOT / name).read_text())
    }
    assert found - {"tests/started_processes.py", "tests/unit/house/test_started_processes.py"} == set()
