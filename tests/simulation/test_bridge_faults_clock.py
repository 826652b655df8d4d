"""A bridge that was told a wrong time signs with it; Coinbase answers 401, and the bridge sets its clock right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from simulation.cyclic_venue import ecdsa_key
from simulation.faulted_bridge import WISHES, FaultedVenue, bridge_before, faulted_venue

pytestmark = [pytest.mark.anyio, pytest.mark.processes]

KEY_NAME: Final = "organizations/o/apiKeys/clock"


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FaultedVenue, dict[str, str]]]:
    """An exchange that checks signatures, its clock as fast as ours and far from it; and the bridge's keys."""
    folder = tmp_path_factory.mktemp("signed")
    public, secret = ecdsa_key()
    (folder / "public.pem").write_bytes(public)
    keys = {"COINBASE_AUTH": "jwt", "COINBASE_API_KEY_NAME": KEY_NAME, "COINBASE_API_PRIVATE_KEY": secret}
    options = [
        "--speed",
        "1",
        "--private-rate",
        "0",
        "--public-rate",
        "0",
        "--key-name",
        KEY_NAME,
        "--public-key-file",
        str(folder / "public.pem"),
    ]
    with faulted_venue(folder, *options) as venue:
        yield venue, keys


# By how far off the time is: the seconds by which the clock is then set back, or 0. The tokens of 90 s ago still live.
OFF: Final = {90: 90, 3600: 3600, -3600: 0, -90: 0}


@pytest.mark.parametrize("kind", WISHES)
@pytest.mark.parametrize("offset", OFF)
async def test_an_order_is_placed_though_the_clock_was_wrong(
    signed: tuple[FaultedVenue, dict[str, str]], kind: str, offset: int
) -> None:
    venue, keys = signed
    venue.fault(path="/time", change="clock", offset_seconds=offset)
    async with bridge_before(venue.address, keys) as bridge:
        await bridge.placed(kind, f"clock-{kind}{offset}")
        refused = offset != -90
        assert bool(bridge.logged("asking Coinbase again")) is refused
        assert all(line["reason"] == "401" for line in bridge.logged("asking Coinbase again"))
        assert bool(await bridge.counted("bridge_upstream_calls_total", verb="POST", code="401")) is refused
        assert await bridge.counted("bridge_clock_set_backs_total") == bool(OFF[offset])
        set_back = [line["seconds"] for line in bridge.logged("the venue's clock was set back")]
        assert set_back == ([pytest.approx(OFF[offset], abs=5)] if OFF[offset] else [])
        found = await bridge.read("/orders/open")
        listed = [order["client_order_id"] for order in found["orders"]]
        assert listed.count(f"clock-{kind}{offset}") == (kind != "market")
