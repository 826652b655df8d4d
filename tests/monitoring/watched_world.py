"""Simulator, bridge, bot and operators as processes, with Prometheus, Alertmanager and a Slack beside them."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from free_port import free_port
from monitoring.monitoring_stack import PATIENCE_SECONDS, MonitoringStack, monitoring_stack
from monitoring.slack_receiver import SlackReceiver, slack_receiver
from monitoring.small_api_server import NAMESPACE, SmallApiServer
from simulation.served import surroundings
from simulation.trading_processes import TradingProcesses
from started_processes import start_async

__all__ = ["WatchedWorld", "watched_world"]


# A fit every half hour of the venue, and equity that money coming and going by other hands moves.
_SETTINGS: Final = {"USE_LIVE_EQUITY": "true", "WALK_FORWARD_MIN": "30"}


# Live trading without an API key: it is refused, and so it is never ready.
_UNWORKABLE: Final = {"mode": "Live", "product": {"id": "BTC-USD"}}


@dataclass
class WatchedWorld:
    parts: TradingProcesses
    stack: MonitoringStack
    slack: SlackReceiver
    ports: dict[str, int]

    async def delivered(self, title: str) -> dict[str, Any]:
        """Alertmanager's message whose title has the pattern in it."""
        end = time.monotonic() + PATIENCE_SECONDS
        while (found := self.slack.titled(title)) is None:
            assert time.monotonic() < end, (title, self.slack.messages)
            await asyncio.sleep(0.1)
        return found


@asynccontextmanager
async def watched_world(folder: Path) -> AsyncIterator[WatchedWorld]:
    """All of them run, and the bot is ready."""
    bot_port = free_port()
    parts = TradingProcesses(folder, settings=_SETTINGS | {"PORT": str(bot_port)})
    try:
        await parts.open()
        await parts.start_bridge()
        await parts.start_bot()
        await parts.ready()
        cluster = SmallApiServer(free_port())
        cluster.add("TradingBot", "wrong", spec=_UNWORKABLE)
        async with (
            cluster.open(),
            _operator(folder, "operator", cluster.url) as leading,
            _operator(folder, "lonely", f"http://127.0.0.1:{free_port()}") as lonely,
        ):
            bridge = parts.to_bridge.port
            ports = {"cbbot-bot": bot_port, "cbbot-bridge": bridge, "cbbot-operator": leading, "lonely": lonely}
            with slack_receiver() as slack:
                async with monitoring_stack(folder, ports, slack.url) as stack:
                    try:
                        yield WatchedWorld(parts, stack, slack, ports)
                    finally:
                        await stack.close()
    finally:
        await parts.close()


@asynccontextmanager
async def _operator(folder: Path, name: str, server: str) -> AsyncIterator[int]:
    """An operator of an API server; where that is away, it leads nothing. Its port."""
    kubeconfig = folder / f"{name}.kubeconfig"
    document = {
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {}}],
    }
    kubeconfig.write_text(yaml.safe_dump(document))
    port = free_port()
    images = {"CBBOT_BOT_IMAGE": "none", "CBBOT_BRIDGE_IMAGE": "none"}
    place = {"CBBOT_NAMESPACES": NAMESPACE, "POD_NAMESPACE": NAMESPACE, "POD_NAME": name}
    often = {"CBBOT_RESYNC_SECONDS": "10", "CBBOT_POLL_SECONDS": "1"}
    environment = {"KUBECONFIG": str(kubeconfig), "PORT": str(port), **images, **place, **often}
    with (folder / f"{name}.log").open("wb") as log:
        process = await start_async(
            sys.executable, "-m", "cbbot_operator", env=surroundings(**environment), stdout=None, stderr=log.fileno()
        )
    try:
        yield port
    finally:
        process.terminate()
        await process.wait()
