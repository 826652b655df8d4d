"""The official SDK's side of bridge_rest_cost.py: signed calls, timed in CPU seconds of this process.

Run by bridge_rest_cost.py, in the clients' environment, with the simulator's address and the id of an order; key and
secret are KEY_NAME and KEY_SECRET. Each line of standard input is ``[call, how often]``; each answer a line of seconds.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import requests
from coinbase.rest import RESTClient


class Redirected(requests.adapters.HTTPAdapter):
    """Sends what is meant for Coinbase to the simulator."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        request.url = request.url.replace("https://api.coinbase.com", self._address)
        return super().send(request, *args, **kwargs)


def main() -> None:
    address, order_id = sys.argv[1:]
    client = RESTClient(api_key=os.environ["KEY_NAME"], api_secret=os.environ["KEY_SECRET"], timeout=10)
    client.session.mount("https://", Redirected(address))
    calls: dict[str, Callable[[], Any]] = {
        "product": lambda: client.get_product("BTC-USD"),
        "order": lambda: client.get_order(order_id),
        "accounts": lambda: client.get_accounts(limit=250),
    }
    for line in sys.stdin:
        name, count = json.loads(line)
        call = calls[name]
        started = time.process_time()
        for _ in range(count):
            call()
        print(time.process_time() - started, flush=True)


if __name__ == "__main__":
    main()
