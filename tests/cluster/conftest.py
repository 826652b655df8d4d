"""The product in a real cluster. ``tools/cluster_suite.py`` brings one up and runs these tests in it.

They use what a person uses: helm and kubectl. Every wait is a watch with a bound; when a test fails,
what the cluster has to say about it is printed below it.
"""

from __future__ import annotations

import json
import os
import selectors
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prerequisites import missing
from started_processes import start

ROOT = Path(__file__).parents[2]
NAMESPACE = "cbbot-e2e"
FIGURES: list[str] = []


def run(*command: str, seconds: float = 60, check: bool = True) -> subprocess.CompletedProcess[str]:
    """A command to its end; its output is shown when it fails."""
    ended = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, cwd=ROOT)
    if check and ended.returncode:
        pytest.fail(f"{shlex.join(command)} ended with {ended.returncode}\n{ended.stdout}{ended.stderr}")
    return ended


class Kubectl:
    """kubectl in the suite's namespace."""

    def __call__(self, *arguments: str, seconds: float = 60, check: bool = True) -> str:
        return run("kubectl", "-n", NAMESPACE, *arguments, seconds=seconds, check=check).stdout

    def helm(self, *arguments: str, seconds: float = 60, check: bool = True) -> str:
        return run("helm", "-n", NAMESPACE, *arguments, seconds=seconds, check=check).stdout

    def refused(self, *arguments: str) -> str:
        """What the API server says when it does not take it; "" when it does."""
        ended = run("kubectl", "-n", NAMESPACE, *arguments, check=False)
        return ended.stderr if ended.returncode else ""

    def json(self, *arguments: str) -> Any:
        return json.loads(self("get", *arguments, "-o", "json"))

    def wait(self, what: str, condition: str, seconds: int) -> None:
        self("wait", what, f"--for={condition}", f"--timeout={seconds}s", seconds=seconds + 30)

    def bot(self, name: str, path: str) -> Any:
        """GET from a bot, through the API server."""
        address = f"/api/v1/namespaces/{NAMESPACE}/services/{name}-bot:8080/proxy/{path}"
        return json.loads(self("get", "--raw", address))

    def until(self, what: str, template: str, holds: Callable[[str], bool], seconds: float) -> list[str]:
        """Watch a jsonpath of one object until ``holds``; every value that was seen, in order."""
        command = ["kubectl", "-n", NAMESPACE, "get", what, "-o", f"jsonpath={template}{{'\\n'}}", "--watch"]
        seen: list[str] = []
        deadline = time.monotonic() + seconds
        with start(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as watch:
            assert watch.stdout is not None
            try:
                with selectors.DefaultSelector() as selector:
                    selector.register(watch.stdout, selectors.EVENT_READ)
                    while (left := deadline - time.monotonic()) > 0 and selector.select(left):
                        line = watch.stdout.readline()
                        if not line:
                            break
                        seen.append(line.strip())
                        if holds(seen[-1]):
                            return seen
            finally:
                watch.kill()
        pytest.fail(f"{what} {template} did not come to what was waited for in {seconds:.0f} s; seen: {seen}")


@pytest.fixture(scope="session")
def kubectl() -> Kubectl:
    if "CBBOT_CLUSTER_SUITE" not in os.environ:
        missing("no cluster with the images in it: .ci/cluster builds one and runs these tests in it")
    return Kubectl()


@pytest.fixture(scope="session")
def operator(kubectl: Kubectl) -> Iterator[None]:
    """The chart, installed; uninstalled at the end if no test has done so."""
    run("kubectl", "create", "namespace", NAMESPACE)
    flags = shlex.split(os.environ.get("CBBOT_HELM_FLAGS", ""))
    tag = os.environ.get("CBBOT_IMAGE_TAG", "ci")
    started = time.monotonic()
    wanted = ("--wait", "--timeout=120s", f"--set=image.tag={tag}", *flags)
    kubectl.helm("install", "cbbot", "charts", *wanted, seconds=150)
    note(f"helm install --wait: {time.monotonic() - started:.1f} s")
    yield
    kubectl.helm("uninstall", "cbbot", "--ignore-not-found", "--wait", seconds=120, check=False)


def note(line: str) -> None:
    """A figure for the end of the run."""
    FIGURES.append(line)


@pytest.fixture(name="note", scope="session")
def note_fixture() -> Callable[[str], None]:
    return note


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Any:
    report = yield
    if report.failed and shutil.which("kubectl"):
        report.sections.append(("the cluster", _account()))
    return report


def _account() -> str:
    """What a person would look at first."""
    commands = [
        "get tradingbots,pods,pvc,events -o wide",
        "describe tradingbots",
        "describe pods -l app.kubernetes.io/part-of=cbbot",
        "logs -l app.kubernetes.io/name=cbbot-operator --tail=60",
        "logs -l app.kubernetes.io/component=bridge --all-containers --prefix --tail=40",
        "logs -l app.kubernetes.io/component=bot --prefix --tail=60",
        "logs -l app.kubernetes.io/component=bot --prefix --tail=30 --previous",
    ]
    output = []
    for command in commands:
        try:
            ended = run("kubectl", "-n", NAMESPACE, *command.split(), check=False, seconds=20)
            output.append(f"$ kubectl {command}\n{ended.stdout}{ended.stderr}")
        except subprocess.TimeoutExpired:
            output.append(f"$ kubectl {command}\nno answer in 20 s")
    return "\n".join(output)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FIGURES:
        terminalreporter.section("measured and seen")
        for line in FIGURES:
            terminalreporter.write_line(line)
