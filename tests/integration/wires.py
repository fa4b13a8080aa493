"""Wires that go dead or slow while both ends live: before a database, and before the API server."""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import httpx
from aiohttp import web

from dev.certificates import write_pki
from dev.ports import free_ports

Started = TypeVar("Started")


class Pace(Enum):
    """How bytes travel."""

    WHOLE = "as they come"
    STALLED = "not at all, and nobody is told"
    DRIPPING = "one at a time, each before any reader loses patience"


DRIP_SECONDS = 2.0


@dataclass
class Wire:
    """A TCP connection's way through here to a port, at a pace that a test sets."""

    target: int
    port: int
    pace: Pace = Pace.WHOLE

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        ways = (self._pump(reader, far_writer), self._pump(far_reader, writer))
        tasks = {asyncio.create_task(way) for way in ways}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for one in (writer, far_writer):
                one.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await _until(lambda: self.pace is not Pace.STALLED)
            if self.pace is Pace.DRIPPING:
                for byte in data:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(DRIP_SECONDS if self.pace is Pace.DRIPPING else 0)
            else:
                writer.write(data)
                await writer.drain()


@contextmanager
def wire_to(target: int) -> Iterator[Wire]:
    """A port that leads to another one."""
    found = Wire(target, free_ports(1)[0])

    @asynccontextmanager
    async def served() -> AsyncIterator[None]:
        server = await asyncio.start_server(found.carry, "127.0.0.1", found.port)
        try:
            yield
        finally:
            server.close()

    with _in_thread(served):
        yield found


@dataclass
class FrozenWatches:
    """Leads to an API server; once frozen, what kopf asks about ReleaseSetups gets no further byte."""

    server: str
    port: int
    authority: Path
    frozen: bool = False
    watching: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        is_kopfs = "kopf" in request.headers.get("User-Agent", "") and "releasesetups" in request.path
        kept = ("Authorization", "Accept", "Content-Type")
        headers = {name: request.headers[name] for name in kept if name in request.headers}
        body = await request.read()
        await _until(lambda: not (is_kopfs and self.frozen))
        async with (
            httpx.AsyncClient(verify=False, trust_env=False, timeout=None) as client,  # noqa: S113, S501
            client.stream(
                request.method, f"{self.server}{request.raw_path}", headers=headers, content=body
            ) as found,
        ):
            response = web.StreamResponse(
                status=found.status_code, headers={"Content-Type": found.headers["content-type"]}
            )
            self.watching += is_kopfs
            with suppress(ConnectionError):  # whoever asked may have gone
                await response.prepare(request)
                async for piece in self.passed_on(request, found):
                    await _until(lambda: not (is_kopfs and self.frozen))
                    await response.write(piece)
            return response

    async def passed_on(
        self,
        request: web.Request,  # noqa: ARG002 - by which other doors tell what they pass on
        found: httpx.Response,
    ) -> AsyncIterator[bytes]:
        """What whoever asked gets of what the API server sends."""
        async for piece in found.aiter_bytes():
            yield piece


Door = TypeVar("Door", bound=FrozenWatches)


@contextmanager
def frozen_watches(server: str, folder: Path) -> Iterator[FrozenWatches]:
    """An API server's door that a test can freeze."""
    with door_to(server, folder, FrozenWatches) as found:
        yield found


@contextmanager
def door_to(server: str, folder: Path, kind: type[Door]) -> Iterator[Door]:
    """An API server's door of that kind."""
    pki = write_pki(folder)
    found = kind(server, free_ports(1)[0], pki.authority)
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(pki.certificate, pki.key)

    @asynccontextmanager
    async def served() -> AsyncIterator[None]:
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", found.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", found.port, ssl_context=trust).start()
        try:
            yield
        finally:
            await runner.cleanup()

    with _in_thread(served):
        yield found


async def _until(look: Callable[[], bool]) -> None:
    while not look():  # noqa: ASYNC110 - the test changes it from its own thread
        await asyncio.sleep(0.02)


@contextmanager
def _in_thread(served: Callable[[], Any]) -> Iterator[None]:
    """The server runs in a loop of its own, which test code cannot block."""
    loop = asyncio.new_event_loop()
    stop, up = asyncio.Event(), threading.Event()

    async def serve() -> None:
        async with served():
            up.set()
            await stop.wait()

    def run() -> None:
        asyncio.set_event_loop(loop)
        work: Awaitable[None] = serve()
        loop.run_until_complete(work)
        for task in (tasks := asyncio.all_tasks(loop)):
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(asyncio.sleep(0.05))  # transports close in the loop's next turns
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert up.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        assert not thread.is_alive()
