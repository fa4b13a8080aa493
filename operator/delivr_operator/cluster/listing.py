"""Lists, as metadata only and in pages, what the watches ought to have shown."""

from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any

from delivr_operator.cluster.asking import Asking, in_core, of_setups
from delivr_operator.cluster.pages import pages
from delivr_operator.resource import TENANT_ANNOTATION, Key


class Listing:
    """What stands in a namespace, or in all, at the moment of asking."""

    def __init__(self, asking: Asking, namespace: str | None) -> None:
        self._asking = asking
        self._namespace = namespace

    async def setups(self) -> Mapping[Key, str]:
        """Return the resource version of every ReleaseSetup that there is.

        Raises:
            ClusterUnavailable: the API server gave no answer.
        """
        found = [one async for one in self._metadata(of_setups(self._namespace))]
        return {Key(m["namespace"], m["name"]): m["resourceVersion"] for m in found}

    async def tenants(self) -> Mapping[str, str | None]:
        """Return the tenant of every namespace; nothing where only one namespace is looked at.

        Raises:
            ClusterUnavailable: the API server gave no answer.
        """
        if self._namespace:
            return {}
        found = [one async for one in self._metadata(in_core(None, "namespaces"))]
        return {m["name"]: (m.get("annotations") or {}).get(TENANT_ANNOTATION) for m in found}

    async def _metadata(self, path: str) -> AsyncIterator[Mapping[str, Any]]:
        async for page in pages(partial(self._asking.unread, path)):
            for item in page.get("items") or ():
                yield item["metadata"]
