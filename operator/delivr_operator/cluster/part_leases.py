"""EDGE: of several operators one has each part of the tenants: the holder of that part's own Lease."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from kubernetes.aio import client
from kubernetes.aio.client.exceptions import ApiException

from delivr_operator.cluster.leadership import (
    LEASE_SECONDS,
    RENEW_SECONDS,
    RETRY_SECONDS,
    LeaseName,
    in_time,
    new_identity,
)

RENEWAL_SECONDS = 2.0
"""How old a renewal gets before the next: all parts together take ten small writes a second."""
GUARD_SECONDS = 0.25
_CONFLICT = 409

logger = logging.getLogger(__name__)

Won = Callable[[frozenset[int]], None]
Lost = Callable[[frozenset[int]], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A Lease, and since when it has stood like this; only one's own clock can be held against that."""

    lease: client.V1Lease
    since: float

    @property
    def holder(self) -> str:
        return (self.lease.spec.holder_identity or "") if self.lease.spec else ""

    @property
    def version(self) -> str | None:
        return self.lease.metadata.resource_version if self.lease.metadata else None


class PartLeases:
    """One process's candidacy for the parts that it wants.

    A part is held from the answer to a write of its Lease, and until RENEW_SECONDS after the last such write
    began: by then its work must stop, well before any other may take the Lease.
    """

    def __init__(
        self,
        api: client.ApiClient,
        lease: LeaseName,
        wanted: frozenset[int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._leases = client.CoordinationV1Api(api)
        self._place, self._wanted, self._clock = lease, wanted, clock
        self._identity = new_identity()
        self._seen: dict[int, _Seen] = {}
        self._held: dict[int, float] = {}
        """When the last write began that said so."""
        self._leaving: set[int] = set()
        self._is_unsure = False
        self._refusal: int | None = None

    async def run(self, won: Won, lost: Lost) -> None:
        """Take what is free, renew what is held, until cancelled.

        Args:
            won: told of parts that are this process's from now on.
            lost: stops the work on parts; tells whether all of it ended. Else they are not taken again.
        """
        self._say(logging.INFO, "standing by for parts", self._wanted)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._take_free(won))
            group.create_task(self._renew_held())
            group.create_task(self._guard(lost))

    async def release(self) -> None:
        """Leave every part to the next, at once."""
        await self._look()
        own = [part for part, seen in self._seen.items() if seen.holder == self._identity]
        self._say(logging.INFO, "leaving parts", own)
        await asyncio.gather(*(self._write(part, holder="") for part in own))

    async def _take_free(self, won: Won) -> None:
        while True:
            missing = self._wanted - self._held.keys()
            if (missing or self._is_unsure) and await self._look():
                free = [part for part in missing - self._leaving if self._is_free(part)]
                await asyncio.gather(*map(self._take, free))
                gained = frozenset(free) & self._held.keys()
                if gained:
                    self._say(logging.INFO, "won parts", gained)
                    won(gained)
            if self._refusal is not None:
                logger.warning("Leases of parts are out of reach", extra={"http": self._refusal})
                self._refusal = None
            await asyncio.sleep(RETRY_SECONDS)

    async def _renew_held(self) -> None:
        while True:
            now = self._clock()
            due = [part for part, at in self._held.items() if now - at >= RENEWAL_SECONDS]
            await asyncio.gather(*map(self._renew, due))
            await asyncio.sleep(RETRY_SECONDS)

    async def _guard(self, lost: Lost) -> None:
        """See that no part is worked on whose Lease may be another's soon, or is already."""
        async with asyncio.TaskGroup() as group:
            while True:
                gone = frozenset(part for part in self._held if not self._is_safe(part))
                if gone:
                    self._say(logging.ERROR, "lost parts", gone)
                    group.create_task(self._give_up(gone, lost))
                await asyncio.sleep(GUARD_SECONDS)

    async def _give_up(self, parts: frozenset[int], lost: Lost) -> None:
        self._leaving |= parts
        for part in parts:
            del self._held[part]
        if await lost(parts):
            self._leaving -= parts

    def _is_safe(self, part: int) -> bool:
        seen = self._seen.get(part)
        is_own = seen is not None and seen.holder == self._identity
        return is_own and self._clock() - self._held[part] < RENEW_SECONDS

    def _is_free(self, part: int) -> bool:
        seen = self._seen.get(part)
        if seen is None or seen.holder in ("", self._identity):
            return True
        return self._clock() - seen.since >= LEASE_SECONDS

    async def _take(self, part: int) -> None:
        began = self._clock()
        if await self._write(part, holder=self._identity):
            self._held[part] = began

    async def _renew(self, part: int) -> None:
        began = self._clock()
        if await self._write(part, holder=self._identity) and part in self._held:  # else it came too late
            self._held[part] = began

    async def _look(self) -> bool:
        """Learn how all of the Leases stand; tell whether that was to be learnt."""
        began = self._clock()
        try:
            answer = await in_time(self._leases.list_namespaced_lease(self._place.namespace))
        except ApiException as error:
            answer, self._refusal = None, error.status or 0
        if answer is None:
            return False
        found = {lease.metadata.name: lease for lease in answer.items}
        for part in self._wanted:
            known = self._seen.get(part)
            if known is None or known.since <= began:  # an own write that ended meanwhile is newer
                self._see(part, found.get(self._name(part)))
        self._is_unsure = False
        return True

    def _see(self, part: int, lease: client.V1Lease | None) -> None:
        known = self._seen.get(part)
        if lease is None:
            self._seen.pop(part, None)
            return
        seen = _Seen(lease, self._clock())
        if known is None or known.version != seen.version:
            self._seen[part] = seen

    async def _write(self, part: int, *, holder: str) -> bool:
        """Have the Lease name `holder`, if nobody changed it since it was seen; tell whether it does."""
        seen, place = self._seen.get(part), self._place
        body = self._body(part, seen, holder)
        try:
            lease = await in_time(
                self._leases.replace_namespaced_lease(self._name(part), place.namespace, body)
                if seen
                else self._leases.create_namespaced_lease(place.namespace, body)
            )
        except ApiException as error:
            lease = None
            if error.status != _CONFLICT:  # then somebody was faster, which is how this goes
                self._refusal = error.status or 0
        if lease is None:
            self._is_unsure = True  # it may have been written all the same
            return False
        self._seen[part] = _Seen(lease, self._clock())
        return True

    def _body(self, part: int, seen: _Seen | None, holder: str) -> client.V1Lease:
        now = datetime.now(UTC)
        before = seen.lease.spec if seen and seen.holder == holder else None
        spec = client.V1LeaseSpec(
            holder_identity=holder,
            lease_duration_seconds=LEASE_SECONDS,
            acquire_time=before.acquire_time if before else now,
            renew_time=now,
        )
        metadata = seen.lease.metadata if seen else client.V1ObjectMeta(name=self._name(part))
        return client.V1Lease(metadata=metadata, spec=spec)

    def _name(self, part: int) -> str:
        return f"{self._place.name}-part-{part:02}"

    def _say(self, level: int, message: str, parts: Collection[int]) -> None:
        said = {"identity": self._identity, "parts": ",".join(map(str, sorted(parts)))}
        logger.log(level, message, extra=said)
