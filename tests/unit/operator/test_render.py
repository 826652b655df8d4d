from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from cbbot.contract.bridge_settings_table import EXCHANGE_BY_FIELD, EXCHANGE_BY_KEY, EXCHANGE_SETTINGS
from cbbot.contract.runtime_env import BOT_HOST, RUNTIME_SETTINGS
from cbbot.contract.setting import Kind
from cbbot.contract.settings import load
from cbbot.contract.settings_table import BY_KEY, SETTINGS
from cbbot.contract.text_setting import EVERYWHERE
from cbbot_bridge.simulator.command_line import parse_arguments
from cbbot_operator.keys import KEY_FINGERPRINT, SETTINGS_HASH, Key, annotated_owner
from cbbot_operator.observed import Tokens
from unit.operator.rendered_tradingbots import SIMULATED, inputs_of, pod, rendered

ASKED = "cbbot.io/asked-access-mode"


def hashes(spec: dict[str, Any], **changes: Any) -> tuple[str, str]:
    objects = rendered(spec, **changes)
    bot, bridge = (pod(objects, part)["metadata"]["annotations"][SETTINGS_HASH] for part in ("bot", "bridge"))
    return bot, bridge


def test_a_paper_bot_becomes_these_objects(paper: dict[str, Any]) -> None:
    assert list(rendered(paper)) == [
        ("ServiceAccount", "btc-pods"),
        ("Secret", "btc-tokens"),
        ("ConfigMap", "btc-settings"),
        ("PersistentVolumeClaim", "btc-state"),
        ("Service", "btc-bridge"),
        ("Service", "btc-bot"),
        ("NetworkPolicy", "btc-bridge"),
        ("NetworkPolicy", "btc-bot"),
        ("Deployment", "btc-bridge"),
        ("Deployment", "btc-bot"),
    ]


def test_service_monitors_are_made_where_the_cluster_knows_them_and_they_are_wanted(paper: dict[str, Any]) -> None:
    assert ("ServiceMonitor", "btc-bot") in rendered(paper, monitors_known=True)
    paper["monitoring"] = {"serviceMonitor": {"enabled": False}}
    assert ("ServiceMonitor", "btc-bot") not in rendered(paper, monitors_known=True)


def test_the_bot_reads_every_setting_of_the_table_back_as_it_was_meant(paper: dict[str, Any]) -> None:
    paper["risk"] = {"riskPerTradePct": 0.000001, "usdEquity": 68.5, "maxOrderUSD": 100000000}
    settings = rendered(paper)["ConfigMap", "btc-settings"]["data"]
    parsed = load(settings)
    assert set(settings) <= set(BY_KEY)
    assert (str(parsed.risk_per_trade_pct), str(parsed.usd_equity)) == ("0.000001", "68.5")
    assert parsed.dry_run
    assert {setting.key for setting in SETTINGS if setting.field and setting.default} <= set(settings)


def test_no_settings_text_has_an_exponent(paper: dict[str, Any]) -> None:
    paper["strategy"] = {"buyThreshold": 0.000001}
    settings = rendered(paper)["ConfigMap", "btc-settings"]["data"]
    numbers = [settings[key] for key in settings if BY_KEY[key].kind in (Kind.DECIMAL, Kind.INTEGER)]
    assert "0.000001" in numbers
    assert all(re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) for text in numbers)


def test_the_bridge_gets_its_environment_through_the_contracts_table(paper: dict[str, Any]) -> None:
    paper["exchange"] = {
        "apiBase": "https://api.example.org",
        "websocket": {"enabled": False, "url": "wss://ws.example.org", "products": ["ETH-USD"], "staleSeconds": 7},
    }
    bridge = pod(rendered(paper), "bridge")["spec"]["containers"][0]
    environment = {entry["name"]: entry["value"] for entry in bridge["env"]}
    assert set(environment) <= set(EXCHANGE_BY_KEY)
    assert {setting.key for setting in EXCHANGE_BY_FIELD.values()} <= set(environment)
    assert environment["COINBASE_WS_PRODUCTS"] == "BTC-USD,ETH-USD"
    assert environment["COINBASE_WS_ENABLE"] == "false"
    for name, text in environment.items():
        EXCHANGE_BY_KEY[name].parse(text)


