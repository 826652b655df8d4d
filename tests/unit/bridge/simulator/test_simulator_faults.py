"""Faults on demand: on which side of the effect they happen, and what a client sees."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest

from cbbot_bridge.simulator.fault_changes import CHANGES
from cbbot_bridge.simulator.faults import FAULT_FIELDS, WHOLE_CHANGES

ROOT = "/api/v3/brokerage"
BATCH, FILLS = "/orders/historical/batch", "/orders/historical/fills"
Simulate = Callable[..., AbstractContextManager[httpx.Client]]


@pytest.fixture(scope="module")
def standing(simulate: Simulate) -> Iterator[httpx.Client]:
    """One simulator for tests that leave no fault behind and do not look at other tests' orders."""
    with simulate() as running:
        yield running


def fault(client: httpx.Client, **fields: object) -> None:
    answer = client.post("/sim/faults", json=fields)
    assert answer.status_code == 200, answer.text


def buy(client: httpx.Client, client_order_id: str, **options: Any) -> httpx.Response:
    body = {
        "client_order_id": client_order_id,
        "product_id": "BTC-USD",
        "side": "BUY",
        "order_configuration": {"market_market_ioc": {"quote_size": "10"}},
    }
    return client.post(f"{ROOT}/orders", json=body, **options)


def placed(client: httpx.Client) -> list[str]:
    return [item["client_order_id"] for item in get(client, BATCH)["orders"]]


