"""The chart's releases with bots at work, told in order: install, upgrade, rollback, uninstall and reinstall.

The chart before this one is that of the newest tag, or of the newest commit that changed it; its images are this
checkout's. The definition is somebody else's here (tests of two releases have that).
"""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.kubectl import ROOT, Kubectl, Note, run

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("api_server")]

RELEASE = "story"
BOTS = ("first", "second")
IMAGE = "{.status.images.bot}"
TAG = os.environ.get("CBBOT_IMAGE_TAG", "ci")
NEXT = os.environ.get("CBBOT_NEXT_IMAGE_TAG", "next")
WAIT = ("--wait", "--timeout=120s")
FLAGS = ("--set=crds.enabled=false", *shlex.split(os.environ.get("CBBOT_HELM_FLAGS", "")))
NEWER = (f"--set=image.bot=cbbot-bot:{NEXT}", f"--set=image.bridge=cbbot-bridge:{NEXT}")
PODS: dict[str, str] = {}


@pytest.fixture(scope="module")
def story(kubectl: Kubectl) -> Iterator[Kubectl]:
    del kubectl  # it knows whether there is a cluster
    namespace = f"cbbot-story-{os.getpid()}"
    run("kubectl", "create", "namespace", namespace)
    own = Kubectl(namespace)
    yield own
    own("delete", "tradingbots", "--all", "--timeout=60s", seconds=90, check=False)
    own.helm("uninstall", RELEASE, "--ignore-not-found", seconds=120, check=False)
    run("kubectl", "delete", "namespace", namespace, "--wait=false")


def chart_before(folder: Path) -> str:
    """Unpacked; this checkout's own where it has no history."""

    def git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False, timeout=30)

    tagged = git("describe", "--tags", "--match=v*", "--abbrev=0")
    changed = git("log", "--format=%H", "-n", "2", "--", "charts").stdout.decode().split()
    commit = tagged.stdout.decode().strip() or (changed[-1] if changed else "")
    packed = git("archive", commit, "charts") if commit else None
    if packed is None or packed.returncode:
        return "charts"
    subprocess.run(["tar", "--extract", f"--directory={folder}"], input=packed.stdout, check=True, timeout=30)
    return str(folder / "charts")


def bot(name: str) -> str:
    text = (ROOT / "examples/try.yaml").read_text(encoding="utf-8")
    example: dict[str, Any] = yaml.safe_load(text)
    return yaml.safe_dump({**example, "metadata": {"name": name}})


def apply(story: Kubectl, name: str) -> str:
    command = ["kubectl", "-n", story.namespace, "apply", "-f", "-"]
    ended = subprocess.run(command, input=bot(name), capture_output=True, text=True, check=True, timeout=30)
    return ended.stdout


def pods(story: Kubectl, component: str = "") -> dict[str, dict[str, Any]]:
    """The metadata of the bots' pods, or of those of one component, by name of the Deployment."""
    wanted = "app.kubernetes.io/managed-by=cbbot-operator"
    found = story.json("pods", "-l", f"{wanted},app.kubernetes.io/component={component}" if component else wanted)
    metadata = [pod["metadata"] for pod in found["items"] if "deletionTimestamp" not in pod["metadata"]]
    return {each["name"].rsplit("-", 2)[0]: each for each in metadata}


def uids(story: Kubectl) -> dict[str, str]:
    return {name: str(metadata["uid"]) for name, metadata in pods(story).items()}


def newest_trade(story: Kubectl, name: str) -> int:
    rows = story.bot(name, "trades?limit=1")
    return int(rows[0]["number"]) if rows else 0


def revision(story: Kubectl, name: str) -> int:
    """How often the bot's pod template has changed."""
    return int(story.json(f"deployment/{name}-bot")["metadata"]["annotations"]["deployment.kubernetes.io/revision"])


def tagged(story: Kubectl, tag: str, seconds: float) -> None:
    for name in BOTS:
        story.until(f"tradingbot/{name}", IMAGE, lambda image: image == f"cbbot-bot:{tag}", seconds)
        story.wait(f"tradingbot/{name}", "condition=Ready", 120)


