"""The floor of restarts: lists and parses what the operator lists after a start, keeps it, and follows it.

ReleaseSetups, namespaces and the metadata of Secrets, in pages, each beside the others. Nothing is
compared and nothing decided.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from dev.bench.bare import AS_METADATA, SETUPS, ApiServer, api_server, kubeconfig

SECRETS, NAMESPACES = "/api/v1/secrets", "/api/v1/namespaces"
LIST, ONE = AS_METADATA.format("PartialObjectMetadataList"), AS_METADATA.format("PartialObjectMetadata")
JSON = "application/json"


async def hold(api: ApiServer, path: str, accept: str, accept_one: str) -> list[Any]:
    """Return what stands at `path`, and hold it in step from then on."""
    found: dict[str, Any] = {}
    version = ""
    async for page in api.pages(path, accept):
        found |= {one["metadata"]["uid"]: one for one in page["items"] or ()}
        version = page["metadata"]["resourceVersion"]
    async for event in api.watch(path, version, accept_one):
        found[event["object"]["metadata"]["uid"]] = event["object"]
    return [*found.values()]


async def main() -> None:
    """Run with KUBECONFIG of the environment, as the operator does."""
    async with api_server(kubeconfig()) as api:
        print("ready", flush=True)
        await asyncio.gather(
            hold(api, SETUPS, JSON, JSON), hold(api, NAMESPACES, JSON, JSON), hold(api, SECRETS, LIST, ONE)
        )


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
