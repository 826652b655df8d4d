"""Faults that come to an operator: of its own process, of the API server, of other people's hands.

It runs as a process of this machine; nodes are not needed, and no pod of these TradingBots can be placed.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from cluster.api_proxy import ApiProxy, is_write, too_many_requests
from cluster.api_server import ApiServer
from cluster.kubectl import Kubectl, Note, run
from cluster.operator_process import OperatorProcess

pytestmark = pytest.mark.cluster

NAMESPACE = f"cbbot-faults-{os.getpid()}"
BOTS = f"/apis/cbbot.io/v1alpha1/namespaces/{NAMESPACE}/tradingbots"
OUTAGE_SECONDS = 60
CHILDREN = "serviceaccount,secret,configmap,pvc,service,networkpolicy,deployment"
NOWHERE = {"nodeSelector": {"cbbot.io/nowhere": "yes"}}
PAPER: dict[str, Any] = {"product": {"id": "BTC-USD"}, "bot": NOWHERE, "bridge": NOWHERE}
LIVE: dict[str, Any] = {
    **PAPER,
    "mode": "Live",
    "risk": {"maxOrderUSD": 50, "maxExposureUSD": 250},
    "exchange": {"credentialsSecretRef": {"name": "coinbase"}},
}


class Place:
    """The namespace of these tests, through the API server and kubectl."""

    def __init__(self, api_server: ApiServer, kubectl: Kubectl, bots: str = BOTS) -> None:
        self.kubectl = kubectl
        self._api_server = api_server
        self._bots = bots

    def ask(self, verb: str, path: str, body: Any = None) -> dict[str, Any]:
        content = "application/merge-patch+json" if verb == "PATCH" else "application/json"
        code, answer = self._api_server(verb, path, body, content)
        assert code < 400, answer
        return answer

    def make(self, name: str, spec: dict[str, Any]) -> None:
        body = {"apiVersion": "cbbot.io/v1alpha1", "kind": "TradingBot", "metadata": {"name": name}, "spec": spec}
        self.ask("POST", self._bots, body)

    def change(self, name: str, spec: dict[str, Any]) -> None:
        self.ask("PATCH", f"{self._bots}/{name}", {"spec": spec})

    def bot(self, name: str) -> dict[str, Any]:
        return self.ask("GET", f"{self._bots}/{name}")

    def secret(self, name: str, **values: str) -> None:
        self.kubectl("delete", "secret", name, "--ignore-not-found")
        self.kubectl("create", "secret", "generic", name, *(f"--from-literal={key}={values[key]}" for key in values))
        self.kubectl("label", "secret", name, "cbbot.io/watch=true")

    def condition(self, name: str, kind: str) -> dict[str, Any]:
        found = self.bot(name).get("status", {}).get("conditions", [])
        return next((one for one in found if one["type"] == kind), {})

    def reason(self, name: str, kind: str = "Ready") -> str:
        return str(self.condition(name, kind).get("reason", ""))

    def comes_to(self, name: str, reason: str, kind: str = "Ready", seconds: int = 40) -> None:
        path = f"jsonpath={{.status.conditions[?(@.type=='{kind}')].reason}}={reason}"
        self.kubectl.wait(f"tradingbot/{name}", path, seconds)

    def children(self, name: str) -> dict[str, dict[str, Any]]:
        items = self.kubectl.json(CHILDREN, "-l", f"cbbot.io/tradingbot={name}")["items"]
        return {f"{item['kind']}/{item['metadata']['name']}": item for item in items}


@pytest.fixture(scope="module")
def place(api_server: ApiServer) -> Iterator[Place]:
    run("kubectl", "create", "namespace", NAMESPACE)
    yield Place(api_server, Kubectl(NAMESPACE))
    bots = run("kubectl", "-n", NAMESPACE, "get", "tradingbots", "-o", "name", check=False).stdout.split()
    for bot in bots:  # nobody is left to let them go
        run(
            "kubectl",
            "-n",
            NAMESPACE,
            "patch",
            bot,
            "--type=merge",
            '-p={"metadata": {"finalizers": null}}',
            check=False,
        )
    run("kubectl", "delete", "namespace", NAMESPACE, "--wait=false")


@pytest.fixture
def proxy(api_server: ApiServer, tmp_path: Path) -> Iterator[ApiProxy]:
    with ApiProxy(api_server, tmp_path) as serving:
        yield serving


@pytest.fixture
def operator_process(place: Place, proxy: ApiProxy, tmp_path: Path) -> Iterator[OperatorProcess]:
    """One operator behind the proxy, with nobody's Lease before it."""
    place.kubectl("delete", "lease", "--all")
    with OperatorProcess(proxy.kubeconfig, NAMESPACE, tmp_path / "operator.log") as process:
        yield process
    print(process.logged()[-6000:])
    assert "Traceback" not in process.logged()


