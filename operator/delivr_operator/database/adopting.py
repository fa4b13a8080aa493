"""Reads what `export` needs of one tenant: its rows, and the accounts that may own them."""

from collections.abc import Sequence

from pydantic import SecretStr
from sqlalchemy import bindparam, literal_column, select

from delivr_operator.database import tables
from delivr_operator.database.connection import Row, Trip, Wire, open_engine, prepared
from delivr_operator.database.reading import Whose, read_record
from delivr_operator.rows import Permission, TenantRecord

_accounts, _members = tables.accounts.c, tables.collaborators.c
READ_OWNERS = prepared(
    select(_accounts.id, _accounts.email, _members.tenantId)
    .join_from(tables.collaborators, tables.accounts, _members.accountId == _accounts.id)
    .where(_members.tenantId == bindparam("tenant"), _members.appId.is_(None))
    .where(_members.permission == literal_column(f"'{Permission.OWNER}'"))
    .order_by(_members.tenantId, _accounts.id)
)


def read_adoptable(url: SecretStr, tenant_id: str) -> tuple[TenantRecord, tuple[tuple[str, str], ...]]:
    """Return one tenant's record and the ids and emails of its Owners.

    Raises:
        DatabaseUnavailable: the database gave no answer.
    """
    engine = open_engine(url, pool_size=1)
    try:
        return Wire(engine).run(lambda trip: _read(trip, tenant_id))
    finally:
        engine.dispose()


def _read(trip: Trip, tenant_id: str) -> tuple[TenantRecord, tuple[tuple[str, str], ...]]:
    (owners,) = trip([READ_OWNERS.of(tenant=tenant_id)])
    return read_record(trip, Whose(tenant_id, owner="")), _of_tenant(owners, tenant_id)


def _of_tenant(owners: Sequence[Row], tenant_id: str) -> tuple[tuple[str, str], ...]:
    """Keep this very tenant's; a person may have several rows."""
    found = {str(row["id"]): str(row["email"] or "") for row in owners if row["tenantId"] == tenant_id}
    return tuple(found.items())
