"""The floor of changes: answers a changed Secret with the operator's I/O and nothing else.

It lists ReleaseSetups once, watches Secrets as metadata, and for each change reads the Secret, asks GitHub
who and what, reads and writes the tenant's rows, and patches the status. No queue, no checks, no recovery.
"""

from __future__ import annotations

import asyncio
import os
import sys
from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dev.bench.bare import AS_METADATA, SETUPS, ApiServer, Rows, Tasks, api_server, kubeconfig, trip

SECRETS = "/api/v1/secrets"


@dataclass
class Floor:
    """One process with one session to everything."""

    api: ApiServer
    rows: Rows
    setups: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def run(self) -> None:
        """Serve until cancelled."""
        listed = await self.api.json("GET", SETUPS)
        self.setups = {one["metadata"]["namespace"]: one for one in listed["items"]}
        version = await self._list_secrets()
        print("ready", flush=True)
        tasks = Tasks()
        async for namespace, name in self._watch(version):
            if name == "github" and namespace in self.setups:
                tasks.start(self._answer(namespace))

    async def _list_secrets(self) -> str:
        accept = AS_METADATA.format("PartialObjectMetadataList")
        found = [page["metadata"]["resourceVersion"] async for page in self.api.pages(SECRETS, accept)]
        return str(found[-1])

    async def _watch(self, version: str) -> AsyncIterator[tuple[str, str]]:
        accept = AS_METADATA.format("PartialObjectMetadata")
        async for event in self.api.watch(SECRETS, version, accept):
            metadata = event["object"]["metadata"]
            yield metadata["namespace"], metadata["name"]

    async def _answer(self, namespace: str) -> None:
        secret = await self.api.json("GET", f"/api/v1/namespaces/{namespace}/secrets/github")
        token = b64decode(secret["data"]["accessToken"]).decode()
        declared = self.setups[namespace]["spec"]
        repository = declared["github"]
        paths = ("/user", f"/repos/{repository['organization']}/{repository['repoName']}")
        verdict = "VALID"
        for path in paths:
            url, headers = os.environ["GITHUB_API_URL"] + path, {"Authorization": f"Bearer {token}"}
            async with self.api.session.get(url, headers=headers) as answer:
                await answer.read()
                if answer.status != 200:  # noqa: PLR2004
                    verdict = "INVALID"
                    break
        await self._write_rows(declared["tenantId"], verdict)
        await self._patch(namespace, secret["metadata"]["resourceVersion"], verdict)

    async def _write_rows(self, tenant: str, verdict: str) -> None:
        async with self.rows.connection() as connection:
            await trip(connection, "SELECT * FROM tenants WHERE id = %s", (tenant,))
            await trip(
                connection,
                "START TRANSACTION; SELECT * FROM tenant_integrations WHERE tenantId = %s FOR UPDATE",
                (tenant,),
            )
            await trip(
                connection,
                "UPDATE tenant_integrations SET verificationStatus = %s, lastVerifiedAt = UTC_TIMESTAMP()"
                " WHERE tenantId = %s; COMMIT",
                (verdict, tenant),
            )

    async def _patch(self, namespace: str, version: str, verdict: str) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        entry = {
            "type": "GITHUB",
            "verificationStatus": verdict,
            "reason": "Verified" if verdict == "VALID" else "BadCredentials",
            "message": "GitHub was asked.",
            "lastVerifiedAt": now,
            "secretVersion": version,
        }
        path = SETUPS.replace("releasesetups", f"namespaces/{namespace}/releasesetups/mobile-app/status")
        await self.api.patch(path, {"op": "add", "path": "/status/integrations", "value": [entry]})


async def main() -> None:
    """Run with DATABASE_URL, GITHUB_API_URL and EXTRA_CA_FILE of the environment, as the operator does."""
    async with api_server(kubeconfig()) as api:
        await Floor(api, Rows(1)).run()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
