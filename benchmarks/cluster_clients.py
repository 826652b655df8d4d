"""What a request to the API server costs by our own client and by the official one, each in a process of its own.

It asks the API server of the current kubeconfig, in a namespace that must exist (``--namespace``), for a ConfigMap of
the size of a bot's settings. The official client's rows are left out where ``kubernetes`` is not installed.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import importlib.util
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

Ask = Callable[[], Awaitable[Any]]

CLIENTS = ("none", "ours", "official", "dynamic")
AT_ONCE = 10
SETTINGS = {f"SETTING_{number:03}": "a value as settings have them" for number in range(60)}


def configmap(namespace: str, turn: int) -> dict[str, Any]:
    metadata = {"namespace": namespace, "name": "benchmark", "labels": {"app.kubernetes.io/name": "benchmark"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {**SETTINGS, "TURN": str(turn)}}


async def open_ours(stack: AsyncExitStack, namespace: str) -> tuple[Ask, Ask, Ask]:
    cluster = await stack.enter_async_context(await importlib.import_module("cbbot_operator.cluster").connect())
    turn = iter(range(10**9))
    return (
        lambda: cluster.get("ConfigMap", namespace, "benchmark"),
        lambda: cluster.apply(configmap(namespace, next(turn))),
        lambda: cluster.list("ConfigMap", namespace, {}),
    )


async def open_official(stack: AsyncExitStack, namespace: str) -> tuple[Ask, Ask, Ask]:
    official = importlib.import_module("kubernetes.aio")
    await official.config.load_kube_config()
    api = await stack.enter_async_context(official.client.ApiClient())
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    turn = iter(range(10**9))

    async def call(verb: str, where: str, body: Any = None, content: str = "application/json") -> Any:
        query = [("fieldManager", "benchmark"), ("force", "true")] if body is not None else []
        request = await api.param_serialize(
            verb,
            where,
            query_params=query,
            header_params={"Content-Type": content, "Accept": "application/json"},
            body=body,
            auth_settings=["BearerToken"],
        )
        answer = await api.call_api(*request)
        await answer.read()
        return api.response_deserialize(answer, {"200": "object", "201": "object"}).data

    return (
        lambda: call("GET", f"{path}/benchmark"),
        lambda: call("PATCH", f"{path}/benchmark", configmap(namespace, next(turn)), "application/apply-patch+yaml"),
        lambda: call("GET", path),
    )


async def open_dynamic(stack: AsyncExitStack, namespace: str) -> tuple[Ask, Ask, Ask]:
    official = importlib.import_module("kubernetes.aio")
    await official.config.load_kube_config()
    api = await stack.enter_async_context(official.client.ApiClient())
    found = await official.dynamic.DynamicClient(api)
    maps = await found.resources.get(api_version="v1", kind="ConfigMap")
    turn = iter(range(10**9))

    async def apply() -> Any:
        body = configmap(namespace, next(turn))
        options = {"field_manager": "benchmark", "force_conflicts": True}
        return (
            await found.server_side_apply(maps, body=body, name="benchmark", namespace=namespace, **options)
        ).to_dict()

    async def get() -> Any:
        return (await maps.get(name="benchmark", namespace=namespace)).to_dict()

    async def listed() -> Any:
        return (await maps.get(namespace=namespace)).to_dict()

    return get, apply, listed


async def measure(what: str, ask: Ask, count: int) -> None:
    for _ in range(20):
        await ask()
    wall, cpu = time.perf_counter(), time.process_time()

    async def several() -> None:
        for _ in range(count // AT_ONCE):
            await ask()

    await asyncio.gather(*(several() for _ in range(AT_ONCE)))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"  {what:6} {cpu / count * 1000:6.2f} ms of CPU, {count / wall:6.0f} a second")


def resident_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


async def run(name: str, namespace: str, count: int) -> None:
    began = time.process_time()
    importlib.import_module("cbbot_operator.operating")  # what the operator needs whatever its client
    openers = {"ours": open_ours, "official": open_official, "dynamic": open_dynamic}
    if name == "none":
        print(f"{name}: {resident_mb():.1f} MB resident, {time.process_time() - began:.2f} s of CPU to import")
        return
    async with AsyncExitStack() as stack:
        get, apply, listed = await openers[name](stack, namespace)
        await apply()
        started = resident_mb()
        print(f"{name}: {started:.1f} MB resident, {time.process_time() - began:.2f} s of CPU to the first answer")
        for what, ask in (("get", get), ("apply", apply), ("list", listed)):
            await measure(what, ask, count)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"  {resident_mb():.1f} MB resident at the end, {peak:.1f} MB at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--namespace", default="default")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--client", choices=CLIENTS, help="in this process; without it all, one after the other")
    options = parser.parse_args()
    if options.client:
        asyncio.run(run(options.client, options.namespace, options.requests))
        return
    installed = importlib.util.find_spec("kubernetes") is not None
    print(f"Python {sys.version.split()[0]}, kubernetes {'installed' if installed else 'not installed'}")
    for name in CLIENTS if installed else CLIENTS[:2]:
        again = [sys.executable, __file__, "--client", name]
        subprocess.run([*again, "--namespace", options.namespace, "--requests", str(options.requests)], check=True)


if __name__ == "__main__":
    main()
