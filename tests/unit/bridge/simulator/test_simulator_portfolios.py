"""Portfolios: made, renamed, deleted, funds moved between them, and keys that see one alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ROOT = "/api/v3/brokerage"
GONE = "00000000-0000-4000-8000-000000000000"
BUY = {"product_id": "BTC-USD", "side": "BUY", "order_configuration": {"market_market_ioc": {"quote_size": "10"}}}
Simulate = Callable[..., AbstractContextManager[httpx.Client]]


@pytest.fixture
def client(simulate: Simulate) -> Iterator[httpx.Client]:
    with simulate("--key-permissions", "view,trade,transfer", "--balance", "BTC=1", "--balance", "USD=1000") as running:
        yield running


def done(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def make(client: httpx.Client, name: str) -> str:
    made = done(client.post(f"{ROOT}/portfolios", json={"name": name}))["portfolio"]
    assert (made["name"], made["type"], made["deleted"]) == (name, "CONSUMER", False)
    return str(made["uuid"])


def default(client: httpx.Client) -> str:
    (first, *_) = done(client.get(f"{ROOT}/portfolios", params={"portfolio_type": "DEFAULT"}))["portfolios"]
    return str(first["uuid"])


def move(client: httpx.Client, value: str, source: str, target: str, currency: str = "USD") -> httpx.Response:
    body = {
        "funds": {"value": value, "currency": currency},
        "source_portfolio_uuid": source,
        "target_portfolio_uuid": target,
    }
    return client.post(f"{ROOT}/portfolios/move_funds", json=body)


def dollars(client: httpx.Client, portfolio: str) -> Decimal:
    records = done(client.get(f"{ROOT}/accounts", params={"retail_portfolio_id": portfolio}))["accounts"]
    assert {item["retail_portfolio_id"] for item in records} == {portfolio}
    (found,) = [item for item in records if item["currency"] == "USD"]
    return Decimal(found["available_balance"]["value"])


def test_portfolios_are_made_renamed_and_deleted(client: httpx.Client) -> None:
    uuid = make(client, "Second")
    listed = done(client.get(f"{ROOT}/portfolios"))["portfolios"]
    assert [item["name"] for item in listed] == ["Default", "Second"]
    assert [item["type"] for item in listed] == ["DEFAULT", "CONSUMER"]
    renamed = done(client.put(f"{ROOT}/portfolios/{uuid}", json={"name": "Other"}))["portfolio"]
    assert (renamed["uuid"], renamed["name"]) == (uuid, "Other")
    assert done(client.delete(f"{ROOT}/portfolios/{uuid}")) == {}
    assert len(done(client.get(f"{ROOT}/portfolios"))["portfolios"]) == 1


def test_what_cannot_be_done_to_a_portfolio_is_said(client: httpx.Client) -> None:
    uuid = make(client, "Second")
    assert client.post(f"{ROOT}/portfolios", json={"name": "Second"}).status_code == 400
    assert client.put(f"{ROOT}/portfolios/{GONE}", json={"name": "x"}).status_code == 404
    assert client.delete(f"{ROOT}/portfolios/{GONE}").status_code == 404
    assert client.get(f"{ROOT}/portfolios/{GONE}").status_code == 404
    assert client.delete(f"{ROOT}/portfolios/{default(client)}").status_code == 400
    done(move(client, "5", default(client), uuid))
    assert client.delete(f"{ROOT}/portfolios/{uuid}").status_code == 400


def test_there_are_100_portfolios_at_most(client: httpx.Client) -> None:
    statuses = [client.post(f"{ROOT}/portfolios", json={"name": str(number)}).status_code for number in range(100)]
    assert statuses == [200] * 99 + [403]


def test_funds_move_and_none_are_made(client: httpx.Client) -> None:
    first, second = default(client), make(client, "Second")
    moved = done(move(client, "250.5", first, second))
    assert moved == {"source_portfolio_uuid": first, "target_portfolio_uuid": second}
    assert (dollars(client, first), dollars(client, second)) == (Decimal("749.5"), Decimal("250.5"))
    for value, source, target, currency in (
        ("1000", first, second, "USD"),
        ("0", first, second, "USD"),
        ("-1", first, second, "USD"),
        ("1", first, second, "DOGE"),
    ):
        assert move(client, value, source, target, currency).status_code == 400
    assert move(client, "1", first, GONE).status_code == 404
    assert (dollars(client, first), dollars(client, second)) == (Decimal("749.5"), Decimal("250.5"))


def test_an_order_is_paid_from_its_portfolio_and_listed_there(client: httpx.Client) -> None:
    first, second = default(client), make(client, "Second")
    assert done(client.post(f"{ROOT}/orders", json=BUY | {"client_order_id": "a"}))["success"] is True
    poor = BUY | {"client_order_id": "b", "retail_portfolio_id": second}
    assert done(client.post(f"{ROOT}/orders", json=poor))["success"] is False
    done(move(client, "100", first, second))
    placed = done(client.post(f"{ROOT}/orders", json=poor))
    assert placed["success"] is True
    assert dollars(client, second) < 91

    def listed(path: str, name: str, **query: str) -> list[Any]:
        return list(done(client.get(f"{ROOT}/orders/historical/{path}", params=query))[name])

    assert [item["client_order_id"] for item in listed("batch", "orders")] == ["a"]
    (mine,) = listed("batch", "orders", retail_portfolio_id=second)
    assert (mine["client_order_id"], mine["retail_portfolio_id"]) == ("b", second)
    (fill,) = listed("fills", "fills", retail_portfolio_id=second)
    assert (fill["order_id"], fill["retail_portfolio_id"]) == (mine["order_id"], second)
    path = f"{ROOT}/orders/historical/{mine['order_id']}"
    assert client.get(path).status_code == 404
    assert client.get(path, params={"retail_portfolio_id": second}).status_code == 200


def test_a_breakdown_is_worth_what_its_positions_are(client: httpx.Client) -> None:
    breakdown = done(client.get(f"{ROOT}/portfolios/{default(client)}"))["breakdown"]
    assert breakdown["portfolio"]["type"] == "DEFAULT"
    positions = {item["asset"]: item for item in breakdown["spot_positions"]}
    assert positions["BTC"]["total_balance_crypto"] == 1.0
    assert positions["BTC"]["total_balance_fiat"] == 100_080.0
    assert positions["USD"]["is_cash"] is True
    balances = breakdown["portfolio_balances"]
    assert balances["total_balance"] == {"value": "101080", "currency": "USD"}
    assert balances["total_cash_equivalent_balance"]["value"] == "1000"
    assert balances["total_crypto_balance"]["value"] == "100080"
    assert sum(item["allocation"] for item in positions.values()) == pytest.approx(1)
    assert breakdown["perp_positions"] == breakdown["futures_positions"] == []


@pytest.fixture(scope="module")
def bound(simulate: Simulate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., httpx.Response]]:
    """Asks with one of two keys: ``all`` sees the default portfolio, ``one`` a portfolio of its own."""
    folder, secrets, items = tmp_path_factory.mktemp("keys"), {}, []
    for name, portfolio in (("all", ""), ("one", "Its own")):
        secrets[name] = ec.generate_private_key(ec.SECP256R1())
        pem = secrets[name].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (folder / f"{name}.pem").write_bytes(pem)
        permissions = ["view", "trade", "transfer"]
        items.append(
            {"name": name, "public_key_file": f"{name}.pem", "portfolio": portfolio, "permissions": permissions}
        )
    (folder / "keys.json").write_text(json.dumps(items))
    with simulate("--keys-file", str(folder / "keys.json")) as client:

        def ask(key: str, method: str, path: str, **options: Any) -> httpx.Response:
            now = int(time.time())
            claims = {
                "sub": key,
                "iss": "cdp",
                "nbf": now,
                "exp": now + 120,
                "uri": f"{method} api.coinbase.com{ROOT}{path}",
            }
            token = jwt.encode(claims, secrets[key], "ES256", headers={"kid": key})
            return client.request(method, ROOT + path, headers={"Authorization": f"Bearer {token}"}, **options)

        yield ask


def test_a_key_sees_and_uses_its_own_portfolio_alone(bound: Callable[..., httpx.Response]) -> None:
    everything = done(bound("all", "GET", "/portfolios"))["portfolios"]
    assert [item["name"] for item in everything] == ["Default", "Its own"]
    (own,) = done(bound("one", "GET", "/portfolios"))["portfolios"]
    permissions = done(bound("one", "GET", "/key_permissions"))
    assert (permissions["portfolio_uuid"], permissions["portfolio_type"]) == (own["uuid"], "CONSUMER")
    records = done(bound("one", "GET", "/accounts"))["accounts"]
    assert {item["available_balance"]["value"] for item in records} == {"0"}
    assert {item["retail_portfolio_id"] for item in records} == {own["uuid"]}
    assert not done(bound("one", "POST", "/orders", json=BUY | {"client_order_id": "a"}))["success"]
    assert done(bound("all", "POST", "/orders", json=BUY | {"client_order_id": "a"}))["success"]
    assert done(bound("one", "GET", "/orders/historical/batch"))["orders"] == []
    assert len(done(bound("all", "GET", "/orders/historical/batch"))["orders"]) == 1


def test_a_key_reaches_no_other_portfolio_by_naming_it(bound: Callable[..., httpx.Response]) -> None:
    other = done(bound("all", "GET", "/key_permissions"))["portfolio_uuid"]
    own = done(bound("one", "GET", "/key_permissions"))["portfolio_uuid"]
    for path in ("/accounts", "/orders/historical/batch", "/orders/historical/fills"):
        assert bound("one", "GET", path, params={"retail_portfolio_id": other}).status_code == 403
        assert bound("one", "GET", path, params={"retail_portfolio_id": own}).status_code == 200
    order = BUY | {"client_order_id": "c", "retail_portfolio_id": other}
    assert bound("one", "POST", "/orders", json=order).status_code == 403
    assert bound("one", "GET", f"/portfolios/{other}").status_code == 404
    assert bound("one", "DELETE", f"/portfolios/{other}").status_code == 404
    funds = {"value": "1", "currency": "USD"}
    taking = {"funds": funds, "source_portfolio_uuid": other, "target_portfolio_uuid": own}
    assert bound("one", "POST", "/portfolios/move_funds", json=taking).status_code == 403


def test_a_key_stays_with_its_portfolio_under_another_name_and_has_none_without_it(
    bound: Callable[..., httpx.Response],
) -> None:
    own = done(bound("one", "GET", "/key_permissions"))["portfolio_uuid"]
    done(bound("one", "PUT", f"/portfolios/{own}", json={"name": "Renamed"}))
    assert done(bound("one", "GET", "/key_permissions"))["portfolio_uuid"] == own
    done(bound("all", "DELETE", f"/portfolios/{own}"))
    assert bound("one", "GET", "/accounts").status_code == 403
