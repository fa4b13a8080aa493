"""One pass over one ReleaseSetup, readable top to bottom: observe, choose, probe, decide, sync, report."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from delivr_operator.admission import conflict, refusal
from delivr_operator.cluster import Absent, Cluster, ClusterUnavailable, SecretContent
from delivr_operator.database import ClaimedByAnother, Database, DatabaseUnavailable, StaleGeneration
from delivr_operator.inventory import Inventory
from delivr_operator.observed import DatabaseFault, Declared, Observed, Rules
from delivr_operator.outcome import Doubt, IntegrationType, Outcome, Rejected, Rejection, Unknown
from delivr_operator.plan import Decision, choose, decide
from delivr_operator.probing import Prober
from delivr_operator.providers.declaration import (
    Credential,
    Declaration,
    declarations,
    read_credential,
)
from delivr_operator.reasons import Reason
from delivr_operator.report import (
    Committed,
    Synced,
    Withheld,
    conclude,
    departing,
    next_pass,
    transitions,
    unreadable,
    worth_writing,
)
from delivr_operator.resource import FINALIZER, DeletionPolicy, InvalidSpec, Key, ReleaseSetup, Spec
from delivr_operator.rows import Claim, DesiredRows, TenantRecord
from delivr_operator.sealing import Sealer
from delivr_operator.status import Status

logger = logging.getLogger(__name__)


class Outdated(Exception):  # noqa: N818 - news, not a programming error
    """The resource changed during this pass, so that a new pass has to look at it."""


@dataclass(frozen=True)
class Reconciler:
    """Brings one resource's rows and status to what it declares, whatever happened before."""

    inventory: Inventory
    cluster: Cluster
    database: Database
    prober: Prober
    sealer: Sealer
    rules: Rules
    clock: Callable[[], datetime]

    async def reconcile(self, key: Key) -> datetime | None:
        """Do one pass; return when the next is due without any trigger, None for a resource that is gone.

        Raises:
            ClusterUnavailable: the API server gave no answer; nothing is lost by trying again.
            Outdated: the resource changed meanwhile; the next pass sees what it is now.
        """
        setup = self.inventory.get(key)
        if setup is None:
            return None
        if setup.deleting:
            return await self._depart(setup)
        read = _read(setup.spec)
        if isinstance(read, InvalidSpec):
            await self._report(setup, unreadable(setup, read, self.clock()), in_rows=False)
            return None
        observed = await self._observe(setup, *read)
        chosen = choose(observed, self.rules, self.clock()) if refusal(observed) is None else ()
        outcomes = await self._probe(chosen)
        now = self.clock()
        decision = decide(observed, self.rules, outcomes, now)
        synced = await self._sync(observed, decision)
        status = conclude(observed, self.rules, decision, synced, now)
        await self._report(setup, status, in_rows=isinstance(synced, Committed))
        return next_pass(observed, decision, self.rules, synced, now)

    async def _observe(self, setup: ReleaseSetup, spec: Spec, members: tuple["Member", ...]) -> Observed:
        record, tenant, secrets = await asyncio.gather(
            self._read_record(spec),
            self._namespace_tenant(setup.key.namespace),
            self._secrets(setup, members),
        )
        return Observed(
            setup=setup,
            spec=spec,
            previous=Status.parse(setup.raw_status),
            namespace_tenant=tenant,
            rivals=self.inventory.rivals(setup),
            holder=await self._holder(setup, record),
            record=record,
            declared=tuple(self._declared(setup, member, secrets) for member in members),
        )

    async def _read_record(self, spec: Spec) -> TenantRecord | DatabaseFault:
        try:
            return await asyncio.to_thread(self.database.read_tenant, spec.tenant_id, spec.owner)
        except DatabaseUnavailable as error:
            return _fault(error)

    async def _namespace_tenant(self, namespace: str) -> str | None:
        if self.inventory.knows_namespace(namespace):
            return self.inventory.tenant_of(namespace)
        return await self.cluster.namespace_tenant(namespace)

    async def _holder(self, setup: ReleaseSetup, record: TenantRecord | DatabaseFault) -> Claim | None:
        """Return the claim of another resource that is still there to hold it."""
        claim = record.claim if isinstance(record, TenantRecord) else None
        if claim is None or claim.uid == setup.uid:
            return None
        try:
            found = await self.cluster.read(Key(claim.namespace, claim.name))
        except ClusterUnavailable as error:
            if error.forbidden:
                return claim  # another installation's resource: what cannot be seen counts as there
            raise
        gone = found is None or found.uid != claim.uid or found.deleting
        moved = found is not None and isinstance(found.spec, Spec) and found.spec.tenant_id != _tenant(setup)
        return None if gone or moved else claim

    async def _secrets(
        self, setup: ReleaseSetup, members: tuple["Member", ...]
    ) -> Mapping[str, SecretContent | Absent]:
        names = sorted({member.secret_ref.name for member in members if isinstance(member, Declaration)})
        found = await asyncio.gather(*(self.cluster.secret(setup.key.namespace, name) for name in names))
        return dict(zip(names, found, strict=True))

    def _declared(
        self,
        setup: ReleaseSetup,
        member: "Member",
        secrets: Mapping[str, SecretContent | Absent],
    ) -> Declared:
        if isinstance(member, Malformed):
            return Declared(member.type, Rejected(Rejection.MISCONFIGURED, detail="; ".join(member.problems)))
        kind, secret = member.type, secrets[member.secret_ref.name]
        if secret is Absent.NOT_FOUND:
            return Declared(
                kind, Unknown(Doubt.SECRET_NOT_FOUND, detail=f"Secret: {member.secret_ref.name}.")
            )
        if isinstance(secret, Absent):
            return Declared(
                kind, Unknown(Doubt.SECRET_UNREADABLE, detail=f"Secret: {member.secret_ref.name}.")
            )
        found = read_credential(member, secret.data)
        if not isinstance(found, Credential):
            return Declared(kind, found, secret_version=secret.version)
        fingerprint = self.sealer.fingerprint(setup.uid.encode() + b"\0" + found.fingerprint_text())
        return Declared(kind, found, fingerprint, secret.version, secret.allowed_hosts)

    async def _probe(self, chosen: tuple[Declared, ...]) -> Mapping[IntegrationType, Outcome]:
        now = self.clock()
        asked = [(d, d.found) for d in chosen if isinstance(d.found, Credential)]
        proofs = [
            self.prober.prove(credential, declared.allowed_hosts, now) for declared, credential in asked
        ]
        return {d.type: outcome for (d, _), outcome in zip(asked, await asyncio.gather(*proofs), strict=True)}

    async def _sync(self, observed: Observed, decision: Decision) -> Synced:
        if isinstance(observed.record, DatabaseFault):
            return observed.record
        rows, deletes = decision.rows, observed.spec.deletion_policy is DeletionPolicy.DELETE
        if rows is None:
            await self._hold(observed.setup, wanted=observed.holds_claim and deletes)
            return Withheld()
        await self._hold(observed.setup, wanted=deletes and (observed.holds_claim or _any(rows)))
        replaced = observed.known.claim if observed.known else None
        try:
            await asyncio.to_thread(
                self.database.sync, rows, may_replace=frozenset({replaced.uid} if replaced else ())
            )
        except StaleGeneration:
            raise Outdated from None
        except ClaimedByAnother as error:
            return conflict(Key(error.namespace, error.name))
        except DatabaseUnavailable as error:
            return _fault(error)
        return Committed()

    async def _hold(self, setup: ReleaseSetup, *, wanted: bool) -> None:
        """Have the finalizer stand before the first row, and only while there may be rows to delete."""
        if (FINALIZER in setup.finalizers) is wanted:
            return
        written = await self.cluster.set_finalizer(setup, present=wanted)
        if written is None:
            raise Outdated
        self.inventory.remember(written)

    async def _depart(self, setup: ReleaseSetup) -> datetime | None:
        """Let a resource go that is being deleted, after its rows went where its policy says."""
        if FINALIZER not in setup.finalizers:
            return None
        spec = setup.spec
        if isinstance(spec, Spec) and not spec.suspend:
            try:
                await asyncio.to_thread(
                    self.database.release, spec.tenant_id, setup.uid, spec.deletion_policy
                )
            except DatabaseUnavailable as error:
                now = self.clock()
                await self._report(setup, departing(setup, _fault(error), now), in_rows=False)
                return now + self.rules.recheck
        written = await self.cluster.set_finalizer(setup, present=False)
        if written is not None:
            self.inventory.remember(written)
            logger.info("released", extra={"namespace": setup.key.namespace, "setup": setup.key.name})
        return None

    async def _report(self, setup: ReleaseSetup, status: Status, *, in_rows: bool) -> None:
        previous = Status.parse(setup.raw_status)
        if not worth_writing(previous, status, self.rules, in_rows=in_rows):
            return
        written = await self.cluster.write_status(setup, status)
        if written is None:
            raise Outdated
        self.inventory.remember(written)
        for transition in transitions(previous, status):
            await self.cluster.post_event(setup, transition, self.clock())
        ready = status.condition("Ready")
        logger.info(
            "reconciled",
            extra={
                "namespace": setup.key.namespace,
                "setup": setup.key.name,
                "generation": setup.generation,
                "ready": ready.status if ready else "Unknown",
                "reason": ready.reason if ready else "",
            },
        )


@dataclass(frozen=True, slots=True)
class Malformed:
    """A member of a known type that cannot be read."""

    type: IntegrationType
    problems: tuple[str, ...]


Member = Declaration | Malformed


def _read(spec: Spec | InvalidSpec) -> InvalidSpec | tuple[Spec, tuple[Member, ...]]:
    """Return the spec and its members; members that nobody knows make the whole spec unreadable."""
    if isinstance(spec, InvalidSpec):
        return spec
    members: list[Member] = []
    unknown: list[str] = []
    for member in declarations(spec):
        if isinstance(member, Declaration):
            members.append(member)
        elif member.type is None:
            unknown.extend(member.problems)
        else:
            members.append(Malformed(member.type, member.problems))
    return InvalidSpec(problems=tuple(unknown)) if unknown else (spec, tuple(members))


def _tenant(setup: ReleaseSetup) -> str:
    return setup.spec.tenant_id if isinstance(setup.spec, Spec) else ""


def _any(rows: DesiredRows) -> bool:
    return rows.settings is not None or bool(rows.integrations)


def _fault(error: DatabaseUnavailable) -> DatabaseFault:
    return DatabaseFault(Reason.DATABASE_UNAVAILABLE, error.sentence)
