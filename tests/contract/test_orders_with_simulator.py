"""Orders of every kind through a real bridge to a real simulator, whose clock stands and whose answers go astray."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulation.served import Served

pytestmark = pytest.mark.processes

TOKEN = "a-token-for-tests-only"
NUMBERS = count(1)


class Venue:
    """A bridge's client, and the simulator behind it."""

    def __init__(self, bridge: httpx.Client, simulator: httpx.Client) -> None:
        self.bridge = bridge
        self.simulator = simulator
        self.price = Decimal(self.read("/bbo", product_id="BTC-USD")["bid"])

    def read(self, path: str, **params: str) -> Any:
        answer = self.bridge.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fault(self, path: str, **fields: Any) -> None:
        assert self.simulator.post("/sim/faults", json={"path": path, **fields}).status_code == 200

    def place(self, kind: str, **fields: Any) -> httpx.Response:
        name = fields.pop("client_order_id", f"id-{next(NUMBERS)}")
        return self.bridge.post(
            f"/order/{kind}", json={"client_order_id": name, "product_id": "BTC-USD", "side": "BUY", **fields}
        )

    def resting(self, **fields: Any) -> dict[str, Any]:
        """A limit order far below the price."""
        answer = self.place("limit", **{"base_size": "0.01", "limit_price": str(self.price // 2), **fields})
        assert answer.status_code == 200, answer.text
        placed: dict[str, Any] = answer.json()
        return placed

    def open_ids(self) -> list[str]:
        return [order["client_order_id"] for order in self.read("/orders/open", product_id="BTC-USD")["orders"]]


@pytest.fixture(scope="module")
def start_bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], httpx.Client]]:
    """Bridges to a simulator's address, each a process of its own."""
    folder, bridges, clients = tmp_path_factory.mktemp("bridges"), list[Served](), list[httpx.Client]()

    def start(venue: str) -> httpx.Client:
        environment = {"COINBASE_API_BASE": venue, "COINBASE_AUTH": "none", "BRIDGE_TOKEN": TOKEN}
        arguments = ["cbbot_bridge", "--host", "127.0.0.1", "--port", "0"]
        bridges.append(Served(arguments, environment, folder / f"{len(bridges)}.log"))
        headers = {"Authorization": f"Bearer {TOKEN}"}
        clients.append(httpx.Client(base_url=bridges[-1].url, headers=headers, timeout=30, trust_env=False))
        return clients[-1]

    try:
        yield start
    finally:
        for client in clients:
            client.close()
        for bridge in bridges:
            bridge.end(signal.SIGKILL)


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory, start_bridge: Callable[[str], httpx.Client]) -> Iterator[Venue]:
    folder: Path = tmp_path_factory.mktemp("simulator")
    money = ["--balance", "USD=1000000", "--balance", "BTC=10"]
    arguments = ["cbbot_bridge.simulator", "--port", "0", "--walk", "7", "--speed", "0", "--faults", *money]
    simulator = Served(arguments, {}, folder / "log")
    try:
        with httpx.Client(base_url=simulator.url, trust_env=False) as client:
            yield Venue(start_bridge(simulator.url), client)
    finally:
        simulator.end(signal.SIGKILL)


@pytest.fixture(autouse=True)
def nothing_open(venue: Venue) -> Iterator[None]:
    """Every test leaves neither faults nor orders behind."""
    yield
    assert venue.simulator.request("DELETE", "/sim/faults").status_code == 200
    for order in venue.read("/orders/open")["orders"]:
        assert venue.bridge.delete(f"/order/{order['order_id']}").status_code == 200


