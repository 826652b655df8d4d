"""Conformance: Coinbase's own SDK and ccxt, unchanged, work against the simulator.

They ask for older libraries than the product does, so each is a process of an environment of its own.
"""

from __future__ import annotations

import json
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from prerequisites import clients_python
from simulation.served import Served, surroundings
from started_processes import start

pytestmark = [pytest.mark.conformance, pytest.mark.processes]

KEY_NAME = "organizations/o/apiKeys/k"
DRIVER = Path(__file__).with_name("venue_client.py")


class RefusedByClient(Exception):
    """The client raised; the names of its error's classes and its text."""


class Client:
    """A client of the exchange in its own environment; its methods answer with plain documents."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __getattr__(self, name: str) -> Any:
        return lambda *positional, **named: self._call(name, positional, named)

    def _call(self, name: str, positional: tuple[Any, ...], named: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([name, positional, named]) + "\n")
        self._process.stdin.flush()
        told = self.line()
        if "error" in told:
            raise RefusedByClient(f"{' '.join(told['error'])}: {told['text']}")
        return told["answer"]

    def line(self) -> Any:
        """The next line that it wrote. A client that waits for ever is ended by its driver."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the client's process ended with {self._process.wait(30)}"
        return json.loads(line)


class Server:
    """A simulator that checks signatures, and the secret that makes sound ones."""

    def __init__(self, address: str, secret: str) -> None:
        self.address = address
        self.secret = secret


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("venue")
    secret, public = new_key()
    (folder / "key.pem").write_bytes(public)
    command = ["cbbot_bridge.simulator", "--port", "0", "--speed", "0", "--balance", "BTC=0.5"]
    command += ["--key-name", KEY_NAME, "--public-key-file", str(folder / "key.pem")]
    served = Served(command, {}, folder / "simulator.log")
    yield Server(served.url, secret)
    served.end(signal.SIGTERM)


def new_key() -> tuple[str, bytes]:
    """A secret as Coinbase hands it out, and its public half."""
    key = ec.generate_private_key(ec.SECP256R1())
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    return secret, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@contextmanager
def driven(kind: str, server: Server, secret: str | None = None) -> Iterator[Client]:
    command = [str(clients_python()), str(DRIVER), kind, server.address]
    environment = surroundings(KEY_NAME=KEY_NAME, KEY_SECRET=secret or server.secret)
    environment.pop("PYTHONPATH", None)  # another environment: nothing of this one
    with start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        try:
            assert process.stdin is not None
            yield Client(process)
            process.stdin.close()
            assert process.wait(30) == 0, "it ends when its input does"
        finally:
            process.kill()


@pytest.fixture(scope="module")
def sdk(server: Server) -> Iterator[Client]:
    with driven("sdk", server) as client:
        yield client


def test_the_sdk_reads_the_market(sdk: Client) -> None:
    now = int(sdk.get_unix_time()["epoch_seconds"])
    assert now == 1_757_398_020  # where candle 4,199 of the sample ends
    products = sdk.get_products(product_type="SPOT")["products"]
    assert [item["product_id"] for item in products] == ["BTC-USD", "BTC-USDC"]
    product = sdk.get_product("BTC-USD")
    assert product["price_increment"] == "0.01"
    candles = sdk.get_candles("BTC-USD", str(now - 600), str(now), "ONE_MINUTE")["candles"]
    starts = [int(item["start"]) for item in candles]
    assert starts == sorted(starts, reverse=True)
    assert len(starts) == 10  # none at the end: the sample has one of its gaps there
    assert sdk.get_public_candles("BTC-USD", str(now - 600), str(now), "ONE_MINUTE")["candles"] == candles
    trades = sdk.get_market_trades("BTC-USD", limit=3)
    assert trades["trades"][0]["price"] == product["price"]
    assert sdk.get_best_bid_ask(["BTC-USD"])["pricebooks"][0]["bids"][0]["price"] == trades["best_bid"]
    assert len(sdk.get_product_book("BTC-USD", limit=2)["pricebook"]["asks"]) == 2


def test_the_sdk_reads_the_account(sdk: Client) -> None:
    accounts = {item["currency"]: item for item in sdk.get_accounts()["accounts"]}
    assert set(accounts) == {"BTC", "USD", "USDC"}
    assert sdk.get_account(accounts["USD"]["uuid"])["account"]["currency"] == "USD"
    assert sdk.get_transaction_summary()["fee_tier"]["taker_fee_rate"] == "0.009"
    assert sdk.get_api_key_permissions()["can_trade"] is True


