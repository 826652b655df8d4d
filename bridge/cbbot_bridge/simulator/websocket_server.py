"""The WebSocket: connections, their subscriptions, and the three tasks that feed them.

A connection has a queue; whoever publishes never waits for a slow customer. A customer whose
queue is full is disconnected, as the exchange does it. Sequence numbers are given when a message
is put into the queue and count all messages of the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Mapping
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from cbbot.venue.prints import Print
from cbbot_bridge.simulator.auth import Signatures
from cbbot_bridge.simulator.channel_messages import envelope, error_frame, heartbeat_event, ticker_event, trades_event
from cbbot_bridge.simulator.simulated_market import Market
from cbbot_bridge.simulator.world import World

__all__ = ["Hub"]

_LOG = logging.getLogger(__name__)
_SUBSCRIBE_DEADLINE_SECONDS = 5.0
_IDLE_SECONDS = 75.0
_QUEUE = 2_000
# One wake-up of the pump sends so many prints; more is a replay faster than anyone can read.
_MOST_PRINTS = 600
_TRADES_IN_SNAPSHOT = 50
_CHANNELS = ("ticker", "market_trades", "heartbeats")
_GOING_AWAY, _POLICY = 1001, 1008


class _Connection:
    """One customer's socket."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.queue: asyncio.Queue[dict[str, Any] | int] = asyncio.Queue(_QUEUE)
        self.channels: dict[str, list[str]] = {}
        self.sequence = 0
        self.heartbeats = 0
        self.closing = False

    def wants(self, channel: str, product_id: str) -> bool:
        return product_id in self.channels.get(channel, ())

    def send(self, channel: str, events: list[dict[str, Any]], now_ms: int) -> None:
        self._put(envelope(channel, events, self.sequence, now_ms))
        self.sequence += 1

    def complain(self, message: str) -> None:
        self._put(error_frame(message))

    def close(self, code: int) -> None:
        """Close after what has been queued; at once when the queue is full. Nothing follows a close."""
        if self.closing:
            return
        self.closing = True
        if self.queue.full():
            while not self.queue.empty():
                self.queue.get_nowait()
        self.queue.put_nowait(code)

    def _put(self, frame: dict[str, Any]) -> None:
        if self.closing:
            return
        if self.queue.full():
            _LOG.warning("slow customer disconnected", extra={"fields": {"queued": self.queue.qsize()}})
            self.close(_POLICY)
            return
        self.queue.put_nowait(frame)


