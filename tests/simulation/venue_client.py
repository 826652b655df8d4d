"""Drives a client of the exchange that is not ours, unchanged, in an environment of its own.

    python venue_client.py sdk|ccxt|pro ADDRESS

The key's name and secret are KEY_NAME and KEY_SECRET of the environment; without them the client has no key. ``sdk``
is Coinbase's own (``rest``, and the WebSocket clients ``market`` and ``user``), ``ccxt`` its plain client and ``pro``
the one for asyncio and the WebSocket (both ``exchange``). Calls are read from standard input, a line of JSON each:
``[number, client, method, positional arguments, named arguments]``. Lines of these kinds are written:

    {"number": n, "answer": what the client made of it}
    {"number": n, "error": [class and its bases], "text": its message}
    {"answered": [method, path, status, content type, body]}     each answer over HTTP, before the client reads it
    {"frame": message, "by": client}     each message of the WebSocket
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

PATIENCE_SECONDS = 60
KEY_NAME, KEY_SECRET = os.environ.get("KEY_NAME"), os.environ.get("KEY_SECRET")
WRITING = threading.Lock()


def write(document: Any) -> None:
    """The clients' own objects are written as the attributes that they have."""
    line = json.dumps(document, default=vars)
    with WRITING:
        print(line, flush=True)


def answered(method: str, url: str, status: int, content_type: str, body: str) -> None:
    write({"answered": [method, urlsplit(url).path, status, content_type, body]})


def sdk(address: str) -> dict[str, Any]:
    import requests  # noqa: PLC0415 - each client is loaded where it is driven
    from coinbase.rest import RESTClient  # noqa: PLC0415 - likewise
    from coinbase.websocket import WebsocketResponse, WSClient, WSUserClient  # noqa: PLC0415 - likewise

    class Redirected(requests.adapters.HTTPAdapter):
        """Sends what is meant for Coinbase to the simulator, and tells what came back."""

        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            request.url = request.url.replace("https://api.coinbase.com", address)
            response = super().send(request, *args, **kwargs)
            kind = response.headers.get("content-type", "")
            answered(request.method, request.url, response.status_code, kind, response.text)
            return response

    def told(by: str) -> Callable[[str], None]:
        def tell(text: str) -> None:
            frame = json.loads(text)
            write({"frame": frame, "by": by})
            if "channel" in frame:
                # What the client's own types cannot hold ends the client here, and the test misses what follows.
                WebsocketResponse(frame)

        return tell

    key = {"api_key": KEY_NAME, "api_secret": KEY_SECRET, "timeout": 10}
    rest = RESTClient(**key)
    rest.session.mount("https://", Redirected())
    stream = address.replace("http://", "ws://")
    kinds = {"market": WSClient, "user": WSUserClient}
    streams = {name: kind(**key, base_url=stream, on_message=told(name)) for name, kind in kinds.items()}
    return {"rest": rest, **streams}


def telling(kind: type) -> type:
    """The client with its own hooks for answers and messages, which tell of them."""

    class Telling(kind):  # type: ignore[misc]  # the class is of the other environment
        def on_rest_response(self, *args: Any) -> Any:
            status, _, url, method, headers, body = args[:6]
            lower = {name.lower(): value for name, value in headers.items()}
            answered(method, url, status, lower.get("content-type", ""), body)
            return super().on_rest_response(*args)

        def handle_message(self, client: Any, message: Any) -> None:
            write({"frame": message, "by": "exchange"})
            super().handle_message(client, message)

    return Telling


def configured(kind: type, address: str) -> dict[str, Any]:
    options = {"apiKey": KEY_NAME, "secret": KEY_SECRET} if KEY_NAME else {}
    exchange = telling(kind)({**options, "timeout": 10_000})
    exchange.urls["api"]["rest"] = address
    exchange.urls["api"]["ws"] = address.replace("http://", "ws://")
    return {"exchange": exchange}


def ccxt(address: str) -> dict[str, Any]:
    import ccxt as library  # noqa: PLC0415 - each client is loaded where it is driven

    return configured(library.coinbase, address)


def pro(address: str) -> dict[str, Any]:
    import ccxt.pro as library  # noqa: PLC0415 - each client is loaded where it is driven

    return configured(library.coinbase, address)


async def call(clients: dict[str, Any], line: str) -> None:
    number, name, method, positional, named = json.loads(line)
    try:
        answer = getattr(clients[name], method)(*positional, **named)
        told = {"answer": await answer if inspect.isawaitable(answer) else answer}
    except Exception as error:  # noqa: BLE001 - the test says which error it waits for
        told = {"error": [each.__name__ for each in type(error).__mro__], "text": str(error)}
    write({"number": number, **told})


async def answer_calls(kind: str, address: str) -> None:
    """Calls are begun in their order; one that waits for a message does not hold up the next."""
    clients = CALLED[kind](address)
    begun = set()
    while line := await asyncio.to_thread(sys.stdin.readline):
        # A client that waits for ever ends here, and the test sees it.
        signal.alarm(PATIENCE_SECONDS)
        begun.add(asyncio.ensure_future(call(clients, line)))
        await asyncio.sleep(0)
    for task in begun:
        task.cancel()
    if kind == "pro":
        await clients["exchange"].close()


CALLED: dict[str, Callable[[str], dict[str, Any]]] = {"sdk": sdk, "ccxt": ccxt, "pro": pro}

if __name__ == "__main__":
    signal.alarm(PATIENCE_SECONDS)
    asyncio.run(answer_calls(*sys.argv[1:]))