def test_the_simulator_runs_beside_the_bridge_and_understands_its_arguments() -> None:
    objects = rendered(SIMULATED)
    bridge, simulator = pod(objects, "bridge")["spec"]["containers"]
    assert simulator["command"] == ["python", "-m", "cbbot_bridge.simulator"]
    settings = parse_arguments(simulator["args"])
    assert (settings.host, settings.port, int(settings.speed)) == (EVERYWHERE, 8788, 600)
    environment = {entry["name"]: entry["value"] for entry in bridge["env"]}
    assert environment["COINBASE_API_BASE"] == "http://127.0.0.1:8788"
    assert environment["COINBASE_AUTH"] == "none"
    assert ("PersistentVolumeClaim", "btc-simulator") in objects


def test_every_process_of_a_pod_listens_on_both_families() -> None:
    objects = rendered(SIMULATED)
    for part, key, table in (("bot", BOT_HOST, RUNTIME_SETTINGS), ("bridge", "BRIDGE_HOST", EXCHANGE_SETTINGS)):
        container = pod(objects, part)["spec"]["containers"][0]
        assert key not in {entry["name"] for entry in container["env"]}, "its default serves"
        (setting,) = (setting for setting in table if setting.key == key)
        assert setting.default == EVERYWHERE


def test_the_simulators_prices_never_come_from_another_venues_stream() -> None:
    spec = {**SIMULATED, "exchange": {**SIMULATED["exchange"], "websocket": {"url": "wss://ws.example.org"}}}
    bridge, _ = pod(rendered(spec), "bridge")["spec"]["containers"]
    assert "COINBASE_WS_URL" not in {entry["name"] for entry in bridge["env"]}


