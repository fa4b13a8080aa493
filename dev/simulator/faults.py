"""Faults on demand: which request meets which, and what is done to its answer on the wire."""

import asyncio
import gzip
import json
import secrets
import socket
import struct
from dataclasses import dataclass, field
from email.utils import formatdate
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from http import HTTPStatus
from typing import ClassVar

from aiohttp import web
from pydantic import ConfigDict

from dev.simulator.exchange import JSON_TYPE, Answer, Ask, html_answer

MEBIBYTE = 1024 * 1024
REDIRECTS = (301, 302, 303, 307, 308)
LOGIN_PAGE = "<!DOCTYPE html><html><body><form action='/login'>Sign in</form></body></html>"


class FaultKind(StrEnum):
    """What happens instead of the answer, or to it."""

    NONE = "NONE"
    HANG = "HANG"
    RESET = "RESET"
    CLOSE = "CLOSE"
    STATUS = "STATUS"
    HTML = "HTML"
    TRUNCATED = "TRUNCATED"
    HUGE = "HUGE"
    DRIP = "DRIP"
    BOMB = "BOMB"
    REDIRECT = "REDIRECT"
    CONTENT_TYPE = "CONTENT_TYPE"
    INVALID_JSON = "INVALID_JSON"


SILENT = (FaultKind.HANG, FaultKind.CLOSE)


@dataclass(kw_only=True)
class Fault:
    """One fault: which requests it is for, and what it does to them."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    kind: FaultKind = FaultKind.NONE
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    provider: str = "*"
    path: str = "*"
    credential: str | None = None
    count: int | None = None
    delay: float = 0.0
    date_skew: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 503
    body: str | None = None
    content_type: str | None = None
    location: str = ""
    plant: str = ""
    size: int = 100 * MEBIBYTE
    interval: float = 1.0

    def is_for(self, provider: str, ask: Ask, credential: str | None) -> bool:
        """Tell whether this request meets the fault."""
        return (
            self.provider in ("*", provider)
            and self.credential in (None, credential)
            and (self.path == "*" or fnmatchcase(ask.path, self.path))
        )


@dataclass
class Faults:
    """The faults in force; the first that fits a request is the one that it meets."""

    active: list[Fault] = field(default_factory=list)

    def take(self, provider: str, ask: Ask, credential: str | None) -> Fault | None:
        """Give the fault that this request meets, and count it."""
        for fault in self.active:
            if fault.is_for(provider, ask, credential):
                if fault.count is not None:
                    fault.count -= 1
                    if fault.count <= 0:
                        self.active.remove(fault)
                return fault
        return None

    def lift(self, fault_id: str | None, provider: str | None, credential: str | None) -> int:
        """End the faults that are meant and tell how many there were."""
        kept = [
            fault
            for fault in self.active
            if fault_id not in (None, fault.id)
            or provider not in (None, fault.provider)
            or credential not in (None, fault.credential)
        ]
        ended = len(self.active) - len(kept)
        self.active = kept
        return ended


def spoiled(fault: Fault, answer: Answer) -> Answer:
    """Give the answer that a fault puts in place of the provider's, where it is still one."""
    body = None if fault.body is None else fault.body.encode()
    kind = fault.content_type
    match fault.kind:
        case FaultKind.STATUS:
            default = b'{"message":"Refused on demand"}'
            answer = Answer(fault.status, default if body is None else body, kind or JSON_TYPE)
        case FaultKind.HTML:
            answer = html_answer(200, fault.body or LOGIN_PAGE)
        case FaultKind.REDIRECT:
            status = fault.status if fault.status in REDIRECTS else HTTPStatus.FOUND
            answer = Answer(status, body or b"", kind or "text/plain", {"Location": fault.location})
        case FaultKind.CONTENT_TYPE:
            answer = Answer(answer.status, answer.body, kind or "text/plain", answer.headers)
        case FaultKind.INVALID_JSON:
            answer = Answer(200, body or b'{"id": 1, "name": ', JSON_TYPE, answer.headers)
        case _:
            pass
    if fault.plant:
        answer = _planted(answer, fault.plant)
    return Answer(answer.status, answer.body, answer.content_type, {**answer.headers, **fault.headers})


