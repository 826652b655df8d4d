"""``cbbot simulate``: the simulator for a person, with words about where it listens and how to point a client at it.

``cbbot.cli`` loads :func:`simulate` by name. The options are those of ``python -m cbbot_bridge.simulator``.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Iterator, Sequence

from cbbot.domain.decimals import plain
from cbbot.domain.timestamps import rfc3339_ms
from cbbot.process.json_logs import configure_logs
from cbbot_bridge.simulator.command_line import parse_arguments
from cbbot_bridge.simulator.simulated_market import Market
from cbbot_bridge.simulator.simulator_run import run_simulator
from cbbot_bridge.simulator.world import World

__all__ = ["introduction", "simulate"]


def simulate(arguments: Sequence[str]) -> int:
    """Run a simulator until Ctrl-C or another signal, and say on standard output what it is; the exit code is 0.

    Raises:
        BadInput: an option, a file or the state cannot be used.
    """
    settings = parse_arguments(arguments, program="cbbot simulate")
    configure_logs()
    asyncio.run(run_simulator(settings, _introduce))
    return 0


def _introduce(world: World, listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    sys.stdout.write("".join(f"{line}\n" for line in introduction(world, host, port)))
    sys.stdout.flush()


def introduction(world: World, host: str, port: int) -> Iterator[str]:
    """What a person needs to know of a simulator that listens: lines of text."""
    address = f"{_reachable(host)}:{port}"
    now_ms = world.now_ms()
    yield "A look-alike of Coinbase Advanced Trade; its money and its prices are not real. Ctrl-C stops it."
    yield ""
    yield f"  REST       http://{address}    for https://api.coinbase.com"
    yield f"  WebSocket  ws://{address}      for both of Coinbase's, market data and user orders"
    yield f"  clock      {rfc3339_ms(now_ms)}, {_pace(world.settings.speed)}"
    for place, market in enumerate(world.markets.values()):
        yield f"  {'' if place else 'products':<10} {_described(market)}"
    balances = (f"{plain(item.available)} {name}" for name, item in world.exchange.balances(now_ms).items())
    yield f"  balances   {', '.join(balances)}"
    yield f"  API keys   {_keys(world)}"
    yield f"  state      {_state(world)}"
    yield ""
    yield "Point a client at it:"
    yield f"  cbbot's bridge         COINBASE_API_BASE=http://{address} {_bridge_auth(world)} python -m cbbot_bridge"
    yield f"  coinbase-advanced-py   WSClient(base_url='ws://{address}'); RESTClient speaks HTTPS alone, so mount an"
    yield "                         adapter of requests that sends https://api.coinbase.com to the address above"
    yield f"  ccxt                   exchange.urls['api']['rest'] = 'http://{address}'"
    yield f"  anything else          curl http://{address}/api/v3/brokerage/market/products"


def _reachable(host: str) -> str:
    """An address that a client of this machine can use."""
    if host in ("0.0.0.0", "::"):  # noqa: S104  compared with, not bound to
        return "127.0.0.1" if host == "0.0.0.0" else "[::1]"  # noqa: S104  likewise
    return f"[{host}]" if ":" in host else host


def _pace(speed: float) -> str:
    if speed == 0:
        return "stopped: POST /sim/advance moves it"
    return "as fast as ours" if speed == 1 else f"{speed:g} times as fast as ours"


def _described(market: Market) -> str:
    ids = " and ".join(product.product_id for product in market.products)
    shared = ", one book" if len(market.products) > 1 else ""
    return f"{ids}{shared}: {len(market.tape.series)} candles of {market.source}, over and over"


def _keys(world: World) -> str:
    names = ", ".join(key.name for key in world.settings.keys)
    return names or "none is checked: every request passes, signed or not"


def _bridge_auth(world: World) -> str:
    return "COINBASE_API_KEY_NAME=... COINBASE_API_PRIVATE_KEY=..." if world.settings.keys else "COINBASE_AUTH=none"


def _state(world: World) -> str:
    path = world.settings.state
    if path is None:
        return "none: the next start begins at the same time with the same balances (--state FILE keeps them)"
    return f"{path}: the next start goes on from there"
