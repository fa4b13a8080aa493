"""EDGE: everything asked of Kubernetes beyond kopf's own watching."""

import base64
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import partial
from typing import Any

from kubernetes.aio import client
from pydantic import SecretBytes

from delivr_operator.cluster.asking import Answer, Asking, in_core, of_setup
from delivr_operator.cluster.connecting import connected
from delivr_operator.cluster.leadership import Leadership, LeaseName
from delivr_operator.cluster.listing import Listing
from delivr_operator.cluster.metadata_watch import MetadataWatch
from delivr_operator.cluster.outages import FORBIDDEN, ClusterUnavailable, outages
from delivr_operator.cluster.part_leases import PartLeases
from delivr_operator.cluster.setups import NOT_FOUND, REQUEST_TIMEOUT, parsed_setup, read_setup
from delivr_operator.cluster.traffic import Asked
from delivr_operator.report import Transition
from delivr_operator.resource import (
    FINALIZER,
    GROUP,
    KIND,
    PLURAL,
    TENANT_ANNOTATION,
    VERSION,
    Key,
    ReleaseSetup,
    allowed_hosts,
)
from delivr_operator.status import Status

COMPONENT = "delivr-operator"
_CONFLICT, _INVALID = 409, 422

logger = logging.getLogger(__name__)


class Absent(Enum):
    """Why a Secret cannot be read."""

    NOT_FOUND = "not found"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True)
class SecretContent:
    """One Secret, opened by nobody yet."""

    version: str
    data: Mapping[str, SecretBytes] = field(repr=False)
    allowed_hosts: frozenset[str] = frozenset()


class Cluster:
    """The API server, as far as the operator may ask it."""

    def __init__(self, api: client.ApiClient, namespace: str | None = None) -> None:
        self._api = api
        self._asking = Asking(api)
        self._custom = client.CustomObjectsApi(api)
        self._namespace = namespace
        self.secret_watch = MetadataWatch(partial(self._asking.unread, in_core(namespace, "secrets")))
        self.namespace_watch = MetadataWatch(partial(self._asking.unread, in_core(None, "namespaces")))
        """For an installation for the whole cluster; any other is not allowed it."""
        self.listing = Listing(self._asking, namespace)

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(
        cls, namespace: str | None = None, asked: Asked | None = None
    ) -> AsyncIterator["Cluster"]:
        """Offer the cluster that the pod or KUBECONFIG names, for as long as the block runs.

        Args:
            namespace: the one namespace to look at; None: all.
            asked: told of every question.

        Raises:
            NoCluster: neither does.
        """
        async with connected(asked) as api:
            yield cls(api, namespace)

    def leadership(self, lease: LeaseName) -> Leadership:
        """Return a candidate's part in the election by that Lease."""
        return Leadership(self._api, lease)

    def part_leases(self, lease: LeaseName, wanted: frozenset[int]) -> PartLeases:
        """Return a candidate for the parts that are `wanted`, each of which has a Lease named after this."""
        return PartLeases(self._api, lease, wanted)

    async def greet(self) -> None:
        """Return once the API server has answered in the operator's own role.

        Raises:
            ClusterUnavailable: it did not, or the role is missing.
        """
        scope: dict[str, Any] = {"limit": 1, "_request_timeout": REQUEST_TIMEOUT}
        with outages():
            if self._namespace:
                await self._custom.list_namespaced_custom_object(
                    GROUP, VERSION, self._namespace, PLURAL, **scope
                )
            else:
                await self._custom.list_cluster_custom_object(GROUP, VERSION, PLURAL, **scope)

    async def read(self, key: Key) -> ReleaseSetup | None:
        """Return the resource as it stands, or None where there is none (or it may not be seen)."""
        return await read_setup(self._custom, key)

    async def namespace_tenant(self, name: str) -> str | None:
        """Return the tenant that a namespace is bound to, or None."""
        answer = await self._asking.get(in_core(None, "namespaces", name))
        if answer.status == NOT_FOUND:
            return None
        if not answer.succeeded:
            raise ClusterUnavailable(answer.status)
        return (answer.content()["metadata"].get("annotations") or {}).get(TENANT_ANNOTATION)

    async def secret(self, namespace: str, name: str) -> SecretContent | Absent:
        """Return a Secret with its values closed, or why there is none."""
        answer = await self._asking.get(in_core(namespace, "secrets", name))
        if answer.status in (NOT_FOUND, FORBIDDEN):
            return Absent.NOT_FOUND if answer.status == NOT_FOUND else Absent.FORBIDDEN
        if not answer.succeeded:
            raise ClusterUnavailable(answer.status)
        body = answer.content()
        return SecretContent(
            version=body["metadata"]["resourceVersion"],
            data={k: SecretBytes(base64.b64decode(v)) for k, v in (body.get("data") or {}).items()},
            allowed_hosts=allowed_hosts(body["metadata"].get("annotations")),
        )

    async def write_status(self, setup: ReleaseSetup, status: Status) -> ReleaseSetup | None:
        """Replace the whole status of this very object; None where it is gone, changed or another one by now.

        So a status about an older generation never comes after one about a newer.
        """
        operations: list[dict[str, Any]] = [
            {"op": "test", "path": "/metadata/uid", "value": setup.uid},
            {"op": "test", "path": "/metadata/generation", "value": setup.generation},
            {"op": "add", "path": "/status", "value": status.as_json()},
        ]
        return await self._patch(f"{of_setup(setup.key)}/status", operations)

    async def set_finalizer(self, setup: ReleaseSetup, *, present: bool) -> ReleaseSetup | None:
        """Add or drop the operator's finalizer; None where the object changed or went under way."""
        others = [name for name in setup.finalizers if name != FINALIZER]
        operations: list[dict[str, Any]] = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": setup.resource_version},
            {
                "op": "add",
                "path": "/metadata/finalizers",
                "value": [*others, *([FINALIZER] if present else [])],
            },
        ]
        return await self._patch(of_setup(setup.key), operations)

    async def _patch(self, path: str, operations: list[dict[str, Any]]) -> ReleaseSetup | None:
        answer = await self._asking.json_patch(path, operations)
        if answer.succeeded:
            return parsed_setup(answer.content())
        if answer.status in (NOT_FOUND, _CONFLICT) or (answer.status == _INVALID and _failed_test(answer)):
            return None
        raise ClusterUnavailable(answer.status)

    async def post_event(self, setup: ReleaseSetup, transition: Transition, now: datetime) -> None:
        """Leave one event at the resource."""
        namespace, moment = setup.key.namespace, now.strftime("%Y-%m-%dT%H:%M:%SZ")
        event = {
            "metadata": {"name": f"{setup.key.name[:200]}.{secrets.token_hex(8)}", "namespace": namespace},
            "involvedObject": {
                "apiVersion": f"{GROUP}/{VERSION}",
                "kind": KIND,
                "name": setup.key.name,
                "namespace": namespace,
                "uid": setup.uid,
            },
            "type": "Normal" if transition.normal else "Warning",
            "reason": transition.reason,
            "message": transition.message[:1024],
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "count": 1,
        }
        answer = await self._asking.post(in_core(namespace, "events"), event)
        if not answer.succeeded:
            raise ClusterUnavailable(answer.status)


def _failed_test(answer: Answer) -> bool:
    """Tell a failed JSON Patch `test` from a status that the schema refuses, which is our own fault.

    Both are 422 and Invalid, and a failed test is not even named; but only a schema's refusal says in its
    details which object it refuses, and for what.
    """
    said = answer.content()
    return isinstance(said, Mapping) and said.get("kind") == "Status" and not said.get("details")
