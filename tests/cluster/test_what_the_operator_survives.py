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

import pytest
from aiohttp import web

from cluster.api_proxy import ApiProxy, Rule, is_write, too_many_requests
from cluster.api_server import ApiServer
from cluster.kubectl import Note, run
from cluster.operator_process import OperatorProcess
from cluster.unplaced_bots import LIVE, PAPER, Place, of_form
from prerequisites import missing

pytestmark = pytest.mark.cluster

# The whole of it takes minutes: `make long` asks for that.
WHOLE = "OPERATOR_FAULTS_WHOLE" in os.environ
OUTAGE_SECONDS = 60 if WHOLE else 15
BUSY_SECONDS = 10
QUIET_SECONDS = 12
FORCED = "cbbot.io/force-delete=true"
COLLECTED = "serviceaccount,secret,configmap,service,networkpolicy,deployment"


@pytest.fixture(scope="module")
def place(api_server: ApiServer) -> Iterator[Place]:
    name = f"cbbot-faults-{os.getpid()}"
    run("kubectl", "create", "namespace", name)
    place = Place(api_server, name)
    yield place
    run("kubectl", "delete", "namespace", name, "--wait=false")


@pytest.fixture
def proxy(api_server: ApiServer, tmp_path: Path) -> Iterator[ApiProxy]:
    with ApiProxy(api_server, tmp_path) as serving:
        yield serving


@pytest.fixture
def one_operator(place: Place, proxy: ApiProxy, tmp_path: Path) -> Iterator[OperatorProcess]:
    """Behind the proxy, with nobody's Lease before it."""
    place.kubectl("delete", "lease", "--all")
    with OperatorProcess(proxy.kubeconfig, place.namespace, tmp_path / "operator.log") as process:
        yield process
    print(process.logged()[-6000:])
    for bot in place.kubectl("get", "tradingbots", "-o", "name").split():  # nobody is left to let them go
        place.kubectl("patch", bot, "--type=merge", '-p={"metadata": {"finalizers": null}}')
    place.kubectl("delete", "tradingbots", "--all")


def test_children_are_whole_whichever_write_the_operator_dies_at(
    place: Place, proxy: ApiProxy, one_operator: OperatorProcess, note: Note
) -> None:
    place.make("calm", PAPER)
    place.comes_to("calm", "BridgeNotReady")
    wanted = of_form(place, "calm")
    steps = sum(1 for write in proxy.writes if "/calm" in write)
    assert steps > len(wanted)
    started = time.monotonic()
    chosen = range(1, steps + 1) if WHOLE else sorted({1, 2, *range(3, steps, 3), steps - 1, steps})
    names = [f"dies{chr(ord('a') + step)}" for step in chosen]
    for step, name in zip(chosen, names, strict=True):
        died = threading.Event()
        proxy.rule = _death(proxy, one_operator, name, step, died)
        place.make(name, PAPER)
        assert died.wait(40), f"write {step} about {name} never came: {proxy.writes[-20:]}"
        proxy.rule = None
    for name in names:
        place.comes_to(name, "BridgeNotReady")
        assert of_form(place, name) == wanted, name
    note(f"operator killed after each of {len(names)} of {steps} writes: {time.monotonic() - started:.1f} s")


def _death(proxy: ApiProxy, operator: OperatorProcess, name: str, writes: int, died: threading.Event) -> Rule:
    """Kill the operator once the API server has done the last of so many writes about a TradingBot."""
    left = writes

    async def rule(request: web.Request) -> web.StreamResponse | None:
        nonlocal left
        if not is_write(request) or f"/{name}" not in request.path or died.is_set():
            return None
        left -= 1
        if left:
            return None
        answer = await proxy.passed_on(request)
        died.set()
        operator.kill()
        return answer

    return rule


