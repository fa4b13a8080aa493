"""What one pass looks at, as values: the resource, its Secrets, its tenant, and the rules in force."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from delivr_operator.outcome import IntegrationType, Rejected, Unknown
from delivr_operator.providers.declaration import Credential
from delivr_operator.resource import ReleaseSetup, Spec
from delivr_operator.rows import Claim, TenantRecord
from delivr_operator.status import Entry, Status
from delivr_operator.verification import Schedule, refresh


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that decisions depend on."""

    disabled: frozenset[IntegrationType] = frozenset()
    max_staleness: timedelta = timedelta(hours=24)
    heartbeat: timedelta = timedelta(hours=1)
    recheck: timedelta = timedelta(minutes=1)
    """How soon a cause that no watch can tell of (an owner's role, the database) is looked at again."""
    drift: timedelta = timedelta()
    """How often committed rows are looked at beside that; zero: only when something else is due."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One declared integration and what reading its Secret gave: something to prove, or why not."""

    type: IntegrationType
    found: Credential | Rejected | Unknown
    fingerprint: str | None = None
    former_fingerprint: str | None = None
    """The same of it under the previous key, while keys are being changed."""
    secret_version: str | None = None
    allowed_hosts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class DatabaseFault:
    """The database gave no answer; the words are the operator's own."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that one pass looks at, read once at its start."""

    setup: ReleaseSetup
    spec: Spec
    previous: Status
    namespace_tenant: str | None
    rivals: tuple[ReleaseSetup, ...]
    holder: Claim | None
    record: TenantRecord | DatabaseFault
    declared: tuple[Declared, ...]
    secrets_watched: bool = True
    is_recalled: bool = False
    """Whether `record` is what the database said before, which only the database can confirm."""

    @property
    def schedule(self) -> Schedule:
        """When this resource's integrations fall due."""
        return Schedule(self.setup.uid, self.spec.interval)

    @property
    def known(self) -> TenantRecord | None:
        """What the database said, if it said anything."""
        return self.record if isinstance(self.record, TenantRecord) else None

    def before(self, declared: Declared, now: datetime) -> Entry | None:
        """Return the newest that is known of one integration, from the status and its row.

        A verdict about the same thing under the previous key is a verdict about it under this one.
        """
        entry = self.previous.entry(declared.type)
        if entry and entry.fingerprint and entry.fingerprint == declared.former_fingerprint:
            entry = entry.model_copy(update={"fingerprint": declared.fingerprint})
        row = self.known.integrations.get(declared.type) if self.known else None
        if entry is None or row is None or not self.holds_claim:
            return entry
        return refresh(entry, row.status, row.last_verified_at, now)

    @property
    def holds_claim(self) -> bool:
        """Tell whether the tenant's rows come from this resource."""
        return bool(self.known and self.known.claim and self.known.claim.uid == self.setup.uid)
