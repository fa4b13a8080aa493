"""What both floors are made of: a session to the API server and the providers, a few to the database."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import traceback
from base64 import b64decode
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp
import pymysql
import yaml
from pymysql.constants import CLIENT

SETUPS = "/apis/release.delivr.live/v1/releasesetups"
AS_METADATA = "application/json;as={};g=meta.k8s.io;v=v1"
JSON_PATCH = "application/json-patch+json"


@dataclass(frozen=True)
class ApiServer:
    """An API server as a bare session asks it."""

    session: aiohttp.ClientSession
    server: str
    headers: dict[str, str]

    async def json(self, method: str, path: str, **arguments: Any) -> Any:
        """Return an answer's content."""
        headers = self.headers | arguments.pop("headers", {})
        async with self.session.request(method, self.server + path, headers=headers, **arguments) as answer:
            answer.raise_for_status()
            return await answer.json(content_type=None)

    async def pages(self, path: str, accept: str = "application/json") -> AsyncIterator[Any]:
        """Yield a list in pages of 500."""
        page = ""
        while True:
            found = await self.json("GET", f"{path}?limit=500&continue={page}", headers={"Accept": accept})
            yield found
            page = found["metadata"].get("continue", "")
            if not page:
                return

    async def watch(self, path: str, version: str, accept: str = "application/json") -> AsyncIterator[Any]:
        """Yield what happens from then on, without bookmarks."""
        url = f"{self.server}{path}?watch=1&resourceVersion={version}&allowWatchBookmarks=true"
        patience = aiohttp.ClientTimeout(total=None)
        headers = self.headers | {"Accept": accept}
        async with self.session.get(url, headers=headers, timeout=patience) as answer:
            async for line in answer.content:
                event = json.loads(line)
                if event["type"] != "BOOKMARK":
                    yield event

    async def patch(self, path: str, *operations: dict[str, Any]) -> None:
        """The object is changed so."""
        headers = {"Content-Type": JSON_PATCH}
        await self.json("PATCH", path, headers=headers, data=json.dumps(operations))


class Tasks:
    """Answers under way; one that fails ends the program, loudly, as its numbers would say nothing."""

    def __init__(self) -> None:
        """Nothing is under way."""
        self._running: set[asyncio.Task[None]] = set()

    def start(self, answer: Coroutine[Any, Any, None]) -> None:
        """The answer is under way."""
        self._running.add(task := asyncio.create_task(answer))
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            traceback.print_exception(error)
            os._exit(1)


class Rows:
    """As many connections to DATABASE_URL as the operator has, each used by one task at a time."""

    def __init__(self, count: int) -> None:
        """Connect."""
        self._free: asyncio.Queue[pymysql.Connection[Any]] = asyncio.Queue()
        for _ in range(count):
            self._free.put_nowait(_connection())

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[pymysql.Connection[Any]]:
        """Offer one."""
        found = await self._free.get()
        try:
            yield found
        finally:
            self._free.put_nowait(found)


async def trip(connection: pymysql.Connection[Any], text: str, values: Sequence[Any]) -> None:
    """The statements have run, in one round trip."""
    await asyncio.to_thread(_trip, connection, text, values)


def _trip(connection: pymysql.Connection[Any], text: str, values: Sequence[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        cursor.fetchall()
        while cursor.nextset():
            cursor.fetchall()


def _connection() -> pymysql.Connection[Any]:
    parts = urlsplit(os.environ["DATABASE_URL"])
    return pymysql.connect(
        host=parts.hostname or "",
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=parts.path[1:],
        client_flag=CLIENT.MULTI_STATEMENTS,
        init_command="SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    )


@asynccontextmanager
async def api_server(kubeconfig: Any, authorities: str | None = None) -> AsyncIterator[ApiServer]:
    """Offer the API server that a kubeconfig names, in a session that trusts EXTRA_CA_FILE too."""
    cluster, user = kubeconfig["clusters"][0]["cluster"], kubeconfig["users"][0]["user"]
    trust = ssl.create_default_context(cafile=authorities or os.environ["EXTRA_CA_FILE"])
    trust.load_verify_locations(cadata=b64decode(cluster["certificate-authority-data"]).decode())
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        yield ApiServer(session, cluster["server"], {"Authorization": f"Bearer {user['token']}"})


def kubeconfig() -> Any:
    """Return what KUBECONFIG names."""
    return yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
