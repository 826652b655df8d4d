"""Conformance: Coinbase's own SDK and ccxt, unchanged, work against the simulator."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import time
import uuid
import warnings
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, cast

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from requests.adapters import HTTPAdapter

pytestmark = [pytest.mark.conformance, pytest.mark.processes]

KEY_NAME = "organizations/o/apiKeys/k"


class Server:
    """A simulator that checks signatures, and the secret that makes sound ones."""

    def __init__(self, port: int, secret: str) -> None:
        self.port = port
        self.secret = secret

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    key = ec.generate_private_key(ec.SECP256R1())
    public: Path = tmp_path_factory.mktemp("keys") / "key.pem"
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    command = [sys.executable, "-m", "cbbot_bridge.simulator", "--port", "0", "--speed", "0"]
    command += ["--key-name", KEY_NAME, "--public-key-file", str(public), "--balance", "BTC=0.5"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    output = cast("IO[str]", process.stdout)
    try:
        yield Server(json.loads(output.readline())["port"], secret)
    finally:
        process.terminate()
        process.wait(15)
        output.close()


class Redirected(HTTPAdapter):
    """Sends what is meant for Coinbase to the simulator."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        assert request.url is not None
        request.url = request.url.replace("https://api.coinbase.com", self._address)
        return super().send(request, *args, **kwargs)


@pytest.fixture
def sdk(server: Server) -> Iterator[Any]:
    rest = pytest.importorskip("coinbase.rest")
    client = rest.RESTClient(api_key=KEY_NAME, api_secret=server.secret, timeout=10)
    client.session.mount("https://", Redirected(server.address))
    yield client
    client.session.close()


def test_the_sdk_reads_the_market(sdk: Any) -> None:
    now = int(sdk.get_unix_time().epoch_seconds)
    assert now == 1_757_398_020  # where candle 4,199 of the sample ends
    products = sdk.get_products(product_type="SPOT")
    assert [item.product_id for item in products.products] == ["BTC-USD", "BTC-USDC"]
    assert sdk.get_product("BTC-USD").price_increment == "0.01"
    candles = sdk.get_candles("BTC-USD", str(now - 600), str(now), "ONE_MINUTE").candles
    starts = [int(item.start) for item in candles]
    assert starts == sorted(starts, reverse=True)
    assert len(starts) == 10  # none at the end: the sample has one of its gaps there
    public = sdk.get_public_candles("BTC-USD", str(now - 600), str(now), "ONE_MINUTE").candles
    assert [item.to_dict() for item in public] == [item.to_dict() for item in candles]
    trades = sdk.get_market_trades("BTC-USD", limit=3)
    assert trades.trades[0].price == sdk.get_product("BTC-USD").price
    assert sdk.get_best_bid_ask(["BTC-USD"]).pricebooks[0].bids[0].price == trades.best_bid
    assert len(sdk.get_product_book("BTC-USD", limit=2).pricebook.asks) == 2


def test_the_sdk_reads_the_account(sdk: Any) -> None:
    accounts = {item.currency: item for item in sdk.get_accounts().accounts}
    assert set(accounts) == {"BTC", "USD", "USDC"}
    assert sdk.get_account(accounts["USD"].uuid).account.currency == "USD"
    assert sdk.get_transaction_summary().fee_tier["taker_fee_rate"] == "0.009"
    assert sdk.get_api_key_permissions().can_trade is True


def test_the_sdk_buys_and_sells_and_the_accounts_agree(sdk: Any) -> None:
    def balance(currency: str) -> Decimal:
        (found,) = [item for item in sdk.get_accounts().accounts if item.currency == currency]
        return Decimal(found.available_balance["value"])

    dollars, coins = balance("USD"), balance("BTC")
    name = str(uuid.uuid4())
    bought = sdk.market_order_buy(client_order_id=name, product_id="BTC-USD", quote_size="100")
    assert bought.success, bought.to_dict()
    assert (
        sdk.market_order_buy(client_order_id=name, product_id="BTC-USD", quote_size="7").to_dict() == bought.to_dict()
    )
    order = sdk.get_order(bought.success_response["order_id"]).order
    assert (order.status, order.settled, order.client_order_id) == ("FILLED", True, name)
    assert balance("USD") == dollars - Decimal(order.total_value_after_fees)
    assert balance("BTC") == coins + Decimal(order.filled_size)
    fills = sdk.get_fills(order_ids=[order.order_id]).fills
    assert sum(Decimal(fill.commission) for fill in fills) == Decimal(order.total_fees)
    sold = sdk.market_order_sell(client_order_id="", product_id="BTC-USD", base_size=order.filled_size)
    sale = sdk.get_order(sold.success_response["order_id"]).order
    assert balance("BTC") == coins
    assert balance("USD") == dollars - Decimal(order.total_value_after_fees) + Decimal(sale.total_value_after_fees)
    listed = sdk.list_orders(product_ids=["BTC-USD"], limit=2).orders
    assert [item.order_id for item in listed] == [sale.order_id, order.order_id]