# What the API server gives each object, and what is made from the TradingBot's name.
OF_ITS_OWN = {
    "clusterIP",
    "clusterIPs",
    "volumeName",
    "BOT_ID",
    "cbbot.io/settings-hash",
    "bridge-token",
    "control-token",
}


def without_its_own(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "" if key in OF_ITS_OWN else without_its_own(inner) for key, inner in value.items()}
    return [without_its_own(item) for item in value] if isinstance(value, list) else value


def of_form(place: Place, name: str) -> dict[str, Any]:
    """The children without what differs between two TradingBots of one spec."""
    found: dict[str, Any] = {}
    for entry, child in place.children(name).items():
        kept = {key: value for key, value in child.items() if key in ("spec", "data")}
        kept |= {key: child["metadata"].get(key) for key in ("labels", "finalizers")}
        kept["owners"] = len(child["metadata"].get("ownerReferences", ()))
        found[entry.replace(name, "NAME")] = json.loads(json.dumps(without_its_own(kept)).replace(name, "NAME"))
    return found


def test_children_are_whole_whichever_write_the_operator_dies_at(
    place: Place, proxy: ApiProxy, operator_process: OperatorProcess, note: Note
) -> None:
    place.make("calm0", PAPER)
    place.comes_to("calm0", "BridgeNotReady")
    wanted = of_form(place, "calm0")
    steps = len(proxy.writes)
    started = time.monotonic()
    died = threading.Event()
    left = 0

    async def die(request: web.Request) -> web.StreamResponse | None:
        nonlocal left
        if not is_write(request) or died.is_set():
            return None
        left -= 1
        if left:
            return None
        answer = await proxy.passed_on(request)
        died.set()
        operator_process.kill()
        return answer

    for step in range(1, steps + 1):
        left = step
        died.clear()
        proxy.rule = die
        name = f"dies{chr(96 + step)}"
        place.make(name, PAPER)
        assert died.wait(40), f"write {step} never came: {proxy.writes[-20:]}"
        proxy.rule = None
    for step in range(1, steps + 1):
        name = f"dies{chr(96 + step)}"
        place.comes_to(name, "BridgeNotReady")
        assert of_form(place, name) == wanted, name
    note(f"operator killed after each of {steps} writes: {time.monotonic() - started:.1f} s")


def test_what_others_write_into_children_is_put_back(place: Place, operator_process: OperatorProcess) -> None:
    place.make("edited", PAPER)
    place.comes_to("edited", "BridgeNotReady")
    policy = json.dumps(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "edited-bot"},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]},
        }
    )
    command = ["kubectl", "-n", NAMESPACE, "apply", "--server-side", "--field-manager=somebody", "--force-conflicts"]
    subprocess.run([*command, "-f", "-"], input=policy, text=True, check=True, timeout=30, capture_output=True)
    wanted = place.children("calm0") and of_form(place, "calm0")["NetworkPolicy/NAME-bot"]["spec"]
    place.kubectl.wait("networkpolicy/edited-bot", "jsonpath={.spec.ingress[0].ports[0].port}=8080", 30)
    assert of_form(place, "edited")["NetworkPolicy/NAME-bot"]["spec"] == wanted
    place.kubectl("delete", "configmap/edited-settings", "serviceaccount/edited-pods")
    place.kubectl.wait("configmap/edited-settings", "create", 30)
    place.kubectl.wait("serviceaccount/edited-pods", "create", 30)


def test_a_secret_that_is_deleted_and_made_again_is_noticed(place: Place, operator_process: OperatorProcess) -> None:
    keys = {"COINBASE_API_KEY_NAME": "name", "COINBASE_API_PRIVATE_KEY": "key"}
    place.secret("coinbase", **keys)
    place.make("keyed", LIVE)
    place.comes_to("keyed", "BridgeNotReady")
    before = place.children("keyed")["Deployment/keyed-bridge"]["spec"]["template"]["metadata"]["annotations"]
    place.kubectl("delete", "secret", "coinbase")
    place.comes_to("keyed", "SecretMissing")
    assert place.condition("keyed", "CredentialsValid")["reason"] == "SecretMissing"
    place.secret("coinbase", **keys | {"COINBASE_API_PRIVATE_KEY": "another"})
    place.comes_to("keyed", "BridgeNotReady")
    after = place.children("keyed")["Deployment/keyed-bridge"]["spec"]["template"]["metadata"]["annotations"]
    assert after["cbbot.io/settings-hash"] != before["cbbot.io/settings-hash"]


