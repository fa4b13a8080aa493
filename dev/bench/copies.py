"""Many resources that a real operator might have left, copied from one that it did leave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

import yaml

from dev.bench.bare import SETUPS, ApiServer, api_server
from dev.bench.crowd import GROUP, NAME, enter
from dev.bench.tenants import Tenant
from dev.database_server import DatabaseAccess
from dev.demo import Stage

AT_ONCE = 32
_NAMESPACES = "/api/v1/namespaces"
_OF_ITS_OWN = ("id", "tenantId", "resourceUid", "namespace", "createdAt", "updatedAt")


def copy(on: Stage, original: Tenant, tenants: Sequence[Tenant]) -> None:
    """Each of `tenants` stands as `original` does: its Secrets, its resource with its status, its rows."""
    enter(on.database, [one.id for one in tenants])
    uids = asyncio.run(_copy_objects(on, original, tenants))
    _copy_rows(on.database, original, tenants, uids)


async def _copy_objects(on: Stage, original: Tenant, tenants: Sequence[Tenant]) -> list[str]:
    kubeconfig = yaml.safe_load(on.access.kubeconfig.read_text())
    async with api_server(kubeconfig, on.variables["EXTRA_CA_FILE"]) as api:
        found = await api.json("GET", _path(SETUPS, original))
        return await _in_parallel(lambda one: _copy_one(api, found, one), tenants)


async def _copy_one(api: ApiServer, original: dict[str, Any], tenant: Tenant) -> str:
    metadata = {"name": tenant.namespace, "annotations": {f"{GROUP}/tenant-id": tenant.id}}
    await _post(api, _NAMESPACES, {"metadata": metadata})
    versions = set()
    for name, values in tenant.secrets.items():
        secret = {"metadata": {"name": name}, "stringData": dict(values)}
        made = await _post(api, f"{_NAMESPACES}/{tenant.namespace}/secrets", secret)
        versions.add(made["metadata"]["resourceVersion"])
    (version,) = versions
    finalizers = original["metadata"]["finalizers"]
    body = {
        **{name: original[name] for name in ("apiVersion", "kind")},
        "metadata": {"name": NAME, "finalizers": finalizers},
        "spec": tenant.spec,
    }
    made = await _post(api, _path(SETUPS, tenant).removesuffix(f"/{NAME}"), body)
    entries = [{**one, "secretVersion": version} for one in original["status"]["integrations"]]
    value = {**original["status"], "integrations": entries}
    await api.patch(f"{_path(SETUPS, tenant)}/status", {"op": "add", "path": "/status", "value": value})
    return str(made["metadata"]["uid"])


def _path(setups: str, tenant: Tenant) -> str:
    return setups.replace("releasesetups", f"namespaces/{tenant.namespace}/releasesetups/{NAME}")


async def _post(api: ApiServer, path: str, body: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/json"}
    return await api.json("POST", path, headers=headers, data=json.dumps(body))


async def _in_parallel(act: Callable[[Any], Coroutine[Any, Any, str]], things: Iterable[Any]) -> list[str]:
    some = asyncio.Semaphore(AT_ONCE)

    async def one(thing: Any) -> str:
        async with some:
            return await act(thing)

    return await asyncio.gather(*(one(thing) for thing in things))


def _copy_rows(
    database: DatabaseAccess, original: Tenant, tenants: Sequence[Tenant], uids: Sequence[str]
) -> None:
    values = [
        {"id": f"{tenant.id}-row", "tenantId": tenant.id, "resourceUid": uid, "namespace": tenant.namespace}
        for tenant, uid in zip(tenants, uids, strict=True)
    ]
    with database.connect("delivr") as connection, connection.cursor() as cursor:
        for table in ("tenant_release_settings", "tenant_integrations", "tenant_release_claims"):
            cursor.execute(f"SHOW COLUMNS FROM {table}")
            columns = [row[0] for row in cursor.fetchall()]
            own = [name for name in columns if name in _OF_ITS_OWN and name in values[0]]
            chosen = ", ".join(f"%({name})s" if name in own else name for name in columns)
            cursor.executemany(
                f"INSERT INTO {table} ({', '.join(columns)})"  # noqa: S608 - names from above
                f" SELECT {chosen} FROM {table} WHERE tenantId = '{original.id}'",
                values,
            )
        connection.commit()