def test_the_chart_before_this_one_is_installed_and_two_bots_trade(
    story: Kubectl, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = chart_before(tmp_path_factory.mktemp("before"))
    story.helm("install", RELEASE, before, *WAIT, f"--set=image.tag={TAG}", *FLAGS, seconds=150)
    for name in BOTS:
        apply(story, name)
    for name in BOTS:
        story.wait(f"tradingbot/{name}", "condition=Ready", 180)
        story.until(f"tradingbot/{name}", "{.status.openLots}", lambda lots: int(lots or 0) > 0, 120)
    PODS.update(uids(story))


def test_applying_a_tradingbot_twice_changes_nothing(story: Kubectl) -> None:
    before = story.json("tradingbot/first")["metadata"]["generation"]
    assert "unchanged" in apply(story, "first")
    assert story.json("tradingbot/first")["metadata"]["generation"] == before


def test_an_upgrade_of_the_chart_moves_one_bot_after_the_other_and_keeps_what_they_have(
    story: Kubectl, note: Note
) -> None:
    trades = {name: newest_trade(story, name) for name in BOTS}
    revisions = {name: revision(story, name) for name in BOTS}
    started = time.monotonic()
    story.helm("upgrade", RELEASE, "charts", *WAIT, f"--set=image.tag={TAG}", *NEWER, *FLAGS, seconds=150)
    note(f"helm upgrade --wait: {time.monotonic() - started:.1f} s")
    tagged(story, NEXT, 240)
    note(f"two bots moved to the newer images, one after the other: {time.monotonic() - started:.1f} s")
    ready_again = []
    for name in BOTS:
        status = story.json(f"tradingbot/{name}")["status"]
        assert revision(story, name) == revisions[name] + 1, "replaced once"
        assert newest_trade(story, name) >= trades[name]
        ready_again += [entry["lastTransitionTime"] for entry in status["conditions"] if entry["type"] == "Ready"]
    replaced = sorted(str(metadata["creationTimestamp"]) for metadata in pods(story, "bot").values())
    assert min(ready_again) <= replaced[1], "the second waits until the first is ready again"
    assert set(uids(story).values()).isdisjoint(PODS.values())
    PODS.update(uids(story))


def test_helm_test_finds_the_operator_ready(story: Kubectl) -> None:
    assert "Phase:          Succeeded" in story.helm("test", RELEASE, "--timeout=90s", seconds=120)


def test_the_same_upgrade_again_replaces_no_pod(story: Kubectl) -> None:
    operator = story.json("pods", "-l", "app.kubernetes.io/name=cbbot-operator")["items"][0]["metadata"]["uid"]
    story.helm("upgrade", RELEASE, "charts", *WAIT, f"--set=image.tag={TAG}", *NEWER, *FLAGS, seconds=150)
    again = story.json("pods", "-l", "app.kubernetes.io/name=cbbot-operator")["items"]
    assert [pod["metadata"]["uid"] for pod in again] == [operator]
    assert uids(story) == PODS


def test_uninstalled_the_bots_go_on_and_installed_again_the_operator_takes_them_as_they_are(
    story: Kubectl, note: Note
) -> None:
    story.helm("uninstall", RELEASE, "--wait", seconds=120)
    assert len(story.json("pvc")["items"]) == 4
    assert uids(story) == PODS
    assert all(story.bot(name, "status")["ready"] for name in BOTS)
    started = time.monotonic()
    values = (f"--set=image.tag={TAG}", *NEWER)
    story.helm("install", RELEASE, "charts", "--take-ownership", *WAIT, *values, *FLAGS, seconds=150)
    note(f"helm install over what another release has left: {time.monotonic() - started:.1f} s")
    for name in BOTS:
        story.wait(f"tradingbot/{name}", "condition=Ready", 60)
    assert uids(story) == PODS


def test_a_rollback_halfway_moves_the_one_bot_back_and_leaves_the_other_alone(story: Kubectl, note: Note) -> None:
    revisions = {name: revision(story, name) for name in BOTS}
    story.helm("upgrade", RELEASE, "charts", *WAIT, f"--set=image.tag={TAG}", *FLAGS, seconds=150)
    seen = story.until("tradingbots", "{.metadata.name} {.status.images.bot}", lambda line: line.endswith(TAG), 120)
    moved = seen[-1].split()[0]
    started = time.monotonic()
    story.helm("rollback", RELEASE, "1", *WAIT, seconds=150)
    tagged(story, NEXT, 180)
    note(f"helm rollback halfway, until both bots are as they were: {time.monotonic() - started:.1f} s")
    assert {name: revision(story, name) - revisions[name] for name in BOTS} == dict.fromkeys(BOTS, 0) | {moved: 2}