def test_a_limit_order_rests_is_edited_and_canceled_and_its_hold_comes_back(venue: Venue) -> None:
    before = venue.read("/balance/quote", product_id="BTC-USD")["available"]
    placed = venue.resting(post_only=True)
    state = venue.read(f"/order/{placed['order_id']}")
    assert (state["status"], state["kind"], state["time_in_force"]) == ("OPEN", "LIMIT", "GTC")
    assert venue.open_ids() == [placed["client_order_id"]]
    assert Decimal(venue.read("/balance/quote", product_id="BTC-USD")["available"]) < Decimal(before)
    price = str(venue.price // 3)
    edited = venue.bridge.patch(f"/order/{placed['order_id']}", json={"price": price, "size": "0.02"})
    assert edited.status_code == 200, edited.text
    assert (Decimal(edited.json()["limit_price"]), Decimal(edited.json()["base_size"])) == (
        Decimal(price),
        Decimal("0.02"),
    )
    canceled = venue.bridge.delete(f"/order/{placed['order_id']}")
    assert (canceled.status_code, canceled.json()["status"]) == (200, "CANCELLED")
    assert venue.bridge.delete(f"/order/{placed['order_id']}").status_code == 200
    assert venue.open_ids() == []
    assert venue.read("/balance/quote", product_id="BTC-USD")["available"] == before


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("limit", {"limit_price": "{low}", "time_in_force": "GTD", "end_time": "2099-01-01T00:00:00Z"}),
        ("stop_limit", {"limit_price": "{high}", "stop_price": "{high}"}),
        ("stop_limit", {"side": "SELL", "limit_price": "{low}", "stop_price": "{low}"}),
        ("bracket", {"side": "SELL", "limit_price": "{high}", "stop_trigger_price": "{low}"}),
    ],
)
def test_every_kind_that_rests_is_placed_found_and_canceled(venue: Venue, kind: str, fields: dict[str, str]) -> None:
    prices = {"low": str(venue.price // 2), "high": str(venue.price * 2)}
    answer = venue.place(kind, base_size="0.01", **{key: value.format(**prices) for key, value in fields.items()})
    assert answer.status_code == 200, answer.text
    name = answer.json()["client_order_id"]
    found = venue.read("/order", client_order_id=name, product_id="BTC-USD", since="0")
    assert (found["order_id"], found["kind"]) == (answer.json()["order_id"], kind.upper())
    assert venue.open_ids() == [name]
    assert venue.bridge.delete(f"/order/{found['order_id']}").json()["status"] == "CANCELLED"


@pytest.mark.parametrize("time_in_force", ["IOC", "FOK"])
def test_an_order_that_cannot_be_filled_at_once_is_over_and_cannot_be_canceled(
    venue: Venue, time_in_force: str
) -> None:
    far = venue.resting(time_in_force=time_in_force)
    assert venue.read(f"/order/{far['order_id']}")["filled_size"] == "0"
    near = venue.resting(time_in_force=time_in_force, limit_price=str(venue.price * 101 // 100))
    filled = venue.read(f"/order/{near['order_id']}")
    assert (filled["status"], filled["fills_agree"], Decimal(filled["filled_size"])) == (
        "FILLED",
        True,
        Decimal("0.01"),
    )
    no = venue.bridge.delete(f"/order/{near['order_id']}")
    assert (no.status_code, no.json()["order"]["status"]) == (409, "FILLED")
    assert venue.open_ids() == []


def test_a_post_only_order_that_would_take_is_refused_once_the_bridge_can_tell(venue: Venue) -> None:
    answer = venue.place("limit", base_size="0.01", limit_price=str(venue.price * 2), post_only=True)
    assert answer.json()["error"]["code"].startswith("INVALID_LIMIT_PRICE")
    # A bridge that has just been started cannot know yet what the one before it has sent.
    assert answer.json().get("outcome") in (None, "unknown")
    assert venue.open_ids() == []


@pytest.mark.parametrize("change", ["duplicate_client_order_id", "already_exists", "refused_with_order_id"])
def test_a_refusal_of_an_order_that_was_taken_is_not_passed_on(venue: Venue, change: str) -> None:
    venue.fault("/orders", method="POST", change=change)
    placed = venue.resting()
    assert venue.open_ids() == [placed["client_order_id"]]
    assert venue.read(f"/order/{placed['order_id']}")["client_order_id"] == placed["client_order_id"]


@pytest.mark.parametrize("trouble", [{"status": 500}, {"cut": True}, {"status": 502, "body": "html"}])
def test_an_order_whose_answers_are_lost_is_there_once(venue: Venue, trouble: dict[str, Any]) -> None:
    venue.fault("/orders", method="POST", times=4, after_effect=True, **trouble)
    wish = {"client_order_id": f"id-{next(NUMBERS)}", "base_size": "0.01", "limit_price": str(venue.price // 2)}
    lost = venue.place("limit", **wish)
    assert (lost.status_code, lost.json()["outcome"]) == (502, "unknown")
    other = venue.place("limit", **{**wish, "base_size": "0.02"})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "id_in_use")
    assert venue.place("limit", **wish).status_code == 200
    assert venue.open_ids() == [wish["client_order_id"]]


def test_after_a_restart_of_the_bridge_the_id_still_stands_for_its_order(
    venue: Venue, start_bridge: Callable[[str], httpx.Client]
) -> None:
    wish = {"client_order_id": f"id-{next(NUMBERS)}", "base_size": "0.01", "limit_price": str(venue.price // 2)}
    first = venue.resting(**wish)
    again = Venue(start_bridge(str(venue.simulator.base_url)), venue.simulator)
    assert again.resting(**wish)["order_id"] == first["order_id"]
    other = again.place("limit", **{**wish, "base_size": "0.02", "client_order_id": first["client_order_id"]})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "id_in_use")
    third = Venue(start_bridge(str(venue.simulator.base_url)), venue.simulator)
    sell = third.place("limit", **{**wish, "side": "SELL"})
    assert (sell.status_code, sell.json()["error"]["code"]) == (409, "id_in_use")
    assert venue.open_ids() == [wish["client_order_id"]]


@pytest.mark.parametrize("trouble", [{"status": 500}, {"cut": True}])
def test_a_cancel_and_an_edit_whose_answers_are_lost_are_seen_at_the_order(
    venue: Venue, trouble: dict[str, Any]
) -> None:
    placed = venue.resting()
    path = f"/order/{placed['order_id']}"
    venue.fault("/orders/edit", method="POST", after_effect=True, **trouble)
    edited = venue.bridge.patch(path, json={"price": str(venue.price // 4), "size": "0.03"})
    assert (edited.status_code, Decimal(edited.json()["base_size"])) == (200, Decimal("0.03"))
    venue.fault("/orders/batch_cancel", method="POST", after_effect=True, **trouble)
    assert venue.bridge.delete(path).json()["status"] == "CANCELLED"


@pytest.mark.parametrize(
    ("change", "agree"),
    [
        ("no_entry_id", True),
        ("page_twice", True),
        ("no_size_in_quote", True),
        ("reversed_and_filled_again", True),
        ("proof_token_required", False),
    ],
)
def test_fills_that_are_told_oddly_never_make_more_of_an_order(venue: Venue, change: str, agree: bool) -> None:
    bought = venue.place("market", quote_size="1000")
    assert bought.status_code == 200, bought.text
    path = f"/order/{bought.json()['order_id']}"
    plain = venue.read(path)
    venue.fault("/orders/historical/fills", change=change, times=100)
    odd = venue.read(path)
    assert odd["filled_size"] == plain["filled_size"]
    assert plain["fills_agree"] is True
    assert odd["fills_agree"] is agree


def test_a_fill_that_was_taken_back_is_taken_back(venue: Venue) -> None:
    bought = venue.place("market", quote_size="1000")
    venue.fault("/orders/historical/fills", change="reversed", times=100)
    state = venue.read(f"/order/{bought.json()['order_id']}")
    assert (Decimal(state["filled_size"]), state["fills_agree"]) == (Decimal(0), False)


@pytest.mark.parametrize("change", ["proof_token_required", "cursor_without_has_next", "has_next_as_text"])
def test_a_listing_that_is_not_whole_proves_nothing(venue: Venue, change: str) -> None:
    venue.resting()
    venue.fault("/orders/historical/batch", change=change, times=100)
    missing = venue.bridge.get("/order", params={"client_order_id": "nobody", "product_id": "BTC-USD", "since": "0"})
    assert (missing.status_code, missing.json()["search"]["complete"]) == (404, False)
    assert venue.bridge.get("/orders/open").status_code in (502, 503)
