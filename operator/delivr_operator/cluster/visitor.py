"""EDGE: what a person asks of ReleaseSetups, with the rights of the person's own kubeconfig."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from kubernetes.aio import client
from kubernetes.aio.client.exceptions import ApiException

from delivr_operator.cluster.connecting import connected
from delivr_operator.cluster.outages import outages
from delivr_operator.cluster.setups import NOT_FOUND, REQUEST_TIMEOUT, parsed_setup, read_setup
from delivr_operator.resource import GROUP, PLURAL, REQUESTED_AT_ANNOTATION, VERSION, Key, ReleaseSetup

PAGE = 500
_MERGE = "application/merge-patch+json"


class Visitor:
    """The API server, as far as a person needs it here."""

    def __init__(self, api: client.ApiClient) -> None:
        self._custom = client.CustomObjectsApi(api)

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(cls) -> AsyncIterator["Visitor"]:
        """Offer the cluster that KUBECONFIG names, for as long as the block runs.

        Raises:
            NoCluster: it names none.
        """
        async with connected() as api:
            yield cls(api)

    async def setups(self, namespace: str | None) -> tuple[ReleaseSetup, ...]:
        """Return the ReleaseSetups of a namespace, or of all, by namespace and name.

        Raises:
            ClusterUnavailable: the API server gave no answer, or does not allow the question.
        """
        found: list[Any] = []
        page: str | None = None
        while True:
            query: dict[str, Any] = {"limit": PAGE, "_continue": page, "_request_timeout": REQUEST_TIMEOUT}
            with outages():
                body: Any = (
                    await self._custom.list_namespaced_custom_object(
                        GROUP, VERSION, namespace, PLURAL, **query
                    )
                    if namespace
                    else await self._custom.list_cluster_custom_object(GROUP, VERSION, PLURAL, **query)
                )
            found += body["items"]
            page = body["metadata"].get("continue")
            if not page:
                setups = (ReleaseSetup.parse(one) for one in found)
                return tuple(sorted(setups, key=lambda one: (one.key.namespace, one.key.name)))

    async def setup(self, key: Key) -> ReleaseSetup | None:
        """Return one ReleaseSetup, or None where there is none.

        Raises:
            ClusterUnavailable: the API server gave no answer, or does not allow the question.
        """
        return await read_setup(self._custom, key)

    async def ask_for_proof(self, key: Key, request: str) -> ReleaseSetup | None:
        """Have the operator prove it anew; None where there is no such ReleaseSetup.

        Raises:
            ClusterUnavailable: the API server gave no answer, or does not allow the question.
        """
        patch = {"metadata": {"annotations": {REQUESTED_AT_ANNOTATION: request}}}
        with outages():
            try:
                body = await self._custom.patch_namespaced_custom_object(
                    GROUP,
                    VERSION,
                    key.namespace,
                    PLURAL,
                    key.name,
                    patch,
                    _content_type=_MERGE,
                    _request_timeout=REQUEST_TIMEOUT,
                )
            except ApiException as error:
                if error.status == NOT_FOUND:
                    return None
                raise
        return parsed_setup(body)
