"""What people do to children by hand, on a real API server: each is put back, and none holds up another."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.api_server import ApiServer
from cluster.kubectl import run
from cluster.operator_process import OperatorProcess
from cluster.unplaced_bots import PAPER, Place

pytestmark = pytest.mark.cluster

Change = dict[str, Any]


@pytest.fixture(scope="module")
def place(api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A namespace with an operator at work."""
    name = f"cbbot-by-hand-{os.getpid()}"
    run("kubectl", "create", "namespace", name)
    place = Place(api_server, name)
    log: Path = tmp_path_factory.mktemp("operator") / "operator.log"
    with OperatorProcess(os.environ["KUBECONFIG"], name, log):
        yield place
    print(log.read_text(encoding="utf-8")[-6000:])
    run("kubectl", "delete", "namespace", name, "--wait=false")


@pytest.fixture
def bot(place: Place, request: pytest.FixtureRequest) -> str:
    """A TradingBot whose children are there."""
    name = f"b{abs(hash(request.node.name)) % 10**6}"
    place.make(name, PAPER)
    place.comes_to(name, "BridgeNotReady")
    return name


def edit(place: Place, kind: str, name: str, change: Change) -> int:
    """Change it as a person does; its generation by that very change."""
    patched = place.kubectl("patch", kind, name, "--type=merge", f"-p={json.dumps(change)}", "-o", "json")
    return int(json.loads(patched)["metadata"].get("generation", 0))


def template(place: Place, name: str) -> dict[str, Any]:
    found: dict[str, Any] = place.kubectl.json("deployment", name)["spec"]["template"]
    return found


def becomes(place: Place, resource: str, path: str, seconds: int = 40) -> None:
    place.kubectl.wait(resource, f"jsonpath={path}", seconds)


def test_a_service_whose_port_was_changed_has_its_port_again(place: Place, bot: str) -> None:
    address = place.kubectl.json("service", f"{bot}-bot")["spec"]["clusterIP"]
    edit(place, "service", f"{bot}-bot", {"spec": {"ports": [{"name": "http", "port": 9999, "protocol": "TCP"}]}})
    becomes(place, f"service/{bot}-bot", "{.spec.ports[0].port}=8080")
    spec = place.kubectl.json("service", f"{bot}-bot")["spec"]
    assert (len(spec["ports"]), spec["clusterIP"]) == (1, address)


def test_an_immutable_settings_map_is_made_anew_for_a_changed_spec(place: Place, bot: str) -> None:
    edit(place, "configmap", f"{bot}-settings", {"immutable": True})
    place.change(bot, {"exits": {"takeProfitPct": 3}})
    # Pods are replaced once what they read is there.
    becomes(place, f"deployment/{bot}-bot", "{.metadata.generation}=2")
    assert place.kubectl.json("configmap", f"{bot}-settings")["data"]["TAKE_PROFIT_PCT"] == "3"


def test_another_strategy_of_roll_out_is_taken_back(place: Place, bot: str) -> None:
    edit(place, "deployment", f"{bot}-bot", {"spec": {"strategy": {"type": "RollingUpdate"}}})
    becomes(place, f"deployment/{bot}-bot", "{.spec.strategy.type}=Recreate")
    assert place.kubectl.json("deployment", f"{bot}-bot")["spec"]["strategy"] == {"type": "Recreate"}


ADDITIONS: list[Callable[[dict[str, Any]], Change]] = [
    lambda _: {"hostNetwork": True},
    lambda pod: {"containers": [*pod["containers"], {"name": "sidecar", "image": "x"}]},
    lambda pod: {
        "containers": [
            {**pod["containers"][0], "env": [*pod["containers"][0]["env"], {"name": "TAKE_PROFIT_PCT", "value": "9"}]}
        ]
    },
    lambda _: {"initContainers": [{"name": "first", "image": "x"}]},
    lambda pod: {"volumes": [*pod["volumes"], {"name": "host", "hostPath": {"path": "/"}}]},
    lambda pod: {
        "containers": [
            {**pod["containers"][0], "securityContext": {**pod["containers"][0]["securityContext"], "runAsUser": 0}}
        ]
    },
]


@pytest.mark.parametrize("addition", ADDITIONS, ids=["host", "sidecar", "setting", "init", "hostPath", "root"])
def test_what_nobody_may_add_is_removed_from_the_pods(
    place: Place, bot: str, addition: Callable[[dict[str, Any]], Change]
) -> None:
    name = f"{bot}-bot"
    place.kubectl("rollout", "restart", f"deployment/{name}")
    before = template(place, name)
    generation = edit(place, "deployment", name, {"spec": {"template": {"spec": addition(before["spec"])}}})
    becomes(place, f"deployment/{name}", f"{{.metadata.generation}}={generation + 1}")
    assert template(place, name) == before


def test_a_volume_that_cannot_grow_holds_up_neither_the_policy_nor_the_stop(place: Place, bot: str) -> None:
    place.change(bot, {"state": {"size": "2Gi"}})
    place.comes_to(bot, "ReconcileFailed")
    message = place.condition(bot, "Ready")["message"]
    assert message.startswith(f"PersistentVolumeClaim {bot}-state: ")
    edit(place, "networkpolicy", f"{bot}-bot", {"spec": {"ingress": [{}]}})
    place.change(bot, {"suspend": True})
    becomes(place, f"deployment/{bot}-bot", "{.spec.replicas}=0")
    becomes(place, f"networkpolicy/{bot}-bot", "{.spec.ingress[0].ports[0].port}=8080")


def test_somebody_elses_service_is_left_alone_and_named(place: Place) -> None:
    place.kubectl("create", "service", "clusterip", "taken-bot", "--tcp=80:80")
    place.make("taken", PAPER)
    place.comes_to("taken", "NameTaken")
    assert "Service taken-bot" in place.condition("taken", "Ready")["message"]
    assert place.kubectl.json("service", "taken-bot")["spec"]["ports"][0]["port"] == 80
    assert "Deployment/taken-bot" not in place.children("taken")
