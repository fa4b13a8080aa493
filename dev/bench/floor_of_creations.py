"""The floor of creations: answers a new ReleaseSetup with the operator's I/O and nothing else.

It watches ReleaseSetups, and for each new one reads its Secrets, sends its providers the requests that a
file holds ready, reads and writes the tenant's rows, and patches finalizer and status. No queue, no checks,
no sealing, no recovery.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

from dev.bench.bare import SETUPS, ApiServer, Rows, Tasks, api_server, kubeconfig, trip

WORKERS = 16
"""Connections to the database, as many as the operator has by default."""
Exchange: TypeAlias = tuple[str, str, dict[str, str], str]
"""Method, address, headers and body of one request."""
Plan: TypeAlias = dict[str, dict[str, list[Exchange]]]
"""By namespace and integration type, what to send one after the other."""

READ = (
    "SELECT id FROM tenants WHERE id = %s; SELECT * FROM collaborators WHERE tenantId = %s;"
    " SELECT * FROM tenant_release_claims WHERE tenantId = %s;"
    " SELECT * FROM tenant_release_settings WHERE tenantId = %s;"
    " SELECT * FROM tenant_integrations WHERE tenantId = %s"
)
LOCK = (
    "START TRANSACTION; INSERT INTO tenant_release_claims"
    " (tenantId, resourceUid, namespace, name, resourceCreatedAt, generation, integrationTypes)"
    " VALUES (%s, %s, %s, 'mobile-app', NOW(), 1, %s);"
    " SELECT * FROM tenant_release_settings WHERE tenantId = %s FOR UPDATE;"
    " SELECT * FROM tenant_integrations WHERE tenantId = %s FOR UPDATE"
)
SETTINGS = (
    "INSERT INTO tenant_release_settings (id, tenantId, setupComplete, githubConnected) VALUES (%s, %s, 0, 1)"
)
INTEGRATION = (
    "INSERT INTO tenant_integrations (id, tenantId, integrationType, isEnabled, isRequired, config,"
    " configuredByAccountId, lastVerifiedAt, verificationStatus)"
    " VALUES (%s, %s, %s, 1, 1, %s, 'own_7Qx2-', UTC_TIMESTAMP(), 'VALID')"
)


@dataclass
class Floor:
    """One process with one session to everything."""

    api: ApiServer
    rows: Rows
    plan: Plan

    async def run(self) -> None:
        """Serve until cancelled."""
        listed = await self.api.json("GET", SETUPS)
        print("ready", flush=True)
        tasks = Tasks()
        async for event in self.api.watch(SETUPS, listed["metadata"]["resourceVersion"]):
            if event["type"] == "ADDED":
                tasks.start(self._answer(event["object"]))

    async def _answer(self, setup: dict[str, Any]) -> None:
        namespace, spec, uid = setup["metadata"]["namespace"], setup["spec"], setup["metadata"]["uid"]
        names = {
            one["secretRef"]["name"] for one in spec.values() if isinstance(one, dict) and "secretRef" in one
        }
        secrets = (self.api.json("GET", f"/api/v1/namespaces/{namespace}/secrets/{one}") for one in names)
        await asyncio.gather(self._read(spec["tenantId"]), *secrets)
        asked = self.plan[namespace]
        await asyncio.gather(*(self._ask(exchanges) for exchanges in asked.values()))
        path = SETUPS.replace("releasesetups", f"namespaces/{namespace}/releasesetups/mobile-app")
        value = ["release.delivr.live/rows"]
        await self.api.patch(path, {"op": "add", "path": "/metadata/finalizers", "value": value})
        await self._write(namespace, spec["tenantId"], uid, sorted(asked))
        await self.api.patch(f"{path}/status", {"op": "add", "path": "/status", "value": status(asked)})

    async def _ask(self, exchanges: Sequence[Exchange]) -> None:
        for method, url, headers, body in exchanges:
            async with self.api.session.request(method, url, headers=headers, data=body) as answer:
                await answer.read()

    async def _read(self, tenant: str) -> None:
        async with self.rows.connection() as connection:
            await trip(connection, READ, [tenant] * 5)

    async def _write(self, namespace: str, tenant: str, uid: str, types: Sequence[str]) -> None:
        config = json.dumps({"organization": "bench", "accessToken": "0" * 160})
        rows = [value for one in types for value in (str(uuid4()), tenant, one, config)]
        async with self.rows.connection() as connection:
            await trip(connection, LOCK, [tenant, uid, namespace, json.dumps(types), tenant, tenant])
            text = "; ".join([SETTINGS, *[INTEGRATION] * len(types), "COMMIT"])
            await trip(connection, text, [str(uuid4()), tenant, *rows])


def status(types: Iterable[str]) -> dict[str, Any]:
    """Return a status of the size that the operator's has."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    entries = [
        {
            "type": one,
            "verificationStatus": "VALID",
            "reason": "Verified",
            "message": "The provider confirms the credential and its target.",
            "lastVerifiedAt": now,
            "secretVersion": "1",
            "fingerprint": "0" * 64,
        }
        for one in types
    ]
    conditions = [
        {
            "type": kind,
            "status": "True",
            "reason": "Verified",
            "message": "All declared integrations are verified and committed.",
            "observedGeneration": 1,
            "lastTransitionTime": now,
        }
        for kind in ("Ready", "Synced", "TenantBound", "SetupComplete")
    ]
    return {
        "observedGeneration": 1,
        "committedGeneration": 1,
        "setupComplete": False,
        "message": "Release Management setup is under way",
        "integrations": entries,
        "conditions": conditions,
        "lastVerifiedAt": now,
    }


async def main(plan: Plan) -> None:
    """Run with DATABASE_URL, EXTRA_CA_FILE and KUBECONFIG of the environment, as the operator does."""
    async with api_server(kubeconfig()) as api:
        await Floor(api, Rows(WORKERS), plan).run()


if __name__ == "__main__":
    try:
        asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
    except KeyboardInterrupt:
        sys.exit(130)
