"""Simulator, bridge and bot as processes that can be killed one by one, with a relay before bridge and simulator.

What a bot knows is read from its disk and its endpoints, what it did from the simulator's books.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, cast

import httpx

from cbbot.runtime.store import read_generation
from simulation.account_audit import Audit, audit, executed
from simulation.order_relay import OrderRelay, Passing
from simulation.served import surroundings
from started_processes import start_async

__all__ = [
    "OPENING",
    "PATIENCE_SECONDS",
    "SPEED",
    "Ambush",
    "TradingProcesses",
    "Unmet",
    "agree_and_go_on",
    "start_again",
    "trading",
]

TOKEN: Final = "0123456789abcdef-bridge"
BOT_ID: Final = "btc"
SPEED: Final = 30
"""Venue seconds in a second: what waits 30 s for an order to be seen waits one second here. Balances that may be 10 s
old are read in time on a busy machine too."""

OPENING: Final = {"USD": Decimal(10000), "BTC": Decimal()}
PATIENCE_SECONDS: Final = 40
OPENED: Final = 'bot_trades_total{result="open"}'
_API: Final = "/api/v3/brokerage"
_EAGER: Final = {
    "DRY_RUN": "false", "BOT_ID": BOT_ID, "BOT_VENUE": "Simulator", "BOT_HOST": "127.0.0.1", "PORT": "0",
    "MAX_ORDER_USD": "20", "MAX_EXPOSURE_USD": "5000", "MAX_CONCURRENT_LOTS": "12", "ALLOW_PYRAMIDING": "true",
    "PYRAMID_MIN_ADVERSE_PCT": "0", "PYRAMID_MIN_SECONDS_BETWEEN": "0", "PYRAMID_DECAY_MIN_PCT": "0",
    "BUY_THRESHOLD": "0", "USE_MA_FILTER": "false", "TAKE_PROFIT_PCT": "0.03", "SCALP_TP_MIN_PCT": "0.03",
    "STOP_LOSS_PCT": "0.05", "TRAIL_ACTIVATE_PCT": "0", "TICK_INTERVAL_SEC": "3", "MAX_HISTORY_CANDLES": "400",
    "MAX_DAILY_LOSS_PCT": "50", "FEE_RATE_PCT": "0.01",
}  # fmt: skip
"""A bot that buys when it can, and whose lots live for seconds."""


class Unmet(Exception):
    """What was waited for did not come."""


async def passes(_: str, __: bytes) -> bool:
    return True


class Ambush:
    """Passed to a relay, it does what it was last given, once, when the next message comes.

    ``passes``: that message goes on afterwards; else its connection ends.
    """

    def __init__(self, *, passes: bool = False) -> None:
        self._passes = passes
        self.act: Callable[[], Coroutine[Any, Any, None]] | None = None
        self.met = asyncio.Event()
        self.order = ""

    async def __call__(self, order: str, _: bytes) -> bool:
        act, self.act = self.act, None
        if act is None:
            return True
        self.order = order
        # Whoever dies ends the connection, and with it the task that waits here.
        self._acting = asyncio.create_task(self._acted(act))
        await asyncio.shield(self._acting)
        return self._passes

    async def _acted(self, act: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await act()
        self.met.set()


class TradingProcesses:
    """``on_order`` and the three after it are asked before an order's request or answer passes a relay.

    From the bot to the bridge, from the bridge to the exchange, and the two ways back.
    """

    def __init__(
        self,
        folder: Path,
        seed: int = 1,
        *,
        ordered: Passing = passes,
        sent: Passing = passes,
        taken: Passing = passes,
        answered: Passing = passes,
        settings: Mapping[str, str] | None = None,
        state_folder: Path | None = None,
        speed: int = SPEED,
    ) -> None:
        self.folder, self._seed, self._speed = folder, seed, speed
        self.state = (state_folder or folder / "state") / "bot_state.json"
        self.settings = dict(settings or {})
        self.to_bridge, self.to_exchange = OrderRelay(ordered, answered), OrderRelay(sent, taken)
        self.bot: Process | None = None
        self.bridge: Process | None = None
        self._simulator: Process | None = None
        self._ports: dict[str, int] = {}
        self._http = httpx.AsyncClient(timeout=10, trust_env=False)

    async def open(self, *more: str) -> None:
        """Starts the simulator; bridge and bot are the caller's to start."""
        (self.folder / "token").write_text(TOKEN)
        command = [
            "cbbot_bridge.simulator",
            "--port",
            "0",
            "--walk",
            str(self._seed),
            "--speed",
            str(self._speed),
            "--faults",
        ]
        command += ["--product", "BTC-USD", "--taker-rate", "0.0001", "--balance", f"USD={OPENING['USD']}"]
        self._simulator = await self._started("simulator", [*command, *more], {})
        await self.to_exchange.open(self._ports["simulator"])

    async def close(self) -> None:
        for process in (self.bot, self.bridge, self._simulator):
            await self._killed(process)
        await self.to_bridge.close()
        await self.to_exchange.close()
        await self._http.aclose()

    async def _started(self, name: str, arguments: list[str], environment: Mapping[str, str]) -> Process:
        """A process that has said its port."""
        with self.log(name).open("ab") as log:
            process = await start_async(
                sys.executable, "-m", *arguments, env=surroundings(**environment), stdout=PIPE, stderr=log.fileno()
            )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                line = await process.stdout.readline()
        except BaseException:
            await self._killed(process)
            raise
        if line:
            self._ports[name] = json.loads(line)["port"]
        return process

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    async def start_bridge(self) -> None:
        environment = {
            "COINBASE_API_BASE": self.to_exchange.url, "COINBASE_AUTH": "none", "BRIDGE_HOST": "127.0.0.1", "PORT": "0",
            "BRIDGE_TOKEN_FILE": str(self.folder / "token"), "COINBASE_WS_PRODUCTS": "BTC-USD",
        }  # fmt: skip
        self.bridge = await self._started("bridge", ["cbbot_bridge"], environment)
        await self.to_bridge.open(self._ports["bridge"])

    def bot_environment(self) -> dict[str, str]:
        environment = {
            "BRIDGE_URL": self.to_bridge.url, "BRIDGE_TOKEN_FILE": str(self.folder / "token"),
            "STATE_FILE": str(self.state),
        }  # fmt: skip
        return _EAGER | environment | self.settings

    async def start_bot(self) -> None:
        """Until it listens, or has ended."""
        self.bot = await self._started("bot", ["cbbot", "run"], self.bot_environment())

    @property
    def bot_port(self) -> int:
        return self._ports["bot"]

    @bot_port.setter
    def bot_port(self, port: int) -> None:
        self._ports["bot"] = port

    async def price(self) -> Decimal:
        """The product's, as the bridge has it."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            url = f"http://127.0.0.1:{self._ports['bridge']}/price"
            answer = (await self._http.get(url, params={"product_id": "BTC-USD"})).json()
            if "price" in answer:
                return Decimal(answer["price"])
            assert time.monotonic() < end, answer
            await asyncio.sleep(0.1)

    async def kill_bot(self) -> None:
        bot, self.bot = self.bot, None
        await self._killed(bot)

    async def kill_bridge(self) -> None:
        bridge, self.bridge = self.bridge, None
        if bridge is not None:
            bridge.kill()
            self.to_bridge.refuse()
        await self._killed(bridge)

    async def stop_bot(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code after the signal."""
        bot, self.bot = self.bot, None
        assert bot is not None
        bot.send_signal(number)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await bot.wait()

    async def _killed(self, process: Process | None) -> None:
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.wait()

    async def ask(self, path: str) -> Any:
        """The bot's answer."""
        return (await self._http.get(f"http://127.0.0.1:{self._ports['bot']}{path}")).raise_for_status().json()

    async def status(self) -> dict[str, Any]:
        """Raises Unmet with the end of its log when there is no answer."""
        try:
            return cast("dict[str, Any]", await self.ask("/status"))
        except httpx.HTTPError as error:
            code = self.bot.returncode if self.bot is not None else None
            tail = self.log("bot").read_text()[-1500:]
            raise Unmet(f"the bot does not answer ({error!r}, exit code {code}): {tail}") from error

    async def until(
        self, arrived: Callable[[dict[str, Any]], bool], what: str, seconds: float = PATIENCE_SECONDS
    ) -> dict[str, Any]:
        """The status once it is so."""
        end = time.monotonic() + seconds
        while not arrived(status := await self.status()):
            if time.monotonic() > end:
                raise Unmet(f"{what} did not come: {status}")
            await asyncio.sleep(0.05)
        return status

    async def ready(self) -> dict[str, Any]:
        return await self.until(lambda status: bool(status["ready"]), "readiness")

    async def agreed(self) -> Audit:
        """Once the bot and the books agree; with what is between them when they do not come to."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = await self.audited()
            if not found.differences or time.monotonic() > end:
                return found
            await asyncio.sleep(0.1)

    async def counted(self, name: str, least: float) -> None:
        """Waits until a metric of the bot's, by its name and its labels, has come so far."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            if (now := await self.metric(name)) >= least:
                return
            if time.monotonic() > end:
                raise Unmet(f"{name} is {now}, not {least}: {await self.status()}")
            await asyncio.sleep(0.1)

    async def metric(self, name: str) -> float:
        """A metric of the bot's, by its name and its labels."""
        text = (await self._http.get(f"http://127.0.0.1:{self._ports['bot']}/metrics")).raise_for_status().text
        return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))

    async def control(self, action: str) -> httpx.Response:
        """The answer to ``POST /control/action``."""
        return await self._http.post(f"http://127.0.0.1:{self._ports['bot']}/control/{action}")

    async def adjust(self, what: str = "exchange", **fields: Any) -> None:
        answer = await self._http.post(f"http://127.0.0.1:{self._ports['simulator']}/sim/{what}", json=fields)
        answer.raise_for_status()

    async def venue_seconds(self, seconds: int) -> None:
        """Waits until so much time has passed at the venue."""
        url = f"http://127.0.0.1:{self._ports['simulator']}/sim/status"
        end_ms: int | None = None
        while True:
            now_ms: int = (await self._http.get(url)).raise_for_status().json()["now_ms"]
            end_ms = now_ms + seconds * 1000 if end_ms is None else end_ms
            if now_ms >= end_ms:
                return
            await asyncio.sleep(0.1)

    async def no_faults(self) -> None:
        (await self._http.delete(f"http://127.0.0.1:{self._ports['simulator']}/sim/faults")).raise_for_status()

    async def _listed(self, path: str, name: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        cursor = ""
        while True:
            url = f"http://127.0.0.1:{self._ports['simulator']}{_API}{path}"
            page = (await self._http.get(url, params={"limit": 250, "cursor": cursor})).raise_for_status().json()
            rows += page[name]
            cursor = page["cursor"]
            if not page["has_next"]:
                return rows

    async def orders(self) -> list[dict[str, Any]]:
        """The bot's orders that the exchange has filled."""
        return cast(
            "list[dict[str, Any]]", executed(await self._listed("/orders/historical/batch", "orders"), f"{BOT_ID}-")
        )

    async def held(self) -> dict[str, Decimal]:
        accounts = {each["currency"]: each for each in await self._listed("/accounts", "accounts")}
        return {
            c: sum((Decimal(accounts[c][part]["value"]) for part in ("available_balance", "hold")), Decimal())
            for c in OPENING
        }

    def document(self) -> dict[str, Any] | None:
        """The state on the disk; None before the first."""
        try:
            return read_generation(self.state)
        except FileNotFoundError:
            return None

    def trades(self) -> list[dict[str, Any]]:
        """The trade log."""
        path = self.state.with_name("trades.jsonl")
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    async def audited(self) -> Audit:
        """One comparison; of a moment, so that an order in between makes differences."""
        orders, held = await self.orders(), await self.held()
        lots, status = await self.ask("/lots") or [], await self.ask("/status")
        bot = {"document": self.document(), "trades": self.trades(), "lots": lots, "status": status}
        return audit(orders, OPENING, held, bot)


@asynccontextmanager
async def trading(folder: Path, **options: Any) -> AsyncIterator[TradingProcesses]:
    """All three run; the bot is ready."""
    parts = TradingProcesses(folder, **options)
    try:
        await parts.open()
        await parts.start_bridge()
        await parts.start_bot()
        await parts.ready()
        yield parts
    finally:
        await parts.close()


async def agree_and_go_on(parts: TradingProcesses) -> None:
    """The bot agrees with the books to the last order, and opens another lot."""
    (await parts.control("pause-entries")).raise_for_status()
    assert (await parts.agreed()).differences == []
    opened = await parts.metric(OPENED)
    status = (await parts.control("resume")).raise_for_status().json()
    assert status["entries"]["paused_by"] == [], status["reason"]
    await parts.counted(OPENED, opened + 1)


async def start_again(parts: TradingProcesses) -> None:
    """The bot starts, and has lost nothing."""
    await parts.start_bot()
    await parts.ready()
    await agree_and_go_on(parts)
