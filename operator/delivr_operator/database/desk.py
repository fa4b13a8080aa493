"""Asks the database from the event loop: in threads of its own, each question counted and seen."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any, Protocol, TypeVar

from delivr_operator.database.edge import Database
from delivr_operator.database.outages import DatabaseUnavailable
from delivr_operator.database.sync import ClaimedByAnother, StaleGeneration, SyncResult
from delivr_operator.resource import DeletionPolicy
from delivr_operator.rows import DesiredRows, TenantRecord

Result = TypeVar("Result")

DONE, REFUSED, BROKEN = "done", "refused", "broken"


class Witness(Protocol):
    """Who is told of the database's work, from the threads that do it."""

    def began(self, work: str) -> None:
        """Note that `work` is under way."""

    def ended(self, work: str) -> None:
        """Note that `work` came to an end, of whatever kind."""

    def transacted(self, kind: str, result: str, took: timedelta, *, usable: bool) -> None:
        """Count it."""


@dataclass(frozen=True)
class Desk:
    """Where the event loop asks the database.

    A question whose asker gives up is still answered in its thread: its transaction ends as it would have.
    """

    database: Database
    threads: ThreadPoolExecutor
    witness: Witness
    _numbers: "count[int]" = field(default_factory=count)
    _pending: set["Future[Any]"] = field(default_factory=set)

    async def read_tenant(self, tenant_id: str, owner: str) -> TenantRecord:
        """Return what `Database.read_tenant` returns."""
        return await self._ask("read", lambda: self.database.read_tenant(tenant_id, owner))

    async def read_to_remember(self, tenant_id: str, owner: str) -> TenantRecord:
        """Return what `Database.read_to_remember` returns."""
        return await self._ask("read", lambda: self.database.read_to_remember(tenant_id, owner))

    def recalled(self, tenant_id: str, owner: str) -> TenantRecord | None:
        """Return what `Database.recalled` returns."""
        return self.database.recalled(tenant_id, owner)

    async def date(self, desired: DesiredRows) -> bool:
        """Return what `Database.date` returns."""
        if not self.database.remembers(desired.tenant_id):
            return False
        return await self._ask("date", lambda: self.database.date(desired))

    async def tenants_of(self, uid: str) -> tuple[str, ...]:
        """Return what `Database.tenants_of` returns."""
        return await self._ask("read", lambda: self.database.tenants_of(uid))

    async def sync(self, desired: DesiredRows, *, may_replace: frozenset[str] = frozenset()) -> SyncResult:
        """Return what `Database.sync` returns."""
        return await self._ask("sync", lambda: self.database.sync(desired, may_replace=may_replace))

    async def release(self, tenant_id: str, uid: str, policy: DeletionPolicy) -> bool:
        """Return what `Database.release` returns."""
        return await self._ask("release", lambda: self.database.release(tenant_id, uid, policy))

    async def forget_generation(self, tenant_id: str, uid: str, generation: int) -> None:
        """Do what `Database.forget_generation` does."""
        await self._ask("forget", lambda: self.database.forget_generation(tenant_id, uid, generation))

    async def _ask(self, kind: str, question: Callable[[], Result]) -> Result:
        future = self.threads.submit(self._answered, kind, question)
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        return await asyncio.wrap_future(future)

    async def settle(self, patience: timedelta) -> bool:
        """Wait for what is under way to end, but not longer than `patience`; tell whether all of it did."""
        under_way = tuple(self._pending)
        if under_way:
            waiting = [asyncio.wrap_future(future) for future in under_way]
            await asyncio.wait(waiting, timeout=patience.total_seconds())
        return all(future.done() for future in under_way)

    def _answered(self, kind: str, question: Callable[[], Result]) -> Result:
        """Run in a thread: whatever hangs here is seen by the witness, which nobody can do from outside."""
        work, started = f"database {kind} {next(self._numbers)}", time.monotonic()
        self.witness.began(work)
        result, usable = BROKEN, True
        try:
            answer = question()
        except (StaleGeneration, ClaimedByAnother):
            result = REFUSED
            raise
        except DatabaseUnavailable as error:
            result, usable = error.reason.name.lower(), not error.reason.concerns_everybody
            raise
        else:
            result = DONE
            return answer
        finally:
            self.witness.ended(work)
            took = timedelta(seconds=time.monotonic() - started)
            self.witness.transacted(kind, result, took, usable=usable)