def _planted(answer: Answer, text: str) -> Answer:
    """Give the same answer with a text in its headers, cookies and body that nobody may repeat."""
    chatty = {"X-Request-Id": text, "Server": text, "Set-Cookie": f"session={text}", "Link": f"<{text}>"}
    try:
        found = json.loads(answer.body)
    except ValueError:
        body = answer.body + f"<!-- {text} -->".encode()
    else:
        whole = {**found, "plant": text} if isinstance(found, dict) else found
        body = json.dumps(whole).encode()
    return Answer(answer.status, body, answer.content_type, {**chatty, **answer.headers})


def headers_of(answer: Answer, ask: Ask) -> dict[str, str]:
    """Give the headers that go over the wire; the date is the provider's clock."""
    headers = {"Date": formatdate(ask.now, usegmt=True), **answer.headers}
    if answer.content_type:
        headers["Content-Type"] = answer.content_type
    return headers


async def deliver(fault: Fault, request: web.BaseRequest, ask: Ask, answer: Answer) -> web.StreamResponse:
    """Send the answer as the fault wants it sent."""
    headers = headers_of(answer, ask)
    match fault.kind:
        case FaultKind.HANG:
            await asyncio.Event().wait()
        case FaultKind.CLOSE:
            _close(request)
        case FaultKind.RESET:
            return await _reset(request, answer, headers)
        case FaultKind.TRUNCATED:
            return await _truncated(request, answer, headers)
        case FaultKind.HUGE:
            return await _huge(request, fault, headers)
        case FaultKind.DRIP:
            return await _drip(request, fault, answer, headers)
        case FaultKind.BOMB:
            headers["Content-Encoding"] = "gzip"
            return web.Response(status=200, body=_bomb(fault.size), headers=headers)
        case _:
            pass
    return web.Response(status=answer.status, body=answer.body, headers=headers)


def _close(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.close()


async def _begun(
    request: web.BaseRequest, answer: Answer, headers: dict[str, str], length: int
) -> web.StreamResponse:
    headers["Content-Length"] = str(length)
    response = web.StreamResponse(status=answer.status, headers=headers)
    await response.prepare(request)
    return response


async def _reset(request: web.BaseRequest, answer: Answer, headers: dict[str, str]) -> web.StreamResponse:
    """Send half of the body, then an RST: a linger of zero makes the kernel drop what is unsent."""
    response = await _begun(request, answer, headers, len(answer.body) + 1)
    await response.write(answer.body[: len(answer.body) // 2] or b" ")
    transport = request.transport
    if transport is not None:
        raw: socket.socket = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return response


async def _truncated(request: web.BaseRequest, answer: Answer, headers: dict[str, str]) -> web.StreamResponse:
    response = await _begun(request, answer, headers, len(answer.body) + 1000)
    await response.write(answer.body)
    _close(request)
    return response


async def _huge(request: web.BaseRequest, fault: Fault, headers: dict[str, str]) -> web.StreamResponse:
    """Send JSON that goes on and on; a size of 0 never ends."""
    response = web.StreamResponse(status=200, headers=headers)
    await response.prepare(request)
    await response.write(b'{"padding":"')
    block = b"a" * MEBIBYTE
    sent = 0
    while fault.size == 0 or sent < fault.size:
        await response.write(block)
        sent += len(block)
        # Writing to a connection that has just been lost does not wait, so without this pause the loop would
        # never learn of the loss and the whole simulator would stand still.
        await asyncio.sleep(0)
    await response.write(b'"}')
    return response


async def _drip(
    request: web.BaseRequest, fault: Fault, answer: Answer, headers: dict[str, str]
) -> web.StreamResponse:
    response = await _begun(request, answer, headers, len(answer.body))
    for position in range(len(answer.body)):
        await response.write(answer.body[position : position + 1])
        await asyncio.sleep(fault.interval)
    return response


@lru_cache(maxsize=2)
def _bomb(size: int) -> bytes:
    """Give a small body that unpacks to this many bytes of valid JSON."""
    return gzip.compress(b" " * size + b"{}", compresslevel=9)