def get(client: httpx.Client, path: str, **query: Any) -> Any:
    answer = client.get(ROOT + path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_order_that_timed_out_before_its_effect_is_not_there(client: httpx.Client) -> None:
    fault(client, method="POST", path="/orders", delay_seconds=30, status=504)
    with pytest.raises(httpx.ReadTimeout):
        buy(client, "a", timeout=0.2)
    assert placed(client) == []
    assert buy(client, "a").json()["success"] is True


def test_an_order_that_timed_out_after_its_effect_is_there(client: httpx.Client) -> None:
    fault(client, method="POST", path="/orders", answer_delay_seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        buy(client, "a", timeout=0.5)
    assert placed(client) == ["a"]


def test_a_delay_before_the_effect_holds_the_effect_and_one_after_it_only_the_answer(client: httpx.Client) -> None:
    fault(client, path="/time", delay_seconds=0.2, answer_delay_seconds=0.2)
    started = time.monotonic()
    get(client, "/time")
    assert time.monotonic() - started >= 0.4


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_connection_is_cut_without_an_answer(client: httpx.Client, *, after_effect: bool) -> None:
    fault(client, method="POST", path="/orders", cut=True, after_effect=after_effect)
    # The client reads an end or a reset, by whether all that it sent had been read.
    cut = (httpx.RemoteProtocolError, httpx.ReadError)
    with pytest.raises(cut, match=r"without sending a response|Connection reset by peer"):
        buy(client, "a")
    assert placed(client) == (["a"] if after_effect else [])


@pytest.mark.parametrize("after_effect", [False, True])
@pytest.mark.parametrize("status", [401, 403, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("body", ["usual", "json", "html", "empty"])
def test_an_error_is_answered_before_or_after_the_effect(
    standing: httpx.Client, *, status: int, body: str, after_effect: bool
) -> None:
    name = f"{status} {body} {after_effect}"
    fault(standing, method="POST", path="/orders", status=status, body=body, after_effect=after_effect)
    answer = buy(standing, name)
    assert answer.status_code == status
    if body == "empty":
        assert answer.content == b""
    elif body == "html":
        assert answer.text.startswith("<html>")
    elif (status, body) == (401, "usual"):
        assert answer.text == "Unauthorized"
    elif status == 429:
        assert answer.json()["errors"][0]["id"] == "rate_limit_exceeded"
    else:
        assert set(answer.json()) == {"error", "error_details", "message"}
    assert (name in placed(standing)) is after_effect


def test_html_may_come_with_200(client: httpx.Client) -> None:
    fault(client, path="/accounts", status=200, body="html")
    answer = client.get(f"{ROOT}/accounts")
    assert (answer.status_code, answer.text[:6]) == (200, "<html>")


def test_a_burst_ends_after_so_many_requests_and_may_begin_later(client: httpx.Client) -> None:
    fault(client, path="/accounts", status=401, skip=1, times=2)
    assert [client.get(f"{ROOT}/accounts").status_code for _ in range(5)] == [200, 401, 401, 200, 200]


def test_chance_is_drawn_from_the_seed(client: httpx.Client) -> None:
    def run(seed: int) -> list[int]:
        client.delete("/sim/faults")
        fault(client, path="/time", status=500, times=1000, probability=0.5, seed=seed)
        return [client.get(f"{ROOT}/time").status_code for _ in range(40)]

    first = run(1)
    assert set(first) == {200, 500}
    assert run(1) == first
    assert run(2) != first


def test_a_truncated_answer_is_no_json(client: httpx.Client) -> None:
    fault(client, path="/accounts", change="truncated")
    answer = client.get(f"{ROOT}/accounts")
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"JSON|Expecting|Unterminated|delimiter"):
        answer.json()


def test_the_path_is_that_of_the_endpoint_and_a_star_is_one_part_of_it(client: httpx.Client) -> None:
    fault(client, path="/market/products/*", status=500)
    assert client.get(f"{ROOT}/products/BTC-USD").status_code == 200
    assert client.get(f"{ROOT}/market/products").status_code == 200
    assert client.get(f"{ROOT}/market/products/BTC-USD/ticker").status_code == 200
    assert client.get(f"{ROOT}/market/products/BTC-USD").status_code == 500
    fault(client, path="/v2/exchange-rates", status=500)
    assert client.get("/v2/exchange-rates").status_code == 500


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "path"),
        ({"path": ""}, "path"),
        ({"path": "time"}, "path"),
        ({"path": "/tim"}, "no GET /tim"),
        ({"path": "/time", "method": "POST"}, "no POST /time"),
        ({"path": "/products/*/candle"}, "no GET"),
        ({"path": "/time", "no": 1}, "no is not a field"),
        ({"path": 7}, "path"),
        ({"path": "/time", "times": "2"}, "times"),
        ({"path": "/time", "times": True}, "times"),
        ({"path": "/time", "times": 0}, "times"),
        ({"path": "/time", "skip": -1}, "skip"),
        ({"path": "/time", "probability": 0}, "probability"),
        ({"path": "/time", "probability": 1.1}, "probability"),
        ({"path": "/time", "delay_seconds": -1}, "delay"),
        ({"path": "/time", "answer_delay_seconds": 1e9}, "delay"),
        ({"path": "/time", "status": 199}, "status"),
        ({"path": "/time", "status": 600}, "status"),
        ({"path": "/time", "status": 500, "body": "xml"}, "body"),
        ({"path": "/time", "status": 500, "cut": True}, "cut"),
        ({"path": "/time", "after_effect": True}, "after_effect"),
        ({"path": "/time", "change": "worse"}, "change"),
        ({"path": "/time", "change": "no_entry_id"}, "change"),
        ({"path": "/time", "status": 500, "change": "clock"}, "change"),
        ({"path": "/time", "change": "clock", "offset_seconds": 1e300}, "offset_seconds"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(standing: httpx.Client, fields: dict[str, object], said: str) -> None:
    answer = standing.post("/sim/faults", json=fields)
    assert answer.status_code == 400
    assert said in answer.json()["message"]
    assert standing.get(f"{ROOT}/time").status_code == 200


def test_faults_can_be_counted_and_cleared(client: httpx.Client) -> None:
    assert client.post("/sim/faults", json={"path": "/time", "status": 500, "times": 9}).json() == {"rules": 1}
    assert client.delete("/sim/faults").json() == {"rules": 0}
    assert client.get(f"{ROOT}/time").status_code == 200


def test_the_clock_may_be_off(client: httpx.Client) -> None:
    true = int(get(client, "/time")["epochMillis"])
    fault(client, path="/time", change="clock", offset_seconds=-90)
    shown = get(client, "/time")
    assert int(shown["epochMillis"]) == true - 90_000
    assert int(shown["epochSeconds"]) == (true - 90_000) // 1000
    fault(client, path="/time", change="clock")
    assert int(get(client, "/time")["epochMillis"]) == true + 90_000


@pytest.mark.parametrize(("path", "items"), [(BATCH, "orders"), (FILLS, "fills")])
def test_a_listing_that_wants_a_proof_token_is_incomplete(client: httpx.Client, path: str, items: str) -> None:
    for name in "abc":
        buy(client, name)
    whole = get(client, path)
    fault(client, path=path, change="proof_token_required")
    part = get(client, path)
    assert part["proof_token_required"] is True
    assert part[items] == whole[items][2:]
    assert "proof_token_required" not in get(client, path)


def test_a_listing_may_say_nothing_or_nonsense_of_its_end(client: httpx.Client) -> None:
    fault(client, path=BATCH, change="cursor_without_has_next")
    vague = get(client, BATCH)
    assert "has_next" not in vague
    assert vague["cursor"]
    fault(client, path=BATCH, change="has_next_as_text")
    assert get(client, BATCH)["has_next"] == "true"


@pytest.mark.parametrize(("path", "items"), [(BATCH, "orders"), (FILLS, "fills")])
def test_a_page_may_come_twice(client: httpx.Client, path: str, items: str) -> None:
    buy(client, "a")
    fault(client, path=path, change="page_twice")
    first = get(client, path)
    second = get(client, path, cursor=first["cursor"])
    assert first["cursor"]
    assert first.get("has_next", True) is True
    assert second[items] == first[items] != []
    assert second["cursor"] == ""


@pytest.mark.parametrize(("change", "field"), [("no_entry_id", "entry_id"), ("no_size_in_quote", "size_in_quote")])
def test_fills_may_lack_a_field(client: httpx.Client, change: str, field: str) -> None:
    buy(client, "a")
    whole = get(client, FILLS)["fills"]
    fault(client, path=FILLS, change=change)
    (fill,) = get(client, FILLS)["fills"]
    assert fill == {name: value for name, value in whole[0].items() if name != field}


@pytest.mark.parametrize(
    ("change", "types"),
    [
        ("reversed", ["REVERSAL", "FILL"]),
        ("reversed_and_filled_again", ["FILL", "REVERSAL", "FILL"]),
        ("reversed_and_corrected", ["CORRECTION", "REVERSAL", "FILL"]),
    ],
)
def test_a_fill_may_be_taken_back(client: httpx.Client, change: str, types: list[str]) -> None:
    buy(client, "a")
    fault(client, path=FILLS, change=change)
    fills = get(client, FILLS)["fills"]
    assert [fill["trade_type"] for fill in fills] == types
    assert len({fill["entry_id"] for fill in fills}) == len(types)
    (reversal,) = [fill for fill in fills if fill["trade_type"] == "REVERSAL"]
    assert reversal["trade_id"] == fills[-1]["trade_id"]
    assert len({fill["trade_id"] for fill in fills if fill["trade_type"] == "FILL"}) == types.count("FILL")


def test_an_order_that_was_taken_may_be_told_as_a_duplicate(client: httpx.Client) -> None:
    fault(client, method="POST", path="/orders", change="duplicate_client_order_id")
    answer = buy(client, "a").json()
    assert answer["success"] is False
    assert answer["error_response"]["new_order_failure_reason"] == "DUPLICATE_CLIENT_ORDER_ID"
    fault(client, method="POST", path="/orders", change="already_exists")
    conflict = buy(client, "b")
    assert (conflict.status_code, conflict.json()["error"]) == (409, "ALREADY_EXISTS")
    fault(client, method="POST", path="/orders", change="refused_with_order_id")
    odd = buy(client, "c").json()
    assert odd["success"] is False
    assert placed(client) == ["c", "b", "a"]
    assert odd["order_id"] == get(client, BATCH)["orders"][0]["order_id"]


def test_a_refusal_stays_a_refusal(client: httpx.Client) -> None:
    for change in ("duplicate_client_order_id", "already_exists", "refused_with_order_id"):
        fault(client, method="POST", path="/orders", change=change)
        body = {
            "client_order_id": "a",
            "product_id": "BTC-USD",
            "side": "BUY",
            "order_configuration": {"market_market_ioc": {"quote_size": "99999"}},
        }
        answer = client.post(f"{ROOT}/orders", json=body).json()
        assert answer["error_response"]["error"] == "INSUFFICIENT_FUND"


def test_every_field_and_change_has_a_meaning() -> None:
    assert all(rule.meaning for rule in FAULT_FIELDS.values())
    assert all(change.meaning for change in CHANGES.values())
    assert not CHANGES.keys() & WHOLE_CHANGES.keys()