def test_nothing_is_left_whichever_write_of_letting_go_the_operator_dies_at(
    place: Place, proxy: ApiProxy, one_operator: OperatorProcess, note: Note
) -> None:
    place.secret("coinbase", COINBASE_API_KEY_NAME="name", COINBASE_API_PRIVATE_KEY="key")
    place.make("goes", LIVE)
    place.comes_to("goes", "BridgeNotReady")
    children = len(place.children("goes"))
    # Its volume may hold lots: nobody knows better.
    place.kubectl("annotate", "tradingbot/goes", FORCED)
    before = len(proxy.writes)
    place.kubectl("delete", "tradingbot/goes", "--timeout=40s")
    steps = sum(1 for write in proxy.writes[before:] if "/goes" in write)
    # Each but the volume is handed over, then the finalizer goes; a status may be written in between, or not.
    assert steps >= children
    chosen = list(range(1, children + 1)) if WHOLE else sorted({1, children // 2, children - 1, children})
    names = [f"goes{chr(ord('a') + number)}" for number in range(len(chosen))]
    for name in names:
        place.make(name, LIVE)
    for name in names:
        place.comes_to(name, "BridgeNotReady")
        place.kubectl("annotate", f"tradingbot/{name}", FORCED)
    for step, name in zip(chosen, names, strict=True):
        died = threading.Event()
        proxy.rule = _death(proxy, one_operator, name, step, died)
        place.kubectl("delete", f"tradingbot/{name}", "--wait=false")
        assert died.wait(40), f"write {step} about {name} never came: {proxy.writes[-20:]}"
        proxy.rule = None
    for name in names:
        place.kubectl.wait(f"tradingbot/{name}", "delete", 40)
        gone = ("wait", COLLECTED, "-l", f"cbbot.io/tradingbot={name}", "--for=delete", "--timeout=60s")
        place.kubectl(*gone, seconds=90, check=False)  # where nothing is left, there is nothing to wait for
    assert {name: sorted(place.children(name)) for name in names} == {
        name: [f"PersistentVolumeClaim/{name}-state"] for name in names
    }
    note(f"operator killed after each of writes {chosen} of letting a TradingBot go: nothing was left")


@pytest.mark.usefixtures("one_operator")
def test_what_others_write_into_children_is_put_back(place: Place) -> None:
    place.make("edited", PAPER)
    place.comes_to("edited", "BridgeNotReady")
    wanted = of_form(place, "edited")["NetworkPolicy/NAME-bot"]["spec"]
    policy = json.dumps(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "edited-bot"},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]},
        }
    )
    command = [
        "kubectl",
        "-n",
        place.namespace,
        "apply",
        "--server-side",
        "--field-manager=somebody",
        "--force-conflicts",
    ]
    subprocess.run([*command, "-f", "-"], input=policy, text=True, check=True, timeout=30, capture_output=True)
    place.kubectl.wait("networkpolicy/edited-bot", "jsonpath={.spec.ingress[0].ports[0].port}=8080", 30)
    assert of_form(place, "edited")["NetworkPolicy/NAME-bot"]["spec"] == wanted
    place.kubectl("delete", "configmap/edited-settings", "serviceaccount/edited-pods")
    place.kubectl.wait("configmap/edited-settings", "create", 30)
    place.kubectl.wait("serviceaccount/edited-pods", "create", 30)


@pytest.mark.usefixtures("one_operator")
def test_a_secret_that_is_deleted_and_made_again_is_noticed(place: Place) -> None:
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
    assert after["cbbot.io/api-key-fingerprint"] != before["cbbot.io/api-key-fingerprint"]


@pytest.mark.usefixtures("one_operator")
def test_too_many_requests_are_waited_for(place: Place, proxy: ApiProxy, note: Note) -> None:
    refused: list[float] = []

    async def busy(request: web.Request) -> web.StreamResponse | None:
        if "/leases" in request.path or "watch=" in request.query_string:
            return None
        refused.append(time.monotonic())
        return too_many_requests(retry_after=1) if refused[-1] - refused[0] < BUSY_SECONDS else None

    place.make("before429", PAPER)
    place.comes_to("before429", "BridgeNotReady")
    proxy.rule = busy
    place.make("during429", PAPER)
    place.comes_to("during429", "BridgeNotReady", seconds=BUSY_SECONDS + 30)
    proxy.rule = None
    asked = sum(1 for at in refused if at - refused[0] < BUSY_SECONDS)
    note(
        f"429 for {BUSY_SECONDS} s: {asked} requests were made meanwhile; a new TradingBot had its status "
        f"{time.monotonic() - refused[0] - BUSY_SECONDS:.1f} s after"
    )
    assert asked < 20 * BUSY_SECONDS
    assert of_form(place, "during429") == of_form(place, "before429")


