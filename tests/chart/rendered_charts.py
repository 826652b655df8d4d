"""The chart as helm renders it: how it is called, and the values that are kept as files.

``rendered/NAME.yaml`` is what each set of values renders; ``python tools/renew_chart.py`` writes them anew.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

__all__ = [
    "FOLDER",
    "KEPT",
    "PROMETHEUS_OPERATOR",
    "ROOT",
    "helm",
    "helm_program",
    "kept_text",
    "of_kind",
    "one",
    "rendered",
    "template",
]

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = Path(__file__).parent / "rendered"
PROMETHEUS_OPERATOR: Final = tuple(
    f"--api-versions=monitoring.coreos.com/{kind}"
    for kind in ("v1/ServiceMonitor", "v1/PrometheusRule", "v1alpha1/AlertmanagerConfig")
)

# What has files of its own, or is tested as data, would only make these longer.
_LEFT_OUT: Final = (
    "--set=crds.enabled=false",
    "--set=monitoring.prometheusRule.enabled=false",
    "--set=monitoring.dashboards.enabled=false",
)
_EVERYTHING: Final[dict[str, Any]] = {
    "global": {"imageRegistry": "registry.example/mirror", "imagePullSecrets": [{"name": "mirror"}]},
    "scope": "cluster",
    "replicas": 3,
    "image": {"bot": f"cbbot-bot@sha256:{'b' * 64}", "bridge": "elsewhere.example/b:1", "pullSecrets": ["reg"]},
    "secrets": {"watch": True},
    "monitoring": {
        "labels": {"release": "stack"},
        "namespaceSelector": {"team": "metrics"},
        "slack": {"enabled": True, "secretName": "slack"},
        "serviceMonitor": {"relabelings": [{"action": "labeldrop", "regex": "pod"}]},
    },
    "networkPolicy": {"egress": {"enabled": True, "cidrs": ["203.0.113.0/24"], "apiServerCidrs": ["10.0.0.1/32"]}},
    "serviceAccount": {"annotations": {"a": "b"}},
    "service": {"annotations": {"a": "b"}, "labels": {"c": "d"}},
    "podSecurityContext": {"runAsUser": None, "runAsGroup": None, "fsGroup": None},
    "podLabels": {"team": "trading"},
    "podAnnotations": {"note": "1"},
    "commonLabels": {"cost": "7"},
    "deploymentAnnotations": {"n": "m"},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "priorityClassName": "high",
    "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["api.coinbase.com"]}],
    "revisionHistoryLimit": 0,
    "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    "extraObjects": [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-a"}},
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\n",
    ],
}

KEPT: Final[Mapping[str, tuple[tuple[str, ...], dict[str, Any]]]] = {
    "defaults": ((), {}),
    "everything": (PROMETHEUS_OPERATOR, _EVERYTHING),
    "listed-namespaces": ((), {"namespaces": ["a", 42], "aggregateRoles": True, "networkPolicy": {"enabled": False}}),
    "kubernetes-1.20": (("--kube-version=1.20.0",), {"replicas": 2}),
}
"""By name: further arguments of helm, and values."""


def helm_program() -> str | None:
    return shutil.which("helm")


def helm(*arguments: str, values: Mapping[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
    given = ("--values=-",) if values is not None else ()
    return subprocess.run(
        [str(helm_program()), *arguments, *given],
        input=yaml.safe_dump(dict(values)) if values is not None else None,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )


def template(
    *arguments: str, values: Mapping[str, Any] | None = None, release: str = "cbbot", namespace: str = "trading"
) -> subprocess.CompletedProcess[str]:
    return helm("template", release, "charts", "--namespace", namespace, *arguments, values=values)


def rendered(*arguments: str, values: Mapping[str, Any] | None = None, **named: str) -> list[dict[str, Any]]:
    """The objects; a template that is refused is a failure with helm's words."""
    ended = template(*arguments, values=values, **named)
    assert ended.returncode == 0, ended.stderr
    return [obj for obj in yaml.safe_load_all(ended.stdout) if obj]


def of_kind(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [obj for obj in objects if obj["kind"] == kind]


def one(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = of_kind(objects, kind)
    return found


def kept_text(name: str) -> str:
    """What a set of values renders, as it is kept."""
    arguments, values = KEPT[name]
    objects = rendered(*_LEFT_OUT, *arguments, values=values)
    objects.sort(key=lambda obj: (obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]))
    return yaml.safe_dump_all(objects, sort_keys=True, width=120)
