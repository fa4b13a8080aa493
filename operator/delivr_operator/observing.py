"""EDGE: reads everything that one pass looks at: Secrets, the namespace's tenant, the tenant's record."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from delivr_operator.cluster import Absent, Cluster, ClusterUnavailable, SecretContent
from delivr_operator.database import DatabaseUnavailable, Desk, Outage
from delivr_operator.inventory import Inventory
from delivr_operator.observed import DatabaseFault, Declared, Observed
from delivr_operator.outcome import Doubt, IntegrationType, Rejected, Rejection, Unknown
from delivr_operator.providers.declaration import Credential, Declaration, declarations, read_credential
from delivr_operator.reasons import Reason
from delivr_operator.resource import FINALIZER, InvalidSpec, Key, ReleaseSetup, Spec
from delivr_operator.rows import Claim, TenantRecord
from delivr_operator.sealing import Sealer
from delivr_operator.status import Status


@dataclass(frozen=True, slots=True)
class Malformed:
    """A member of a known type that cannot be read."""

    type: IntegrationType
    problems: tuple[str, ...]


Member = Declaration | Malformed

_REASONS = MappingProxyType(
    {
        Outage.ACCESS_DENIED: Reason.DATABASE_ACCESS_DENIED,
        Outage.TLS_REQUIRED: Reason.DATABASE_TLS_REQUIRED,
        Outage.SCHEMA_MISSING: Reason.DATABASE_SCHEMA_MISSING,
        Outage.READ_ONLY: Reason.DATABASE_READ_ONLY,
        Outage.LOCK_TIMEOUT: Reason.DATABASE_LOCKED,
        Outage.FULL: Reason.DATABASE_FULL,
        Outage.COLUMN_TOO_SHORT: Reason.DATABASE_COLUMN_TOO_SHORT,
        Outage.FOREIGN_KEY_GONE: Reason.DATABASE_REFERENCE_GONE,
    }
)


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


@dataclass(frozen=True)
class Observer:
    """Looks at what is there now; decides nothing."""

    inventory: Inventory
    cluster: Cluster
    database: Desk
    sealer: Sealer

    async def observe(self, setup: ReleaseSetup) -> Observed | InvalidSpec:
        """Return everything that a pass over `setup` looks at, or why its spec cannot be read.

        Raises:
            ClusterUnavailable: the API server gave no answer. A silent database is a value instead, since
                verification goes on without it.
        """
        read = _read(setup.spec)
        if isinstance(read, InvalidSpec):
            return read
        spec, members = read
        previous = Status.parse(setup.raw_status)
        recalled = self.database.recalled(spec.tenant_id, spec.owner)
        record, tenant, secrets = await asyncio.gather(
            self._recalled_or_read(recalled, setup, spec, previous),
            self._namespace_tenant(setup.key.namespace),
            self._secrets(setup, members),
        )
        return Observed(
            setup=setup,
            spec=spec,
            previous=previous,
            namespace_tenant=tenant,
            rivals=self.inventory.rivals(setup),
            holder=await self._holder(setup, record),
            record=record,
            declared=tuple(self._declared(setup, member, secrets) for member in members),
            secrets_watched=self.cluster.secret_watch.allowed,
            is_recalled=recalled is not None,
        )

    async def read(self, observed: Observed) -> Observed:
        """Return the same with what the database says now in the place of what it said before.

        Raises:
            ClusterUnavailable: the API server gave no answer.
        """
        record = await self._read_record(observed.setup, observed.spec, observed.previous)
        holder = await self._holder(observed.setup, record)
        return replace(observed, record=record, holder=holder, is_recalled=False)

    async def _recalled_or_read(
        self, recalled: TenantRecord | None, setup: ReleaseSetup, spec: Spec, previous: Status
    ) -> TenantRecord | DatabaseFault:
        return recalled or await self._read_record(setup, spec, previous)

    async def _read_record(
        self, setup: ReleaseSetup, spec: Spec, previous: Status
    ) -> TenantRecord | DatabaseFault:
        """Read what the next pass may be about to ask again only where this one will hardly change it."""
        is_settled = previous.committed_generation == setup.generation
        read = self.database.read_to_remember if is_settled else self.database.read_tenant
        try:
            return await read(spec.tenant_id, spec.owner)
        except DatabaseUnavailable as error:
            return database_fault(error)

    async def _namespace_tenant(self, namespace: str) -> str | None:
        if self.inventory.knows_namespace(namespace):
            return self.inventory.tenant_of(namespace)
        return await self.cluster.namespace_tenant(namespace)

    async def _holder(self, setup: ReleaseSetup, record: TenantRecord | DatabaseFault) -> Claim | None:
        """Return the claim of another resource that is still there to hold it.

        One that is about to give its rows up still is: whoever took its claim would leave behind what of
        them it has no use for.
        """
        claim = record.claim if isinstance(record, TenantRecord) else None
        if claim is None or claim.uid == setup.uid:
            return None
        if self.inventory.is_unreleased(claim.uid):
            return claim
        try:
            found = await self.cluster.read(Key(claim.namespace, claim.name))
        except ClusterUnavailable as error:
            if error.forbidden:
                return claim  # another installation's resource: what cannot be seen counts as there
            raise
        gone = (
            found is None or found.uid != claim.uid or (found.deleting and FINALIZER not in found.finalizers)
        )
        moved = found is not None and isinstance(found.spec, Spec) and found.tenant != setup.tenant
        return None if gone or moved else claim

    async def _secrets(
        self, setup: ReleaseSetup, members: tuple[Member, ...]
    ) -> Mapping[str, SecretContent | Absent]:
        names = sorted({member.secret_ref.name for member in members if isinstance(member, Declaration)})
        found = await asyncio.gather(*(self.cluster.secret(setup.key.namespace, name) for name in names))
        return dict(zip(names, found, strict=True))

    def _declared(
        self,
        setup: ReleaseSetup,
        member: Member,
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
        about = setup.uid.encode() + b"\0" + found.fingerprint_text()
        return Declared(
            kind,
            found,
            fingerprint=self.sealer.fingerprint(about),
            former_fingerprint=self.sealer.former_fingerprint(about),
            secret_version=secret.version,
            allowed_hosts=secret.allowed_hosts,
        )


def database_fault(error: DatabaseUnavailable) -> DatabaseFault:
    """Return an outage of the database as a value."""
    return DatabaseFault(_REASONS.get(error.reason, Reason.DATABASE_UNAVAILABLE), error.sentence)