class Hub:
    """All connections of the simulator."""

    def __init__(self, world: World, signatures: Signatures) -> None:
        self._world = world
        self._signatures = signatures
        self._connections: set[_Connection] = set()
        self._started = time.monotonic()

    async def serve(self, socket: WebSocket) -> None:
        """The life of one connection."""
        await socket.accept()
        connection = _Connection(socket)
        self._connections.add(connection)
        sender = asyncio.create_task(self._drain(connection))
        listener = asyncio.create_task(self._listen(connection))
        try:
            await asyncio.wait({sender, listener}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._connections.discard(connection)
            for task in (sender, listener):
                task.cancel()
            # Their ends are told by the socket's own end; a failure of ours is logged, not lost.
            for outcome in await asyncio.gather(sender, listener, return_exceptions=True):
                if isinstance(outcome, Exception) and not isinstance(outcome, WebSocketDisconnect | OSError):
                    _LOG.error("connection failed", extra={"fields": {"error": repr(outcome)}})

    def disconnect_all(self, code: int) -> int:
        """Close every connection with a code; how many there were."""
        for connection in self._connections:
            connection.close(code)
        return len(self._connections)

    async def _drain(self, connection: _Connection) -> None:
        while True:
            try:
                item = await asyncio.wait_for(connection.queue.get(), _IDLE_SECONDS)
            except TimeoutError:
                item = _GOING_AWAY
            if isinstance(item, int):
                await connection.socket.close(item)
                return
            await connection.socket.send_text(json.dumps(item, separators=(",", ":")))

    async def _listen(self, connection: _Connection) -> None:
        try:
            text = await asyncio.wait_for(connection.socket.receive_text(), _SUBSCRIBE_DEADLINE_SECONDS)
        except TimeoutError:
            connection.close(_POLICY)
            # The sender closes the socket and so ends the connection.
            await asyncio.Event().wait()
            return
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                self._handle(connection, text)
                text = await connection.socket.receive_text()

    def _handle(self, connection: _Connection, text: str) -> None:
        try:
            message = json.loads(text)
        except ValueError:
            message = None
        if not isinstance(message, dict) or message.get("type") not in ("subscribe", "unsubscribe"):
            connection.complain("type must be subscribe or unsubscribe")
            return
        token = message.get("jwt")
        if message.get("channel") not in _CHANNELS or (token and self._signatures.claims(str(token)) is None):
            connection.complain("authentication failure")
            return
        products = self._products(message)
        if products is None:
            connection.complain("product_ids argument is invalid")
            return
        self._change(connection, message["type"], message["channel"], products)

    def _products(self, message: Mapping[str, Any]) -> list[str] | None:
        """Market names of the wanted products, all when none is named; None for an unknown one."""
        if message["channel"] == "heartbeats":
            return ["heartbeats"]
        named = message.get("product_ids") or list(self._world.markets)
        if not isinstance(named, list):
            return None
        markets = [self._world.market(str(name)) for name in named]
        known = [market.market_id for market in markets if market is not None]
        return list(dict.fromkeys(known)) if len(known) == len(markets) else None

    def _change(self, connection: _Connection, kind: str, channel: str, products: list[str]) -> None:
        present = connection.channels.get(channel, [])
        fresh = [product for product in products if product not in present]
        if kind == "subscribe":
            connection.channels[channel] = present + fresh
        else:
            connection.channels[channel] = [product for product in present if product not in products]
        if not connection.channels[channel]:
            del connection.channels[channel]
        now_ms = self._world.now_ms()
        subscriptions = {name: list(names) for name, names in connection.channels.items()}
        connection.send("subscriptions", [{"subscriptions": subscriptions}], now_ms)
        if kind == "subscribe" and fresh:
            self._snapshot(connection, channel, fresh, now_ms)

    def _snapshot(self, connection: _Connection, channel: str, products: list[str], now_ms: int) -> None:
        for market in (self._world.markets[product_id] for product_id in products if channel != "heartbeats"):
            tape = market.tape
            if channel == "ticker":
                last = tape.latest_prints(now_ms, 1)
                if last:
                    connection.send("ticker", [ticker_event(self._world, "snapshot", market, last)], now_ms)
            elif channel == "market_trades":
                trades = tape.latest_prints(now_ms, _TRADES_IN_SNAPSHOT)
                connection.send("market_trades", [trades_event("snapshot", market, trades)], now_ms)

    async def pump(self) -> None:
        """Send prints as they happen, until canceled."""
        world = self._world
        seen_ms = world.now_ms()
        while True:
            now_ms = world.now_ms()
            for market in world.markets.values():
                prints = market.tape.latest_prints(now_ms, _MOST_PRINTS, seen_ms)
                if prints:
                    self._publish(market, prints[::-1], now_ms)
            seen_ms = now_ms
            await world.clock.wait_until(min(market.tape.next_print_ms(now_ms) for market in world.markets.values()))

    def _publish(self, market: Market, prints: list[Print], now_ms: int) -> None:
        product_id = market.market_id
        tickers = [c for c in self._connections if c.wants("ticker", product_id)]
        if tickers:
            event = ticker_event(self._world, "update", market, prints)
            for connection in tickers:
                connection.send("ticker", [event], now_ms)
        trades = [c for c in self._connections if c.wants("market_trades", product_id)]
        if trades:
            event = trades_event("update", market, prints)
            for connection in trades if event["trades"] else ():
                connection.send("market_trades", [event], now_ms)

    async def beat(self) -> None:
        """A heartbeat a second (of ours, not of the replay), until canceled."""
        while True:
            await asyncio.sleep(1)
            now_ms, uptime = self._world.now_ms(), time.monotonic() - self._started
            for connection in self._connections:
                if connection.wants("heartbeats", "heartbeats"):
                    connection.heartbeats += 1
                    connection.send("heartbeats", [heartbeat_event(now_ms, connection.heartbeats, uptime)], now_ms)
