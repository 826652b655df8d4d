"""The set of fields that are ours, on a Deployment as an API server 1.20 stored it (applied_deployment.json)."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from cbbot_operator.owned_fields import owned_digest, owned_part, wanted_digest

STORED = json.loads((Path(__file__).parent / "applied_deployment.json").read_text(encoding="utf-8"))


@pytest.fixture
def live() -> dict[str, Any]:
    """With the API server's defaults and bookkeeping."""
    return copy.deepcopy(STORED["live"])


@pytest.fixture
def wanted() -> dict[str, Any]:
    return copy.deepcopy(STORED["applied"])


def set_of(live: dict[str, Any]) -> Any:
    return live["metadata"]["managedFields"][0]["fieldsV1"]


def test_what_was_applied_stands_whatever_the_server_added(live: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert live["spec"]["progressDeadlineSeconds"] == 600
    assert owned_digest(live) == wanted_digest(wanted)
    assert "progressDeadlineSeconds" not in owned_part(live)["spec"]


def test_a_field_that_somebody_changed_has_left_the_set(live: dict[str, Any], wanted: dict[str, Any]) -> None:
    live["spec"]["replicas"] = 5
    del set_of(live)["f:spec"]["f:replicas"]
    assert owned_digest(live) != wanted_digest(wanted)


def test_a_field_whose_value_is_another_is_seen_though_the_set_names_it(
    live: dict[str, Any], wanted: dict[str, Any]
) -> None:
    live["spec"]["template"]["spec"]["containers"][0]["image"] = "another"
    assert owned_digest(live) != wanted_digest(wanted)


def test_an_item_of_a_list_that_somebody_removed_is_missed(live: dict[str, Any], wanted: dict[str, Any]) -> None:
    live["spec"]["template"]["spec"]["volumes"].pop(0)
    assert owned_digest(live) != wanted_digest(wanted)


def test_what_others_added_is_not_ours(live: dict[str, Any], wanted: dict[str, Any]) -> None:
    live["spec"]["template"]["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] = "now"
    live["spec"]["template"]["spec"]["containers"].insert(0, {"name": "sidecar", "image": "x"})
    live["metadata"]["labels"]["theirs"] = "x"
    assert owned_digest(live) == wanted_digest(wanted)


def test_the_sets_of_others_and_of_patches_do_not_count(live: dict[str, Any]) -> None:
    (ours,) = live["metadata"]["managedFields"]
    strangers = {**ours, "manager": "kubectl"}, {**ours, "operation": "Update"}, {**ours, "subresource": "status"}
    for stranger in strangers:
        live["metadata"]["managedFields"] = [stranger]
        assert owned_part(live) == {}


@pytest.mark.parametrize("bookkeeping", [None, [], [{}]])
def test_without_bookkeeping_nothing_is_known_to_stand(
    live: dict[str, Any], wanted: dict[str, Any], bookkeeping: Any
) -> None:
    live["metadata"]["managedFields"] = bookkeeping
    assert owned_part(live) == {}
    assert owned_digest(live) != wanted_digest(wanted)


def test_items_of_a_set_of_values_are_taken_by_value() -> None:
    fields: dict[str, Any] = {"f:metadata": {"f:finalizers": {".": {}, 'v:"ours"': {}}}}
    entry = {"manager": "cbbot-operator", "operation": "Apply", "fieldsV1": fields}
    obj = {"metadata": {"finalizers": ["theirs", "ours"], "managedFields": [entry]}}
    assert owned_part(obj) == {"metadata": {"finalizers": ["ours"]}}
