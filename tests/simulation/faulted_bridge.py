"""A bridge before a simulator that fails on demand: its answers, metrics and log, and what the exchange's books hold.

The simulator is a process; the bridge runs within the test, with less patience than in life. The market swings as
``cyclic_venue`` tells, and its clock stands still until a test moves it.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import httpx
from prometheus_client.parser import text_string_to_metric_families

from cbbot_bridge.assembly import Bridge
from cbbot_bridge.bridge_app import create_app
from cbbot_bridge.bridge_settings import load_settings
from cbbot_bridge.coinbase.aiohttp_exchange import AiohttpExchange
from cbbot_bridge.coinbase.retry import RetryPolicy
from simulation.cyclic_venue import write_cycle
from simulation.served import Served

__all__ = [
    "TOKEN",
    "WISHES",
    "FaultedVenue",
    "FaultyBridge",
    "Line",
    "bridge_before",
    "faulted_venue",
    "metrics_of",
    "until",
]

TOKEN: Final = "a-token-for-tests-only"
API: Final = "/api/v3/brokerage"
PATIENCE_SECONDS: Final = 60
QUICK: Final = RetryPolicy(base_seconds=0.01, cap_seconds=0.05, total_seconds=1.0, least_seconds=0.2)
OPENING: Final = {"USD": "1000000", "BTC": "100"}
_CALM: Final[dict[str, Any]] = {
    **dict.fromkeys(("order_visible_delay_ms", "pending_delay_ms", "fills_delay_ms", "post_delay_ms"), 0),
    **dict.fromkeys(("cancel_delay_ms", "edit_delay_ms"), 0),
    "refuse_duplicates": False,
    "gates": {"BTC-USD": []},
    "status": {"BTC-USD": "online"},
    "balances": OPENING,
    "books": {"BTC-USD": {"spread_ticks": 1, "levels": 20, "level_size": 10**9}},
}
WISHES: Final[Mapping[str, tuple[str, dict[str, str]]]] = {
    "market": ("/order/market", {"side": "BUY", "quote_size": "100"}),
    "limit": ("/order/limit", {"side": "BUY", "base_size": "0.01", "limit_price": "49500"}),
    "stop_limit": (
        "/order/stop_limit",
        {"side": "SELL", "base_size": "0.01", "stop_price": "49200", "limit_price": "49100"},
    ),
    "bracket": (
        "/order/bracket",
        {"side": "SELL", "base_size": "0.01", "limit_price": "50900", "stop_trigger_price": "49200"},
    ),
}
"""One order of each kind, by the name that metrics and log give the kind: path and fields. All but the first rest."""


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Waits for what another process, or a job of the bridge, does."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110  the event is elsewhere
            await asyncio.sleep(0.01)


class FaultedVenue:
    """The simulator, by its control endpoints and its books."""

    def __init__(self, address: str, client: httpx.Client) -> None:
        self.address = address
        self._client = client

    def control(self, what: str, **body: Any) -> Any:
        return self._client.post(f"/sim/{what}", json=body).raise_for_status().json()

    def fault(self, **fields: Any) -> None:
        self.control("faults", **fields)

    def works_again(self) -> None:
        self._client.delete("/sim/faults").raise_for_status()
        self._client.delete("/sim/sockets/faults").raise_for_status()

    def adjust(self, **fields: Any) -> None:
        self.control("exchange", **fields)

    def seconds(self, count: int) -> None:
        """Moves the clock: after 20 s of a minute the price is at its lowest, after 35 s at its highest."""
        self.control("advance", to_ms=self.now_ms() + count * 1000)

    def now_ms(self) -> int:
        return int(self._client.get("/sim/status").json()["now_ms"])

    def minute(self) -> None:
        """Moves the clock to the end of a minute; every price within the swing has been traded at."""
        self.control("advance", candles=1)

    def read(self, path: str) -> Any:
        return self._client.get(API + path).raise_for_status().json()

    def orders(self, client_order_id: str) -> list[dict[str, Any]]:
        """What the books hold under one of our ids, without regard to faults."""
        listed = self.read("/orders/historical/batch?limit=1000")
        assert listed["has_next"] is False
        return [order for order in listed["orders"] if order["client_order_id"] == client_order_id]

    def calm(self) -> None:
        """No faults, no delays, nothing that rests; balances as at the start."""
        self.works_again()
        self.adjust(**{name: value for name, value in _CALM.items() if name != "balances"})
        self.minute()
        resting = [order["order_id"] for order in self.read("/orders/historical/batch?order_status=OPEN")["orders"]]
        if resting:
            self._client.post(f"{API}/orders/batch_cancel", json={"order_ids": resting}).raise_for_status()
        self.adjust(balances=_CALM["balances"])


@contextmanager
def faulted_venue(folder: Path, *more: str) -> Iterator[FaultedVenue]:
    """A simulator that wants no signature and lets itself be disturbed."""
    command = ["cbbot_bridge.simulator", "--port", "0", "--speed", "0", "--faults", "--websocket-rate", "0"]
    command += ["--csv", str(write_cycle(folder)), "--product", "BTC-USD"]
    command += [part for currency, amount in OPENING.items() for part in ("--balance", f"{currency}={amount}")]
    served = Served([*command, *more], {}, folder / "simulator.log")
    try:
        with httpx.Client(base_url=served.url, trust_env=False, timeout=10) as client:
            yield FaultedVenue(served.url, client)
    finally:
        served.end(signal.SIGTERM)


@dataclass(frozen=True)
class Line:
    """A line of the log."""

    level: str
    event: str
    fields: Mapping[str, Any]


def metrics_of(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@dataclass
class FaultyBridge:
    """A bridge in trouble, and what it says of it."""

    bridge: Bridge
    client: httpx.AsyncClient
    lines: list[Line] = field(default_factory=list)

    async def place(self, kind: str, client_order_id: str, **other: str) -> httpx.Response:
        path, fields = WISHES[kind]
        body = {"client_order_id": client_order_id, "product_id": "BTC-USD", **fields, **other}
        return await self.client.post(path, json=body)

    async def placed(self, kind: str, client_order_id: str, **other: str) -> str:
        """Places an order without trouble; its id at Coinbase.

        The bridge has a second of patience only: where the machine stood still for longer, it has sent nothing.
        """
        answer = await self.place(kind, client_order_id, **other)
        late = answer.status_code != httpx.codes.OK and answer.json()["error"]["code"] == "upstream_timeout"
        if late and answer.json()["outcome"] == "not_placed":
            answer = await self.place(kind, client_order_id, **other)
        assert answer.status_code == 200, answer.text
        return cast("str", answer.json()["order_id"])

    async def read(self, path: str) -> Any:
        answer = await self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def counted(self, name: str, **labels: str) -> float:
        """A metric's value; 0 when there is no such series."""
        text = (await self.client.get("/metrics")).text
        return metrics_of(text).get((name, frozenset(labels.items())), 0.0)

    def logged(self, event: str) -> list[Mapping[str, Any]]:
        """The fields of every line of an event."""
        return [line.fields for line in self.lines if line.event == event]


