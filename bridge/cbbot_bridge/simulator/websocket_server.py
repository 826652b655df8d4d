"""The WebSocket: who may connect, what they ask for, and the end of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from typing import Any, Final

from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from cbbot.errors import BadInput
from cbbot_bridge.simulator.api_keys import Permission
from cbbot_bridge.simulator.auth import Signatures
from cbbot_bridge.simulator.rate_limits import Allowances
from cbbot_bridge.simulator.stream_connection import POLICY, Connection
from cbbot_bridge.simulator.stream_faults import AT_ONCE, PendingStreamFaults, StreamFault, foreign_snapshot
from cbbot_bridge.simulator.stream_pace import Pace
from cbbot_bridge.simulator.stream_publisher import Publisher
from cbbot_bridge.simulator.stream_requests import PRIVATE_CHANNELS, StreamRequest, parse_request
from cbbot_bridge.simulator.user_orders import OrderFilter
from cbbot_bridge.simulator.world import World

__all__ = ["Hub"]

_LOG = logging.getLogger(__name__)
_REFUSED: Final = "authentication failure"
_TOO_MANY: Final = "rate limit exceeded"


class Hub:
    """All connections of the simulator."""

    def __init__(self, world: World, signatures: Signatures, pace: Pace | None = None) -> None:
        self._world = world
        self._signatures = signatures
        self._pace = pace or Pace()
        self._connections: set[Connection] = set()
        self._publisher = Publisher(world, self._connections, self._pace)
        self._faults = PendingStreamFaults()
        rate = world.settings.stream_rate
        # Each address's, as Coinbase counts them; 0 is no limit.
        self._new_connections = Allowances(rate) if rate else None
        self._unsigned_messages = Allowances(rate) if rate else None

    def tasks(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What is to run as long as the simulator does."""
        return self._publisher.tasks()

    async def serve(self, socket: WebSocket) -> None:
        """The life of one connection."""
        address = socket.client.host if socket.client else ""
        if self._new_connections is not None and self._new_connections.take(address) is None:
            await socket.send_denial_response(Response("Too many requests", 429))
            return
        await socket.accept()
        connection = Connection(socket, self._pace, self._faults, client_id=self._world.settings.stream_client_id)
        self._connections.add(connection)
        sender = asyncio.create_task(connection.drain())
        listener = asyncio.create_task(self._listen(connection, address))
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
        """Close every connection with a code, or cut it (``ABNORMAL``); how many there were."""
        for connection in self._connections:
            connection.close(code)
        return len(self._connections)

    def add_fault(self, fault: StreamFault) -> int:
        """Let a fault happen, now or with the next messages; how many are still to come."""
        if fault.kind in AT_ONCE:
            for connection in self._connections:
                if fault.kind == "silence":
                    connection.fall_silent(fault.seconds)
                else:
                    connection.send("l2_data", foreign_snapshot(fault.megabytes), self._world.now_ms())
        else:
            self._faults.add(fault)
        return len(self._faults)

    def clear_faults(self) -> None:
        """Everything works again, but for what has been sent and silences that last."""
        self._faults.clear()

    async def _listen(self, connection: Connection, address: str) -> None:
        try:
            text = await asyncio.wait_for(_received(connection.socket), self._pace.subscribe_deadline)
        except TimeoutError:
            connection.close(POLICY)
            # The sender closes the socket and so ends the connection.
            await asyncio.Event().wait()
            return
        while True:
            try:
                self._handle(connection, address, text)
            except BadInput as error:
                connection.complain(str(error))
            text = await _received(connection.socket)

    def _handle(self, connection: Connection, address: str, text: str) -> None:
        """
        Raises:
            BadInput: the message is answered with an error; nothing has changed.
        """
        request = self._parsed(text, address)
        claims = self._signatures.claims(request.token)
        caller = None if claims is None else self._signatures.caller(claims)
        if request.channel in PRIVATE_CHANNELS and (caller is None or Permission.VIEW not in caller.permissions):
            raise BadInput(_REFUSED)
        if caller is None and request.token:
            raise BadInput(_REFUSED)
        now_ms = self._world.now_ms()
        product_ids = self._products(request)
        fresh = connection.change(request.channel, product_ids, subscribe=request.subscribes)
        # Whoever has the channel keeps what it was asked for first, until it is unsubscribed.
        if request.channel == "user" and fresh and caller is not None:
            connection.orders_of = OrderFilter(caller.portfolio or self._world.portfolio, request.product_ids)
        subscriptions = {name: list(names) for name, names in connection.channels.items()}
        connection.send("subscriptions", [{"subscriptions": subscriptions}], now_ms)
        if fresh:
            self._publisher.snapshot(connection, request.channel, fresh, now_ms)

    def _parsed(self, text: str, address: str) -> StreamRequest:
        refusal, request = None, None
        try:
            request = parse_request(text)
        except BadInput as error:
            refusal = error
        unsigned = self._unsigned_messages if request is None or not request.token else None
        if unsigned is not None and unsigned.take(address) is None:
            raise BadInput(_TOO_MANY)
        if request is None:
            raise refusal or AssertionError("a request is parsed or refused")
        return request

    def _products(self, request: StreamRequest) -> list[str]:
        """What stands for the wanted products in the list of subscriptions: markets, and for orders the customer.

        Raises:
            BadInput: there is no such product.
        """
        if any(self._world.product(product_id) is None for product_id in request.product_ids):
            raise BadInput("product_ids argument is invalid")
        if request.channel == "heartbeats":
            return ["heartbeats"]
        if request.channel in PRIVATE_CHANNELS:
            return [self._world.customer]
        markets = [self._world.market(product_id) for product_id in request.product_ids]
        known = [market.market_id for market in markets if market is not None]
        return list(dict.fromkeys(known)) or list(self._world.markets)


async def _received(socket: WebSocket) -> str:
    """The next message; "" for one in bytes, which nothing here understands.

    Raises:
        WebSocketDisconnect: the customer has gone.
    """
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    return message.get("text") or ""
