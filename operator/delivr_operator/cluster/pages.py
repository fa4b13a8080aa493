"""Lists what there is of one kind as metadata only and in pages: no list stands in memory whole."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import aiohttp

from delivr_operator.cluster.outages import ClusterUnavailable, outages

PAGE = 500
TIMEOUT = 30.0
METADATA = "application/json;as={kind};g=meta.k8s.io;v=v1"
OK = 200

Ask = Callable[[Mapping[str, str], str, float], Awaitable[aiohttp.ClientResponse]]
"""Asks for one kind's list by a query, for a form of the answer and with so many seconds' patience."""


async def pages(ask: Ask) -> AsyncIterator[Mapping[str, Any]]:
    """Yield the pages of one list, each as it comes; all have the list's resource version.

    Raises:
        ClusterUnavailable: the API server gave no answer.
    """
    query = {"limit": str(PAGE)}
    while True:
        with outages():
            answer = await ask(query, METADATA.format(kind="PartialObjectMetadataList"), TIMEOUT)
            raw = await answer.read()
        if answer.status != OK:
            raise ClusterUnavailable(answer.status)
        body = json.loads(raw)
        yield body
        query["continue"] = body["metadata"].get("continue", "")
        if not query["continue"]:
            return