@pytest.mark.parametrize("spec", [SIMULATED, {"product": {"id": "BTC-USD"}}])
def test_pods_meet_pod_security_restricted(spec: dict[str, Any]) -> None:
    objects = rendered(spec)
    assert objects["ServiceAccount", "btc-pods"]["automountServiceAccountToken"] is False
    for component in ("bot", "bridge"):
        body = pod(objects, component)["spec"]
        assert body["automountServiceAccountToken"] is False
        assert body["enableServiceLinks"] is False
        assert body["shareProcessNamespace"] is True
        assert body["securityContext"]["runAsNonRoot"] is True
        assert body["securityContext"]["fsGroup"] == 10001
        assert body["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in body["containers"]:
            security = container["securityContext"]
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert security["readOnlyRootFilesystem"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert container["resources"]["requests"]
            assert container["resources"]["limits"]
            assert {"startupProbe", "livenessProbe"} <= set(container)


def test_a_pod_says_when_it_is_ready_and_is_given_the_time_to_stop(paper: dict[str, Any]) -> None:
    objects = rendered({**paper, "exchange": {"venue": "Simulator"}})
    for component in ("bot", "bridge"):
        body = pod(objects, component)["spec"]
        own = next(one for one in body["containers"] if one["name"] == component)
        assert own["readinessProbe"]["httpGet"]["path"] != own["livenessProbe"]["httpGet"]["path"]
        assert body["terminationGracePeriodSeconds"] > 30  # within which a bot ends, whatever its disk does


def test_secrets_are_mounted_as_files_and_stand_in_no_environment(
    live: dict[str, Any], api_keys: dict[str, bytes]
) -> None:
    live["notifications"] = {"slackWebhookSecretRef": {"name": "slack", "key": "url"}}
    secrets = {"coinbase": api_keys, "slack": {"url": b"https://hooks.example.org/x"}}
    objects = rendered(live, secrets=secrets)
    text = json.dumps([obj for (kind, _), obj in objects.items() if kind != "Secret"])
    assert "hooks.example.org" not in text
    assert "b" * 43 not in text
    bridge = pod(objects, "bridge")["spec"]
    assert {volume["secret"]["secretName"] for volume in bridge["volumes"] if "secret" in volume} == {
        "btc-tokens",
        "coinbase",
    }
    bot = pod(objects, "bot")["spec"]
    assert "coinbase" not in json.dumps(bot["volumes"])


def test_the_bridge_never_holds_the_control_token(paper: dict[str, Any]) -> None:
    (tokens,) = [volume for volume in pod(rendered(paper), "bridge")["spec"]["volumes"] if volume["name"] == "tokens"]
    assert [item["key"] for item in tokens["secret"]["items"]] == ["bridge-token"]


def test_pausing_entries_changes_nothing_in_the_pods(paper: dict[str, Any]) -> None:
    assert hashes(paper) == hashes({**paper, "entries": "Paused"})
    assert rendered(paper) == rendered({**paper, "entries": "Paused"})


def test_a_setting_of_the_bot_replaces_the_bots_pod_alone(paper: dict[str, Any]) -> None:
    before, after = hashes(paper), hashes({**paper, "exits": {"takeProfitPct": 3}})
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_writing_the_same_number_otherwise_restarts_nothing(paper: dict[str, Any]) -> None:
    assert hashes({**paper, "exits": {"takeProfitPct": 2}}) == hashes({**paper, "exits": {"takeProfitPct": 2.0}})


def test_new_contents_of_a_secret_replace_the_pod_that_reads_it(
    live: dict[str, Any], api_keys: dict[str, bytes]
) -> None:
    live["notifications"] = {"slackWebhookSecretRef": {"name": "slack", "key": "url"}}
    before = hashes(live, secrets={"slack": {"url": b"old"}})
    after = hashes(live, secrets={"slack": {"url": b"new"}})
    assert before[0] != after[0]
    assert before[1] == after[1]
    # The API key counts by its fingerprint: which one is to run is not for the renderer to say.
    assert hashes(live, secrets={"coinbase": api_keys}, key_fingerprint="a") == hashes(
        live, secrets={}, key_fingerprint="b"
    )
    old, new = (
        pod(rendered(live, key_fingerprint=name), "bridge")["metadata"]["annotations"] for name in ("old", "new")
    )
    assert (old[KEY_FINGERPRINT], new[KEY_FINGERPRINT]) == ("old", "new")
    assert (
        rendered(live, key_fingerprint="old")["Deployment", "btc-bridge"]["metadata"]["annotations"][KEY_FINGERPRINT]
        == "old"
    )


def test_what_a_container_said_last_is_kept() -> None:
    objects = rendered(SIMULATED)
    for component in ("bot", "bridge"):
        for container in pod(objects, component)["spec"]["containers"]:
            assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"


@pytest.mark.parametrize("spec", [{}, {"deletionPolicy": "Flatten"}, {"state": {"reclaimPolicy": "Delete"}}])
def test_children_of_a_bot_whose_deletion_waits_have_no_owner_that_could_take_them_along(
    live: dict[str, Any], spec: dict[str, Any]
) -> None:
    objects = rendered({**live, **spec})
    assert not [entry for entry, obj in objects.items() if "ownerReferences" in obj["metadata"]]
    retained = [entry for entry, obj in objects.items() if annotated_owner(obj) != "tb-uid"]
    assert retained == ([] if "state" in spec else [("PersistentVolumeClaim", "btc-state")])


@pytest.mark.parametrize("spec", [{"mode": "Paper"}, {"deletionPolicy": "Orphan"}])
def test_children_of_every_other_bot_have_it_as_the_owner_and_block_nothing(
    live: dict[str, Any], spec: dict[str, Any]
) -> None:
    owned = [obj for obj in rendered({**live, **spec}).values() if obj["kind"] != "PersistentVolumeClaim"]
    for obj in owned:
        (owner,) = obj["metadata"]["ownerReferences"]
        assert (owner["uid"], owner["controller"]) == ("tb-uid", True)
        assert "blockOwnerDeletion" not in owner


def test_what_has_no_owner_is_no_part_of_an_application_of_argo_cd(paper: dict[str, Any], live: dict[str, Any]) -> None:
    for spec in (paper, live, {**live, "state": {"reclaimPolicy": "Delete"}}):
        for obj in rendered(spec).values():
            if "ownerReferences" in obj["metadata"]:
                continue
            assert "app.kubernetes.io/instance" not in obj["metadata"]["labels"]
            assert obj["metadata"]["annotations"]["argocd.argoproj.io/sync-options"] == "Prune=false"
    assert rendered(paper)["PersistentVolumeClaim", "btc-state"]["metadata"]["labels"]["cbbot.io/tradingbot"] == "btc"


def test_new_tokens_replace_both_pods(paper: dict[str, Any]) -> None:
    before, after = hashes(paper), hashes(paper, tokens=Tokens("x" * 43, "c" * 43))
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_suspending_scales_to_zero_and_keeps_everything_else(paper: dict[str, Any]) -> None:
    running, suspended = rendered(paper), rendered({**paper, "suspend": True})
    assert list(running) == list(suspended)
    assert {obj["spec"]["replicas"] for (kind, _), obj in suspended.items() if kind == "Deployment"} == {0}


def test_a_retained_volume_has_no_owner_and_everything_else_has(paper: dict[str, Any]) -> None:
    objects = rendered(paper)
    unowned = [entry for entry, obj in objects.items() if "ownerReferences" not in obj["metadata"]]
    assert unowned == [("PersistentVolumeClaim", "btc-state")]
    deleted = rendered({**paper, "state": {"reclaimPolicy": "Delete"}})
    assert all("ownerReferences" in obj["metadata"] for obj in deleted.values())


def test_an_existing_claim_is_used_and_none_is_made(paper: dict[str, Any]) -> None:
    objects = rendered({**paper, "state": {"existingClaim": "mine"}})
    assert not [name for kind, name in objects if kind == "PersistentVolumeClaim"]
    volumes = pod(objects, "bot")["spec"]["volumes"]
    assert {"name": "state", "persistentVolumeClaim": {"claimName": "mine"}} in volumes


def test_deployments_never_run_two_pods_and_their_selectors_never_change(paper: dict[str, Any]) -> None:
    for changes in ({}, {"bot": {"image": "other:2", "podAnnotations": {"a": "b"}}}):
        for component in ("bot", "bridge"):
            spec = rendered(paper | changes)["Deployment", f"btc-{component}"]["spec"]
            assert spec["strategy"] == {"type": "Recreate"}
            assert spec["selector"] == {
                "matchLabels": {"cbbot.io/tradingbot": "btc", "app.kubernetes.io/component": component}
            }
            assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()


def test_the_bots_service_publishes_pods_that_are_not_ready(paper: dict[str, Any]) -> None:
    objects = rendered(paper)
    assert objects["Service", "btc-bot"]["spec"]["publishNotReadyAddresses"] is True
    assert "publishNotReadyAddresses" not in objects["Service", "btc-bridge"]["spec"]


def test_a_cluster_whose_namespaces_have_no_name_as_a_label_tells_the_operator_by_its_pods(
    paper: dict[str, Any],
) -> None:
    operator = rendered(paper, namespaces_named=False)["NetworkPolicy", "btc-bot"]["spec"]["ingress"][0]["from"][0]
    assert operator == {
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "cbbot-operator"}},
        "namespaceSelector": {},
    }


