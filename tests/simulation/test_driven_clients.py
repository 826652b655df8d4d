"""The checks of what clients are answered are alive: a wrong answer or message fails whoever drives the client."""

from __future__ import annotations

import re
from typing import Any

import pytest

from contract.wire_table import Misshapen
from simulation.cyclic_venue import CyclicVenue
from simulation.driven_clients import driven

pytestmark = [pytest.mark.conformance, pytest.mark.processes]


@pytest.mark.parametrize("kind", ["sdk", "ccxt", "pro"])
def test_a_wrong_answer_is_seen_before_the_client_reads_it(venue: CyclicVenue, kind: str) -> None:
    with driven(kind, venue.address, venue.key) as clients:
        client = clients.rest if kind == "sdk" else clients.exchange
        if kind != "sdk":
            client.load_markets()
        venue.control("faults", {"path": "/accounts", "change": "has_next_as_text"})
        with pytest.raises(Misshapen, match=r"/accounts 200: \$\.has_next: found 'true', wanted a valid boolean"):
            client.get_accounts() if kind == "sdk" else client.fetch_balance({"v3": True})


def watch(venue: CyclicVenue, kind: str, fault: dict[str, Any]) -> None:
    """Take in messages of tickers, of which a later one goes wrong, until that is seen."""
    with driven(kind, venue.address, venue.key) as clients:
        if kind == "sdk":
            clients.market.open()
            clients.market.subscribe(["BTC-USD"], ["ticker"])
            clients.of_channel("ticker")
        else:
            clients.exchange.watch_ticker("BTC/USD")
        venue.control("sockets/faults", {"channel": "ticker", **fault})
        while True:
            # Several messages, of which one may be lost; what is seen is seen in the next one.
            waiting = 0 if kind == "sdk" else clients.begin("exchange", "watch_ticker", "BTC/USD")
            for _ in range(3):
                venue.seconds(5)
            if kind == "sdk":
                clients.of_channel("ticker")
            else:
                clients.result(waiting)


WRONG_FIELD = ({"kind": "bad_ticker", "ticker": {"price": "NaN"}}, ".tickers[0].price: found 'NaN', wanted text")


@pytest.mark.parametrize(
    ("kind", "fault", "finding"),
    [
        ("sdk", *WRONG_FIELD),
        ("pro", *WRONG_FIELD),
        ("sdk", {"kind": "lose"}, "found sequence_num"),
        ("sdk", {"kind": "repeat"}, "found sequence_num"),
    ],
)
def test_a_wrong_message_is_seen(venue: CyclicVenue, kind: str, fault: dict[str, Any], finding: str) -> None:
    with pytest.raises(Misshapen, match=re.escape(finding)):
        watch(venue, kind, fault)
