"""The product in a real cluster. ``tools/cluster_suite.py`` brings one up and runs these tests in it.

They use what a person uses: helm and kubectl. When a test fails, what the cluster has to say about it
is printed below it.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.api_server import ApiServer
from cluster.kubectl import NAMESPACE, Kubectl, Note, run
from prerequisites import missing

FIGURES: list[str] = []


@pytest.fixture(scope="session")
def kubectl() -> Kubectl:
    if "CBBOT_CLUSTER_SUITE" not in os.environ:
        missing("no cluster with the images in it: .ci/cluster builds one and runs these tests in it")
    return Kubectl()


@pytest.fixture(scope="session")
def api_server(kubectl: Kubectl) -> Iterator[ApiServer]:
    """The API server with the TradingBot definition, whoever put it there."""
    asked = ApiServer()
    if asked("GET", "/apis/cbbot.io/v1alpha1")[0] != 200:
        kubectl("create", "-f", "crds/tradingbots.yaml")
        kubectl("wait", "crd/tradingbots.cbbot.io", "--for=condition=Established", "--timeout=30s")
    yield asked
    asked.close()


@pytest.fixture(scope="session")
def operator(kubectl: Kubectl) -> Iterator[None]:
    """The chart, installed; uninstalled at the end if no test has done so."""
    run("kubectl", "create", "namespace", NAMESPACE)
    flags = shlex.split(os.environ.get("CBBOT_HELM_FLAGS", ""))
    tag = os.environ.get("CBBOT_IMAGE_TAG", "ci")
    started = time.monotonic()
    # The definition may be there already, whoever put it there.
    wanted = ("--wait", "--timeout=120s", "--take-ownership", f"--set=image.tag={tag}", *flags)
    kubectl.helm("install", "cbbot", "charts", *wanted, seconds=150)
    note(f"helm install --wait: {time.monotonic() - started:.1f} s")
    yield
    kubectl.helm("uninstall", "cbbot", "--ignore-not-found", "--wait", seconds=120, check=False)


def note(line: str) -> None:
    """A figure for the end of the run."""
    FIGURES.append(line)


@pytest.fixture(name="note", scope="session")
def note_fixture() -> Note:
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
