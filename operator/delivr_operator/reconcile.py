"""One pass over one ReleaseSetup, top to bottom: observe, choose, hold and probe, decide, sync, report."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from delivr_operator.admission import conflict, refusal
from delivr_operator.cluster import Cluster, ClusterUnavailable
from delivr_operator.database import ClaimedByAnother, DatabaseUnavailable, Desk, StaleGeneration
from delivr_operator.inventory import Inventory
from delivr_operator.metrics import Metrics
from delivr_operator.observed import DatabaseFault, Declared, Observed, Rules
from delivr_operator.observing import Observer, database_fault
from delivr_operator.outcome import IntegrationType, Outcome
from delivr_operator.plan import Decision, choose, decide, is_asked_for, is_to_be_held, pauses
from delivr_operator.probing import Prober
from delivr_operator.providers.declaration import Credential
from delivr_operator.report import (
    Committed,
    Synced,
    Transition,
    Withheld,
    conclude,
    departing,
    next_pass,
    transitions,
    unreadable,
    worth_writing,
)
from delivr_operator.resource import FINALIZER, InvalidSpec, Key, ReleaseSetup, Spec
from delivr_operator.status import Status
from delivr_operator.telemetry import note

SILENCE = timedelta(seconds=1)
"""For how long a pass holds others up by waiting for providers; whoever answers does so sooner."""

logger = logging.getLogger(__name__)


class Outdated(Exception):  # noqa: N818 - news, not a programming error
    """The resource changed during this pass, so that a new pass has to look at it."""


@dataclass(frozen=True)
class Reconciler:
    """Brings one resource's rows and status to what it declares, whatever happened before."""

    observer: Observer
    inventory: Inventory
    cluster: Cluster
    database: Desk
    prober: Prober
    rules: Rules
    metrics: Metrics
    clock: Callable[[], datetime]

    async def reconcile(self, key: Key, waits: Callable[[], None] = lambda: None) -> datetime | None:
        """Do one pass; return when the next is due without any trigger, None for a resource that is gone.

        Args:
            key: whose.
            waits: is called where a provider has kept the pass waiting for long.

        What the database said before does for a pass that only finds its proofs confirmed, if the database
        confirms that it still stands; nothing else comes of it.

        Raises:
            ClusterUnavailable: the API server gave no answer; nothing is lost by trying again.
            Outdated: the resource changed meanwhile; the next pass sees what it is now.
        """
        again = await self._make_up(key)
        setup = self.inventory.get(key)
        if setup is None:
            return again
        note(generation=setup.generation, tenant=setup.tenant)
        if setup.deleting:
            return await self._depart(setup)
        observed = await self.observer.observe(setup)
        if isinstance(observed, InvalidSpec):
            await self._report(setup, unreadable(setup, observed, self.clock()), in_rows=False)
            return None
        chosen = self._choose(observed)
        if observed.is_recalled and not chosen:
            observed = await self.observer.read(observed)
            chosen = self._choose(observed)
        outcomes = await self._hold_and_probe(observed, chosen, waits)
        now = self.clock()
        decision = decide(observed, self.rules, outcomes, now)
        synced = await self._date(decision)
        if observed.is_recalled and synced is None:
            observed = await self.observer.read(observed)
            decision = decide(observed, self.rules, outcomes, now)
        synced = synced or await self._sync(observed, decision)
        status = conclude(observed, self.rules, decision, synced, now)
        await self._report(setup, status, in_rows=isinstance(synced, Committed))
        return next_pass(observed, decision, self.rules, synced, now)

    async def look_again(self, key: Key) -> frozenset[Key]:
        """Learn from the API server what stands at `key` now; return the keys that this concerns.

        A watch that was cut may never tell of an end, and what is gone must not hold its tenant.

        Raises:
            ClusterUnavailable: the API server gave no answer.
        """
        known, found = self.inventory.get(key), await self.cluster.read(key)
        concerned: frozenset[Key] = frozenset()
        if known is not None and (found is None or found.uid != known.uid):
            concerned = self.inventory.drop(known)
            self.metrics.forget(key)
        return concerned | (self.inventory.put(found) if found else frozenset())

    def _choose(self, observed: Observed) -> tuple[Declared, ...]:
        """Return what to prove now, once the pauses are kept that the status remembers."""
        for credential, pause in pauses(observed, self.clock()):
            self.prober.leave_alone(credential, pause)
        return choose(observed, self.rules, self.clock()) if refusal(observed) is None else ()

    async def _hold_and_probe(
        self, observed: Observed, chosen: tuple[Declared, ...], waits: Callable[[], None]
    ) -> Mapping[IntegrationType, Outcome]:
        """Do both at once: what the proofs come to does not say whether the resource is to be held.

        Where it cannot be held, the proofs go on to their end: the next pass shares what they came to, and a
        defect in one of them is told.
        """
        held, proved = await asyncio.gather(
            self._hold(observed), self._probe(observed, chosen, waits), return_exceptions=True
        )
        if isinstance(proved, BaseException):
            raise proved
        if isinstance(held, BaseException):
            raise held
        return proved

    async def _probe(
        self, observed: Observed, chosen: tuple[Declared, ...], waits: Callable[[], None]
    ) -> Mapping[IntegrationType, Outcome]:
        now = self.clock()
        asked = [(d, d.found) for d in chosen if isinstance(d.found, Credential)]
        note(probed=len(asked))
        proofs = [
            self._prove(one, d.allowed_hosts, now, fresh=is_asked_for(observed, d.type)) for d, one in asked
        ]
        waiting = asyncio.get_running_loop().call_later(SILENCE.total_seconds(), waits)
        try:
            outcomes = await asyncio.gather(*proofs)
        finally:
            waiting.cancel()
        return {d.type: outcome for (d, _), outcome in zip(asked, outcomes, strict=True)}

    async def _prove(
        self, credential: Credential, allowed_hosts: frozenset[str], now: datetime, *, fresh: bool
    ) -> Outcome:
        began = self.clock()
        outcome = await self.prober.prove(credential, allowed_hosts, now, fresh=fresh)
        self.metrics.probed(credential.type, outcome, self.clock() - began)
        return outcome

    async def _date(self, decision: Decision) -> Synced | None:
        """Write when the proofs were, where nothing else is to be written; None where something may be.

        It is done in one statement, which holds all that is remembered of the tenant against what stands.
        """
        if decision.rows is None:
            return None
        try:
            dated = await self.database.date(decision.rows)
        except DatabaseUnavailable as error:
            return database_fault(error)
        if not dated:
            return None
        note(rows=True)
        return Committed()

    async def _sync(self, observed: Observed, decision: Decision) -> Synced:
        if isinstance(observed.record, DatabaseFault):
            return observed.record
        rows = decision.rows
        if rows is None:
            return Withheld()
        if rows.is_empty and not observed.holds_claim:
            return Committed()
        replaced = observed.known.claim if observed.known else None
        try:
            written = await self.database.sync(
                rows, may_replace=frozenset({replaced.uid} if replaced else ())
            )
        except StaleGeneration as error:
            return await self._behind(observed, error.generation)
        except ClaimedByAnother as error:
            return conflict(Key(error.namespace, error.name))
        except DatabaseUnavailable as error:
            return database_fault(error)
        note(rows=written.changed)
        if written.unreadable:
            types = ",".join(sorted(written.unreadable))
            logger.warning("stored credentials did not open", extra={"types": types})
        return Committed(written.unreadable, written.missing_tables)

    async def _behind(self, observed: Observed, claimed: int) -> DatabaseFault:
        """See the newer generation that the claim names, or forget one that this resource never had.

        A claim is written after its generation was read, so one that is not reached by now is a hand's.
        """
        setup = observed.setup
        live = await self.cluster.read(setup.key)
        if live is not None and live.uid == setup.uid and live.generation < claimed:
            try:
                await self.database.forget_generation(observed.spec.tenant_id, setup.uid, claimed)
            except DatabaseUnavailable as error:
                return database_fault(error)
            note(forgot=claimed)
        raise Outdated

    async def _hold(self, observed: Observed) -> None:
        """Have the finalizer stand before the first row, and only while there may be rows to delete."""
        setup, wanted = observed.setup, is_to_be_held(observed)
        if wanted is None or (FINALIZER in setup.finalizers) is wanted:
            return
        write = self.cluster.set_finalizer(setup, present=wanted)
        if await self.inventory.written(setup.key, write) is None:
            raise Outdated

    async def _depart(self, setup: ReleaseSetup) -> datetime | None:
        """Let a resource go that is being deleted, after its rows went where its policy says."""
        if FINALIZER not in setup.finalizers:
            return None
        try:
            await self._release(setup)
        except DatabaseUnavailable as error:
            now = self.clock()
            await self._report(setup, departing(setup, database_fault(error), now), in_rows=False)
            return now + self.rules.recheck
        write = self.cluster.set_finalizer(setup, present=False)
        if await self.inventory.written(setup.key, write) is not None:
            note(released=True)
        return None

    async def _make_up(self, key: Key) -> datetime | None:
        """Release what went from `key` in spite of its finalizer; return when to try again, if need be."""
        try:
            for gone in self.inventory.unreleased(key):
                logger.warning("deleted in spite of its finalizer, its rows go now")
                await self._release(gone)
                self.inventory.released(gone)
                note(released=True)
        except DatabaseUnavailable:
            return self.clock() + self.rules.recheck
        return None

    async def _release(self, setup: ReleaseSetup) -> None:
        """Give up the rows; where the spec cannot be read, the claims still say which they are."""
        spec = setup.spec
        if spec.suspend:
            return
        held = (spec.tenant_id,) if isinstance(spec, Spec) else await self.database.tenants_of(setup.uid)
        for tenant in held:
            await self.database.release(tenant, setup.uid, spec.deletion_policy)

    async def _report(self, setup: ReleaseSetup, status: Status, *, in_rows: bool) -> None:
        self.metrics.show(setup.key, status)
        if (ready := status.condition("Ready")) is not None:
            note(ready=ready.status, reason=ready.reason)
        previous = Status.parse(setup.raw_status)
        if not worth_writing(previous, status, self.rules, in_rows=in_rows):
            return
        written = await self.inventory.written(setup.key, self.cluster.write_status(setup, status))
        if written is None:
            raise Outdated
        self.metrics.wrote_status()
        note(status=True)
        await self._tell(setup, transitions(previous, status))
        if written.requested_at != setup.requested_at:
            raise Outdated  # its news is older than what was written, and no longer any

    async def _tell(self, setup: ReleaseSetup, news: tuple[Transition, ...]) -> None:
        """Post events; they are told once or not at all, and never hold a pass up."""
        try:
            for transition in news:
                await self.cluster.post_event(setup, transition, self.clock())
        except ClusterUnavailable as error:
            logger.warning("an event could not be posted", extra={"http": error.status or 0})