def test_the_sdk_buys_and_sells_and_the_accounts_agree(sdk: Client) -> None:
    def balance(currency: str) -> Decimal:
        (found,) = [item for item in sdk.get_accounts()["accounts"] if item["currency"] == currency]
        return Decimal(found["available_balance"]["value"])

    dollars, coins = balance("USD"), balance("BTC")
    name = str(uuid.uuid4())
    bought = sdk.market_order_buy(client_order_id=name, product_id="BTC-USD", quote_size="100")
    assert bought["success"], bought
    assert sdk.market_order_buy(client_order_id=name, product_id="BTC-USD", quote_size="7") == bought
    order = sdk.get_order(bought["success_response"]["order_id"])["order"]
    assert (order["status"], order["settled"], order["client_order_id"]) == ("FILLED", True, name)
    assert balance("USD") == dollars - Decimal(order["total_value_after_fees"])
    assert balance("BTC") == coins + Decimal(order["filled_size"])
    fills = sdk.get_fills(order_ids=[order["order_id"]])["fills"]
    assert sum(Decimal(fill["commission"]) for fill in fills) == Decimal(order["total_fees"])
    sold = sdk.market_order_sell(client_order_id="", product_id="BTC-USD", base_size=order["filled_size"])
    sale = sdk.get_order(sold["success_response"]["order_id"])["order"]
    assert balance("BTC") == coins
    spent, earned = Decimal(order["total_value_after_fees"]), Decimal(sale["total_value_after_fees"])
    assert balance("USD") == dollars - spent + earned
    listed = sdk.list_orders(product_ids=["BTC-USD"], limit=2)["orders"]
    assert [item["order_id"] for item in listed] == [sale["order_id"], order["order_id"]]


def test_the_sdk_sees_refusals_and_errors(sdk: Client) -> None:
    refused = sdk.market_order_buy(client_order_id="", product_id="BTC-USD", quote_size="10.001")
    assert refused["success"] is False
    assert refused["error_response"]["preview_failure_reason"] == "PREVIEW_INVALID_QUOTE_SIZE_PRECISION"
    limit = sdk.limit_order_gtc_buy(client_order_id="", product_id="BTC-USD", base_size="1", limit_price="1.001")
    assert limit["error_response"]["preview_failure_reason"] == "PREVIEW_INVALID_LIMIT_PRICE_PRECISION"
    with pytest.raises(RefusedByClient, match=r"HTTPError .*404"):
        sdk.get_product("NOPE-USD")
    with pytest.raises(RefusedByClient, match=r"HTTPError .*400"):
        sdk.get_candles("BTC-USD", "0", "21000", "ONE_MINUTE")


def test_the_sdk_is_refused_with_another_key(server: Server) -> None:
    with (
        driven("sdk", server, new_key()[0]) as other,
        pytest.raises(RefusedByClient, match=r"HTTPError .*Unauthorized Unauthorized"),
    ):
        other.get_accounts()


def test_the_sdk_streams_ticks_and_heartbeats(server: Server) -> None:
    seen: dict[str, Any] = {}
    numbers = []
    with driven("stream", server) as client:

        def receive() -> None:
            message = client.line()
            numbers.append(message["sequence_num"])
            seen[message["channel"]] = message

        while not {"ticker", "heartbeats", "subscriptions"} <= set(seen):
            receive()
        httpx.post(f"{server.address}/sim/advance", json={"candles": 1}, timeout=10).raise_for_status()
        while seen["ticker"]["events"][0]["type"] != "update":
            receive()
    assert numbers == list(range(len(numbers)))
    assert seen["heartbeats"]["events"][0]["heartbeat_counter"] >= 1
    assert seen["ticker"]["events"][0]["tickers"][0]["product_id"] == "BTC-USD"


def test_ccxt_trades_too(server: Server) -> None:
    with driven("ccxt", server) as client:
        client.load_markets()
        market = client.market("BTC/USD")
        assert (market["id"], market["limits"]["cost"]["min"]) == ("BTC-USD", 1.0)
        assert client.fetch_balance({"v3": True})["BTC"]["free"] >= 0.5
        candles = client.fetch_ohlcv("BTC/USD", "1m", since=1_757_397_360_000, limit=5)
        assert [row[0] for row in candles] == [1_757_397_360_000 + minute * 60_000 for minute in range(5)]
        assert client.fetch_ticker("BTC/USD")["bid"] > 0
        bought = client.create_market_buy_order_with_cost("BTC/USD", 50, {"client_order_id": "ccxt-1"})
        order = client.fetch_order(bought["id"])
        assert (order["status"], order["clientOrderId"]) == ("closed", "ccxt-1")
        trades = [trade for trade in client.fetch_my_trades("BTC/USD") if trade["order"] == bought["id"]]
        assert sum(trade["amount"] for trade in trades) == pytest.approx(order["filled"])
        with pytest.raises(RefusedByClient, match=r"^InsufficientFunds "):
            client.create_order("BTC/USD", "market", "sell", 10)
