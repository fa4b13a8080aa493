"""The floor: a bare asyncio program that answers a changed Secret with the operator's I/O and nothing else.

It lists ReleaseSetups once, watches Secrets as metadata, and for each change reads the Secret, asks GitHub
who and what, reads and writes the tenant's rows, and patches the status. No queue, no checks, no recovery.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
from base64 import b64decode
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp
import pymysql
import yaml
from pymysql.constants import CLIENT

PATH = "/apis/release.delivr.live/v1"
AS_METADATA = "application/json;as={};g=meta.k8s.io;v=v1"


class Floor:
    """One process with one session to everything."""

    def __init__(self, session: aiohttp.ClientSession, server: str, token: str) -> None:
        """Nothing is asked yet."""
        self._session = session
        self._server = server
        self._headers = {"Authorization": f"Bearer {token}"}
        self._database = database()
        self._rows = asyncio.Lock()
        self._setups: dict[str, dict[str, Any]] = {}

    async def run(self) -> None:
        """Serve until cancelled."""
        listed = await self._json("GET", f"{PATH}/releasesetups")
        self._setups = {one["metadata"]["namespace"]: one for one in listed["items"]}
        version = await self._list_secrets()
        print("ready", flush=True)
        tasks = set()
        async for namespace, name in self._watch(version):
            if name == "github" and namespace in self._setups:
                tasks.add(task := asyncio.create_task(self._answer(namespace)))
                task.add_done_callback(tasks.discard)

    async def _list_secrets(self) -> str:
        page = ""
        accept = {"Accept": AS_METADATA.format("PartialObjectMetadataList")}
        while True:
            found = await self._json("GET", f"/api/v1/secrets?limit=500&continue={page}", headers=accept)
            page = found["metadata"].get("continue", "")
            if not page:
                return str(found["metadata"]["resourceVersion"])

    async def _watch(self, version: str) -> AsyncIterator[tuple[str, str]]:
        url = f"{self._server}/api/v1/secrets?watch=1&resourceVersion={version}&allowWatchBookmarks=true"
        headers = self._headers | {"Accept": AS_METADATA.format("PartialObjectMetadata")}
        patience = aiohttp.ClientTimeout(total=None)
        async with self._session.get(url, headers=headers, timeout=patience) as answer:
            async for line in answer.content:
                event = json.loads(line)
                if event["type"] != "BOOKMARK":
                    metadata = event["object"]["metadata"]
                    yield metadata["namespace"], metadata["name"]

    async def _answer(self, namespace: str) -> None:
        secret = await self._json("GET", f"/api/v1/namespaces/{namespace}/secrets/github")
        token = b64decode(secret["data"]["accessToken"]).decode()
        declared = self._setups[namespace]["spec"]
        repository = declared["github"]
        paths = ("/user", f"/repos/{repository['organization']}/{repository['repoName']}")
        verdict = "VALID"
        for path in paths:
            url = os.environ["GITHUB_API_URL"] + path
            async with self._session.get(url, headers={"Authorization": f"Bearer {token}"}) as answer:
                await answer.read()
                if answer.status != 200:  # noqa: PLR2004
                    verdict = "INVALID"
                    break
        async with self._rows:
            await asyncio.to_thread(self._write_rows, declared["tenantId"], verdict)
        await self._patch(namespace, secret["metadata"]["resourceVersion"], verdict)

    def _write_rows(self, tenant: str, verdict: str) -> None:
        with self._database.cursor() as cursor:
            cursor.execute("SELECT * FROM tenants WHERE id = %s", (tenant,))
            cursor.fetchall()
            cursor.execute(
                "START TRANSACTION; SELECT * FROM tenant_integrations WHERE tenantId = %s FOR UPDATE",
                (tenant,),
            )
            while cursor.nextset():
                cursor.fetchall()
            cursor.execute(
                "UPDATE tenant_integrations SET verificationStatus = %s, lastVerifiedAt = UTC_TIMESTAMP()"
                " WHERE tenantId = %s; COMMIT",
                (verdict, tenant),
            )
            while cursor.nextset():
                pass

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
        patch = [{"op": "add", "path": "/status/integrations", "value": [entry]}]
        await self._json(
            "PATCH",
            f"{PATH}/namespaces/{namespace}/releasesetups/mobile-app/status",
            headers={"Content-Type": "application/json-patch+json"},
            data=json.dumps(patch),
        )

    async def _json(self, method: str, path: str, **arguments: Any) -> Any:
        headers = self._headers | arguments.pop("headers", {})
        async with self._session.request(method, self._server + path, headers=headers, **arguments) as answer:
            answer.raise_for_status()
            return await answer.json(content_type=None)


def database() -> pymysql.Connection[Any]:
    """Return one connection by DATABASE_URL."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    return pymysql.connect(
        host=parts.hostname or "",
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=parts.path[1:],
        client_flag=CLIENT.MULTI_STATEMENTS,
    )


async def main(kubeconfig: dict[str, Any]) -> None:
    """Run with DATABASE_URL, GITHUB_API_URL and EXTRA_CA_FILE of the environment, as the operator does."""
    cluster, user = kubeconfig["clusters"][0]["cluster"], kubeconfig["users"][0]["user"]
    trust = ssl.create_default_context(cafile=os.environ["EXTRA_CA_FILE"])
    trust.load_verify_locations(cadata=b64decode(cluster["certificate-authority-data"]).decode())
    connector = aiohttp.TCPConnector(ssl=trust)
    async with aiohttp.ClientSession(connector=connector) as session:
        await Floor(session, cluster["server"], user["token"]).run()


if __name__ == "__main__":
    try:
        asyncio.run(main(yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())))
    except KeyboardInterrupt:
        sys.exit(130)
