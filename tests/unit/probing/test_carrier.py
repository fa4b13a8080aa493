"""What the wire does to a request, byte by byte: nothing added, nothing followed, nothing sent twice."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from delivr_operator.probing.carrier import Carrier

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n%s\r\nhi"
PLAIN = OK % b""


@dataclass
class Server:
    """Answers each request with the next of its replies; an empty one closes the connection instead."""

    replies: list[bytes]
    heard: list[list[bytes]] = field(default_factory=list)
    """By connection, what each request was."""
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests: list[bytes] = []
        self.heard.append(requests)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                requests.append(head + await reader.readexactly(_length(head)))
                reply = self.replies.pop(0)
                writer.write(reply)
                if not reply or b"Connection: close" in reply:
                    break
        except asyncio.IncompleteReadError:
            pass
        writer.close()

    def request(self, method: str = "GET", **changes: object) -> httpx.Request:
        timeout = dict.fromkeys(("connect", "read", "write", "pool"), 5.0)
        extensions = {"timeout": timeout, "sni_hostname": "here.example"}
        headers = {"Host": "here.example", "Accept-Encoding": "gzip"}
        url = f"http://localhost:{self.port}/a%2Fb%7E?c=%20"
        return httpx.Request(method, url, **{"headers": headers, "extensions": extensions, **changes})  # type: ignore[arg-type]


def _length(head: bytes) -> int:
    lengths = [
        line.split(b":")[1] for line in head.splitlines() if line.lower().startswith(b"content-length:")
    ]
    return int(lengths[0]) if lengths else 0


@asynccontextmanager
async def served(*replies: bytes) -> AsyncIterator[tuple[Server, Carrier]]:
    server = Server(list(replies))
    async with (
        await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening,
        Carrier(ssl.create_default_context()) as carrier,
    ):
        server.port = listening.sockets[0].getsockname()[1]
        yield server, carrier


async def asked(carrier: Carrier, *requests: httpx.Request) -> list[bytes]:
    found = []
    for request in requests:
        answer = await carrier.handle_async_request(request)
        try:
            found.append(b"".join([piece async for piece in answer.aiter_raw()]))
        finally:
            await answer.aclose()
    return found


async def test_what_is_sent_is_what_was_to_be_sent() -> None:
    async with served(PLAIN, PLAIN) as (server, carrier):
        await asked(carrier, server.request(), server.request("POST", content=b"x=1"))
    (get, post), *others = server.heard
    assert others == []
    assert get == b"GET /a%2Fb%7E?c=%20 HTTP/1.1\r\nHost: here.example\r\nAccept-Encoding: gzip\r\n\r\n"
    assert post.startswith(
        b"POST /a%2Fb%7E?c=%20 HTTP/1.1\r\nHost: here.example\r\nAccept-Encoding: gzip\r\n"
    )
    assert post.endswith(b"Content-Length: 3\r\n\r\nx=1")


async def test_an_answer_is_taken_as_it_came() -> None:
    long = b"X-Policy: " + b"p" * 20_000
    led = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    packed = OK % b"Content-Encoding: gzip\r\n"
    async with served(OK % (long + b"\r\n"), led, packed) as (server, carrier):
        first = await carrier.handle_async_request(server.request())
        assert len(first.headers["x-policy"]) == 20_000
        await first.aclose()
        second = await carrier.handle_async_request(server.request())
        assert second.status_code == 302
        await second.aclose()
        assert await asked(carrier, server.request()) == [b"hi"], "which is no gzip, as nobody looked"


async def test_a_cookie_is_forgotten() -> None:
    async with served(OK % b"Set-Cookie: s=1\r\n", PLAIN) as (server, carrier):
        await asked(carrier, server.request(), server.request())
    assert b"ookie" not in b"".join(request for requests in server.heard for request in requests)


async def test_a_connection_serves_again_once_its_answer_is_whole_and_only_then() -> None:
    begun = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi"
    async with served(PLAIN, begun, PLAIN) as (server, carrier):
        await asked(carrier, server.request())
        unread = await carrier.handle_async_request(server.request())
        assert len(server.heard) == 1
        await unread.aclose()
        assert await asked(carrier, server.request()) == [b"hi"]
    assert [len(requests) for requests in server.heard] == [2, 1]


async def test_what_changes_something_is_never_sent_twice() -> None:
    async with served(PLAIN, b"", PLAIN) as (server, carrier):
        await asked(carrier, server.request())
        with pytest.raises(httpx.TransportError):
            await asked(carrier, server.request("POST", content=b"x=1"))
    assert [len(requests) for requests in server.heard] == [2]


async def test_a_question_whose_connection_was_given_up_meanwhile_is_asked_on_another() -> None:
    async with served(PLAIN, b"", PLAIN) as (server, carrier):
        assert await asked(carrier, server.request(), server.request()) == [b"hi", b"hi"]


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (b"", httpx.RemoteProtocolError),
        (b"nonsense\r\n\r\nConnection: close", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nhi", httpx.RemoteProtocolError),
    ],
)
async def test_an_answer_that_is_none_is_the_servers_fault(reply: bytes, fault: type[Exception]) -> None:
    async with served(reply) as (server, carrier):
        with pytest.raises(fault):
            await asked(carrier, server.request())


@pytest.mark.parametrize("header", ["a\r\nX-Injected: 1", "a\n", "a\0"])
async def test_a_header_that_would_be_two_is_not_sent(header: str) -> None:
    async with served(PLAIN) as (server, carrier):
        with pytest.raises(httpx.LocalProtocolError):
            await asked(carrier, server.request(headers={"Authorization": header}))
    assert server.heard in ([], [[]])


async def test_silence_and_deaf_ears_are_told_apart() -> None:
    quick = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), 0.05), "sni_hostname": "x"}
    async with served() as (server, carrier):
        port, server.replies = server.port, [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi"]
        with pytest.raises(httpx.ReadTimeout):
            await asked(carrier, server.request(extensions=quick))
    with pytest.raises(httpx.ConnectError):
        async with Carrier(ssl.create_default_context()) as alone:
            await asked(alone, Server([], port=port).request())