def test_a_claim_of_another_mode_than_asked_for_says_what_was_asked(paper: dict[str, Any]) -> None:
    spec = {**paper, "state": {"accessMode": "ReadWriteOncePod"}}
    asked = rendered(spec)["PersistentVolumeClaim", "btc-state"]
    assert asked["spec"]["accessModes"] == ["ReadWriteOncePod"]
    assert ASKED not in asked["metadata"]["annotations"]
    given = rendered(spec, access_mode="ReadWriteOnce")["PersistentVolumeClaim", "btc-state"]
    assert given["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert given["metadata"]["annotations"][ASKED] == "ReadWriteOncePod"


def test_the_bot_id_survives_deletion_and_differs_between_clusters(paper: dict[str, Any]) -> None:
    here = inputs_of(paper)
    assert replace(here, uid="other").bot_id == here.bot_id
    assert replace(here, namespace_uid="elsewhere").bot_id != here.bot_id
    longest = replace(here, key=Key("n", "x" * 45))
    assert len(longest.bot_id) <= 63
    assert BY_KEY["BOT_ID"].parse(longest.bot_id) == longest.bot_id


def test_placement_images_and_pull_secrets_are_passed_on(paper: dict[str, Any]) -> None:
    paper["bot"] = {
        "image": "mine:7",
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "x", "operator": "Exists"}],
        "resources": {"limits": {"memory": "1Gi"}},
        "env": [{"name": "A", "value": "1"}, {"name": "EMPTY"}],
    }
    body = pod(rendered(paper, image_pull_secrets=("registry",)), "bot")["spec"]
    (container,) = body["containers"]
    assert (container["image"], body["nodeSelector"], body["tolerations"][0]["key"]) == ("mine:7", {"disk": "ssd"}, "x")
    assert body["imagePullSecrets"] == [{"name": "registry"}]
    assert container["resources"] == {"limits": {"memory": "1Gi"}}
    assert container["env"][-2:] == [{"name": "A", "value": "1"}, {"name": "EMPTY"}]
