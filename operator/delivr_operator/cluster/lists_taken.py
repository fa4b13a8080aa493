"""EDGE: takes what the lists of kopf hold before kopf does, which begins a task and a memory for each object.

kopf still asks for each page, asks again where none comes, and watches from where the list ended: its
handlers are told of all that changes. What only stands there goes by another way, a page at a time.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import aiohttp
from pydantic_core import from_json

from delivr_operator.cluster.pages import OK
from delivr_operator.resource import PLURAL

Take = Callable[[Sequence[dict[str, Any]]], Coroutine[Any, Any, None]]
"""Told of the objects of one page."""
_MEMBERS = {"metadata": dict, "items": list}


def lists_taken(take: Take) -> aiohttp.ClientMiddlewareType:
    """Return what hands `take` the ReleaseSetups of every list, and whoever asked for it a list of none."""
    return _Taking(take).middleware


class _Taking:
    """Takes one page after the other, each while the next is on its way."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._under_way: set[asyncio.Task[None]] = set()

    async def middleware(
        self, request: aiohttp.ClientRequest, ask: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Answer the last page of a list only when all of it has been taken: its watch comes after that."""
        answer = await ask(request)
        is_list = request.url.path.endswith(f"/{PLURAL}") and "watch" not in request.url.query
        if is_list and answer.status == OK:
            page = _parsed(await answer.content.read())
            await self._taken()
            self._under_way.add(asyncio.ensure_future(self._take(page["items"])))
            if not page["metadata"].get("continue"):
                await self._taken()
            left = json.dumps({**page, "items": []}).encode()
            answer.content = _Left(answer.content, left)  # type: ignore[assignment]
        return answer

    async def _taken(self) -> None:
        if self._under_way:
            done, _ = await asyncio.wait(self._under_way)
            self._under_way -= done
            for task in done:
                task.result()


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        page = from_json(body)
    except ValueError:
        page = None
    if not isinstance(page, dict) or not all(isinstance(page.get(n), t) for n, t in _MEMBERS.items()):
        raise aiohttp.ClientPayloadError("this is no list")  # after which kopf lists anew
    return page


class _Left:
    """A stream whose bytes, asked for at once as kopf does it, are others; all else is the stream's own."""

    def __init__(self, stream: aiohttp.StreamReader, left: bytes) -> None:
        self._stream = stream
        self._left = left

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def read(self) -> bytes:
        return self._left
