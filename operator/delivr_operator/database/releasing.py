"""Gives up what is one resource's by its claim: its rows when it goes, or a generation that it never had."""

from sqlalchemy import BindParameter, bindparam, delete, update

from delivr_operator.database import tables
from delivr_operator.database.connection import COMMIT, START, Trip, prepared
from delivr_operator.database.projecting import Projector
from delivr_operator.database.reading import LOCK_CLAIM, parse_claim
from delivr_operator.database.sync import DELETE_INTEGRATIONS, at
from delivr_operator.resource import DeletionPolicy

_AT_TENANT: BindParameter[str] = bindparam("at_tenant")
DELETE_SETTINGS = prepared(delete(tables.settings).where(tables.settings.c.tenantId == _AT_TENANT))
DELETE_CLAIM = prepared(delete(tables.claims).where(tables.claims.c.tenantId == _AT_TENANT))
FORGET_GENERATION = prepared(
    update(tables.claims).where(
        tables.claims.c.tenantId == _AT_TENANT,
        tables.claims.c.resourceUid == bindparam("of_uid"),
        tables.claims.c.generation == bindparam("at_generation"),
    ),
    ["generation"],
)


def release_rows(
    trip: Trip, tenant_id: str, uid: str, policy: DeletionPolicy, projector: Projector | None = None
) -> bool:
    """Give up the tenant's rows if they are this resource's; tell whether they were.

    Delete removes the settings row and the integrations that the claim lists, and no others.
    """
    (found,) = trip([START.of(), LOCK_CLAIM.of(tenant=tenant_id)])
    claim = parse_claim(found[0]) if found else None
    if claim is None or claim.uid != uid:
        return False
    writes = [DELETE_CLAIM.of(at_tenant=tenant_id)]
    if policy is DeletionPolicy.DELETE:
        writes += [
            DELETE_INTEGRATIONS.of(**at(tenant_id, claim.types)),
            DELETE_SETTINGS.of(at_tenant=tenant_id),
        ]
        writes += projector.release(trip, tenant_id) if projector else ()
    trip([*writes, COMMIT.of()])
    return True


def forget_generation(trip: Trip, tenant_id: str, uid: str, generation: int) -> None:
    """Have the claim name no generation any more, if it still names this one of this resource."""
    forget = FORGET_GENERATION.of(generation=0, at_tenant=tenant_id, of_uid=uid, at_generation=generation)
    trip([START.of(), forget, COMMIT.of()])