def test_too_many_requests_are_waited_for(
    place: Place, proxy: ApiProxy, operator_process: OperatorProcess, note: Note
) -> None:
    refused = 0

    async def busy(request: web.Request) -> web.StreamResponse | None:
        nonlocal refused
        if "/leases" in request.path or "watch=" in request.query_string or refused >= 30:
            return None
        refused += 1
        return too_many_requests(retry_after=1)

    place.make("before429", PAPER)
    place.comes_to("before429", "BridgeNotReady")
    proxy.rule = busy
    started = time.monotonic()
    place.make("during429", PAPER)
    place.comes_to("during429", "BridgeNotReady", seconds=60)
    note(f"429 to 30 requests in a row: a new TradingBot had its status after {time.monotonic() - started:.1f} s")
    assert refused == 30
    assert of_form(place, "during429") == of_form(place, "before429")


def test_the_second_operator_takes_over_when_the_first_is_gone(
    place: Place, api_server: ApiServer, tmp_path: Path, note: Note
) -> None:
    kubeconfig = os.environ["KUBECONFIG"]
    place.kubectl("delete", "lease", "--all")
    with OperatorProcess(kubeconfig, NAMESPACE, tmp_path / "one.log", POD_NAME="one", restart=False) as one:
        place.kubectl.wait("lease/cbbot-operator", "jsonpath={.spec.holderIdentity}=one", 30)
        with OperatorProcess(kubeconfig, NAMESPACE, tmp_path / "two.log", POD_NAME="two") as two:
            place.make("led", PAPER)
            place.comes_to("led", "BridgeNotReady")
            one.kill()
            started = time.monotonic()
            place.change("led", {"exits": {"takeProfitPct": 7}})
            place.kubectl.wait("configmap/led-settings", "jsonpath={.data.TAKE_PROFIT_PCT}=7", 70)
            note(f"leader killed: the other operator had rolled a change out after {time.monotonic() - started:.1f} s")
            holder = place.kubectl("get", "lease/cbbot-operator", "-o", "jsonpath={.spec.holderIdentity}")
            assert holder == "two"
            assert two.logged().count('"leading"') == 1


def test_an_outage_of_the_api_server_for_a_minute_is_survived(
    place: Place, proxy: ApiProxy, operator_process: OperatorProcess, note: Note
) -> None:
    place.make("outlives", PAPER)
    place.comes_to("outlives", "BridgeNotReady")
    before = {entry: child["metadata"]["uid"] for entry, child in place.children("outlives").items()}
    tool = os.environ.get("CBBOT_CLUSTER_TOOL")
    if tool:
        run(tool, "stop-apiserver", seconds=60)
    else:
        proxy.cut()
    time.sleep(OUTAGE_SECONDS)
    if tool:
        run(tool, "start-apiserver", seconds=120)
    else:
        proxy.mend()
    started = time.monotonic()
    place.change("outlives", {"exits": {"takeProfitPct": 8}})
    place.kubectl.wait("configmap/outlives-settings", "jsonpath={.data.TAKE_PROFIT_PCT}=8", 90)
    note(
        f"API server away for {OUTAGE_SECONDS} s, operator started {operator_process.starts} times: a change was rolled "
        f"out {time.monotonic() - started:.1f} s after it was back"
    )
    assert {entry: child["metadata"]["uid"] for entry, child in place.children("outlives").items()} == before


def test_a_namespace_goes_with_paper_and_live_bots_in_it(
    place: Place, api_server: ApiServer, tmp_path: Path, note: Note
) -> None:
    doomed = f"cbbot-doomed-{os.getpid()}"
    run("kubectl", "create", "namespace", doomed)
    bots = BOTS.replace(NAMESPACE, doomed)
    own = Place(api_server, Kubectl(doomed), bots)
    own.secret("coinbase", COINBASE_API_KEY_NAME="name", COINBASE_API_PRIVATE_KEY="key")
    with OperatorProcess(os.environ["KUBECONFIG"], doomed, tmp_path / "operator.log") as process:
        for name, spec in (("paper", PAPER), ("live", LIVE)):
            own.make(name, spec)
            own.comes_to(name, "BridgeNotReady")
        own.ask("PATCH", f"{bots}/live/status", {"status": {"openLots": 2, "epoch": 3}})
        assert own.bot("live")["metadata"]["finalizers"] == ["cbbot.io/open-lots"]
        started = time.monotonic()
        run("kubectl", "delete", "namespace", doomed, "--timeout=90s", seconds=120)
        note(f"a namespace with a paper and a live bot was gone after {time.monotonic() - started:.1f} s")
        assert "let go: the namespace is being deleted" in process.logged()
