"""tools/yardsticks.py: what is left on purpose is left, everything else is a finding, and no entry outlives its use."""

from __future__ import annotations

import importlib
import os
import re
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


def test_ci_and_make_take_the_clusters_helm_where_there_is_no_other(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("python3", "bin/helm"):
        (tmp_path / name).write_text('#!/bin/sh\necho "$@"; command -v helm\n')
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin", "CBBOT_CLUSTER_HOME": str(tmp_path)}
    command = [str(ROOT / ".ci" / "yardsticks")]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=30)
    arguments, helm = ended.stdout.splitlines()
    assert arguments == "tools/dev.py yardsticks"
    assert Path(helm).name == "helm"
