"""Many tenants with one resource each, as administrators and tenants would make them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from kubernetes import client, config

from dev.bench.contenders import until
from dev.bench.tenants import Tenant
from dev.database_server import DatabaseAccess
from dev.demo import Stage

AT_ONCE = 8
GROUP, VERSION, PLURAL, NAME = "release.delivr.live", "v1", "releasesetups", "mobile-app"


@dataclass(frozen=True)
class Crowd:
    """Tenants whose namespaces, Secrets and accounts stand; their resources come when they are declared."""

    core: client.CoreV1Api
    custom: client.CustomObjectsApi
    tenants: Sequence[Tenant]

    @classmethod
    def settle(cls, on: Stage, tenants: Sequence[Tenant], at_once: int = AT_ONCE) -> Crowd:
        """Everything that the resources need exists."""
        api = config.new_client_from_config(  # type: ignore[no-untyped-call]
            config_file=str(on.access.kubeconfig)
        )
        enter(on.database, [one.id for one in tenants])
        found = cls(client.CoreV1Api(api), client.CustomObjectsApi(api), tenants)
        in_parallel(found._prepare, tenants, at_once)
        return found

    def _prepare(self, tenant: Tenant) -> None:
        metadata = client.V1ObjectMeta(name=tenant.namespace, annotations={f"{GROUP}/tenant-id": tenant.id})
        self.core.create_namespace(client.V1Namespace(metadata=metadata))
        for name, values in tenant.secrets.items():
            self.put_secret(tenant.namespace, name, values)

    def declare_all(self, at_once: int = AT_ONCE) -> None:
        """The resources of all exist."""
        in_parallel(self.declare, self.tenants, at_once)

    def declare(self, tenant: Tenant) -> None:
        """The resource of one exists."""
        body = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "ReleaseSetup",
            "metadata": {"name": NAME, "namespace": tenant.namespace},
            "spec": tenant.spec,
        }
        self.custom.create_namespaced_custom_object(GROUP, VERSION, tenant.namespace, PLURAL, body)

    def withdraw_all(self, at_once: int = AT_ONCE) -> None:
        """None is left, of these or of others that were told to go."""
        in_parallel(self._withdraw, self.tenants, at_once)
        until(lambda: not self.statuses(), "none is left")

    def _withdraw(self, tenant: Tenant) -> None:
        self.custom.delete_namespaced_custom_object(GROUP, VERSION, tenant.namespace, PLURAL, NAME)

    def put_secret(self, namespace: str, name: str, values: Any) -> None:
        """A new Secret holds the values."""
        secret = client.V1Secret(metadata=client.V1ObjectMeta(name=name), string_data=dict(values))
        self.core.create_namespaced_secret(namespace, secret)

    def put_token(self, namespace: str, token: str) -> str:
        """Change a Secret as a tenant does; return its new version."""
        patched: Any = self.core.patch_namespaced_secret(
            "github", namespace, {"stringData": {"accessToken": token}}
        )
        return str(patched.metadata.resource_version)

    def statuses(self) -> list[dict[str, Any]]:
        """Return the statuses of all resources that there are."""
        found: Any = self.custom.list_cluster_custom_object(GROUP, VERSION, PLURAL)
        return [one.get("status", {}) for one in found["items"]]


def enter(database: DatabaseAccess, tenants: Sequence[str]) -> None:
    """Delivr knows the tenants, each with the same owner."""
    values = [(one,) for one in tenants]
    with database.connect("delivr") as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO tenants (id, displayName, createdBy, createdAt, updatedAt)"
            " VALUES (%s, 'Bench', 'own_7Qx2-', NOW(), NOW())",
            values,
        )
        cursor.executemany(
            "INSERT INTO collaborators"
            " (email, accountId, tenantId, permission, isCreator, createdAt, updatedAt)"
            " VALUES ('owner@example.test', 'own_7Qx2-', %s, 'Owner', 1, NOW(), NOW())",
            values,
        )


def in_parallel(act: Callable[[Any], object], things: Iterable[Any], at_once: int = AT_ONCE) -> None:
    """`act` has been done to each thing."""
    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(act, things))
