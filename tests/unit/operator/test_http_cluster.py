"""The API client against a server of our own that remembers what it was asked."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cbbot.errors import Refused, Retryable
from cbbot_operator.api_access import Access, FixedCredentials
from cbbot_operator.bots import HttpBots
from cbbot_operator.bridges import HttpBridges
from cbbot_operator.cluster import HttpCluster
from cbbot_operator.keys import Key
from cbbot_operator.observed import KeyReport, Report
from unit.operator.memory_cluster import KEY, Clock, MakeStatus, Run

Ask = Callable[[Callable[[HttpCluster, str], Awaitable[Any]]], Any]


class Server:
    """Answers what a test has put there, by verb and path."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {}
        self.paged: dict[str, Callable[[dict[str, str]], Awaitable[Any]]] = {}
        self.endless: set[str] = set()
        self.busy: dict[str, list[int]] = {}
        self.silent: set[str] = set()
        self.closing = asyncio.Event()
        self.asked: list[tuple[str, str, dict[str, str], dict[str, str], str]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.text()
        self.asked.append((request.method, request.path, dict(request.query), dict(request.headers), body))
        if self.busy.get(request.path):
            return web.Response(status=self.busy[request.path].pop(), headers={"Retry-After": "0"})
        if request.path in self.silent:
            await self.closing.wait()
        if request.path in self.endless:
            return await self._pour(request)
        if request.path in self.paged:
            return web.json_response(await self.paged[request.path](dict(request.query)))
        status, answer = self.answers.get((request.method, request.path), (200, {"items": []}))
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return web.Response(status=status, text=text)

    async def _pour(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b"[" * 65536)
        return response


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def ask(run: Run, server: Server) -> Ask:
    """Run ``use(cluster, address)`` against the server."""

    def asker(use: Callable[[HttpCluster, str], Awaitable[Any]]) -> Any:
        async def scenario() -> Any:
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", server.handle)
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            address = f"http://127.0.0.1:{runner.addresses[0][1]}"
            try:
                credentials = FixedCredentials(Access(server=address, authorization="Bearer t0ken"))
                async with HttpCluster(credentials) as cluster:
                    return await use(cluster, address)
            finally:
                server.closing.set()
                await runner.cleanup()

        return run(scenario())

    return asker


DEPLOYMENT = {"kind": "Deployment", "metadata": {"namespace": "n", "name": "d"}, "spec": {}}


def test_apply_is_server_side_forced_and_in_our_name(ask: Ask, server: Server) -> None:
    server.answers["PATCH", "/apis/apps/v1/namespaces/n/deployments/d"] = (200, DEPLOYMENT)
    assert ask(lambda cluster, _: cluster.apply(DEPLOYMENT)) == DEPLOYMENT
    (_, _, query, headers, body) = server.asked[0]
    assert query == {"fieldManager": "cbbot-operator", "force": "true"}
    assert headers["Content-Type"] == "application/apply-patch+yaml"
    assert headers["Authorization"] == "Bearer t0ken"
    assert json.loads(body) == DEPLOYMENT


def test_what_is_not_there_is_none(ask: Ask, server: Server) -> None:
    server.answers["GET", "/api/v1/namespaces/n/secrets/s"] = (404, {"message": "not found"})
    assert ask(lambda cluster, _: cluster.get("Secret", "n", "s")) is None


def test_lists_are_filtered_by_the_server_and_may_span_the_cluster(ask: Ask, server: Server) -> None:
    async def use(cluster: HttpCluster, _: object) -> Any:
        await cluster.list("Pod", "n", {"a": "b", "c": "d"})
        await cluster.list("TradingBot", None, {})
        await cluster.page("Event", "n", "", 50, "next", fields="type=Warning")

    ask(use)
    assert server.asked[0][1:3] == ("/api/v1/namespaces/n/pods", {"labelSelector": "a=b,c=d", "limit": "250"})
    assert server.asked[1][1:3] == ("/apis/cbbot.io/v1alpha1/tradingbots", {"limit": "250"})
    assert server.asked[2][1:3] == (
        "/api/v1/namespaces/n/events",
        {"fieldSelector": "type=Warning", "limit": "50", "continue": "next"},
    )


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, Refused),
        (403, Refused),
        (422, Refused),
        (401, Retryable),
        (409, Retryable),
        (429, Retryable),
        (503, Retryable),
    ],
)
def test_what_may_pass_is_distinguished_from_a_no(ask: Ask, server: Server, code: int, kind: type[Exception]) -> None:
    server.answers["GET", "/api/v1/namespaces/n/secrets/s"] = (code, {"message": "because"})
    with pytest.raises(kind, match=f"GET Secret s: the API server says {code}: because"):
        ask(lambda cluster, _: cluster.get("Secret", "n", "s"))


