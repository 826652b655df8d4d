"""The bridge's side of bridge_rest_cost.py: as sdk_rest_calls.py, through the bridge's own client and models."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from cbbot_bridge import translate
from cbbot_bridge.coinbase.aiohttp_exchange import AiohttpExchange
from cbbot_bridge.coinbase.budget import TokenBucket
from cbbot_bridge.coinbase.rest import CoinbaseRest
from cbbot_bridge.coinbase.signing import Signer, load_private_key
from cbbot_bridge.exchange_account import ExchangeAccount

UNLIMITED = TokenBucket(1e9, 1e9)


async def answer_lines(address: str, order_id: str) -> None:
    signer = Signer(os.environ["KEY_NAME"], load_private_key(os.environ["KEY_SECRET"]))
    exchange = AiohttpExchange()
    rest = CoinbaseRest(address, exchange, signer=signer, private_budget=UNLIMITED, public_budget=UNLIMITED)

    async def product() -> Any:
        return translate.product(await rest.get("/products/BTC-USD", private=True))

    async def order() -> Any:
        return await rest.get(f"/orders/historical/{order_id}", private=True)

    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "product": product,
        "order": order,
        "accounts": ExchangeAccount(rest).accounts,
    }
    gc.collect()
    gc.freeze()  # as the bridge's process does
    for line in sys.stdin:
        name, count = json.loads(line)
        call = calls[name]
        started = time.process_time()
        for _ in range(count):
            await call()
        print(time.process_time() - started, flush=True)
    await exchange.close()


if __name__ == "__main__":
    asyncio.run(answer_lines(*sys.argv[1:]))
