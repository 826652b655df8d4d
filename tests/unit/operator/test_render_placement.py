from __future__ import annotations

from typing import Any

import pytest

from cbbot_operator.inherited import Inherited
from unit.operator.rendered_tradingbots import pod, rendered


def test_a_pod_is_placed_labelled_and_named_as_its_spec_says_and_is_found_by_our_labels(paper: dict[str, Any]) -> None:
    spread = [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}]
    paper["bridge"] = {
        "podLabels": {"team": "ours", "cbbot.io/tradingbot": "another"},
        "priorityClassName": "high",
        "topologySpreadConstraints": spread,
        "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["api.coinbase.com"]}],
    }
    objects = rendered(paper)
    labels = pod(objects, "bridge")["metadata"]["labels"]
    assert (labels["team"], labels["cbbot.io/tradingbot"]) == ("ours", "btc")
    spec = pod(objects, "bridge")["spec"]
    assert (spec["priorityClassName"], spec["topologySpreadConstraints"]) == ("high", spread)
    assert spec["hostAliases"] == [{"ip": "192.0.2.1", "hostnames": ["api.coinbase.com"]}]
    assert {"priorityClassName", "topologySpreadConstraints", "hostAliases"}.isdisjoint(pod(objects, "bot")["spec"])


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ({}, (10001, 10001, 10001)),
        ({"runAsUser": 1234, "fsGroup": 77}, (1234, 1234, 77)),
        ({"runAsUser": 0}, (None, None, None)),
    ],
)
def test_who_a_pod_runs_as_may_be_said_or_left_to_the_cluster_and_the_rest_stays(
    paper: dict[str, Any], given: dict[str, Any], ids: tuple[int | None, ...]
) -> None:
    paper["bot"] = {"securityContext": {**given, "supplementalGroups": [5]}}
    context = pod(rendered(paper), "bot")["spec"]["securityContext"]
    assert tuple(context.get(field) for field in ("runAsUser", "runAsGroup", "fsGroup")) == ids
    assert context["runAsNonRoot"] is True
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert context["supplementalGroups"] == [5]


def test_one_setting_of_the_operators_leaves_it_to_the_cluster_who_every_pod_runs_as(paper: dict[str, Any]) -> None:
    objects = rendered(paper, inherited=Inherited(pod_user=0))
    for component in ("bot", "bridge"):
        context = pod(objects, component)["spec"]["securityContext"]
        assert {"runAsUser", "runAsGroup", "fsGroup"}.isdisjoint(context)
        assert context["runAsNonRoot"] is True
