"""The operator's own endpoint: every address of both families, HEAD as well as GET."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest

from cbbot_operator.health import serve
from free_port import free_port

METRICS = (
    "reconciles_total",
    "reconcile_seconds_bucket",
    "queue_depth",
    "queue_latency_seconds_bucket",
    "retries_total",
    "api_requests_total",
    "drift_corrections_total",
    "tradingbots",
    "last_watch_event_timestamp_seconds",
    "build_info",
)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_health_and_metrics_are_answered_on_both_families(host: str) -> None:
    if ":" in host and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    port = free_port()

    async def main() -> None:
        runner = await serve(port, lambda: "", lambda: "no leader")
        address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        try:
            async with aiohttp.ClientSession() as session:
                for method in ("GET", "HEAD"):
                    for path, status in (("healthz", 200), ("readyz", 503), ("metrics", 200)):
                        async with session.request(method, f"{address}/{path}") as answer:
                            assert answer.status == status
                            assert bool(await answer.read()) is (method == "GET")
        finally:
            await runner.cleanup()

    asyncio.run(main())


def test_what_is_counted_is_told() -> None:
    async def told() -> str:
        runner = await serve(0, lambda: "", lambda: "")
        try:
            async with aiohttp.ClientSession() as session:
                port = runner.addresses[0][1]
                async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                    return await answer.text()
        finally:
            await runner.cleanup()

    text = asyncio.run(told())
    missing = [name for name in METRICS if f"# HELP cbbot_operator_{name.removesuffix('_bucket')}" not in text]
    assert missing == []
