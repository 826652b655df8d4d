"""Drives a client of the exchange that is not ours, unchanged, in an environment of its own.

    python venue_client.py sdk|ccxt|stream ADDRESS

The key's name and secret are KEY_NAME and KEY_SECRET of the environment. ``sdk`` and ``ccxt`` read calls from standard
input, a line of JSON each: ``[name, positional arguments, named arguments]``; they write a line for each:
``{"answer": what the client made of it}`` or ``{"error": [class and its bases], "text": ...}``.
``stream`` subscribes to ticker and heartbeats and writes each message as the client parsed it, until its input ends.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

# A client that waits for ever ends here, and the test sees it.
signal.alarm(60)

KEY = {"api_key": os.environ["KEY_NAME"], "api_secret": os.environ["KEY_SECRET"]}


def write(document: Any) -> None:
    """The clients' own objects are written as the attributes that they have."""
    print(json.dumps(document, default=vars), flush=True)


def sdk(address: str) -> Any:
    import requests  # noqa: PLC0415 - each client is loaded where it is driven
    from coinbase.rest import RESTClient  # noqa: PLC0415 - likewise

    class Redirected(requests.adapters.HTTPAdapter):
        """Sends what is meant for Coinbase to the simulator."""

        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            request.url = request.url.replace("https://api.coinbase.com", address)
            return super().send(request, *args, **kwargs)

    client = RESTClient(**KEY, timeout=10)
    client.session.mount("https://", Redirected())
    return client


def ccxt(address: str) -> Any:
    import ccxt as library  # noqa: PLC0415 - each client is loaded where it is driven

    client = library.coinbase({"apiKey": KEY["api_key"], "secret": KEY["api_secret"], "timeout": 10_000})
    client.urls["api"]["rest"] = address
    return client


def answer_calls(client: Any) -> None:
    for line in sys.stdin:
        name, positional, named = json.loads(line)
        try:
            answer = {"answer": getattr(client, name)(*positional, **named)}
        except Exception as error:  # noqa: BLE001 - the test says which error it waits for
            answer = {"error": [each.__name__ for each in type(error).__mro__], "text": str(error)}
        write(answer)


def stream(address: str) -> None:
    from coinbase.websocket import WebsocketResponse, WSClient  # noqa: PLC0415 - as above

    def told(text: str) -> None:
        write(WebsocketResponse(json.loads(text)))

    client = WSClient(**KEY, base_url=address.replace("http://", "ws://"), on_message=told, timeout=10)
    client.open()
    client.subscribe(["BTC-USD"], ["ticker", "heartbeats"])
    sys.stdin.read()
    client.close()


CALLED: dict[str, Callable[[str], Any]] = {"sdk": sdk, "ccxt": ccxt}

if __name__ == "__main__":
    kind, where = sys.argv[1:]
    if kind == "stream":
        stream(where)
    else:
        answer_calls(CALLED[kind](where))