def test_a_list_is_read_page_by_page_and_in_smaller_ones_when_the_objects_are_large(ask: Ask, server: Server) -> None:
    path = "/api/v1/namespaces/n/secrets"
    small = {"metadata": {"name": "s"}}
    # Of 250 large objects a page is longer than an answer may be; of 31 it is not.
    large = {"metadata": {"name": "l"}, "data": {"k": "x" * 100_000}}

    async def answer(query: dict[str, str]) -> Any:
        begin, limit = int(query.get("continue", "0")), int(query["limit"])
        found = ([large] * 300 + [small])[begin : begin + limit]
        after = str(begin + limit) if begin + limit < 301 else ""
        return {"items": found, "metadata": {"continue": after}}

    server.paged[path] = answer
    items = ask(lambda cluster, _: cluster.list("Secret", "n", {}))
    assert [item["metadata"]["name"] for item in items] == ["l"] * 300 + ["s"]
    assert {query["limit"] for _, _, query, _, _ in server.asked} == {"250", "31"}


@pytest.mark.parametrize("code", [429, 503])
def test_a_busy_server_is_given_the_time_it_asks_for(ask: Ask, server: Server, code: int) -> None:
    path = "/apis/apps/v1/namespaces/n/deployments/d"
    server.busy[path] = [code, code]
    server.answers["PATCH", path] = (200, DEPLOYMENT)
    assert ask(lambda cluster, _: cluster.apply(DEPLOYMENT)) == DEPLOYMENT
    bodies = [body for *_, body in server.asked]
    assert bodies == [bodies[0]] * 3


def test_a_server_that_stays_busy_is_told_as_such(ask: Ask, server: Server) -> None:
    server.busy["/api/v1/namespaces/n/secrets/s"] = [429] * 10
    with pytest.raises(Retryable, match="says 429"):
        ask(lambda cluster, _: cluster.get("Secret", "n", "s"))
    assert len(server.asked) == 4


def test_an_answer_without_end_is_not_read_to_its_end(ask: Ask, server: Server) -> None:
    server.endless.add("/api/v1/namespaces/n/secrets/s")
    with pytest.raises(Retryable, match="longer than 16000000 bytes"):
        ask(lambda cluster, _: cluster.get("Secret", "n", "s"))


def test_a_bots_endless_or_missing_answer_costs_bounded_memory_and_time(ask: Ask, server: Server, clock: Clock) -> None:
    server.endless.add("/status")
    server.silent.add("/control/flatten")

    async def use(_: object, address: str) -> Any:
        async with HttpBots(lambda _: address, seconds=0.2) as bots:
            return [
                await bots.status(Key("n", "b"), clock()),
                await bots.command(Key("n", "b"), "flatten", "c0ntrol", clock()),
            ]

    endless, silent = ask(use)
    assert "longer than 65536 bytes" in endless.failure
    assert "does not answer" in silent.failure


def test_an_answer_that_is_no_json_may_pass(ask: Ask, server: Server) -> None:
    server.answers["GET", "/api/v1/namespaces/n/secrets/s"] = (200, "<html>")
    with pytest.raises(Retryable, match="not JSON"):
        ask(lambda cluster, _: cluster.get("Secret", "n", "s"))


def test_no_answer_may_pass(run: Run) -> None:
    async def use() -> Any:
        async with HttpCluster(FixedCredentials(Access(server="http://127.0.0.1:9"))) as cluster:
            await cluster.get("Secret", "n", "s")

    with pytest.raises(Retryable, match="did not answer"):
        run(use())


def test_a_kind_is_served_when_its_group_lists_it(ask: Ask, server: Server) -> None:
    path = "/apis/monitoring.coreos.com/v1"

    async def use(cluster: HttpCluster, _: object) -> Any:
        found = []
        answers: list[tuple[int, Any]] = [(404, {}), (200, {"resources": []})]
        for answer in (*answers, (200, {"resources": [{"name": "servicemonitors"}]})):
            server.answers["GET", path] = answer
            found.append(await cluster.serves("ServiceMonitor"))
        return found

    assert ask(use) == [False, False, True]


def test_only_that_very_object_is_deleted(ask: Ask, server: Server) -> None:
    path = "/apis/apps/v1/namespaces/n/deployments/d"
    conflict = {"message": "Precondition failed: UID in precondition: 1, UID in object meta: 2"}

    async def use(cluster: HttpCluster, _: object) -> Any:
        for answer in ((200, {}), (404, {"message": "gone"}), (409, conflict)):
            server.answers["DELETE", path] = answer
            await cluster.delete("Deployment", "n", "d", "1")

    ask(use)
    assert json.loads(server.asked[0][4])["preconditions"] == {"uid": "1"}


def test_the_bots_status_is_read_and_its_troubles_are_reported(
    ask: Ask, server: Server, bot_status: MakeStatus, clock: Clock
) -> None:
    good = bot_status().model_dump_json()

    async def use(_: object, address: str) -> Any:
        found = []
        async with HttpBots(lambda _: address) as bots:
            for answer in ((200, good), (503, "starting"), (200, "{}"), (200, "<html>")):
                server.answers["GET", "/status"] = answer
                found.append(await bots.status(Key("trading", "btc"), clock()))
            server.answers["POST", "/control/flatten"] = (200, good)
            found.append(await bots.command(Key("trading", "btc"), "flatten", "c0ntrol", clock()))
        async with HttpBots(lambda _: "http://127.0.0.1:9") as bots:
            found.append(await bots.status(Key("trading", "btc"), clock()))
        return found

    heard, refused, empty, garbled, flattened, silent = ask(use)
    assert heard.status == bot_status()
    assert "with 503: starting" in refused.failure
    assert "cannot be read" in empty.failure
    assert "cannot be read" in garbled.failure
    assert flattened.status == bot_status()
    assert "does not answer" in silent.failure
    assert server.asked[-1][3]["Authorization"] == "Bearer c0ntrol"
    assert server.asked[-1][2] == {"by": "resource"}


