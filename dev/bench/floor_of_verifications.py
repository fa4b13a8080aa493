"""The floor of verifications: proves every resource once a minute with the operator's I/O and nothing else.

It lists ReleaseSetups once, and then reads one's Secret, asks GitHub who and what, and reads and dates the
tenant's row, one resource after the other at an even pace. No watch, no checks, no recovery.
"""

from __future__ import annotations

import asyncio
import os
import sys
from base64 import b64decode
from typing import Any

from dev.bench.bare import SETUPS, ApiServer, Rows, Tasks, api_server, kubeconfig, trip
from dev.bench.floor_of_creations import READ, WORKERS

MINUTE = 60.0
DATE = (
    "START TRANSACTION; SELECT * FROM tenant_integrations WHERE tenantId = %s FOR UPDATE;"
    " UPDATE tenant_integrations SET lastVerifiedAt = UTC_TIMESTAMP() WHERE tenantId = %s; COMMIT"
)


async def verify(api: ApiServer, rows: Rows, setup: dict[str, Any]) -> None:
    """One resource is proved again, with nothing changed."""
    namespace, spec = setup["metadata"]["namespace"], setup["spec"]
    secret = await api.json("GET", f"/api/v1/namespaces/{namespace}/secrets/github")
    async with rows.connection() as connection:
        await trip(connection, READ, [spec["tenantId"]] * 5)
    repository = spec["github"]
    headers = {"Authorization": f"Bearer {b64decode(secret['data']['accessToken']).decode()}"}
    for path in ("/user", f"/repos/{repository['organization']}/{repository['repoName']}"):
        async with api.session.get(os.environ["GITHUB_API_URL"] + path, headers=headers) as answer:
            await answer.read()
            answer.raise_for_status()
    async with rows.connection() as connection:
        await trip(connection, DATE, [spec["tenantId"]] * 2)


async def main() -> None:
    """Run with DATABASE_URL, GITHUB_API_URL and EXTRA_CA_FILE of the environment, as the operator does."""
    async with api_server(kubeconfig()) as api:
        rows, tasks = Rows(WORKERS), Tasks()
        setups = [one async for page in api.pages(SETUPS) for one in page["items"]]
        print("ready", flush=True)
        while True:
            for setup in setups:
                tasks.start(verify(api, rows, setup))
                await asyncio.sleep(MINUTE / len(setups))


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
