"""The bot's endpoints: what they answer, and who may steer."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx
import pytest

from cbbot.contract.bot_api import AverageRow, BotStatus, DecisionRow, Gates, LotRow, NumberedTrade
from cbbot.contract.bridge_api import CandleRow
from cbbot.contract.bridge_errors import ErrorAnswer
from cbbot.errors import Retryable
from cbbot.process.http_server import HttpServer
from cbbot.process.listening_socket import listening_socket
from cbbot.web.bot_app import create_app
from cbbot.web.event_stream import event_text, stream

TOKEN = "steer-me"
STATUS = BotStatus.model_validate(
    {
        "bot": "demo", "namespace": "default", "product_id": "BTC-USD", "mode": "paper", "venue": "Simulator",
        "ready": True, "phase": "trading", "reason": "", "epoch": 7, "version": "0", "equity_usd": "1000.0000000000",
        "equity_marked_usd": "1000", "daily_pnl_usd": "0", "unrealized_pnl_usd": "0", "exposure_usd": "0",
        "open_lots": 0, "breaker_tripped": False, "entries": {"allowed": True, "paused_by": []}, "last_price": "1",
        "price_age_seconds": 0.1, "last_decision": None, "model": {"mode": "baseline", "last_fit_at": None},
        "pending_orders": 0, "last_save_at": None, "clock_offset_ms": 0, "warnings": [], "started_at": "x",
    }
)  # fmt: skip


class FakeBot:
    """Remembers how it was steered."""

    def __init__(self) -> None:
        self.alive = True
        self.readiness = (True, "")
        self.paused: set[str] = set()
        self.flattened = 0
        self.starting = False
        self.asked: list[tuple[int, int | None]] = []
        self.listeners = 0

    def status(self) -> BotStatus:
        entries = {"allowed": not self.paused, "paused_by": sorted(self.paused)}
        return STATUS.model_copy(update={"entries": type(STATUS.entries).model_validate(entries)})

    def lots(self) -> list[LotRow]:
        return []

    def trades(self, limit: int, before: int | None) -> list[NumberedTrade]:
        self.asked.append((limit, before))
        return []

    def decisions(self, limit: int) -> list[DecisionRow]:
        row = {"at": "x", "price": "1", "signal": "buy", "p_up": 0.5, "fast": None, "slow": 2.0, "reason": "spacing"}
        return [DecisionRow.model_validate(row)] * min(limit, 2)

    def candles(self, limit: int) -> list[CandleRow]:
        return [CandleRow(start="60", open="1", high="1", low="1", close="1", volume="1")][:limit]

    def averages(self, limit: int) -> list[AverageRow]:
        return [AverageRow(start="60", fast=1.5, slow=None)][:limit]

    def gates(self) -> Gates | None:
        return None if self.starting else Gates(day=None, since=None, decisions=0, reasons=[], adverse=None)

    async def events(self) -> AsyncIterator[tuple[str, Mapping[str, object]]]:
        self.listeners += 1
        try:
            yield "tick", {"price": "1.00"}
            await asyncio.Event().wait()
        finally:
            self.listeners -= 1

    def exposition(self) -> bytes:
        return b"bot_ready 1.0\n"

    async def pause_entries(self, by: str) -> None:
        if self.starting:
            raise Retryable("the bot is still starting")
        self.paused.add(by)

    async def resume_entries(self, by: str) -> None:
        self.paused.discard(by)

    async def flatten(self) -> None:
        self.flattened += 1
        self.paused.add("hand")


@pytest.fixture
def bot() -> FakeBot:
    return FakeBot()


@pytest.fixture
def call(bot: FakeBot) -> Callable[..., httpx.Response]:
    """One request, from an address of our choice."""

    def do(
        method: str, path: str, *, token: str | None = TOKEN, peer: str = "10.0.0.9", **options: Any
    ) -> httpx.Response:
        async def main() -> httpx.Response:
            transport = httpx.ASGITransport(create_app(bot, token, "0"), client=(peer, 1))
            async with httpx.AsyncClient(
                transport=transport, base_url=options.pop("base", "http://bot:8080")
            ) as client:
                return await client.request(method, path, **options)

        return asyncio.run(main())

    return do


def steering() -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKEN}"}


def test_health_and_readiness_say_why_not(bot: FakeBot, call: Any) -> None:
    assert (call("GET", "/healthz").status_code, call("GET", "/readyz").status_code) == (200, 200)
    bot.alive, bot.readiness = False, (False, "waiting for the end of 2 orders")
    answer = call("GET", "/healthz")
    assert (answer.status_code, answer.text) == (
        503,
        "the loop has not moved for too long: waiting for the end of 2 orders\n",
    )
    answer = call("GET", "/readyz")
    assert (answer.status_code, answer.text) == (503, "not ready: waiting for the end of 2 orders\n")


def test_reads_answer_in_the_contracts_shapes(bot: FakeBot, call: Any) -> None:
    assert BotStatus.model_validate(call("GET", "/status").json()) == bot.status()
    assert len(call("GET", "/decisions?limit=1").json()) == 1
    assert call("GET", "/candles").json()[0]["start"] == "60"
    assert call("GET", "/lots").json() == []
    assert call("GET", "/trades?limit=7&before=40").json() == []
    assert bot.asked == [(7, 40)]
    assert call("GET", "/metrics").text == "bot_ready 1.0\n"
    assert call("GET", "/averages").json() == [{"start": "60", "fast": 1.5, "slow": None}]
    assert call("GET", "/gates").json()["reasons"] == []
    bot.starting = True
    assert call("GET", "/gates").json() is None
    for bad in ("/trades?limit=0", "/trades?limit=x", "/decisions?limit=1001"):
        assert call("GET", bad).status_code == 422
    assert "/control/flatten" in call("GET", "/openapi.json").json()["paths"]


@pytest.mark.parametrize("path", ["/control/pause-entries", "/control/resume", "/control/flatten"])
@pytest.mark.parametrize(
    "headers",
    [{}, *({"Authorization": shown} for shown in ("Bearer wrong", "", "Bearer", TOKEN, f"Basic {TOKEN}"))],
)
def test_steering_needs_the_token_even_from_this_machine(
    bot: FakeBot, call: Any, path: str, headers: dict[str, str]
) -> None:
    answer = call("POST", path, headers=headers, peer="127.0.0.1", base="http://127.0.0.1")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "bad_token")
    assert (bot.paused, bot.flattened) == (set(), 0)
    assert call("GET", path, headers=steering()).status_code == 405


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER "])
def test_the_word_before_the_token_may_be_written_in_any_case(bot: FakeBot, call: Any, scheme: str) -> None:
    assert call("POST", "/control/flatten", headers={"Authorization": f"{scheme} {TOKEN}"}).status_code == 200
    assert bot.flattened == 1


def test_two_may_pause_and_each_ends_its_own(bot: FakeBot, call: Any) -> None:
    answer = call("POST", "/control/pause-entries", headers=steering())
    assert answer.json()["entries"] == {"allowed": False, "paused_by": ["hand"]}
    call("POST", "/control/pause-entries", headers=steering(), json={"by": "resource"})
    assert bot.paused == {"hand", "resource"}
    call("POST", "/control/resume?by=resource", headers=steering())
    assert bot.paused == {"hand"}
    call("POST", "/control/pause-entries", headers=steering())
    assert call("POST", "/control/resume", headers=steering()).json()["entries"]["allowed"] is True
    assert call("POST", "/control/flatten", headers=steering()).status_code == 200
    assert bot.flattened == 1


@pytest.mark.parametrize(("query", "body"), [("?by=disk", None), ("", {"by": "disk"}), ("", {"who": "x"})])
def test_nobody_else_may_pause(bot: FakeBot, call: Any, query: str, body: dict[str, str] | None) -> None:
    assert call("POST", f"/control/pause-entries{query}", headers=steering(), json=body).status_code == 422
    assert bot.paused == set()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR "])
def test_the_scheme_is_understood_in_any_case(bot: FakeBot, call: Any, scheme: str) -> None:
    answer = call("POST", "/control/flatten", headers={"Authorization": f"{scheme} {TOKEN}"})
    assert (answer.status_code, bot.flattened) == (200, 1)


@pytest.mark.parametrize("shown", [TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer ", b"Bearer \xff", f"Bearer{TOKEN}"])
def test_a_token_without_its_scheme_or_of_no_text_opens_nothing(bot: FakeBot, call: Any, shown: str | bytes) -> None:
    answer = call("POST", "/control/flatten", headers={"Authorization": shown})
    assert (answer.status_code, bot.flattened) == (401, 0)


@pytest.mark.parametrize("kind", [{"Content-Type": "application/json"}, {"Content-Type": "text/plain"}, {}])
@pytest.mark.parametrize(
    "body",
    [
        b'{"by":"\xff"}', b"\xff\xfe", b"\x80", b'{"by":', b'{"by":"\\ud800"}', b'{"\\ud800":1}', b'{"by":NaN}',
        b"[" * 20_000, b"1" * 5_000, b"\x00",
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_read_is_refused_in_the_contracts_shape(
    bot: FakeBot, call: Any, kind: dict[str, str], body: bytes
) -> None:
    for path in ("/control/pause-entries", "/control/resume"):
        answer = call("POST", path, headers=steering() | kind, content=body)
        assert answer.status_code in (400, 422), answer.text
        assert ErrorAnswer.model_validate(answer.json()).error.code == "invalid_input"
    assert bot.paused == set()


@pytest.mark.parametrize(
    ("peer", "base", "headers", "allowed"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080", {}, True),
        ("::1", "http://[::1]:8080", {}, True),
        ("127.0.0.1", "http://localhost:8080", {"Origin": "http://localhost:8080"}, True),
        ("10.0.0.9", "http://127.0.0.1:8080", {}, False),
        ("10.0.0.9", "http://127.0.0.1:8080", {"X-Forwarded-For": "127.0.0.1"}, False),
        ("127.0.0.1", "http://evil.example", {}, False),
        ("127.0.0.1", "http://127.0.0.1:8080", {"Origin": "http://evil.example"}, False),
        ("127.0.0.1", "http://127.0.0.1:8080", {"Origin": "null"}, False),
    ],
)
def test_without_a_token_only_this_machine_steers(
    bot: FakeBot, call: Any, peer: str, base: str, headers: dict[str, str], allowed: bool
) -> None:
    answer = call("POST", "/control/flatten", token=None, peer=peer, base=base, headers=headers)
    assert answer.status_code == (200 if allowed else 403)
    assert bot.flattened == int(allowed)


@pytest.mark.parametrize(
    ("token", "headers", "peer", "expected"),
    [
        (TOKEN, {}, "127.0.0.1", (False, True)),
        (TOKEN, {"Authorization": "Bearer wrong"}, "127.0.0.1", (False, True)),
        (TOKEN, steering(), "10.0.0.9", (True, True)),
        (None, {}, "127.0.0.1", (True, False)),
        (None, {}, "10.0.0.9", (False, False)),
        (None, {"Origin": "http://evil.example"}, "127.0.0.1", (False, False)),
    ],
)
def test_a_page_can_ask_whether_it_may_steer(
    bot: FakeBot, call: Any, token: str | None, headers: dict[str, str], peer: str, expected: tuple[bool, bool]
) -> None:
    options = {"token": token, "headers": headers, "peer": peer, "base": "http://127.0.0.1:8080"}
    answer = call("GET", "/control", **options).json()
    assert (answer["allowed"], answer["token_needed"]) == expected
    assert call("POST", "/control/flatten", **options).is_success == expected[0]
    assert bot.flattened == int(expected[0])


def test_a_bot_that_is_still_starting_says_not_now(bot: FakeBot, call: Any) -> None:
    bot.starting = True
    answer = call("POST", "/control/pause-entries", headers=steering())
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_now")


def test_events_begin_with_the_status_which_follows_them_and_comes_now_and_then(bot: FakeBot, virtually: Any) -> None:
    async def main() -> None:
        lines = stream(bot)
        first = await anext(lines)
        assert first.startswith("event: status\ndata: {")
        assert first.endswith("\n\n")
        assert json.loads(first.split("data: ")[1])["bot"] == "demo"
        assert await anext(lines) == event_text("tick", {"price": "1.00"})
        loop = asyncio.get_running_loop()
        told: list[float] = []
        for _ in range(3):
            began = loop.time()
            assert (await anext(lines)).startswith("event: status\ndata: {")
            told.append(loop.time() - began)
        # Soon after an event, then now and then.
        assert told == [pytest.approx(1.0), pytest.approx(5.0), pytest.approx(5.0)]
        assert bot.listeners == 1
        await lines.aclose()  # type: ignore[attr-defined]  # an async generator is more than the iterator it is declared as
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    virtually(main)
    assert bot.listeners == 0


def test_the_server_tells_its_port_and_stops_with_a_stream_open(bot: FakeBot) -> None:
    async def main() -> None:
        listening: asyncio.Future[socket.socket] = asyncio.get_running_loop().create_future()
        server = HttpServer(create_app(bot, None, "0"), listening.set_result, grace_seconds=2, lifespan="off")
        listener = listening_socket("127.0.0.1", 0, host_name="HOST", port_name="PORT")
        serving = asyncio.create_task(server.serve([listener]))
        port = (await listening).getsockname()[1]
        async with (
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client,
            client.stream("GET", "/events") as events,
        ):
            assert events.headers["content-type"].startswith("text/event-stream")
            lines = events.aiter_lines()
            assert await anext(lines) == "event: status"
            server.stop()
            await serving
        listener.close()

    asyncio.run(main())


def test_head_is_get_without_its_body(bot: FakeBot, call: Any) -> None:
    reads = ("status", "lots", "trades", "decisions", "candles", "averages", "gates", "control")
    for path in ("/healthz", "/readyz", "/metrics", "/", *(f"/{name}" for name in reads)):
        got, head = call("GET", path), call("HEAD", path)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert head.headers == got.headers
    bot.readiness = (False, "starting")
    assert call("HEAD", "/readyz").status_code == 503


def test_head_of_the_event_stream_ends_and_leaves_no_listener(bot: FakeBot, call: Any) -> None:
    head = call("HEAD", "/events")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"].startswith("text/event-stream")
    assert bot.listeners == 0


def test_a_method_that_a_path_has_not_is_told_with_all_it_has(call: Any) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = call(method, "/status")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert call("GET", "/control/flatten").headers["allow"] == "POST"
