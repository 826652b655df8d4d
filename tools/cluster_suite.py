"""Bring up a real Kubernetes cluster with this checkout's images in it, run tests/cluster there, tear it down.

    python tools/cluster_suite.py [--provider auto|tool|kind] [--keep] [-- PYTEST ARGUMENTS]

Providers: ``tool``, a program named by CBBOT_CLUSTER_TOOL that builds a cluster without Docker; ``kind``,
where Docker, kind, kubectl and helm are installed.
Exit codes: 0 passed, 1 failed, 2 wrong usage, 4 no way to a cluster on this machine.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import page_library

ROOT = Path(__file__).parents[1]
IMAGES = ("operator", "bridge", "bot")
TAG = "ci"
NEXT = "next"
"""A second tag of the bot's and the bridge's image: what an upgrade moves bots to."""
NO_CLUSTER = 4
CRD = "crds/tradingbots.yaml"


class Failed(Exception):
    """A step did not work; what it printed has been shown."""


class Steps:
    """Runs commands and remembers how long each step took."""

    def __init__(self) -> None:
        self.times: list[tuple[str, float]] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        print(f"== {name}", flush=True)
        started = time.monotonic()
        try:
            yield
        finally:
            self.times.append((name, time.monotonic() - started))
            print(f"== {name}: {self.times[-1][1]:.1f} s", flush=True)

    def report(self) -> None:
        for name, seconds in self.times:
            print(f"{seconds:8.1f} s  {name}")
        print(f"{sum(seconds for _, seconds in self.times):8.1f} s  in all", flush=True)


def run(*command: str, accept: tuple[int, ...] = (0,), minutes: float = 10, quiet: bool = False) -> int:
    """A command of the suite; its output goes through unless it is ``quiet`` and well."""
    ended = subprocess.run(
        command, cwd=ROOT, check=False, timeout=minutes * 60, capture_output=quiet, text=True, errors="replace"
    )
    if ended.returncode not in accept:
        sys.stderr.write((ended.stdout or "") + (ended.stderr or "") if quiet else "")
        raise Failed(f"{' '.join(command)} ended with {ended.returncode}")
    return ended.returncode


class Tool:
    """A cluster program with the commands build, base-image, image-build, up, env, crds, load and down."""

    # Its core is older than CEL and would refuse the chart's definition if helm checked it against that core.
    helm_flags = "--disable-openapi-validation"
    containers = "podman"

    def __init__(self, program: str) -> None:
        self._program = program

    def prepare(self) -> None:
        if run(self._program, "build", accept=(0, 3), minutes=25) == 3:
            print("the cluster was built without CEL: what the API server would refuse, the operator must", flush=True)
        else:
            os.environ["CBBOT_CLUSTER_WORDS"] = "1"  # its refusals are those of tests/refusals.yaml to the letter
        run(self._program, "base-image")
        run(self._program, "down", "--wipe", quiet=True)

    def build_image(self, name: str, tag: str = TAG) -> None:
        run(self._program, "image-build", *_build_arguments(name, tag), ".", quiet=True)

    def up(self) -> None:
        self._take_environment("up")
        self._take_environment("env")
        run(self._program, "crds", "--twin", CRD)  # with the twin, kubectl explain and helm know it too

    def load(self, name: str, tag: str = TAG) -> None:
        run(self._program, "load", f"cbbot-{name}:{tag}", quiet=True)

    def down(self) -> None:
        run(self._program, "down", "--wipe")

    def _take_environment(self, command: str) -> None:
        """Take over the ``export KEY=value`` lines that the command prints."""
        script = f'set -e; lines=$("$0" {command}); eval "$lines"; env -0'
        printed = subprocess.run(
            ["bash", "-c", script, self._program], stdout=subprocess.PIPE, check=False, timeout=300
        )
        if printed.returncode:
            raise Failed(f"{self._program} {command} ended with {printed.returncode}")
        for entry in printed.stdout.decode(errors="replace").split("\0"):
            key, sign, value = entry.partition("=")
            if sign and re.fullmatch(r"[A-Za-z_]\w*", key):
                os.environ[key] = value


class Kind:
    """kind: a cluster of Docker containers."""

    helm_flags = ""
    containers = "docker"
    _cluster = "cbbot-e2e"

    def prepare(self) -> None:
        run("kind", "delete", "cluster", "--name", self._cluster, quiet=True)

    def build_image(self, name: str, tag: str = TAG) -> None:
        run("docker", "build", *_build_arguments(name, tag), ".", minutes=20)

    def up(self) -> None:
        os.environ["KUBECONFIG"] = str(Path(tempfile.mkdtemp(prefix="cbbot-")) / "kubeconfig")
        run("kind", "create", "cluster", "--name", self._cluster, "--wait", "180s")

    def load(self, name: str, tag: str = TAG) -> None:
        run("kind", "load", "docker-image", f"cbbot-{name}:{tag}", "--name", self._cluster)

    def down(self) -> None:
        run("kind", "delete", "cluster", "--name", self._cluster)


def _build_arguments(name: str, tag: str) -> list[str]:
    """Of an image; the bot's without the chart's library where that could not be fetched."""
    lacking = name == "bot" and not page_library.LIBRARY.is_dir()
    chart = ["--build-arg", "CHART=without"] if lacking else []
    return ["-f", f"Dockerfile.{name}", "-t", f"cbbot-{name}:{tag}", *chart]


def _tool() -> Tool | None:
    program = os.environ.get("CBBOT_CLUSTER_TOOL", "")
    return Tool(program) if program and os.access(program, os.X_OK) else None


def _kind() -> Kind | None:
    if any(shutil.which(program) is None for program in ("docker", "kind", "kubectl", "helm")):
        return None
    answers = subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=60).returncode == 0
    return Kind() if answers else None


FINDERS: dict[str, tuple[Callable[[], Tool | Kind | None], ...]] = {
    "auto": (_tool, _kind),
    "tool": (_tool,),
    "kind": (_kind,),
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Run tests/cluster in a real Kubernetes cluster.")
    parser.add_argument("--provider", choices=sorted(FINDERS), default="auto")
    parser.add_argument("--keep", action="store_true", help="leave the cluster running")
    parser.add_argument("pytest", nargs="*", help="arguments for pytest, after --")
    given = parser.parse_args()
    provider = next((found for find in FINDERS[given.provider] if (found := find()) is not None), None)
    if provider is None:
        print(
            "No way to a cluster: neither Docker with kind, kubectl and helm, nor a program in CBBOT_CLUSTER_TOOL.",
            file=sys.stderr,
        )
        return NO_CLUSTER
    steps = Steps()
    try:
        return _suite(provider, steps, given.pytest)
    except (Failed, subprocess.TimeoutExpired) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    finally:
        if not given.keep:
            with steps.step("tear down"):
                provider.down()
        steps.report()


def _suite(provider: Tool | Kind, steps: Steps, arguments: list[str]) -> int:
    with steps.step("build the cluster"):
        provider.prepare()
    page_library.main()  # where it cannot be fetched it says so
    for name in IMAGES:
        with steps.step(f"build the {name}'s image"):
            provider.build_image(name)
    with steps.step("bring the cluster up"):
        provider.up()
    with steps.step("load the images"):
        for name in IMAGES:
            provider.load(name)
        for name in ("bot", "bridge"):
            provider.build_image(name, NEXT)
            provider.load(name, NEXT)
    with steps.step("tests/cluster"):
        os.environ |= {
            "CBBOT_CLUSTER_SUITE": "1",
            "CBBOT_IMAGE_TAG": TAG,
            "CBBOT_NEXT_IMAGE_TAG": NEXT,
            "CBBOT_HELM_FLAGS": provider.helm_flags,
            "CBBOT_CONTAINERS": provider.containers,
        }
        command = (sys.executable, "-m", "pytest", "-x", "-v", "tests/cluster", "tests/chart", *arguments)
        ended = subprocess.run(command, cwd=ROOT, check=False, timeout=40 * 60)
    return 0 if ended.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