class _Kept(logging.Handler):
    def __init__(self, lines: list[Line]) -> None:
        super().__init__(logging.INFO)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(Line(record.levelname, record.getMessage(), getattr(record, "fields", {})))


@contextmanager
def _log_kept() -> Iterator[list[Line]]:
    logger, lines = logging.getLogger("cbbot_bridge"), list[Line]()
    handler, level = _Kept(lines), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@asynccontextmanager
async def bridge_before(
    address: str, environment: Mapping[str, str] | None = None, *, running: bool = False
) -> AsyncIterator[FaultyBridge]:
    """A bridge before the venue at ``address``; ``running``: with its work in the background, the stream too."""
    keys = {"COINBASE_API_BASE": address, "COINBASE_AUTH": "none", "BRIDGE_TOKEN": TOKEN}
    exchange = AiohttpExchange(None)
    bridge = Bridge(load_settings({**keys, **(environment or {})}), exchange=exchange, retry=QUICK)
    # It has run for a minute: an order of the process before it would be visible by now.
    bridge.orders.sent.known_since -= 60
    transport = httpx.ASGITransport(create_app(bridge), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with _log_kept() as lines:
        async with httpx.AsyncClient(
            transport=transport, base_url="http://bridge", headers=headers, timeout=PATIENCE_SECONDS
        ) as client:
            if running:
                async with bridge.running():
                    yield FaultyBridge(bridge, client, lines)
                return
            await bridge.timekeeper.sample()
            try:
                yield FaultyBridge(bridge, client, lines)
            finally:
                await exchange.close()
