"""EDGE: takes what the lists of kopf hold before kopf does, which begins a task and a memory for each object.

kopf still asks for each page, asks again where none comes, and watches from where the list ended: its
handlers are told of all that changes. What only stands there goes by another way, a page at a time.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
from pydantic_core import from_json

from delivr_operator.cluster.pages import OK
from delivr_operator.resource import PLURAL

Take = Callable[[Sequence[dict[str, Any]]], Awaitable[None]]
"""Told of the objects of one page."""


def lists_taken(take: Take) -> aiohttp.ClientMiddlewareType:
    """Return what hands `take` the ReleaseSetups of every list, and whoever asked for it a list of none."""

    async def middleware(
        request: aiohttp.ClientRequest, ask: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        answer = await ask(request)
        is_list = request.url.path.endswith(f"/{PLURAL}") and "watch" not in request.url.query
        if is_list and answer.status == OK:
            page = _parsed(await answer.content.read())
            await take(page["items"])
            left = json.dumps({**page, "items": []}).encode()
            answer.content = _Left(answer.content, left)  # type: ignore[assignment]
        return answer

    return middleware


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        page = from_json(body)
    except ValueError:
        page = None
    if not isinstance(page, dict) or not isinstance(page.get("items"), list):
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