def test_the_sdk_sees_refusals_and_errors(sdk: Any) -> None:
    refused = sdk.market_order_buy(client_order_id="", product_id="BTC-USD", quote_size="10.001")
    assert refused.success is False
    assert refused.error_response["preview_failure_reason"] == "PREVIEW_INVALID_QUOTE_SIZE_PRECISION"
    limit = sdk.limit_order_gtc_buy(client_order_id="", product_id="BTC-USD", base_size="1", limit_price="1")
    assert limit.error_response["new_order_failure_reason"] == "UNSUPPORTED_ORDER_CONFIGURATION"
    with pytest.raises(requests.HTTPError, match="404"):
        sdk.get_product("NOPE-USD")
    with pytest.raises(requests.HTTPError, match="400"):
        sdk.get_candles("BTC-USD", "0", "21000", "ONE_MINUTE")


def test_the_sdk_is_refused_with_another_key(server: Server) -> None:
    rest = pytest.importorskip("coinbase.rest")
    other = ec.generate_private_key(ec.SECP256R1())
    secret = other.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    client = rest.RESTClient(api_key=KEY_NAME, api_secret=secret, timeout=10)
    client.session.mount("https://", Redirected(server.address))
    with client.session, pytest.raises(requests.HTTPError, match="Unauthorized Unauthorized"):
        client.get_accounts()


# The SDK's own loop and sockets are closed by its garbage, not by its close().
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_sdk_streams_ticks_and_heartbeats(server: Server) -> None:
    with warnings.catch_warnings():
        # It imports the legacy client of websockets, which newer releases call deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        websocket = pytest.importorskip("coinbase.websocket")
        messages: queue.Queue[Any] = queue.Queue()
        client = websocket.WSClient(
            api_key=KEY_NAME,
            api_secret=server.secret,
            base_url=f"ws://127.0.0.1:{server.port}",
            on_message=lambda text: messages.put(websocket.WebsocketResponse(json.loads(text))),
            timeout=10,
        )
        client.open()
        client.subscribe(["BTC-USD"], ["ticker", "heartbeats"])
        seen: dict[str, Any] = {}
        numbers = []
        deadline = time.monotonic() + 15
        while not {"ticker", "heartbeats", "subscriptions"} <= set(seen) and time.monotonic() < deadline:
            message = messages.get(timeout=15)
            numbers.append(message.sequence_num)
            seen[message.channel] = message
        ticks = requests.post(f"{server.address}/sim/advance", json={"candles": 1}, timeout=10)
        assert ticks.status_code == 200
        while seen["ticker"].events[0].type != "update":
            message = messages.get(timeout=15)
            numbers.append(message.sequence_num)
            seen[message.channel] = message
        client.close()
    assert numbers == list(range(len(numbers)))
    assert seen["heartbeats"].events[0].heartbeat_counter >= 1
    assert seen["ticker"].events[0].tickers[0].product_id == "BTC-USD"


def test_ccxt_trades_too(server: Server) -> None:
    ccxt = pytest.importorskip("ccxt")
    client = ccxt.coinbase({"apiKey": KEY_NAME, "secret": server.secret, "timeout": 10_000})
    client.urls["api"]["rest"] = server.address
    try:
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
        (trade,) = client.fetch_order_trades(bought["id"]) if client.has["fetchOrderTrades"] else [order]
        assert trade["amount"] == pytest.approx(order["filled"])
        with pytest.raises(ccxt.InsufficientFunds):
            client.create_order("BTC/USD", "market", "sell", 10)
    finally:
        client.session.close()
