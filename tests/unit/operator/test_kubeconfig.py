from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cbbot_operator.api_access import NoAccess
from cbbot_operator.kubeconfig import Kubeconfig, KubeconfigPart, kubeconfig_files, read_kubeconfig
from cbbot_operator.kubeconfig_credentials import KubeconfigCredentials
from unit.operator.memory_cluster import Run
from unit.operator.scripted_api_server import kubeconfig


def user_part(user: dict[str, Any], folder: Path) -> KubeconfigPart:
    return KubeconfigPart("the kubeconfig's user 'u'", user, folder)


def test_of_several_kubeconfigs_the_first_word_counts_and_missing_ones_are_passed_over(tmp_path: Path) -> None:
    first, second = tmp_path / "a" / "config", tmp_path / "b" / "config"
    for path, token in ((first, "one"), (second, "two")):
        path.parent.mkdir()
        kubeconfig(path, "https://127.0.0.1", {"token": token})
    files = kubeconfig_files({"KUBECONFIG": f"{tmp_path / 'none'}:{first}:{second}"}, tmp_path)
    assert files == [first, second]
    found = read_kubeconfig(files)
    assert found.user.text("token") == "one"
    assert found.cluster.path("certificate-authority") == first.parent / "ca.crt"
    assert kubeconfig_files({}, tmp_path) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("]", "is no kubeconfig"),
        ("clusters: 3", "is no kubeconfig"),
        ("{}", "no current context"),
        ("current-context: c", "no context 'c'"),
    ],
)
def test_a_kubeconfig_that_leads_nowhere_is_told_in_words(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(NoAccess, match=words):
        read_kubeconfig([tmp_path / "config"])


@pytest.mark.parametrize(
    ("user", "authorization"),
    [
        ({"token": "t"}, "Bearer t"),
        ({"token": "t", "tokenFile": "token"}, "Bearer from a file"),
        ({"username": "u", "password": "p"}, "Basic dTpw"),
        ({}, ""),
    ],
)
def test_what_stands_in_a_kubeconfig_is_shown(
    run: Run, tmp_path: Path, user: dict[str, Any], authorization: str
) -> None:
    (tmp_path / "token").write_text("from a file\n")
    config = Kubeconfig(KubeconfigPart("c", {"server": "http://127.0.0.1"}, tmp_path), user_part(user, tmp_path), None)
    assert run(KubeconfigCredentials(config).access()).authorization == authorization


def test_a_provider_that_kubectl_has_dropped_is_named(tmp_path: Path) -> None:
    user = user_part({"auth-provider": {"name": "gcp"}}, tmp_path)
    with pytest.raises(NoAccess, match="kubectl has dropped the auth-provider gcp"):
        KubeconfigCredentials(Kubeconfig(KubeconfigPart("c", {}, tmp_path), user, None))
