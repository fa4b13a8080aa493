"""EDGE: kopf's decorators. Handlers decide nothing: they take down what a watch shows and queue keys."""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

import aiohttp
import kopf

from delivr_operator.cluster import (
    CONNECTIONS,
    Shown,
    in_whole_lines,
    lists_taken,
    pod_server,
    traced,
)
from delivr_operator.inventory import Inventory
from delivr_operator.metrics import Metrics
from delivr_operator.newcomers import Newcomers
from delivr_operator.queue import WorkQueue
from delivr_operator.resource import GROUP, PLURAL, TENANT_ANNOTATION, VERSION, ReleaseSetup, key_and_version

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Inbox:
    """Where the watches' news goes; handed to the handlers as kopf's memo."""

    inventory: Inventory
    queue: WorkQueue
    metrics: Metrics
    newcomers: Newcomers

    def is_known(self, body: Mapping[str, Any]) -> bool:
        """Tell whether such a ReleaseSetup is an echo of an own write, or older than what is known."""
        return self.inventory.has_seen(*key_and_version(body))

    async def setup_seen(self, body: Mapping[str, Any], *, gone: bool) -> None:
        """Queue what a ReleaseSetup's news concerns."""
        key, version = key_and_version(body)
        await self.inventory.settled(key)
        if not gone and self.inventory.has_seen(key, version):
            return  # the echo of a write that was under way when its line came
        setup, is_new = ReleaseSetup.parse(body), not self.inventory.knows(key)
        concerned = self.inventory.drop(setup) if gone else self.inventory.put(setup)
        if gone and not self.inventory.knows(setup.key):
            self.queue.forget(setup.key)
            self.metrics.forget(setup.key)
        if is_new and concerned == {key}:
            self.newcomers.welcome(setup)
            return
        for one in concerned:
            self.queue.add(one)

    async def setups_listed(self, bodies: Iterable[Mapping[str, Any]]) -> None:
        """Take a page of the ReleaseSetups that stand there before a watch begins."""
        for body in bodies:
            try:
                await self.setup_seen(body, gone=False)
            except Exception:  # as kopf does it: one that cannot be taken ends nothing, and the audit sees it
                logger.exception("a ReleaseSetup could not be taken down")
            await asyncio.sleep(0)  # everybody else has a turn after each, not after all

    def namespace_seen(self, namespace: Shown) -> None:
        """Queue the resources of a namespace whose tenant changed."""
        if namespace.gone:
            self.inventory.unbind(namespace.name)
            return
        tenant = namespace.annotations.get(TENANT_ANNOTATION)
        self.newcomers.concerned(self.inventory.bind(namespace.name, tenant))

    def secret_seen(self, secret: Shown) -> None:
        """Queue the resources that refer to a Secret."""
        self.newcomers.secret_seen((secret.namespace, secret.name), secret.version)
        self.newcomers.concerned(self.inventory.concerned_by_secret(secret.namespace, secret.name))


def registry(inbox: Inbox) -> kopf.OperatorRegistry:
    """Return the handlers of what others change; `inbox` takes what stands there before by itself."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=handlers)
    async def setup_event(event: kopf.RawEvent, body: kopf.Body, memo: Inbox, **_: Any) -> None:
        await memo.setup_seen(body, gone=event["type"] == "DELETED")

    @kopf.on.login(registry=handlers)
    async def login(**arguments: Any) -> kopf.AiohttpSession | None:
        found = kopf.login_with_service_account(**arguments) or kopf.login_with_kubeconfig(**arguments)
        return _session(found, inbox) if found else None

    return handlers


def _session(found: kopf.ConnectionInfo, inbox: Inbox) -> kopf.AiohttpSession:
    """Return a session of our own: kopf's has no limit, counts nothing, and would end of half a line."""
    return kopf.AiohttpSession(
        server=pod_server() or found.server,  # the same one as everything else asks
        default_namespace=found.default_namespace,
        aiohttp_session=aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=found.as_ssl_context()),
            headers=found.as_http_headers(),
            proxy=found.proxy_url,  # the kubeconfig's own, never the environment's
            trace_configs=[traced(inbox.metrics.asked_cluster)],
            middlewares=(lists_taken(inbox.setups_listed), in_whole_lines(inbox.is_known)),
        ),
    )


class _Patience:
    """Seconds between a try and the next: where they come to an end, kopf does, and the operator with it."""

    def __iter__(self) -> Iterator[float]:
        return chain((1, 1, 2, 3, 5), repeat(8))


PAGE = 500
"""How many objects one answer holds at most: a list of all at once would stand in memory whole."""


class _NoDiffBase(kopf.DiffBaseStorage):
    """Compares nothing with before: what kopf would compare is a deep copy of every object it is told of."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        return None

    def store(self, **_: Any) -> None: ...


def quiet_settings() -> kopf.OperatorSettings:
    """Return kopf's settings for an informer that writes nothing and keeps nothing for itself."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.persistence.diffbase_storage = _NoDiffBase()
    settings.persistence.progress_storage = kopf.MultiProgressStorage([])
    settings.persistence.consistency_timeout = 0
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.queueing.idle_timeout = 0.2
    settings.networking.request_timeout = 20
    settings.networking.connect_timeout = 5
    settings.networking.error_backoffs = _Patience()
    settings.watching.chunk_size = PAGE
    settings.watching.server_timeout = 240
    settings.watching.connect_timeout = 5
    settings.watching.inactivity_timeout = 70
    return settings
