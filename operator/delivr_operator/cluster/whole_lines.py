"""EDGE: a watch as kopf is shown it: in whole lines, without the echoes of our own writes.

A watch is one JSON object a line. Where it ends within one, as behind a proxy that is told to end, kopf hands
the half to its JSON parser, which ends the whole operator; and of the errors that the API server sends in a
line, it knows one. An echo says nothing new, and to bring it to its handler costs kopf as much as any news.
"""

import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp

_GONE = 410
_LIST_AGAIN = {"type": "ERROR", "object": {"kind": "Status", "code": _GONE}}
"""The error that kopf knows: it lists anew and goes on from there, which is right after any."""

IsKnown = Callable[[Mapping[str, Any]], bool]
"""Tells whether an object, as it stands in a line, says nothing new."""

logger = logging.getLogger(__name__)


def in_whole_lines(is_known: IsKnown) -> aiohttp.ClientMiddlewareType:
    """Return what has the answer to a watch consist of lines that kopf can read, however it ends.

    What is known comes as a bookmark, of which kopf takes no more than how far it has read.
    """

    async def middleware(
        request: aiohttp.ClientRequest, ask: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        answer = await ask(request)
        if request.url.query.get("watch") == "true":
            answer.content = _WholeLines(answer.content, is_known)  # type: ignore[assignment]
        return answer

    return middleware


class _WholeLines:
    """A stream as kopf reads a watch's; all else is the stream's own."""

    def __init__(self, stream: aiohttp.StreamReader, is_known: IsKnown) -> None:
        self._stream = stream
        self._is_known = is_known

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
                yield self._shown(line) + b"\n"
        if begun:
            raise aiohttp.ClientPayloadError("a watch ended within a line")

    def _shown(self, line: bytes) -> bytes:
        """Return the line, or what kopf is shown in its place."""
        try:
            event = json.loads(line)
        except ValueError:
            raise aiohttp.ClientPayloadError("this is no line of a watch") from None
        kind, found = event["type"], event["object"]
        if kind == "ERROR":
            code = found.get("code")
            logger.warning("a watch was broken off", extra={"http": code if isinstance(code, int) else 0})
            return json.dumps(_LIST_AGAIN).encode()
        if kind in ("ADDED", "MODIFIED") and self._is_known(found):
            version = found["metadata"]["resourceVersion"]
            return json.dumps(
                {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": version}}}
            ).encode()
        return line
