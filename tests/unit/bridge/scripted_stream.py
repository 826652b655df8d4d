"""A WebSocket server that plays scripts, and a ticker stream that listens to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Any

from tenacity import RetryCallState, wait_none
from tenacity.wait import wait_base
from websockets.asyncio.server import Server as WebSocketServer
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from cbbot_bridge.coinbase.ws import StreamTimes, TickerStream
from cbbot_bridge.coinbase.ws_messages import TickerUpdate

__all__ = ["Heard", "RecordedWait", "Script", "Server", "frame", "stay", "streaming"]

Script = Callable[[ServerConnection, int], Awaitable[None]]


def frame(sequence: int, price: str | None = None, **extra: Any) -> str:
    body: dict[str, Any] = {"timestamp": f"2026-04-07T14:30:{sequence % 60:02d}Z", "sequence_num": sequence}
    if price is None:
        return json.dumps({**body, "channel": "heartbeats", "events": [{"heartbeat_counter": sequence}]})
    ticker = {"product_id": "BTC-USD", "price": price, "best_bid": "1", "best_ask": "", **extra}
    return json.dumps({**body, "channel": "ticker", "events": [{"type": "update", "tickers": [ticker]}]})


ACCEPTED = json.dumps({"channel": "subscriptions", "events": [{"subscriptions": {}}]})


class Server:
    """Plays a script for every connection; ``script(connection, number)`` with number from 0.

    It comes after the subscriptions. Those to ``unknown`` products are answered with an error, or the
    connection is closed instead.
    """

    def __init__(self, script: Script, products: int, unknown: tuple[str, ...], *, answers_unknown: bool) -> None:
        self.script = script
        self.products = products
        self.unknown = unknown
        self.answers_unknown = answers_unknown
        self.closed_one = asyncio.Event()
        self.listening: WebSocketServer
        self.subscriptions: list[list[dict[str, Any]]] = []
        self.received: list[float] = []

    async def handle(self, connection: ServerConnection) -> None:
        number = len(self.subscriptions)
        self.subscriptions.append([])
        try:
            while len(self.subscriptions[number]) < 1 + self.products:
                message = json.loads(await asyncio.wait_for(connection.recv(), 0.5))
                self.subscriptions[number].append(message)
                self.received.append(asyncio.get_running_loop().time())
                if not set(self.unknown) & set(message.get("product_ids", ())):
                    await connection.send(ACCEPTED)
                elif self.answers_unknown:
                    await connection.send(json.dumps({"type": "error", "message": "product_ids argument is invalid"}))
                else:
                    self.closed_one.set()
                    await connection.close()
                    return
        except TimeoutError:
            pass  # a refused product is left out: that was all
        except ConnectionClosed:
            return
        await self.script(connection, number)

    def wanted(self, number: int) -> list[str]:
        """Products of a connection's subscriptions, in their order."""
        return [product for message in self.subscriptions[number] for product in message.get("product_ids", ())]


class Heard:
    """What a stream reported: ``ticks`` to be waited for, and the order of prices and gaps."""

    def __init__(self) -> None:
        self.ticks: asyncio.Queue[tuple[TickerUpdate, str]] = asyncio.Queue()
        self.order: list[str] = []

    @property
    def gaps(self) -> int:
        return self.order.count("gap")

    def tick(self, update: TickerUpdate, timestamp: str) -> None:
        self.order.append(update.price)
        self.ticks.put_nowait((update, timestamp))

    def gap(self) -> None:
        self.order.append("gap")

    async def price(self) -> str:
        update, _ = await asyncio.wait_for(self.ticks.get(), 5)
        return update.price


class RecordedWait(wait_base):
    """Tells the numbers of tries it was asked about, and always answers a hundredth of a second."""

    def __init__(self, enough: int) -> None:
        self.tries: list[int] = []
        self.enough = asyncio.Event()
        self._enough = enough

    def __call__(self, retry_state: RetryCallState) -> float:
        self.tries.append(retry_state.attempt_number)
        if len(self.tries) >= self._enough:
            self.enough.set()
        return 0.01


TIMES = {field.name for field in fields(StreamTimes)}
QUICK: dict[str, Any] = {"wait": wait_none(), "pause": 0.01, "pace": 0.001}


@asynccontextmanager
async def streaming(script: Script, **options: Any) -> AsyncIterator[tuple[TickerStream, Heard, Server]]:
    products = options.pop("products", ("BTC-USD",))
    answers_unknown = options.pop("answers_unknown", True)
    server = Server(script, len(products), options.pop("unknown", ()), answers_unknown=answers_unknown)
    heard = Heard()
    times = StreamTimes(**{**QUICK, **{name: options.pop(name) for name in TIMES & set(options)}})
    async with serve(server.handle, "127.0.0.1", 0) as listening:
        server.listening = listening
        port = next(iter(listening.sockets)).getsockname()[1]
        stream = TickerStream(
            f"ws://127.0.0.1:{port}",
            products,
            on_ticker=heard.tick,
            on_gap=heard.gap,
            times=times,
            **options,
        )
        task = asyncio.create_task(stream.run())
        try:
            yield stream, heard, server
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def stay(connection: ServerConnection) -> None:
    await connection.wait_closed()
