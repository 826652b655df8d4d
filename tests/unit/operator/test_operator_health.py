"""The operator's own endpoint: every address of both families, HEAD as well as GET."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest

from cbbot_operator.health import serve


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_health_and_metrics_are_answered_on_both_families(host: str) -> None:
    if ":" in host and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

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
