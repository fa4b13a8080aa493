"""EDGE: Delivr's database, as far as the operator may ask it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC
from typing import Self

from pydantic import SecretStr

from delivr_operator.database.connection import Trip, Wire, open_engine
from delivr_operator.database.openings import Openings
from delivr_operator.database.projecting import Projector
from delivr_operator.database.reading import READ_HELD, READ_SETTINGS, Whose, parse_settings, read_record
from delivr_operator.database.recollection import Recollection
from delivr_operator.database.releasing import forget_generation, release_rows
from delivr_operator.database.sync import SyncResult, sync_rows
from delivr_operator.resource import DeletionPolicy
from delivr_operator.rows import DesiredRows, SettingsRow, TenantRecord
from delivr_operator.sealing import Sealer


@dataclass(frozen=True, slots=True)
class Database:
    """The rows of every tenant. Calls block, and may come from as many threads as the pool is big."""

    wire: Wire
    sealer: Sealer
    projector: Projector | None = None
    """What shows the rows in Delivr's per-category tables too."""
    recollection: Recollection = field(default_factory=Recollection)

    @classmethod
    def connect(
        cls,
        url: SecretStr,
        sealer: Sealer,
        pool_size: int,
        category_sealer: Sealer | None = None,
        deadlocked: Callable[[], None] = lambda: None,
    ) -> Self:
        """Return a database that connects when it is first asked, and again whenever it has to.

        Args:
            url: where it is.
            sealer: for the plan's rows.
            pool_size: how many connections there may be.
            category_sealer: for the per-category tables, which are written only with it.
            deadlocked: is told of each transaction that is tried again after a deadlock.
        """
        projector = Projector(Openings(category_sealer)) if category_sealer else None
        return cls(Wire(open_engine(url, pool_size), deadlocked), sealer, projector)

    def close(self) -> None:
        """End every connection that is not in use."""
        self.wire.engine.dispose()

    def read_tenant(self, tenant_id: str, owner: str) -> TenantRecord:
        """Return everything that the database says of one tenant, and of `owner`'s part in it.

        Raises:
            DatabaseUnavailable: it gave no answer.
        """
        return self.wire.run(lambda trip: read_record(trip, Whose(tenant_id, owner)))

    def read_to_remember(self, tenant_id: str, owner: str) -> TenantRecord:
        """Return the same, and remember it for `recalled`; not where the rows are shown in other tables too.

        Raises:
            DatabaseUnavailable: it gave no answer.
        """
        if self.projector is not None:
            return self.read_tenant(tenant_id, owner)
        return self.wire.run(lambda trip: self.recollection.read(trip, Whose(tenant_id, owner)))

    def recalled(self, tenant_id: str, owner: str) -> TenantRecord | None:
        """Return what is remembered of one tenant; only `date` tells whether it is still so."""
        return self.recollection.record(Whose(tenant_id, owner))

    def remembers(self, tenant_id: str) -> bool:
        """Tell whether `date` may have anything to do; asks nobody."""
        return self.recollection.knows(tenant_id)

    def date(self, desired: DesiredRows) -> bool:
        """Date the proofs in one statement; True only where then the tenant's rows read as `desired`.

        That takes that times of proof are all that differs, and that everything else that was remembered of
        the tenant still stands as it did. Else nothing is written, and nothing is remembered any more.

        Raises:
            DatabaseUnavailable: it could not be done; nothing is written.
        """
        rows = _whole_seconds(desired)
        return self.wire.run(lambda trip: self.recollection.date(trip, rows, self.sealer))

    def setup_status(self, tenant_id: str) -> SettingsRow | None:
        """Return the plan's getSetupStatus; None where there is no row, which means all false.

        Raises:
            DatabaseUnavailable: it gave no answer.
        """
        return self.wire.run(lambda trip: _settings_row(trip, tenant_id))

    def tenants_of(self, uid: str) -> tuple[str, ...]:
        """Return the tenants whose rows come from one resource, by the claims alone.

        Raises:
            DatabaseUnavailable: it gave no answer.
        """
        (found,) = self.wire.run(lambda trip: trip([READ_HELD.of(uid=uid)]))
        return tuple(row["tenantId"] for row in found)

    def sync(self, desired: DesiredRows, *, may_replace: frozenset[str] = frozenset()) -> SyncResult:
        """Make the tenant's rows read as `desired`, all or nothing, writing only what differs.

        Args:
            desired: how the rows should read; credentials are sealed on the way.
            may_replace: uids of resources whose claim on this tenant is known to be void.

        Raises:
            StaleGeneration: a later generation of this resource was here already; nothing is written.
            ClaimedByAnother: the rows are another resource's; nothing is written.
            DatabaseUnavailable: it could not be done; nothing is written.
        """
        rows = _whole_seconds(desired)
        self.recollection.forget(desired.tenant_id)
        return self.wire.run(lambda trip: sync_rows(trip, rows, may_replace, self.sealer, self.projector))

    def release(self, tenant_id: str, uid: str, policy: DeletionPolicy) -> bool:
        """Give up the tenant's rows as `policy` says; False where they were not this resource's (any more).

        Raises:
            DatabaseUnavailable: it could not be done; everything stands as it stood.
        """
        self.recollection.forget(tenant_id)
        return self.wire.run(lambda trip: release_rows(trip, tenant_id, uid, policy, self.projector))

    def forget_generation(self, tenant_id: str, uid: str, generation: int) -> None:
        """Have the claim name no generation, where it names this one, which its resource never had.

        Raises:
            DatabaseUnavailable: it could not be done; everything stands as it stood.
        """
        self.recollection.forget(tenant_id)
        self.wire.run(lambda trip: forget_generation(trip, tenant_id, uid, generation))


def read_settings_row(url: SecretStr, tenant_id: str) -> SettingsRow | None:
    """Return what getSetupStatus reads, over a connection of its own and without any key.

    Raises:
        DatabaseUnavailable: the database gave no answer.
    """
    engine = open_engine(url, pool_size=1)
    try:
        return Wire(engine).run(lambda trip: _settings_row(trip, tenant_id))
    finally:
        engine.dispose()


def _settings_row(trip: Trip, tenant_id: str) -> SettingsRow | None:
    (found,) = trip([READ_SETTINGS.of(tenant=tenant_id)])
    return parse_settings(found[0]) if found else None


def _whole_seconds(desired: DesiredRows) -> DesiredRows:
    """Cut the claim's time as the column does, so that equal claims are equal."""
    created_at = desired.claim.created_at.astimezone(UTC).replace(microsecond=0)
    return replace(desired, claim=replace(desired.claim, created_at=created_at))
