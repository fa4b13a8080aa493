"""Re-seals the credentials in `tenant_integrations`, one tenant a transaction."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import bindparam, select, update

from delivr_operator.database import tables
from delivr_operator.database.connection import COMMIT, START, Trip, Wire, prepared
from delivr_operator.database.reading import LOCK_CLAIM, LOCK_INTEGRATIONS, UnreadableJson, read_json
from delivr_operator.resealing import Resealed, Rotation, Turn
from delivr_operator.sealing import Unopenable

_rows = tables.integrations.c
READ_TENANTS = prepared(select(_rows.tenantId).distinct().order_by(_rows.tenantId))
WRITE_CONFIG = prepared(update(tables.integrations).where(_rows.id == bindparam("of_id")), ["config"])


@dataclass(frozen=True, slots=True)
class RotatedRow:
    """One row after its turn."""

    tenant_id: str
    type: str
    result: Resealed


@dataclass(frozen=True, slots=True)
class Resealer:
    """Brings the rows of one tenant after another under the new key.

    Whatever breaks off leaves whole tenants done or not begun, so that a repeat goes on from there.
    """

    wire: Wire
    rotation: Rotation
    sealed_fields: Callable[[str], frozenset[str]]
    """The names of a type's fields that hold credentials."""

    def tenants(self) -> list[str]:
        """Return the tenants that have rows.

        Raises:
            DatabaseUnavailable: the database gave no answer.
        """
        return [str(row["tenantId"]) for row in self.wire.run(lambda trip: trip([READ_TENANTS.of()])[0])]

    def turn(self, tenant_id: str, *, dry: bool) -> list[RotatedRow]:
        """Re-seal one tenant's rows, all or none; with `dry`, only say what would become of them.

        The locks are those of a sync, in its order: a running operator and this one wait for each other.

        Raises:
            DatabaseUnavailable: it could not be done; nothing is written.
        """
        return self.wire.run(lambda trip: self._turn(trip, tenant_id, dry=dry))

    def _turn(self, trip: Trip, tenant_id: str, *, dry: bool) -> list[RotatedRow]:
        locks = [LOCK_CLAIM.of(tenant=tenant_id), LOCK_INTEGRATIONS.of(tenant=tenant_id)]
        _, stored = trip([START.of(), *locks])
        turned = {str(row["id"]): self._row(tenant_id, row) for row in stored}
        moved = {key: row for key, row in turned.items() if row.result.turn is Turn.MOVED}
        if moved and not dry:
            writes = [
                WRITE_CONFIG.of(of_id=key, config=json.dumps(row.result.config)) for key, row in moved.items()
            ]
            trip([*writes, COMMIT.of()])
        return list(turned.values())

    def _row(self, tenant_id: str, row: Mapping[str, str]) -> RotatedRow:
        kind = row["integrationType"]
        try:
            result = self.rotation.reseal(read_json(row["config"]), self.sealed_fields(kind))
        except UnreadableJson:
            result = Resealed(Turn.UNOPENABLE, why=Unopenable.NO_JSON)
        return RotatedRow(tenant_id, kind, result)
