"""How requests and watches prove who they are, while tokens run out and are replaced, against a server over TLS."""

from __future__ import annotations

import asyncio
import base64
import json
import stat
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from cbbot.errors import Retryable
from cbbot_operator.api_access import Credentials, NoAccess
from cbbot_operator.cluster import HttpCluster
from cbbot_operator.exec_plugin import run_plugin
from cbbot_operator.kubeconfig import KubeconfigPart, read_kubeconfig
from cbbot_operator.kubeconfig_credentials import KubeconfigCredentials
from cbbot_operator.service_account import ServiceAccount, in_cluster_address
from cbbot_operator.watch_evidence import WatchEvidence
from cbbot_operator.watch_login import watch_login
from unit.operator.memory_cluster import MonotonicClock, Run
from unit.operator.scripted_api_server import Authority, ScriptedApiServer, kubeconfig, serving

Use = Callable[[str], Awaitable[Any]]
VERSION = "client.authentication.k8s.io/v1"
# Gives the next line of the file "answers", and notes what it was asked.
PLUGIN = """\
import json, os, pathlib
here = pathlib.Path(__file__).parent
with open(here / "asked", "a") as asked:
    asked.write(os.environ["KUBERNETES_EXEC_INFO"] + "\\n")
first, _, rest = (here / "answers").read_text().partition("\\n")
if rest:
    (here / "answers").write_text(rest)
print(first)
"""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def server() -> ScriptedApiServer:
    return ScriptedApiServer()


