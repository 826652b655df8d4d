"""Every pod of the chart is one that Pod Security `restricted` admits, whatever the values are."""

from __future__ import annotations

from typing import Any

import pytest

from chart.rendered_charts import KEPT, rendered
from pod_security import forbidden_by_restricted

pytestmark = pytest.mark.usefixtures("needs_helm")


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The specs of pods, and of those that a workload makes, by its name."""
    found = {}
    for obj in objects:
        spec = obj.get("spec") or {}
        spec = spec.get("jobTemplate", {}).get("spec") or spec
        if obj["kind"] == "Pod" or "template" in spec:
            found[obj["metadata"]["name"]] = spec if obj["kind"] == "Pod" else spec["template"]["spec"]
    return found


@pytest.mark.parametrize("name", KEPT)
def test_every_pod_of_the_chart_is_admitted_by_restricted(name: str) -> None:
    arguments, values = KEPT[name]
    found = pods(rendered(*arguments, values=values))
    assert len(found) >= 2, "the operator's, and that of helm test"
    assert {pod: why for pod, spec in found.items() if (why := forbidden_by_restricted(spec))} == {}
