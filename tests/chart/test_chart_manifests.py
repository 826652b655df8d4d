"""What the chart renders every Kubernetes since 1.25 takes, by its own schemas, and `restricted` admits its pods."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from pod_security import forbidden_by_restricted
from prerequisites import missing

ROOT = Path(__file__).parents[2]
HELM = shutil.which("helm")
VERSIONS = list(dict.fromkeys(kubernetes_validate.utils.all_versions()))
# What a person may choose and changes which objects there are, or what stands in them.
CHOICES = {
    "as it comes": (),
    "of a cluster": ("--set=scope=cluster",),
    "of several namespaces": ("--set=namespaces={a,b}",),
    "of several replicas": ("--set=replicas=3",),
    "of numbers that are text": ("--set-string=namespaces={42}", "--set-string=image.tag=20250101"),
    "of an account of its own": ("--set=serviceAccount.create=false", "--set=serviceAccount.name=mine"),
}
# The first choice for every version, the others for the oldest and the newest.
CASES = [(next(iter(CHOICES)), version) for version in VERSIONS]
CASES += [(choice, version) for choice in [*CHOICES][1:] for version in (VERSIONS[0], VERSIONS[-1])]
BUILT_IN = ("", "apps", "batch", "autoscaling", "policy")


@pytest.fixture(autouse=True)
def needs_helm() -> None:
    if HELM is None:
        reason = "no helm: install it (https://helm.sh), or run .ci/cluster where there is a cluster"
        missing(reason, required_by="CBBOT_CLUSTER_SUITE")


@cache
def rendered(choice: str, version: str) -> tuple[dict[str, Any], ...]:
    command = [str(HELM), "template", "cbbot", "charts", "--namespace=trading", f"--kube-version={version}"]
    command += CHOICES[choice]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    return tuple(obj for obj in yaml.safe_load_all(ended.stdout) if obj)


def built_in(obj: dict[str, Any]) -> bool:
    group = obj["apiVersion"].rpartition("/")[0]
    return group in BUILT_IN or group.endswith(".k8s.io")


def pods(objects: tuple[dict[str, Any], ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The specs of all pods that come of the objects, with the name of what they come of."""
    for obj in objects:
        spec = obj.get("spec") or {}
        if obj["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if "template" in spec:
            yield obj["metadata"]["name"], spec["template"]["spec"]
        elif obj["kind"] == "Pod":
            yield obj["metadata"]["name"], spec


@pytest.mark.parametrize(("choice", "version"), CASES)
def test_every_version_takes_every_object(choice: str, version: str) -> None:
    objects = [obj for obj in rendered(choice, version) if built_in(obj)]
    assert {"Deployment", "Service", "Role"} <= {obj["kind"] for obj in objects}
    refused = []
    for obj in objects:
        try:
            kubernetes_validate.validate(obj, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            refused.append(f"{obj['kind']} {obj['metadata']['name']}: {error.message} at {list(error.path)}")
    assert refused == []


@pytest.mark.parametrize("choice", CHOICES)
def test_every_pod_is_admitted_by_restricted(choice: str) -> None:
    found = dict(pods(rendered(choice, VERSIONS[-1])))
    assert found
    assert {name: why for name, pod in found.items() if (why := forbidden_by_restricted(pod))} == {}