@pytest.fixture
def plugin(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """A program that answers with these statuses, one after the other; gives the user that names it."""

    def write(*statuses: dict[str, Any], **fields: Any) -> dict[str, Any]:
        (tmp_path / "plugin.py").write_text(PLUGIN)
        program = tmp_path / "get-token"
        program.write_text(f"#!/bin/sh\nexec {sys.executable} {tmp_path / 'plugin.py'}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        answers = [{"apiVersion": VERSION, "kind": "ExecCredential", "status": status} for status in statuses]
        (tmp_path / "answers").write_text("".join(json.dumps(answer) + "\n" for answer in answers))
        return {"exec": {"apiVersion": VERSION, "command": "./get-token", **fields}}

    return write


def asked(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "asked").read_text().splitlines()]


def ask(server: ScriptedApiServer, authority: Authority, use: Use) -> Any:
    async def scenario() -> Any:
        async with serving(server, authority) as address:
            return await use(address)

    return asyncio.run(asyncio.wait_for(scenario(), 30))


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def jwt(seconds: float, name: str) -> str:
    claims = {"exp": datetime.now(UTC).timestamp() + seconds, "sub": name}
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{body}.{name}"


async def read_namespace(cluster: HttpCluster) -> Any:
    return (await cluster.namespace("default"))["metadata"]["name"]


def test_a_plugins_token_is_used_until_it_runs_out_and_asked_for_before(
    server: ScriptedApiServer, authority: Authority, plugin: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    server.known = {"Bearer one", "Bearer two"}
    clock = MonotonicClock()
    user = plugin({"token": "one", "expirationTimestamp": in_seconds(900)}, {"token": "two"}, provideClusterInfo=True)

    async def use(address: str) -> Any:
        config = read_kubeconfig([kubeconfig(tmp_path / "config", address, user, **{"tls-server-name": "kubernetes"})])
        async with HttpCluster(KubeconfigCredentials(config, clock)) as cluster:
            for seconds in (0, 800, 100):
                clock.advance(seconds)
                assert await read_namespace(cluster) == "default"
        return address

    address = ask(server, authority, use)
    assert server.shown == ["Bearer one", "Bearer one", "Bearer two"]
    questions = asked(tmp_path)
    assert len(questions) == 2
    assert questions[0]["spec"]["interactive"] is False
    assert questions[0]["spec"]["cluster"]["server"] == address
    assert questions[0]["spec"]["cluster"]["certificate-authority"] == str(tmp_path / "ca.crt")


def test_a_token_that_the_server_no_longer_knows_is_replaced_within_the_same_request(
    server: ScriptedApiServer, authority: Authority, plugin: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    server.known = {"Bearer two"}
    clock = MonotonicClock()
    user = plugin({"token": "one"}, {"token": "two"})

    async def use(address: str) -> None:
        config = read_kubeconfig([kubeconfig(tmp_path / "config", address, user)])
        credentials = KubeconfigCredentials(config, clock)
        await credentials.access()
        clock.advance(60)
        async with HttpCluster(credentials) as cluster:
            await cluster.apply({"kind": "Secret", "metadata": {"namespace": "n", "name": "s"}, "data": {}})

    ask(server, authority, use)
    assert server.shown == ["Bearer one", "Bearer two"]


def test_a_plugin_whose_tokens_are_never_good_is_not_run_for_every_request(
    server: ScriptedApiServer, authority: Authority, plugin: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    user = plugin({"token": "bad"})

    async def use(address: str) -> None:
        config = read_kubeconfig([kubeconfig(tmp_path / "config", address, user)])
        async with HttpCluster(KubeconfigCredentials(config, MonotonicClock())) as cluster:
            for _ in range(5):
                with pytest.raises(Retryable, match="401: Unauthorized"):
                    await read_namespace(cluster)

    ask(server, authority, use)
    assert len(asked(tmp_path)) == 1


def test_a_plugin_that_fails_once_does_not_end_a_token_that_is_still_good(
    server: ScriptedApiServer,
    authority: Authority,
    plugin: Callable[..., dict[str, Any]],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.known = {"Bearer one"}
    clock = MonotonicClock()
    user = plugin({"token": "one", "expirationTimestamp": in_seconds(900)}, {})

    async def use(address: str) -> None:
        config = read_kubeconfig([kubeconfig(tmp_path / "config", address, user)])
        async with HttpCluster(KubeconfigCredentials(config, clock)) as cluster:
            await read_namespace(cluster)
            clock.advance(870)
            await read_namespace(cluster)
            clock.advance(60)
            with pytest.raises(NoAccess, match="neither a token nor a certificate"):
                await read_namespace(cluster)

    ask(server, authority, use)
    assert "the present ones are still good" in caplog.text


def test_a_plugins_certificate_is_shown_and_replaced_when_it_is_refused(
    server: ScriptedApiServer, authority: Authority, plugin: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    (first, first_key), (second, second_key) = authority.issue("one"), authority.issue("two")
    server.known = {"one"}
    clock = MonotonicClock()
    user = plugin(
        {"clientCertificateData": first, "clientKeyData": first_key},
        {"clientCertificateData": second, "clientKeyData": second_key},
    )

    async def use(address: str) -> None:
        config = read_kubeconfig([kubeconfig(tmp_path / "config", address, user)])
        async with HttpCluster(KubeconfigCredentials(config, clock)) as cluster:
            await read_namespace(cluster)
            server.known = {"two"}
            clock.advance(60)
            with pytest.raises(Retryable, match="401"):
                await read_namespace(cluster)
            await read_namespace(cluster)

    ask(server, authority, use)
    assert server.shown == ["one", "one", "two"]


def run_user(run: Run, user: dict[str, Any], folder: Path, seconds: float = 20.0) -> None:
    run(run_plugin(KubeconfigPart("the user", user, folder), KubeconfigPart("cluster", {}, folder), seconds))


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 3", "ended with 3"),
        ("echo log in again >&2; exit 1", "log in again"),
        ("echo hello", "did not answer with an ExecCredential"),
        ("sleep 60", "gave no credentials in 0 s"),
        ("""echo '{"apiVersion":"v0","status":{"token":"t"}}'""", f"speaks v0, and the kubeconfig wants {VERSION}"),
        (f"""echo '{{"apiVersion":"{VERSION}","status":{{"token":"t","expirationTimestamp":"soon"}}}}'""", "did not"),
    ],
)
def test_a_plugin_that_gives_nothing_is_told_in_words(run: Run, tmp_path: Path, script: str, words: str) -> None:
    user = {"exec": {"apiVersion": VERSION, "command": "sh", "args": ["-c", script]}}
    with pytest.raises(NoAccess, match=words):
        run_user(run, user, tmp_path, 0.2 if "sleep" in script else 20.0)


def test_a_plugin_that_is_not_installed_or_wants_a_person_is_told_with_its_hint(run: Run, tmp_path: Path) -> None:
    missing = {"apiVersion": VERSION, "command": "no-such-plugin", "installHint": "Install it so."}
    with pytest.raises(NoAccess, match=r"no-such-plugin is not installed\. Install it so\."):
        run_user(run, {"exec": missing}, tmp_path)
    asking = {"apiVersion": VERSION, "command": "sh", "interactiveMode": "Always"}
    with pytest.raises(NoAccess, match="wants to ask a person"):
        run_user(run, {"exec": asking}, tmp_path)


def test_an_oidc_token_that_has_run_out_is_refreshed_at_its_issuer(
    server: ScriptedApiServer, authority: Authority, tmp_path: Path
) -> None:
    old, new = jwt(-10, "old"), jwt(3600, "new")
    forms: list[dict[str, Any]] = []

    async def issue(request: web.Request) -> web.StreamResponse:
        if request.path == "/issuer/.well-known/openid-configuration":
            return web.json_response({"token_endpoint": f"{server.address}/token"})
        if request.path == "/token":
            forms.append(dict(await request.post()))
            return web.json_response({"id_token": new, "refresh_token": "next"})
        return web.json_response({"metadata": {"name": "default"}})

    server.answer = issue
    server.known = {"", aiohttp.encode_basic_auth("cbbot", "s3cret"), f"Bearer {new}"}

    async def use(address: str) -> None:
        provider = {
            "id-token": old,
            "refresh-token": "first",
            "client-id": "cbbot",
            "client-secret": "s3cret",
            "idp-issuer-url": f"{address}/issuer",
            "idp-certificate-authority": "ca.crt",
        }
        user = {"auth-provider": {"name": "oidc", "config": provider}}
        clock = MonotonicClock()
        config = read_kubeconfig([kubeconfig(tmp_path / "config", address, user)])
        async with HttpCluster(KubeconfigCredentials(config, clock)) as cluster:
            await read_namespace(cluster)
            clock.advance(3590)
            await read_namespace(cluster)

    ask(server, authority, use)
    assert [form["refresh_token"] for form in forms] == ["first", "next"]
    assert forms[0]["grant_type"] == "refresh_token"
    assert f"Bearer {old}" not in server.shown


def test_an_issuer_that_nobody_vouches_for_is_told_no_secret(
    server: ScriptedApiServer, authority: Authority, tmp_path: Path
) -> None:
    provider = {"refresh-token": "r", "client-id": "c", "client-secret": "s"}

    async def use(address: str) -> None:
        provider["idp-issuer-url"] = address
        user = {"auth-provider": {"name": "oidc", "config": provider}}
        config = read_kubeconfig([kubeconfig(tmp_path / "config", address, user)])
        with pytest.raises(NoAccess, match="certificate verify failed"):
            await KubeconfigCredentials(config).access()

    ask(server, authority, use)
    assert server.shown == []


def test_a_service_accounts_token_is_read_again_when_it_was_replaced(
    server: ScriptedApiServer, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("one\n")
    clock = MonotonicClock()

    async def use(address: str) -> None:
        async with HttpCluster(ServiceAccount(tmp_path, address, clock)) as cluster:
            server.known = {"Bearer one", "Bearer two"}
            await read_namespace(cluster)
            (tmp_path / "token").write_text("two\n")
            await read_namespace(cluster)
            clock.advance(61)
            await read_namespace(cluster)
            (tmp_path / "token").write_text("three\n")
            server.known = {"Bearer three"}
            await read_namespace(cluster)

    ask(server, authority, use)
    assert server.shown == ["Bearer one", "Bearer one", "Bearer two", "Bearer two", "Bearer three"]


def test_watches_show_the_renewed_token_without_another_login(
    server: ScriptedApiServer, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("one")

    async def use(address: str) -> None:
        credentials: Credentials = ServiceAccount(tmp_path, address)
        login = await watch_login(credentials, WatchEvidence([]))()
        async with login.aiohttp_session as session:
            server.known = {"Bearer one"}
            for known in ("one", "two"):
                (tmp_path / "token").write_text(known)
                server.known = {f"Bearer {known}"}
                async with session.get(f"{login.server}/api") as response:
                    assert response.status == 200

    ask(server, authority, use)
    assert server.shown == ["Bearer one", "Bearer one", "Bearer two"]


def test_a_service_account_without_its_files_is_no_way_in(run: Run, tmp_path: Path) -> None:
    with pytest.raises(NoAccess, match="cannot be read"):
        run(ServiceAccount(tmp_path, "https://kubernetes.default.svc").access())


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({}, "https://kubernetes.default.svc"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"}, "https://10.0.0.1:6443"),
        ({"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}, "https://[fd00::1]:443"),
    ],
)
def test_a_pod_knows_where_its_api_server_is(environment: dict[str, str], address: str) -> None:
    assert in_cluster_address(environment) == address
