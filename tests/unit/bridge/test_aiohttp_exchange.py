"""Requests over real sockets: what never left is told apart from what may have, and nothing is sent twice."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cbbot_bridge.coinbase.aiohttp_exchange import CONNECTIONS_A_POOL, MOST_ANSWER_BYTES, AiohttpExchange
from cbbot_bridge.coinbase.http_exchange import (
    ConnectionBroke,
    HttpAnswer,
    HttpFailure,
    NoAnswer,
    NotSent,
    Pool,
)

pytestmark = pytest.mark.anyio

TLS_HANDSHAKE = b"\x16\x03\x01"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
Act = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Peer:
    """A server that does one thing with every request, and keeps the requests."""

    act: Act
    requests: list[bytes] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = await read_request(reader)
                async with self.arrived:
                    self.requests.append(request)
                    self.arrived.notify_all()
                await self.act(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def has(self, count: int) -> None:
        async with self.arrived, asyncio.timeout(20):
            await self.arrived.wait_for(lambda: len(self.requests) >= count)

    def url(self, path: str = "/x") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """A whole request; of a TLS handshake its first bytes."""
    start = await reader.readexactly(3)
    if start == TLS_HANDSHAKE:
        return start
    head = start + await reader.readuntil(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")), 0)
    return head + await reader.readexactly(length)


def answering(content: bytes) -> Act:
    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(content)
        await writer.drain()

    return act


async def hang(_writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def peer(act: Act, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    listening = Peer(act)
    tasks: set[asyncio.Task[None]] = set()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(listening.serve(reader, writer)))

    server = await asyncio.start_server(accepted, host, 0, ssl=tls)
    listening.port = server.sockets[0].getsockname()[1]
    try:
        yield listening
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def exchange() -> AsyncIterator[AiohttpExchange]:
    opened = AiohttpExchange()
    yield opened
    await opened.close()


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path / "server.pem"
    file.write_bytes(key.private_bytes(*form) + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


async def get(exchange: AiohttpExchange, url: str, pool: Pool = Pool.MARKET, seconds: float = 10.0) -> HttpAnswer:
    return await exchange.send(pool, "GET", url, {}, None, seconds)


async def post(exchange: AiohttpExchange, url: str, seconds: float = 10.0) -> HttpAnswer:
    return await exchange.send(Pool.ORDERS, "POST", url, {"Content-Type": "application/json"}, b'{"a":1}', seconds)


@pytest.fixture
async def closed_port() -> int:
    async with peer(hang) as listening:
        return listening.port


@pytest.mark.parametrize("address", ["http://no-such-host.invalid", "http://127.0.0.1:{port}", "http://[::1]:{port}"])
async def test_without_a_name_or_a_connection_nothing_was_sent(
    exchange: AiohttpExchange, closed_port: int, address: str
) -> None:
    with pytest.raises(NotSent):
        await post(exchange, address.format(port=closed_port) + "/x")


@pytest.mark.parametrize("act", [answering(b"HTTP/1.1 400 Bad Request\r\n\r\n"), hang_up, reset, hang])
async def test_without_tls_nothing_was_sent(exchange: AiohttpExchange, act: Act) -> None:
    async with peer(act) as server:
        with pytest.raises(NotSent):
            await post(exchange, f"https://127.0.0.1:{server.port}/x", seconds=0.3)
        assert server.requests == [TLS_HANDSHAKE]


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(
    exchange: AiohttpExchange, self_signed: ssl.SSLContext
) -> None:
    async with peer(answering(OK), tls=self_signed) as server:
        with pytest.raises(NotSent, match="Certificate"):
            await post(exchange, f"https://127.0.0.1:{server.port}/x")
        assert server.requests == []


async def test_what_found_no_free_connection_in_time_was_not_sent(exchange: AiohttpExchange) -> None:
    async with peer(hang) as server:
        held = [asyncio.create_task(get(exchange, server.url())) for _ in range(CONNECTIONS_A_POOL)]
        await server.has(CONNECTIONS_A_POOL)
        with pytest.raises(NotSent):
            await get(exchange, server.url("/late"), seconds=0.2)
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        assert not any(b"/late" in request for request in server.requests)


async def test_reads_that_hang_hold_no_order_up(exchange: AiohttpExchange) -> None:
    async def act(writer: asyncio.StreamWriter) -> None:
        if server.requests[-1].startswith(b"POST"):
            await answering(OK)(writer)
        else:
            await hang(writer)

    async with peer(act) as server:
        pools = (Pool.MARKET, Pool.ACCOUNT)
        held = [asyncio.create_task(get(exchange, server.url(), pool)) for pool in pools for _ in range(100)]
        await server.has(len(pools) * CONNECTIONS_A_POOL)
        assert await post(exchange, server.url(), seconds=2.0) == HttpAnswer(200, b"{}")
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(hang_up, id="closed"),
        pytest.param(reset, id="reset"),
        pytest.param(
            answering(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\nConnection: close\r\n\r\n{}"), id="cut short"
        ),
        pytest.param(answering(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), id="no HTTP"),
        pytest.param(answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), id="bad chunk"),
        pytest.param(
            answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"), id="bad gzip"
        ),
        pytest.param(
            answering(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\nContent-Length: 2\r\n\r\n{}"),
            id="endless head",
        ),
    ],
)
async def test_what_left_and_came_back_broken_may_have_been_taken(exchange: AiohttpExchange, act: Act) -> None:
    async def once(writer: asyncio.StreamWriter) -> None:
        await act(writer)
        writer.close()

    async with peer(once) as server:
        with pytest.raises(ConnectionBroke):
            await post(exchange, server.url())
        assert len(server.requests) == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("ending", [hang_up, reset])
async def test_a_kept_connection_that_ends_is_told_and_nothing_is_sent_twice(
    exchange: AiohttpExchange, method: str, ending: Act
) -> None:
    async def act(writer: asyncio.StreamWriter) -> None:
        await (answering(OK) if len(server.requests) == 1 else ending)(writer)

    async with peer(act) as server:
        assert (await exchange.send(Pool.ORDERS, method, server.url(), {}, None, 10.0)).status == 200
        with pytest.raises(ConnectionBroke):
            await exchange.send(Pool.ORDERS, method, server.url(), {}, None, 10.0)
        assert len(server.requests) == 2


async def test_silence_ends_when_the_time_is_up_and_may_have_been_taken(exchange: AiohttpExchange) -> None:
    async with peer(hang) as server:
        with pytest.raises(NoAnswer):
            await post(exchange, server.url(), seconds=0.2)
        assert len(server.requests) == 1


async def test_a_body_that_trickles_in_ends_when_the_time_is_up(exchange: AiohttpExchange) -> None:
    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with peer(trickle) as server:
        with pytest.raises(NoAnswer):
            await get(exchange, server.url(), seconds=0.3)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"a": 1}\n', id="length"),
        pytest.param(
            b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"a"\r\n5\r\n: 1}\n\r\n0\r\n\r\n', id="chunked"
        ),
        pytest.param(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"a": 1}\n', id="until it closes"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s"
            % (len(gzip.compress(b'{"a": 1}\n')), gzip.compress(b'{"a": 1}\n')),
            id="gzip",
        ),
    ],
)
async def test_a_body_is_read_however_it_is_framed(exchange: AiohttpExchange, answer: bytes) -> None:
    async def act(writer: asyncio.StreamWriter) -> None:
        await answering(answer)(writer)
        if b"close" in answer:
            writer.close()

    async with peer(act) as server:
        assert await get(exchange, server.url()) == HttpAnswer(200, b'{"a": 1}\n')


@pytest.mark.parametrize("packed", [False, True])
async def test_an_answer_without_end_is_not_read_to_its_end(exchange: AiohttpExchange, packed: bool) -> None:
    body = b"0" * (MOST_ANSWER_BYTES + 1)
    head = b"Content-Encoding: gzip\r\n" if packed else b""
    body = gzip.compress(body) if packed else body
    act = answering(b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body))
    async with peer(act) as server:
        with pytest.raises(ConnectionBroke, match="more than"):
            await get(exchange, server.url())


async def test_an_answer_as_long_as_is_allowed_is_read(exchange: AiohttpExchange) -> None:
    body = b"0" * MOST_ANSWER_BYTES
    async with peer(answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))) as server:
        assert (await get(exchange, server.url())).content == body


async def test_no_redirect_is_followed_and_no_cookie_kept(exchange: AiohttpExchange) -> None:
    redirect = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
    async with peer(answering(redirect)) as server:
        assert await get(exchange, server.url()) == HttpAnswer(302, b"")
        assert (await get(exchange, server.url())).status == 302
        assert not any(b"/elsewhere" in request or b"Cookie" in request for request in server.requests)


async def test_the_request_says_who_asks_whom_and_no_more(exchange: AiohttpExchange) -> None:
    async with peer(answering(OK), "::1") as server:
        url = f"http://[::1]:{server.port}/a/b?c=1&c=2%3A3"
        await exchange.send(Pool.ACCOUNT, "GET", url, {"Authorization": "Bearer t"}, None, 10.0)
        first, *headers = server.requests[0].decode().split("\r\n")
        assert first == "GET /a/b?c=1&c=2%3A3 HTTP/1.1"
        assert f"Host: [::1]:{server.port}" in headers
        assert {line.partition(":")[0] for line in headers if line} == {
            "Host", "User-Agent", "Accept", "Accept-Encoding", "Authorization",
        }  # fmt: skip


async def test_after_its_end_a_request_makes_a_new_connection(exchange: AiohttpExchange) -> None:
    async with peer(answering(OK)) as server:
        await get(exchange, server.url())
        await exchange.close()
        assert (await get(exchange, server.url())).status == 200


async def test_a_proxy_is_the_one_that_was_given_and_gets_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with peer(answering(OK)) as proxy:
        direct = AiohttpExchange()
        assert (await get(direct, proxy.url())).status == 200
        await direct.close()
        through = AiohttpExchange(f"http://me:word@127.0.0.1:{proxy.port}")
        assert (await get(through, "http://venue.example:8080/x")).status == 200
        await through.close()
        request = proxy.requests[-1]
    assert request.startswith(b"GET http://venue.example:8080/x HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic " + base64.b64encode(b"me:word") in request


@pytest.mark.parametrize(
    "act", [answering(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"), hang_up, reset, hang]
)
async def test_a_tunnel_that_does_not_open_sent_nothing(act: Act) -> None:
    async with peer(act) as proxy:
        through = AiohttpExchange(f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(NotSent):
            await post(through, "https://venue.example/x", seconds=0.3)
        await through.close()
        assert proxy.requests[0].startswith(b"CONNECT venue.example:443 HTTP/1.1\r\n")


async def test_no_message_of_a_failure_holds_an_address_or_a_password(closed_port: int) -> None:
    through = AiohttpExchange(f"http://me:s3cret@127.0.0.1:{closed_port}")
    with pytest.raises(HttpFailure) as caught:
        await post(through, "http://venue.example/x")
    await through.close()
    assert str(caught.value) == "ClientProxyConnectionError"
