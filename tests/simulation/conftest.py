"""One simulator and one process of each client for a module of tests; and a bridge before a simulator that fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from simulation.cyclic_venue import CyclicVenue, cyclic_venue
from simulation.driven_clients import DrivenClients, driven
from simulation.faulted_bridge import FaultedVenue, FaultyBridge, bridge_before, faulted_venue


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CyclicVenue]:
    """The simulator."""
    with cyclic_venue(tmp_path_factory.mktemp("venue")) as running:
        yield running


@pytest.fixture(scope="module")
def sdk(venue: CyclicVenue) -> Iterator[DrivenClients]:
    """Coinbase's own clients, with the venue's key."""
    with driven("sdk", venue.address, venue.key) as clients:
        yield clients


@pytest.fixture
def no_order_is_left_open(sdk: DrivenClients) -> Iterator[None]:
    """What rests after a test is canceled, so that tests do not meet each other's orders."""
    yield
    left = [order["order_id"] for order in sdk.rest.list_orders(order_status=["OPEN"])["orders"]]
    if left:
        sdk.rest.cancel_orders(left)


@pytest.fixture(scope="module")
def ccxt(venue: CyclicVenue) -> Iterator[DrivenClients]:
    """ccxt's plain client, with the venue's key."""
    with driven("ccxt", venue.address, venue.key) as clients:
        yield clients


@pytest.fixture(scope="module")
def pro(venue: CyclicVenue) -> Iterator[DrivenClients]:
    """ccxt's client for asyncio and the WebSocket, with the venue's key."""
    with driven("pro", venue.address, venue.key) as clients:
        yield clients


@pytest.fixture(scope="module")
def faulted_exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultedVenue]:
    """A simulator that fails on demand."""
    with faulted_venue(tmp_path_factory.mktemp("exchange")) as running:
        yield running


@pytest.fixture
def exchange(faulted_exchange: FaultedVenue) -> Iterator[FaultedVenue]:
    """The same, and after a test nothing of it is left but its orders."""
    yield faulted_exchange
    faulted_exchange.calm()


@pytest.fixture
async def troubled(exchange: FaultedVenue) -> AsyncIterator[FaultyBridge]:
    """A bridge before it that has run for a while; nothing runs in its background."""
    async with bridge_before(exchange.address) as bridge:
        yield bridge
