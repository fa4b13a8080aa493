"""What kopf is shown of a watch: echoes as bookmarks, errors as the one that it knows, halves not at all."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from delivr_operator.cluster import in_whole_lines


def line(kind: str, version: str) -> dict[str, Any]:
    return {"type": kind, "object": {"metadata": {"name": "a", "resourceVersion": version}, "spec": {}}}


def bookmark(version: str) -> dict[str, Any]:
    return {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": version}}}


def shown(sent: bytes, known: Sequence[str] = (), query: str = "watch=true") -> list[Any]:
    """What kopf reads of a watch that says `sent`, where these versions are known."""

    def is_known(found: Mapping[str, Any]) -> bool:
        return found["metadata"]["resourceVersion"] in known

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=sent)

    async def ask() -> list[Any]:
        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        async with (
            TestServer(app) as server,
            aiohttp.ClientSession(middlewares=(in_whole_lines(is_known),)) as http,
            http.get(server.make_url("/").with_query(query)) as found,
        ):
            read = b"".join([piece async for piece in found.content.iter_chunked(7)])
            return [json.loads(one) for one in read.splitlines()]

    return asyncio.run(ask())


def written(*lines: Mapping[str, Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in lines)


def test_what_is_known_is_shown_as_a_bookmark_and_news_as_they_came() -> None:
    sent = (line("ADDED", "1"), line("MODIFIED", "2"), line("MODIFIED", "3"), bookmark("4"))
    assert shown(written(*sent), known=("1", "3", "4")) == [
        bookmark("1"),
        sent[1],
        bookmark("3"),
        bookmark("4"),
    ]


def test_the_end_of_an_object_is_always_shown() -> None:
    """It may come with a version that was seen before."""
    assert shown(written(line("DELETED", "1")), known=("1",)) == [line("DELETED", "1")]


@pytest.mark.parametrize("code", [410, 500, None, "of their own"])
def test_every_error_is_shown_as_the_one_after_which_kopf_lists_anew(code: object) -> None:
    (found,) = shown(written({"type": "ERROR", "object": {"code": code, "message": "theirs"}}))
    assert found == {"type": "ERROR", "object": {"kind": "Status", "code": 410}}


@pytest.mark.parametrize("sent", [b'{"type": "ADDED", "obj', b"<html>\n"], ids=["a half", "no JSON"])
def test_what_is_no_line_of_a_watch_is_its_end(sent: bytes) -> None:
    with pytest.raises(aiohttp.ClientPayloadError):
        shown(sent)


def test_what_is_no_watch_comes_as_it_was_sent() -> None:
    assert shown(written(line("ADDED", "1")), known=("1",), query="") == [line("ADDED", "1")]
