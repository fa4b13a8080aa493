"""Many tenants with one resource each, as administrators and tenants would make them."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from kubernetes import client, config

from dev.database_server import DatabaseAccess
from dev.demo import Stage
from dev.simulator.client import Issued, Simulator

AT_ONCE = 8
ORGANIZATION = "bench"
GROUP, VERSION, PLURAL = "release.delivr.live", "v1", "releasesetups"


@dataclass(frozen=True)
class Crowd:
    """Tenants `t000000`, `t000001`, ..., each in the namespace `bench-<number>`."""

    core: client.CoreV1Api
    custom: client.CustomObjectsApi
    token: Issued
    namespaces: tuple[str, ...]

    @classmethod
    def settle(cls, on: Stage, simulator: Simulator, size: int) -> Crowd:
        """Everything that the resources need exists, and so do they."""
        api = config.new_client_from_config(  # type: ignore[no-untyped-call]
            config_file=str(on.access.kubeconfig)
        )
        token = simulator.issue("GITHUB", quota=10_000_000)
        simulator.target("GITHUB", "repository", f"{ORGANIZATION}/mobile-app", visible_to=[token.id])
        _tenants(on.database, size)
        namespaces = tuple(f"bench-{number}" for number in range(size))
        found = cls(client.CoreV1Api(api), client.CustomObjectsApi(api), token, namespaces)
        in_parallel(found._declare, range(size))
        return found

    def _declare(self, number: int) -> None:
        namespace, tenant = self.namespaces[number], f"t{number:06}"
        annotations = {f"{GROUP}/tenant-id": tenant}
        self.core.create_namespace(
            client.V1Namespace(metadata=client.V1ObjectMeta(name=namespace, annotations=annotations))
        )
        self.put_secret(namespace, "github", self.token.secret)
        member = {"organization": ORGANIZATION, "repoName": "mobile-app", "secretRef": {"name": "github"}}
        spec = {"tenantId": tenant, "owner": "owner@example.test", "interval": "24h", "github": member}
        body = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "ReleaseSetup",
            "metadata": {"name": "mobile-app", "namespace": namespace},
            "spec": spec,
        }
        self.custom.create_namespaced_custom_object(GROUP, VERSION, namespace, PLURAL, body)

    def put_secret(self, namespace: str, name: str, values: dict[str, str]) -> None:
        """A new Secret holds the values."""
        secret = client.V1Secret(metadata=client.V1ObjectMeta(name=name), string_data=values)
        self.core.create_namespaced_secret(namespace, secret)

    def statuses(self) -> list[dict[str, Any]]:
        """Return the statuses of all."""
        found: Any = self.custom.list_cluster_custom_object(GROUP, VERSION, PLURAL)
        return [one.get("status", {}) for one in found["items"]]

    def put_token(self, namespace: str, token: str) -> str:
        """Change a Secret as a tenant does; return its new version."""
        patched: Any = self.core.patch_namespaced_secret(
            "github", namespace, {"stringData": {"accessToken": token}}
        )
        return str(patched.metadata.resource_version)


def _tenants(database: DatabaseAccess, size: int) -> None:
    tenants = [(f"t{number:06}",) for number in range(size)]
    with database.connect("delivr") as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO tenants (id, displayName, createdBy, createdAt, updatedAt)"
            " VALUES (%s, 'Bench', 'own_7Qx2-', NOW(), NOW())",
            tenants,
        )
        cursor.executemany(
            "INSERT INTO collaborators"
            " (email, accountId, tenantId, permission, isCreator, createdAt, updatedAt)"
            " VALUES ('owner@example.test', 'own_7Qx2-', %s, 'Owner', 1, NOW(), NOW())",
            tenants,
        )


def in_parallel(act: Any, things: Iterable[Any]) -> None:
    """`act` has been done to each thing."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(act, things))
