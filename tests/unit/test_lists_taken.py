"""What becomes of an answer on its way to kopf: a list's objects are taken, all else comes as it was sent."""

import asyncio
from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from delivr_operator.cluster import lists_taken

SETUPS = "/apis/release.delivr.live/v1/releasesetups"
IN_ONE = "/apis/release.delivr.live/v1/namespaces/falcon/releasesetups"
PAGE = {"kind": "ReleaseSetupList", "metadata": {"resourceVersion": "9", "continue": "more"}}
ITEMS = [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}]


def asked(path: str, query: str = "", *, body: Any = None, status: int = 200) -> tuple[list[Any], Any]:
    """What was taken of an answer, and what whoever asked got."""
    taken: list[Any] = []

    async def take(bodies: Sequence[dict[str, Any]]) -> None:
        taken.extend(bodies)

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({**PAGE, "items": ITEMS} if body is None else body, status=status)

    async def ask() -> Any:
        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        async with (
            TestServer(app) as server,
            aiohttp.ClientSession(middlewares=(lists_taken(take),)) as http,
            http.get(server.make_url(path).with_query(query)) as found,
        ):
            return await found.json()

    return taken, asyncio.run(ask())


@pytest.mark.parametrize("path", [SETUPS, IN_ONE])
def test_the_objects_of_a_list_are_taken_and_where_it_ended_is_left(path: str) -> None:
    assert asked(path, "limit=500") == (ITEMS, {**PAGE, "items": []})


@pytest.mark.parametrize(
    ("path", "query"),
    [(SETUPS, "watch=true"), (f"{IN_ONE}/a", ""), ("/apis/release.delivr.live/v1", "")],
    ids=["a watch", "one object", "the API itself"],
)
def test_anything_else_comes_as_it_was_sent(path: str, query: str) -> None:
    assert asked(path, query) == ([], {**PAGE, "items": ITEMS})


def test_a_refusal_comes_as_it_was_sent() -> None:
    assert asked(SETUPS, body={"kind": "Status", "code": 503}, status=503)[1]["code"] == 503


@pytest.mark.parametrize("body", [[], {"items": None}, {"kind": "Status"}])
def test_what_is_no_list_is_an_error_after_which_kopf_lists_anew(body: Any) -> None:
    with pytest.raises(aiohttp.ClientPayloadError):
        asked(SETUPS, body=body)


async def test_the_next_page_may_come_while_one_is_taken_and_the_last_is_answered_after_all_of_them() -> None:
    taken, may_go_on = list[str](), asyncio.Event()

    async def take(bodies: Sequence[dict[str, Any]]) -> None:
        await may_go_on.wait()
        taken.extend(one["name"] for one in bodies)

    async def answer(request: web.Request) -> web.Response:
        name = request.query["name"]
        ahead = {"continue": "more"} if name == "first" else {}
        return web.json_response({"metadata": ahead, "items": [{"name": name}]})

    app = web.Application()
    app.router.add_get(SETUPS, answer)
    async with TestServer(app) as server, aiohttp.ClientSession(middlewares=(lists_taken(take),)) as http:

        async def ask(name: str) -> list[str]:
            async with http.get(server.make_url(SETUPS).with_query(name=name)):
                return [*taken]

        assert await asyncio.wait_for(ask("first"), 5) == []
        last = asyncio.create_task(ask("last"))
        asyncio.get_running_loop().call_later(0.1, may_go_on.set)
        assert await asyncio.wait_for(last, 5) == ["first", "last"]
