"""The edge: HTTPS listeners on loopback that turn requests into questions and record them."""

import asyncio
import socket
import ssl
import time
from dataclasses import dataclass

from aiohttp import web

from dev.simulator.exchange import Answer, Ask
from dev.simulator.faults import SILENT, Faults, deliver, headers_of, spoiled
from dev.simulator.provider import Provider
from dev.simulator.recording import Record, Recording
from dev.simulator.state import World, label

ADDRESS = "127.0.0.1"
SHUTDOWN = 1.0


class NoProvider(Provider):
    """Whatever listens under a certificate that no client should accept."""

    name = "BAD_TLS"
    setting = "SIMULATOR_BAD_TLS_URL"

    def presented(self, ask: Ask) -> str | None:
        """Give whatever was sent, so that a leak shows in the record."""
        return ask.header("authorization") or None

    def answer(self, _: Ask) -> Answer:
        """Answer as if all were well."""
        return Answer(200, b"{}")


@dataclass(frozen=True)
class Counter:
    """What serves one provider: its answers, the faults laid over them, the record of both."""

    provider: Provider
    faults: Faults
    recording: Recording

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, whatever is asked."""
        body = await request.read() if request.can_read_body else b""
        path, _, query = request.raw_path.partition("?")
        ask = _ask(request, path, query, body, 0.0)
        lookup = self.provider.presented(ask)
        credential = None if lookup is None else label(lookup)
        fault = self.faults.take(self.provider.name, ask, credential)
        record = self._record(request, ask, credential)
        if fault is None:
            answer = self.provider.answer(ask)
            headers = self._answered(record, answer, ask)
            return web.Response(status=answer.status, body=answer.body, headers=headers)
        record.fault = fault.kind
        if fault.delay:
            await asyncio.sleep(fault.delay)
        ask = _ask(request, path, query, body, fault.date_skew)
        answer = spoiled(fault, self.provider.answer(ask))
        if fault.kind not in SILENT:
            self._answered(record, answer, ask)
        return await deliver(fault, request, ask, answer)

    def _answered(self, record: Record, answer: Answer, ask: Ask) -> dict[str, str]:
        """Have the record say what is answered; return the headers that go over the wire."""
        headers = headers_of(answer, ask)
        record.status = answer.status
        record.answer_headers = tuple(headers.items())
        record.answer_body = answer.body
        self.recording.changed()
        return headers

    def _record(self, request: web.BaseRequest, ask: Ask, credential: str | None) -> Record:
        record = Record(
            number=self.recording.next_number(),
            provider=self.provider.name,
            method=ask.method,
            path=request.raw_path,
            credential=credential,
            write=self.provider.is_write(ask),
            time=ask.now,
            headers=tuple(request.headers.items()),
            body=ask.body,
        )
        self.recording.add(record)
        return record


def _ask(request: web.BaseRequest, path: str, query: str, body: bytes, skew: float) -> Ask:
    origin = f"https://{request.headers.get('Host', ADDRESS)}"
    return Ask(request.method, path, query, request.headers, body, origin, time.time() + skew)


@dataclass(frozen=True)
class Listener:
    """A listener that is open."""

    port: int
    runner: web.ServerRunner


async def listen(counter: Counter, context: ssl.SSLContext) -> Listener:
    """Open a listener for a provider on a free port."""
    server = web.Server(counter.serve, access_log=None, handler_cancellation=True)
    runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=SHUTDOWN)
    await runner.setup()
    held = socket.create_server((ADDRESS, 0), backlog=1024)
    await web.SockSite(runner, held, ssl_context=context).start()
    port: int = held.getsockname()[1]
    return Listener(port, runner)


def new_counter(provider: type[Provider], world: World, faults: Faults, recording: Recording) -> Counter:
    """Give what serves a provider over this world."""
    return Counter(provider(world), faults, recording)
