"""tools/yardsticks.py: what is left on purpose is left, everything else is a finding, and no entry outlives its use."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from repository_files import ROOT

LEFT = tomllib.loads((ROOT / "tools" / "yardsticks.toml").read_text(encoding="utf-8"))["left"]


@pytest.fixture
def yardsticks(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT / "tools")
    return importlib.import_module("yardsticks")


@pytest.fixture
def report(yardsticks: Any) -> Any:
    return yardsticks.Report([{"check": "CKV_1", "of": "kubernetes", "on": r"Deployment\.a\..*"}])


def test_what_is_left_on_purpose_is_no_finding(yardsticks: Any, report: Any) -> None:
    report.take(yardsticks.Finding("CKV_1", "kubernetes", "Deployment.a.bot", "limits"))
    assert (report.problems, report.unneeded()) == ([], [])


@pytest.mark.parametrize(
    "finding",
    [
        ("CKV_2", "kubernetes", "Deployment.a.bot"),
        ("CKV_1", "dockerfile", "Deployment.a.bot"),
        ("CKV_1", "kubernetes", "Deployment.b.bot"),
    ],
)
def test_another_check_kind_of_file_or_object_is_a_finding(
    yardsticks: Any, report: Any, finding: tuple[str, str, str]
) -> None:
    report.take(yardsticks.Finding(*finding, "limits"))
    assert report.problems == [f"{finding[0]} {finding[2]}: limits [checkov {finding[1]}]"]
    assert report.unneeded() == ["CKV_1"]


def test_every_entry_says_why() -> None:
    assert len(LEFT) > 3
    for entry in LEFT:
        assert set(entry) == {"check", "of", "on", "reason"}
        assert len(entry["reason"].split()) > 10
        re.compile(entry["on"])


def test_the_bots_of_all_examples_are_rendered(yardsticks: Any) -> None:
    names = {obj["metadata"]["name"] for obj in yardsticks.objects_of_bots() if obj["kind"] == "Deployment"}
    assert {"btc-bot", "btc-bridge", "try-bot", "rehearsal-bridge"} <= names


def run_step(tmp_path: Path, ci: str) -> subprocess.CompletedProcess[str]:
    """.ci/yardsticks with a python3 that says what it was asked and which helm it sees."""
    program = tmp_path / "python3"
    program.write_text('#!/bin/sh\necho "$@"\ncommand -v helm || true\n')
    program.chmod(0o755)
    for name in ("bash", "dirname", "sh"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    environment = {"PATH": str(tmp_path), "CBBOT_CLUSTER_HOME": str(tmp_path), "CI": ci}
    command = [str(tmp_path / "bash"), str(ROOT / ".ci" / "yardsticks")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)


def test_where_there_is_no_other_helm_the_clusters_is_taken(tmp_path: Path) -> None:
    helm = tmp_path / "bin" / "helm"
    helm.parent.mkdir()
    helm.write_text("#!/bin/sh\n")
    helm.chmod(0o755)
    assert run_step(tmp_path, "true").stdout.splitlines() == ["tools/dev.py yardsticks", str(helm)]


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_without_helm_the_chart_is_left_out_but_not_in_ci(tmp_path: Path, ci: str, code: int) -> None:
    ended = run_step(tmp_path, ci)
    assert ended.returncode == code
    assert "the chart will not be checked: install helm" in ended.stderr
    assert ended.stdout.splitlines() == ([] if ci else ["tools/dev.py yardsticks"])
