"""Watches Secrets as metadata only, in pages and with bookmarks; no Secret's data ever comes here."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
from kubernetes.aio import client

from delivr_operator.cluster.outages import ClusterUnavailable, outages

PAGE = 500
LIST_TIMEOUT = 30.0
WATCH_SECONDS = 240
SILENCE = 90.0
"""Seconds without a line, bookmarks included, after which a watch counts as frozen."""
_METADATA = "application/json;as={kind};g=meta.k8s.io;v=v1"
_OK, _GONE = 200, 410

Changed = Callable[[str, str, str], None]
"""Told of a Secret's namespace, name and resource version."""


class SecretWatch:
    """One watch over the Secrets of a namespace, or of all."""

    def __init__(self, core: client.CoreV1Api, namespace: str | None) -> None:
        self._core = core
        self._namespace = namespace
        self.allowed = True
        """Whether the operator's role allows the watch, as far as was tried."""

    async def run(self, changed: Changed, listed: Callable[[], None]) -> None:
        """Call `changed` for every Secret that is there, comes, changes or goes; `listed` after those there.

        Raises:
            ClusterUnavailable: always, in the end: the watch was cut and has to be begun anew.
        """
        try:
            version = await self._list(changed)
            self.allowed = True
            listed()
            while version:
                version = await self._follow(version, changed)
        except ClusterUnavailable as error:
            self.allowed = not error.forbidden
            raise
        raise ClusterUnavailable(_GONE)

    async def _list(self, changed: Changed) -> str:
        page: str | None = None
        while True:
            answer = await self._ask("PartialObjectMetadataList", LIST_TIMEOUT, limit=PAGE, _continue=page)
            with outages():
                body = json.loads(await answer.read())
            for item in body.get("items") or ():
                changed(*_told(item["metadata"]))
            page = body["metadata"].get("continue")
            if not page:
                return str(body["metadata"]["resourceVersion"])

    async def _follow(self, version: str, changed: Changed) -> str:
        """Follow one watch; return where to go on, or nothing where the list has to be read again."""
        answer = await self._ask(
            "PartialObjectMetadata",
            WATCH_SECONDS + LIST_TIMEOUT,
            watch=True,
            resource_version=version,
            allow_watch_bookmarks=True,
            timeout_seconds=WATCH_SECONDS,
        )
        try:
            while (line := await _line(answer)).endswith(b"\n"):  # half a line is a watch's end too
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return ""
                metadata = event["object"]["metadata"]
                version = metadata["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    changed(*_told(metadata))
        finally:
            answer.close()
        return version

    async def _ask(self, kind: str, patience: float, **query: Any) -> aiohttp.ClientResponse:
        query |= {"_headers": {"Accept": _METADATA.format(kind=kind)}, "_request_timeout": patience}
        with outages():
            if self._namespace:
                answer = await self._core.list_namespaced_secret_without_preload_content(
                    self._namespace, **query
                )
            else:
                answer = await self._core.list_secret_for_all_namespaces_without_preload_content(**query)
        if answer.status != _OK:
            answer.close()
            raise ClusterUnavailable(answer.status)
        return answer


def _told(metadata: Mapping[str, Any]) -> tuple[str, str, str]:
    return metadata["namespace"], metadata["name"], metadata["resourceVersion"]


async def _line(answer: aiohttp.ClientResponse) -> bytes:
    """Return the next line; nothing at the watch's end."""
    with outages():
        async with asyncio.timeout(SILENCE):
            return await answer.content.readline()
