"""The chart's rights are those that follow from the table of kinds: none is missing, none too many."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from cbbot_operator.kinds import KINDS, Kind
from forbidden_rights import FORBIDDEN, WILDCARD

Right = tuple[str, str, str, bool]
Roles = dict[str, set[Right]]

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "charts/templates"
HELM = shutil.which("helm")
LEASE, NAMESPACE, TRADINGBOT = KINDS["Lease"], KINDS["Namespace"], KINDS["TradingBot"]


def as_text() -> Iterator[dict[str, Any]]:
    """Documents of the templates without helm: every branch is taken, x stands for what helm would fill in."""
    helpers = (TEMPLATES / "_helpers.tpl").read_text(encoding="utf-8")
    (rules,) = re.findall(r'define "cbbot\.rules" -}}\n(.*?){{- end -}}', helpers, re.DOTALL)
    for name in ("rbac.yaml", "roles-aggregated.yaml"):
        text = (TEMPLATES / name).read_text(encoding="utf-8")
        text = re.sub(r'{{ include "cbbot\.rules" .+}}\n', rules, text)
        text = re.sub(r"^ *{{.*}}\n", "", text, flags=re.MULTILINE)
        yield from yaml.safe_load_all(re.sub(r"{{.*?}}", "x", text))


def by_helm() -> Iterator[dict[str, Any]]:
    for scope in ("namespaces", "cluster"):
        values = f"scope={scope},aggregateRoles=true,secrets.watch=true,namespaceDeletion=true"
        command = [str(HELM), "template", "x", "charts", "--set", values]
        text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
        yield from yaml.safe_load_all(text)


@pytest.fixture(
    scope="module",
    params=[as_text, pytest.param(by_helm, marks=pytest.mark.skipif(HELM is None, reason="helm is not installed"))],
)
def roles(request: pytest.FixtureRequest) -> Roles:
    """Rights of the chart's roles: group, resource, verb, and whether it is for objects of given names only."""
    found = {}
    for role in request.param():
        if role and role["kind"] in ("Role", "ClusterRole"):
            found[_purpose(role)] = {
                (*right, "resourceNames" in rule)
                for rule in role["rules"]
                for right in product(rule["apiGroups"], rule["resources"], rule["verbs"])
            }
    return found


def _purpose(role: dict[str, Any]) -> str:
    for purpose in ("view", "edit"):
        if f"aggregate-to-{purpose}" in str(role["metadata"]["labels"]):
            return purpose
    if role["metadata"]["name"].endswith("-lease"):
        return "lease"
    if role["metadata"]["name"].endswith("-deletion"):
        return "deletion"
    return "cluster" if role["kind"] == "ClusterRole" else "namespace"


def rights(kind: Kind, verbs: Iterable[str], *, named: bool = False, subresource: str = "") -> set[Right]:
    resource = f"{kind.plural}/{subresource}" if subresource else kind.plural
    return {(kind.group, resource, verb, named) for verb in verbs}


def everywhere() -> set[Right]:
    """What is needed in every watched namespace."""
    needed = rights(LEASE, LEASE.rights() - set(LEASE.verbs))
    for kind in KINDS.values():
        if kind is not LEASE:
            needed |= rights(kind, kind.rights())
        for subresource, verbs in kind.subresources.items():
            needed |= rights(kind, verbs, subresource=subresource)
    return needed


def test_a_watched_namespace_grants_what_the_table_needs(roles: Roles) -> None:
    assert roles["namespace"] == everywhere() | rights(NAMESPACE, NAMESPACE.named_verbs, named=True)


def test_the_cluster_grants_the_same_for_all_namespaces_and_what_noticing_definitions_takes(roles: Roles) -> None:
    scanned = set().union(*(rights(kind, kind.scanning_verbs) for kind in KINDS.values()))
    assert roles["cluster"] == everywhere() | rights(NAMESPACE, NAMESPACE.named_verbs) | scanned


def test_what_is_left_where_a_namespace_is_deleted_is_enough_to_let_go_and_no_more(roles: Roles) -> None:
    assert roles["deletion"] == rights(TRADINGBOT, ["get", "patch"]) | rights(
        NAMESPACE, NAMESPACE.named_verbs, named=True
    )


def test_the_lease_may_be_made_and_its_own_one_renewed(roles: Roles) -> None:
    assert roles["lease"] == rights(LEASE, LEASE.verbs) | rights(LEASE, LEASE.named_verbs, named=True)


def test_no_object_but_lease_and_namespace_is_known_by_its_name_beforehand() -> None:
    assert [kind for kind in KINDS.values() if kind.named_verbs] == [LEASE, NAMESPACE]


def test_people_who_view_or_edit_get_rights_over_tradingbots_alone(roles: Roles) -> None:
    watching = ("get", "list", "watch")
    assert roles["view"] == rights(TRADINGBOT, watching) | rights(TRADINGBOT, watching, subresource="status")
    changing = ("create", "update", "patch", "delete", "deletecollection")
    assert roles["edit"] == rights(TRADINGBOT, changing)


def test_no_role_of_the_operator_has_a_right_that_it_must_not_have(roles: Roles) -> None:
    mine = set().union(*(roles[purpose] for purpose in ("namespace", "cluster", "lease", "deletion")))
    assert len(mine) > 40
    assert [right for right in mine if WILDCARD in right] == []
    granted = {(verb, plural, group) for group, plural, verb, _ in mine}
    assert [right for right in FORBIDDEN if (right.verb, right.plural, right.group) in granted] == []


def test_the_table_of_what_it_must_not_names_what_the_roles_name(roles: Roles) -> None:
    """Spelled as the rules spell it, so that a right that is granted would be found."""
    granted = {(plural, group) for group, plural, _, _ in roles["namespace"]}
    assert len(granted & {(right.plural, right.group) for right in FORBIDDEN}) >= 8
