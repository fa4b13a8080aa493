"""EDGE: what kopf would end the whole operator for, though it is no more than a watch that was cut.

A watch is one JSON object a line. Where it ends within one, as behind a proxy that is told to end, kopf hands
the half to its JSON parser; and of the errors that the API server sends in a line, it knows one.
"""

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

_GONE = 410
_LIST_AGAIN = json.dumps({"type": "ERROR", "object": {"kind": "Status", "code": _GONE}}).encode()
"""The error that kopf knows: it lists anew and goes on from there, which is right after any."""

logger = logging.getLogger(__name__)


async def in_whole_lines(
    request: aiohttp.ClientRequest, ask: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Have the answer to a watch consist of lines that kopf can read, however it ends."""
    answer = await ask(request)
    if request.url.query.get("watch") == "true":
        answer.content = _WholeLines(answer.content)  # type: ignore[assignment]
    return answer


class _WholeLines:
    """A stream as kopf reads a watch's; all else is the stream's own."""

    def __init__(self, stream: aiohttp.StreamReader) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Yield line by line.

        Raises:
            ClientPayloadError: the stream ended within a line, as that of a cut connection does.
        """
        begun = b""
        async for piece in self._stream.iter_chunked(size):
            *whole, begun = (begun + piece).split(b"\n")
            for line in whole:
                yield _understood(line) + b"\n"
        if begun:
            raise aiohttp.ClientPayloadError("a watch ended within a line")


def _understood(line: bytes) -> bytes:
    """Return the line, or in an error's place the one that kopf knows; parsed only where it may be one."""
    if b'"ERROR"' not in line:
        return line
    event = json.loads(line)
    if event["type"] != "ERROR":
        return line
    code = event["object"].get("code")
    logger.warning("a watch was broken off", extra={"http": code if isinstance(code, int) else 0})
    return _LIST_AGAIN
