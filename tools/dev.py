"""Sets up a virtual environment from the hashed locks and runs the project's commands in it.

Needs nothing but Python 3.11 or newer and the network: ``python3 tools/dev.py try`` runs the
demo, ``python3 tools/dev.py test`` the tests. The Makefile's targets and CI call it as well, so
that everybody runs the same steps. VENV names another folder than ``.venv``; WORKERS how many
processes run tests. What follows the command is passed on: ``try --for 60``, ``unit -k breaker``.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, cast

import page_library
from dev_environments import ROOT, VENV, prepare, prepare_clients, prepare_docs, prepare_yardsticks, say

FAST = "not slow and not processes and not conformance"
NUMBERS = ["tests/oracle", "tests/property", "tests/golden"]
# Processes wait for each other much of the time: more workers than processors.
WORKERS = os.environ.get("WORKERS") or str((os.cpu_count() or 1) + 1)
# A file at a time to whoever is free, in the order given: its tests share servers, and some count what others did.
# One that hangs fails, and is named.
PYTEST = ["pytest", "-q", "-n", WORKERS, "--dist", "loadfile", "--no-loadscope-reorder", "--timeout", "600"]

STEPS: dict[str, list[str]] = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "types": ["mypy"],
    "layers": ["lint-imports"],
    "generate": ["python", "tools/generate.py"],
    "generated": ["python", "tools/generate.py", "--check"],
    "mutations": ["python", "tools/mutations.py", "--check"],  # every quoted passage still stands where it is said to
    "unit": [*PYTEST, "tests/unit", "tests/contract", "tests/chart", "-m", FAST],
    "property": [*PYTEST, *NUMBERS, "-m", FAST],
    "simulation": [
        *PYTEST,
        *NUMBERS,
        "tests/simulation",
        "tests/contract",
        "tests/unit",
        "-m",
        "slow or processes or conformance",
    ],
    "fast": [*PYTEST, "tests/unit", "tests/contract", "tests/chart", *NUMBERS, "-m", FAST],
    "tests": [*PYTEST, *NUMBERS, "tests/simulation", "tests/contract", "tests/unit", "tests/chart"],
    "docs": ["python", "tools/docs_site.py"],  # the documents as a site, strictly
    "yardsticks": ["python", "tools/yardsticks.py"],  # checks that others wrote, in an environment of their own
    "browser": ["pytest", "-q", "tests/browser"],  # .ci/browser installs chromium first
    "screenshots": ["python", "tools/pictures.py"],  # likewise
    "monitoring": ["pytest", "-q", "tests/monitoring"],  # .ci/monitoring installs Prometheus first
}
# Programs that read the tree; they run beside the tests.
READERS = ["format", "lint", "types", "layers", "generated", "mutations"]
COMMANDS: dict[str, list[str]] = {
    "check": [*READERS, "fast"],
    "test": [*READERS, "tests"],
    **{step: [step] for step in STEPS},
}
CLIENTS = {"tests", "simulation"}
WITH_PAGE = {"try", "setup", "browser", "screenshots"}  # they show the bot's page, whose chart's library is fetched
COUNTED = re.compile(r"(\d+) (passed|failed|skipped|errors?)\b")


@dataclass(frozen=True)
class Ended:
    """A step that has run: its exit code, what it wrote, how long it took."""

    step: str
    code: int
    output: str
    seconds: float

    def line(self) -> str:
        outcome = self.summary() if STEPS[self.step][0] == "pytest" else ""
        return f"== {self.step}: {outcome or ('FAILED' if self.code else 'passed')}, {self.seconds:.1f} s"

    def summary(self) -> str:
        """What pytest counted, from its last line."""
        counts = COUNTED.findall(self.output.rstrip().rpartition("\n")[2])
        return ", ".join(f"{number} {word}" for number, word in counts) + (", FAILED" if self.code else "")


def command_of(step: str, arguments: list[str]) -> list[str]:
    program, *fixed = STEPS[step]
    return [str(VENV / "bin" / program), *fixed, *arguments]


def read(step: str, arguments: list[str]) -> Ended:
    """Run a step to its end; its output is kept."""
    started = time.monotonic()
    ended = subprocess.run(
        command_of(step, arguments), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return Ended(step, ended.returncode, ended.stdout, time.monotonic() - started)


def show(step: str, arguments: list[str]) -> Ended:
    """Run a step to its end; its output goes through as it comes."""
    say(f"== {step}")
    started = time.monotonic()
    colour = ["--color=yes"] if STEPS[step][0] == "pytest" and sys.stdout.isatty() else []
    command = command_of(step, [*colour, *arguments])
    kept = b""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        output = cast("IO[bytes]", process.stdout)
        while some := os.read(output.fileno(), 65536):
            kept += some
            sys.stdout.buffer.write(some)
            sys.stdout.buffer.flush()
    text = re.sub(r"\x1b\[[0-9;]*m", "", kept.decode(errors="replace"))
    return Ended(step, process.returncode, text, time.monotonic() - started)


def run(name: str, arguments: list[str]) -> None:
    """Run a command's steps; the last one, which is shown, beside the readers before it. All run to their ends."""
    started = time.monotonic()
    *before, last = COMMANDS[name]
    with ThreadPoolExecutor(max_workers=2) as pool:
        beside: list[Future[Ended]] = [pool.submit(read, step, []) for step in before]
        shown = show(last, arguments)
        ended = [*(future.result() for future in beside), shown]
    for step in ended:
        if step.code and step is not shown:
            say(f"== {step.step}\n{step.output.rstrip()}")
    for step in ended:
        say(step.line())
    failed = [step.step for step in ended if step.code]
    if before:
        say(f"== {name}: {shown.summary()}; {len(before)} checks; {time.monotonic() - started:.0f} s")
    if failed:
        sys.exit(f"FAILED: {', '.join(failed)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("command", choices=["try", "setup", *COMMANDS])
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="passed on: to `cbbot up`, to pytest")
    options = parser.parse_args()
    if options.command in WITH_PAGE:
        # Without it all goes on; it has said so, and the page does.
        page_library.main()
    if options.command == "try":
        prepare("run")
        cbbot = str(VENV / "bin" / "cbbot")
        os.chdir(ROOT)
        os.execv(cbbot, [cbbot, "up", "-f", "examples/try.yaml", *options.arguments])  # noqa: S606 - our own program
    prepare("dev")
    if options.command == "setup" or CLIENTS & {*COMMANDS[options.command]}:
        prepare_clients()
    if options.command == "yardsticks":
        prepare_yardsticks()
    if options.command == "docs":
        prepare_docs()
    if options.command != "setup":
        run(options.command, options.arguments)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
