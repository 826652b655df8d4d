"""What the API server says that the operator may do and may not, asked as a person asks: ``kubectl auth can-i``."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from cluster.kubectl import NAMESPACE, Kubectl, run
from forbidden_rights import FORBIDDEN, WILDCARD, Right

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]

OPERATOR = f"system:serviceaccount:{NAMESPACE}:cbbot-operator"
BOT = f"system:serviceaccount:{NAMESPACE}:can-i-pods"
NEEDED = (
    Right("patch", "deployments.apps"),
    Right("create", "secrets"),
    Right("patch", "tradingbots.cbbot.io/status"),
    Right("create", "persistentvolumeclaims"),
    Right("watch", "pods"),
)
ELSEWHERE = (
    *NEEDED,
    Right("get", "secrets"),
    Right("list", "secrets"),
    Right("list", "tradingbots.cbbot.io"),
    Right("get", "configmaps"),
)


def may(who: str, right: Right, namespace: str) -> bool:
    name, _, subresource = right.resource.partition("/")
    options = [f"--subresource={subresource}"] if subresource else []
    command = ("kubectl", "auth", "can-i", right.verb, name, *options, f"--as={who}", f"--namespace={namespace}")
    answer = run(*command, check=False)
    assert answer.stdout.strip() in ("yes", "no"), answer.stderr
    return answer.stdout.strip() == "yes"


def allowed(who: str, rights: tuple[Right, ...], namespace: str) -> list[Right]:
    with ThreadPoolExecutor(max_workers=4) as pool:
        answers = pool.map(lambda right: may(who, right, namespace), rights)
        return [right for right, answer in zip(rights, answers, strict=True) if answer]


def test_in_its_namespace_it_may_do_what_it_needs() -> None:
    assert allowed(OPERATOR, NEEDED, NAMESPACE) == list(NEEDED)


def test_in_its_namespace_it_may_do_nothing_that_it_must_not() -> None:
    assert allowed(OPERATOR, (*FORBIDDEN, Right(WILDCARD, WILDCARD)), NAMESPACE) == []


@pytest.mark.parametrize("namespace", ["default", "kube-system"])
def test_in_another_namespace_it_may_do_nothing(namespace: str) -> None:
    assert allowed(OPERATOR, ELSEWHERE, namespace) == []


def test_a_bots_pods_may_do_nothing_at_all(kubectl: Kubectl) -> None:
    """They have no token either; should one be given to them, it is worth nothing."""
    assert kubectl
    assert allowed(BOT, (*NEEDED, *ELSEWHERE), NAMESPACE) == []