def test_the_second_operator_takes_over_when_the_first_is_gone(place: Place, tmp_path: Path, note: Note) -> None:
    kubeconfig = os.environ["KUBECONFIG"]
    place.kubectl("delete", "lease", "--all")
    with OperatorProcess(kubeconfig, place.namespace, tmp_path / "one.log", POD_NAME="one", restart=False) as one:
        place.kubectl.wait("lease/cbbot-operator", "create", 30)
        place.kubectl.wait("lease/cbbot-operator", "jsonpath={.spec.holderIdentity}=one", 30)
        with OperatorProcess(kubeconfig, place.namespace, tmp_path / "two.log", POD_NAME="two") as two:
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


def test_two_operators_that_both_lead_do_not_undo_each_other(place: Place, proxy: ApiProxy, tmp_path: Path) -> None:
    """As with two releases that watch one namespace."""
    if not WHOLE:
        missing("half a minute, which make long takes", required_by="OPERATOR_FAULTS_WHOLE")
    place.kubectl("delete", "lease", "--all")
    with (
        OperatorProcess(proxy.kubeconfig, place.namespace, tmp_path / "1.log", CBBOT_LEASE_NAME="one"),
        OperatorProcess(proxy.kubeconfig, place.namespace, tmp_path / "2.log", CBBOT_LEASE_NAME="two"),
    ):
        for lease in ("one", "two"):
            place.kubectl.wait(f"lease/{lease}", "create", 30)
        place.make("led-twice", PAPER)
        place.comes_to("led-twice", "BridgeFailing", kind="Degraded", seconds=60)
        # Each says it once. Then what is tested is that nothing happens.
        threading.Event().wait(QUIET_SECONDS)
        before = list(proxy.writes)
        threading.Event().wait(QUIET_SECONDS)
        assert proxy.writes[len(before) :] == []


def test_an_outage_of_the_api_server_is_survived(
    place: Place, proxy: ApiProxy, one_operator: OperatorProcess, note: Note
) -> None:
    place.make("outlives", PAPER)
    place.comes_to("outlives", "BridgeNotReady")
    before = {entry: child["metadata"]["uid"] for entry, child in place.children("outlives").items()}
    tool = os.environ.get("CBBOT_CLUSTER_TOOL")
    if tool:
        run(tool, "stop-apiserver", seconds=60)
    else:
        proxy.cut()
    # How long it lasts is what is tested: nothing happens that could be waited for.
    threading.Event().wait(OUTAGE_SECONDS)
    if tool:
        run(tool, "start-apiserver", seconds=120)
    else:
        proxy.mend()
    started = time.monotonic()
    place.change("outlives", {"exits": {"takeProfitPct": 8}})
    place.kubectl.wait("configmap/outlives-settings", "jsonpath={.data.TAKE_PROFIT_PCT}=8", 90)
    note(
        f"API server away for {OUTAGE_SECONDS} s, operator started {one_operator.starts} times: a change was "
        f"rolled out {time.monotonic() - started:.1f} s after it was back"
    )
    assert {entry: child["metadata"]["uid"] for entry, child in place.children("outlives").items()} == before


def test_a_namespace_goes_with_paper_and_live_bots_in_it(api_server: ApiServer, tmp_path: Path, note: Note) -> None:
    doomed = f"cbbot-doomed-{os.getpid()}"
    run("kubectl", "create", "namespace", doomed)
    own = Place(api_server, doomed)
    own.secret("coinbase", COINBASE_API_KEY_NAME="name", COINBASE_API_PRIVATE_KEY="key")
    with OperatorProcess(os.environ["KUBECONFIG"], doomed, tmp_path / "operator.log") as process:
        for name, spec in (("paper", PAPER), ("live", LIVE)):
            own.make(name, spec)
            own.comes_to(name, "BridgeNotReady")
        own.ask("PATCH", f"{own.bots}/live/status", {"status": {"openLots": 2, "epoch": 3}})
        assert own.bot("live")["metadata"]["finalizers"] == ["cbbot.io/open-lots"]
        started = time.monotonic()
        run("kubectl", "delete", "namespace", doomed, "--timeout=90s", seconds=120)
        note(f"a namespace with a paper and a live bot was gone after {time.monotonic() - started:.1f} s")
        assert "let go: the namespace is being deleted" in process.logged()
