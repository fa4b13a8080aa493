"""Lists, as metadata only and in pages, what the watches ought to have shown."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from kubernetes.aio import client

from delivr_operator.cluster.pages import Ask, pages
from delivr_operator.resource import GROUP, PLURAL, TENANT_ANNOTATION, VERSION, Key


class Listing:
    """What stands in a namespace, or in all, at the moment of asking."""

    def __init__(
        self, core: client.CoreV1Api, custom: client.CustomObjectsApi, namespace: str | None
    ) -> None:
        self._core = core
        self._custom = custom
        self._namespace = namespace

    async def setups(self) -> Mapping[Key, str]:
        """Return the resource version of every ReleaseSetup that there is.

        Raises:
            ClusterUnavailable: the API server gave no answer.
        """
        found = [one async for one in self._metadata(self._setups_page)]
        return {Key(m["namespace"], m["name"]): m["resourceVersion"] for m in found}

    async def tenants(self) -> Mapping[str, str | None]:
        """Return the tenant of every namespace; nothing where only one namespace is looked at.

        Raises:
            ClusterUnavailable: the API server gave no answer.
        """
        if self._namespace:
            return {}
        found = [one async for one in self._metadata(self._core.list_namespace_without_preload_content)]
        return {m["name"]: (m.get("annotations") or {}).get(TENANT_ANNOTATION) for m in found}

    async def _setups_page(self, **query: Any) -> Any:
        if self._namespace:
            return await self._custom.list_namespaced_custom_object_without_preload_content(
                GROUP, VERSION, self._namespace, PLURAL, **query
            )
        return await self._custom.list_cluster_custom_object_without_preload_content(
            GROUP, VERSION, PLURAL, **query
        )

    async def _metadata(self, ask: Ask) -> AsyncIterator[Mapping[str, Any]]:
        async for page in pages(ask):
            for item in page.get("items") or ():
                yield item["metadata"]
