"""What the API server refuses, and what a person then reads.

The words are those of one version, which the suite names by CBBOT_CLUSTER_WORDS; any other must refuse the same.
"""

from __future__ import annotations

import os

import pytest

from cluster.api_server import ApiServer
from cluster.kubectl import Kubectl
from cluster.refusing import changed, created
from refused_tradingbots import ACCEPTED, ACCEPTED_CHANGES, REFUSED_CHANGES, cases, read

pytestmark = pytest.mark.cluster

NAMESPACE = "default"
PAPER = {"product": {"id": "BTC-USD"}}


def differing(said: dict[str, str]) -> dict[str, tuple[str, str]]:
    """What was said against what is in the file; of a version whose words are others only what was taken."""
    known = read()
    the_words = "CBBOT_CLUSTER_WORDS" in os.environ
    return {
        name: (words, known[name]["api_server"])
        for name, words in said.items()
        if not words or (the_words and words != known[name]["api_server"])
    }


def test_every_mistake_is_refused_in_the_words_of_the_file(api_server: ApiServer) -> None:
    assert differing({case.name: created(api_server, NAMESPACE, case.spec) for case in cases()}) == {}


def test_what_never_changes_cannot_be_changed(api_server: ApiServer) -> None:
    assert differing({change.name: changed(api_server, NAMESPACE, change) for change in REFUSED_CHANGES}) == {}


def test_what_just_keeps_a_rule_is_taken(api_server: ApiServer) -> None:
    said = {name: created(api_server, NAMESPACE, PAPER | spec) for name, spec in ACCEPTED.items()}
    said |= {change.name: changed(api_server, NAMESPACE, change) for change in ACCEPTED_CHANGES}
    assert {name: words for name, words in said.items() if words} == {}


FORM = "metadata.name in body should match '^[a-z]([-a-z0-9]*[a-z0-9])?$'"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("b" * 63, "metadata.name: Too long: may not be more than 45 bytes"),
        ("btc.paper", f'metadata.name: Invalid value: "btc.paper": {FORM}'),
        ("4btc", f'metadata.name: Invalid value: "4btc": {FORM}'),
    ],
)
def test_a_name_that_its_services_could_not_have_is_refused(api_server: ApiServer, name: str, words: str) -> None:
    said = created(api_server, NAMESPACE, PAPER, name)
    assert words in said if "CBBOT_CLUSTER_WORDS" in os.environ else said


def test_the_longest_name_is_taken(api_server: ApiServer) -> None:
    assert created(api_server, NAMESPACE, PAPER, "b" * 45) == ""


def test_kubectl_shows_the_words(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("refused") / "bot.yaml"
    path.write_text(
        "{apiVersion: cbbot.io/v1alpha1, kind: TradingBot, metadata: {name: btc}, "
        "spec: {product: {id: BTC-USD}, strategy: {maFast: 30}}}",
        encoding="utf-8",
    )
    shown = kubectl.refused("apply", "--dry-run=server", "-f", str(path))
    assert "spec.strategy.maFast must be below spec.strategy.maSlow" in shown
