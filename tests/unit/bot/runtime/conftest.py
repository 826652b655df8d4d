"""The whole bot but for its sockets, as an object that a test starts and stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from cbbot.brokers.bridge_client import BridgeClient
from cbbot.contract.settings import Settings, load
from cbbot.runtime.early_control import EarlyControl, control_file
from cbbot.runtime.live_bot import LiveBot
from cbbot.runtime.opened_state import OpenedState
from cbbot.runtime.resume import identity_of, state_trades
from cbbot.runtime.status_answer import About
from cbbot.runtime.store import StateStore
from cbbot.runtime.trade_log import TradeLog

DEMO = {
    "USE_TICK_PRICE": "false", "FEE_RATE_PCT": "0.05", "TAKE_PROFIT_PCT": "0.15", "SCALP_TP_MIN_PCT": "0.15",
    "STOP_LOSS_PCT": "0.6", "PYRAMID_MIN_ADVERSE_PCT": "0.1", "PYRAMID_DECAY_MIN_PCT": "0.05", "BUY_THRESHOLD": "0.4",
    "RISK_PER_TRADE_PCT": "5", "ALLOW_PYRAMIDING": "true", "MAX_HISTORY_CANDLES": "500", "USE_MA_FILTER": "false",
    "TICK_INTERVAL_SEC": "15", "PAPER_SLIPPAGE_BPS": "1", "MAX_DAILY_LOSS_PCT": "0", "BRIDGE_URL": "http://bridge",
}  # fmt: skip


async def inline(save: Callable[[], None]) -> None:
    """In the place of a thread: the loop's clock is virtual, a thread's is not."""
    save()


class Rig:
    """A bot on a state folder; one object per start of the process."""

    def __init__(self, bridge: Any, folder: Path, in_thread: Any = inline, **keys: str) -> None:
        self.settings: Settings = load(DEMO | keys)
        self.store = StateStore(folder / "bot_state.json")
        # Not through open_state: a bot is to be tried on documents, too, that no start would take.
        document = self.store.load().body
        self.trade_log = TradeLog(folder / "trades.jsonl", state_trades(document))
        early = EarlyControl(control_file(self.store.path), in_thread)
        identity = identity_of(self.settings, "test", document)
        opened = OpenedState(self.store, self.trade_log, early, document, identity, [])
        self.about = About(self.settings, "demo", "", "test", "0", 0)
        client = BridgeClient(self.settings.bridge_url, "secret", bridge.transport)
        self.said: list[tuple[str, dict[str, object]]] = []
        self.bot = LiveBot(self.about, client, opened, in_thread=in_thread, slack=self._hear)
        self.running = asyncio.get_running_loop().create_task(self.bot.run())

    def _hear(self, event: str, fields: Mapping[str, object]) -> None:
        self.said.append((event, dict(fields)))

    async def until(self, arrived: Callable[[], bool], seconds: float = 60_000.0) -> None:
        """Waits, in virtual time, until something is so."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not arrived():
            assert not self.running.done(), self.running.exception()
            assert loop.time() < end, self.bot.status()
            await asyncio.sleep(1)

    def exposed(self) -> dict[str, float]:
        """The metrics, by name with labels."""
        lines = [line for line in self.bot.exposition().decode().splitlines() if not line.startswith("#")]
        return {name: float(text) for name, text in (line.rsplit(" ", 1) for line in lines)}

    async def stop(self) -> None:
        self.bot.stop()
        await self.running


@pytest.fixture
def make_rig() -> type[Rig]:
    """Start a bot: ``make_rig(fake_bridge(...), folder, KEY=value...)``, inside of a running loop."""
    return Rig


@pytest.fixture
def demo_settings() -> dict[str, str]:
    """What every rig's settings start from."""
    return DEMO
