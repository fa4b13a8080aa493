"""Watches objects as metadata only, in pages and with bookmarks; no Secret's data ever comes here."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from delivr_operator.cluster.outages import ClusterUnavailable, outages
from delivr_operator.cluster.pages import METADATA, OK, TIMEOUT, Ask, pages

WATCH_SECONDS = 240
SILENCE = 90.0
"""Seconds without a line, bookmarks included, after which a watch counts as frozen."""
_GONE = 410


@dataclass(frozen=True, slots=True)
class Shown:
    """One object as a watch shows it."""

    name: str
    version: str
    namespace: str
    """Empty where it is itself a namespace."""
    annotations: Mapping[str, str]
    gone: bool = False


class MetadataWatch:
    """One watch over the objects that `ask` lists."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.allowed = True
        """Whether the operator's role allows the watch, as far as was tried."""

    async def run(self, told: Callable[[Shown], None], listed: Callable[[frozenset[str]], None]) -> None:
        """Call `told` for every object that is there, comes, changes or goes.

        After those that are there, `listed` is called with their names: what goes while nobody watches is
        told of by nothing else.

        Raises:
            ClusterUnavailable: always, in the end: the watch was cut and has to be begun anew.
        """
        try:
            version = await self._list(told, listed)
            while version:
                version = await self._follow(version, told)
        except ClusterUnavailable as error:
            self.allowed = not error.forbidden
            raise
        raise ClusterUnavailable(_GONE)

    async def _list(self, told: Callable[[Shown], None], listed: Callable[[frozenset[str]], None]) -> str:
        version, names = "", set[str]()
        async for page in pages(self._ask):
            version = page["metadata"]["resourceVersion"]
            for item in page.get("items") or ():
                names.add(item["metadata"]["name"])
                told(_shown(item["metadata"]))
        self.allowed = True
        listed(frozenset(names))
        return version

    async def _follow(self, version: str, told: Callable[[Shown], None]) -> str:
        """Follow one watch; return where to go on, or nothing where the list has to be read again."""
        answer = await self._watch(version)
        try:
            while (line := await _line(answer)).endswith(b"\n"):  # half a line is a watch's end too
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return ""
                metadata = event["object"]["metadata"]
                version = metadata["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    told(_shown(metadata, gone=event["type"] == "DELETED"))
        finally:
            answer.close()
        return version

    async def _watch(self, version: str) -> aiohttp.ClientResponse:
        query = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        form = METADATA.format(kind="PartialObjectMetadata")
        with outages():
            answer = await self._ask(query, form, WATCH_SECONDS + TIMEOUT)
        if answer.status != OK:
            answer.close()
            raise ClusterUnavailable(answer.status)
        return answer


def _shown(metadata: Mapping[str, Any], *, gone: bool = False) -> Shown:
    return Shown(
        name=metadata["name"],
        version=metadata["resourceVersion"],
        namespace=metadata.get("namespace", ""),
        annotations=metadata.get("annotations") or {},
        gone=gone,
    )


async def _line(answer: aiohttp.ClientResponse) -> bytes:
    """Return the next line; nothing at the watch's end."""
    with outages():
        async with asyncio.timeout(SILENCE):
            return await answer.content.readline()
