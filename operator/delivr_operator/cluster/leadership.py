"""EDGE: of several operators one works: the holder of a Lease, by the kubernetes client's own election."""

import asyncio
import logging
import secrets
import socket
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import aiohttp
from kubernetes.aio import client
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.leaderelection.electionconfig import Config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock

LEASE_SECONDS = 15
"""How long the others wait for a holder that says nothing."""
RENEW_SECONDS = 6.0
"""How long the holder tries in vain before it stops; with a try and a pause well below LEASE_SECONDS."""
RETRY_SECONDS = 1.0
EXCHANGE_SECONDS = 2.0
_NOT_FOUND = 404

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LeaseName:
    """Where the Lease stands."""

    namespace: str
    name: str


class _PunctualLock(LeaseLock):
    """The client's lock, whose every question ends in time and without words from outside."""

    async def get(self, name: str, namespace: str) -> Any:
        found: Any = await in_time(super().get(name, namespace))
        status, held = found or (False, ApiException(status=None, reason="no answer"))
        if isinstance(held, ApiException) and held.status != _NOT_FOUND:
            return False, ApiException(status=held.status, reason=f"HTTP {held.status or 0}")
        return status, held

    async def create(self, name: str, namespace: str, election_record: LeaderElectionRecord) -> bool:
        return bool(await in_time(self._create(name, namespace, election_record)))

    async def _create(self, name: str, namespace: str, record: LeaderElectionRecord) -> bool:
        """Do what the client's own does, which 37.0 refuses: it passes `pretty` as what it may not be."""
        body = client.V1Lease(metadata=client.V1ObjectMeta(name=name), spec=self.update_lease(record))
        try:
            await self.api_instance.create_namespaced_lease(namespace, body)
        except ApiException:
            return False
        return True

    async def update(self, name: str, namespace: str, updated_record: LeaderElectionRecord) -> bool:
        return bool(await in_time(super().update(name, namespace, updated_record)))

    async def release(self) -> bool:
        """Leave the Lease to whoever asks next, if it is still this one's."""
        found, _ = await self.get(self.name, self.namespace)
        lease = self.lease_reference
        if not found or lease is None or lease.spec is None or lease.spec.holder_identity != self.identity:
            return False
        lease.spec.holder_identity = ""
        return bool(await in_time(self._replace(lease)))

    async def _replace(self, lease: client.V1Lease) -> bool:
        try:
            await self.api_instance.replace_namespaced_lease(self.name, self.namespace, lease)
        except ApiException:
            return False
        return True


def new_identity() -> str:
    """Return a holder's name that no other process has, nor this one once it is started again."""
    return f"{socket.gethostname()}_{secrets.token_hex(4)}"


async def in_time(question: Awaitable[Any]) -> Any:
    """Return what a question is answered with; None where no answer comes in time."""
    try:
        async with asyncio.timeout(EXCHANGE_SECONDS):
            return await question
    except (TimeoutError, aiohttp.ClientError, OSError):
        return None


class Leadership:
    """One candidate's part in the election."""

    def __init__(self, api: client.ApiClient, lease: LeaseName) -> None:
        self._lock = _PunctualLock(lease.name, lease.namespace, new_identity(), api)

    async def while_leading(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Wait for the Lease, do `work` while it is held; return once it is lost and the work has stopped."""
        under_way: list[asyncio.Task[None]] = []

        async def started() -> None:
            logger.info("leading", extra={"identity": self._lock.identity})
            under_way.append(asyncio.create_task(work()))
            await asyncio.wait(under_way)

        async def stopped() -> None:
            logger.error("the Lease was lost", extra={"identity": self._lock.identity})

        logger.info("standing by", extra={"identity": self._lock.identity})
        config = Config(self._lock, LEASE_SECONDS, RENEW_SECONDS, RETRY_SECONDS, started, stopped)
        try:
            await LeaderElection(config).run()
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def release(self) -> None:
        """Leave the Lease to the next, if it is held: nobody has to wait for its end."""
        released = await self._lock.release()
        logger.info("left the Lease", extra={"identity": self._lock.identity, "was_held": released})