DEEP = b"[" * 30_000 + b"]" * 30_000


@pytest.mark.parametrize(
    ("head", "body", "words"),
    [
        pytest.param({}, DEEP, "cannot be read", id="nested without end"),
        pytest.param({}, b'{"reason": "\\ud800"}', "cannot be read", id="half a character"),
        pytest.param({"Content-Encoding": "gzip"}, gzip.compress(b"0" * 100_000_000), "is longer than", id="packed"),
        pytest.param({"Location": "/elsewhere", "status": "307"}, b"", "with 307", id="somewhere else"),
        pytest.param({"Location": "/elsewhere", "status": "302"}, b"", "with 302", id="somewhere else, with GET"),
    ],
)
@pytest.mark.parametrize("steering", [False, True])
def test_what_a_bot_answers_is_taken_as_it_is_or_not_at_all(
    run: Run, clock: Clock, head: dict[str, str], body: bytes, words: str, *, steering: bool
) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        headers = {name: value for name, value in head.items() if name != "status"}
        return web.Response(body=body, headers=headers, status=int(head.get("status", "200")))

    async def use() -> tuple[Report, KeyReport]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        async with TestServer(app) as server:
            address = str(server.make_url("")).rstrip("/")
            async with HttpBots(lambda _: address) as bots, HttpBridges(lambda _: address) as bridges:
                asking = bots.command(KEY, "flatten", "c0ntrol", clock()) if steering else bots.status(KEY, clock())
                return await asking, await bridges.upstream(KEY, "t0ken", clock())

    heard, key = run(use())
    assert (heard.status, key.upstream) == (None, None)
    assert words in heard.failure
    assert words in key.failure
    assert asked == ["/control/flatten" if steering else "/status", "/upstream"]


def test_why_an_answer_cannot_be_read_stays_the_same_while_its_figures_change(
    ask: Ask, server: Server, bot_status: MakeStatus, clock: Clock
) -> None:
    async def use(_: object, address: str) -> list[str]:
        said = []
        async with HttpBots(lambda _: address) as bots:
            for price in ("1.50", "2.50"):
                answer = {**bot_status().model_dump(), "last_price": price, "epoch": f"none {price}", "entries": None}
                server.answers["GET", "/status"] = (200, json.dumps(answer))
                said.append((await bots.status(Key("trading", "btc"), clock())).failure)
        return said

    first, second = ask(use)
    assert first == second
    assert "entries: Input should be" in first
    assert "epoch: Input should be a valid integer" in first


def test_nothing_is_changed_once_another_operator_may_lead(ask: Ask, server: Server, clock: Clock) -> None:
    async def use(cluster: HttpCluster, address: str) -> Any:
        cluster.may_write = lambda: False
        with pytest.raises(Retryable, match="another operator may lead"):
            await cluster.apply(DEPLOYMENT)
        await cluster.get("Deployment", "n", "d")
        await cluster.create({"kind": "Lease", "metadata": {"namespace": "n", "name": "l"}})
        async with HttpBots(lambda _: address) as bots:
            bots.may_steer = cluster.may_write
            return await bots.command(Key("n", "b"), "resume", "c0ntrol", clock())

    assert "another operator may lead" in ask(use).failure
    assert [asked[0] for asked in server.asked] == ["GET", "POST"]


def test_an_api_server_that_sends_us_elsewhere_is_not_followed(ask: Ask, server: Server) -> None:
    server.answers["GET", "/api/v1/namespaces/n/secrets/s"] = (307, {"message": "elsewhere"})
    with pytest.raises(Retryable, match="the API server says 307"):
        ask(lambda cluster, _: cluster.get("Secret", "n", "s"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bot": "eth"}, "another bot answers: trading/eth"),
        ({"namespace": "other"}, "another bot answers: other/btc"),
        ({"open_lots": -1}, "cannot be read"),
        ({"open_lots": 10**23}, "cannot be read"),
        ({"epoch": -7}, "cannot be read"),
    ],
)
def test_a_word_that_is_another_bots_or_impossible_is_none(
    ask: Ask, server: Server, bot_status: MakeStatus, clock: Clock, changes: dict[str, Any], words: str
) -> None:
    answer = json.dumps({**bot_status().model_dump(), **changes})

    async def use(_: object, address: str) -> Any:
        async with HttpBots(lambda _: address) as bots:
            server.answers["GET", "/status"] = (200, answer)
            return await bots.status(Key("trading", "btc"), clock())

    heard = ask(use)
    assert heard.status is None
    assert words in heard.failure
