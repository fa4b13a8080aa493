"""PURE: whether anything may be done for a resource: its tenant, its rivals, its owner."""

from delivr_operator.conditions import Finding, Progress
from delivr_operator.observed import Observed
from delivr_operator.reasons import Reason
from delivr_operator.resource import Key
from delivr_operator.rows import Permission


def refusal(observed: Observed) -> Finding | None:
    """Return why nothing may be done for this resource, or None; the first check that speaks decides."""
    checks = (_not_bound, _conflicting, _unknown_tenant, _not_owner)
    return next((finding for check in checks if (finding := check(observed)) is not None), None)


def stalled(reason: Reason, message: str) -> Finding:
    """Return a refusal that lasts until somebody changes something."""
    return Finding("False", reason, message, Progress.STALLED)


def _not_bound(observed: Observed) -> Finding | None:
    namespace, tenant = observed.setup.key.namespace, observed.spec.tenant_id
    if observed.namespace_tenant is None:
        return stalled(
            Reason.NAMESPACE_NOT_BOUND,
            f"Namespace {namespace} is bound to no tenant: the platform team has to set its annotation "
            f"release.delivr.live/tenant-id to {tenant}.",
        )
    if observed.namespace_tenant != tenant:
        return stalled(
            Reason.TENANT_MISMATCH,
            f"Namespace {namespace} is bound to another tenant than spec.tenantId names: move the resource "
            "to its tenant's namespace, or ask the platform team to mend the annotation "
            "release.delivr.live/tenant-id.",
        )
    return None


def _conflicting(observed: Observed) -> Finding | None:
    """The oldest wins, whether a watch shows it or only its claim on the tenant's rows."""
    others = [(rival.created_at, rival.uid, rival.key) for rival in observed.rivals]
    if (claim := observed.holder) is not None:
        others.append((claim.created_at, claim.uid, Key(claim.namespace, claim.name)))
    oldest = min(others, default=None)
    senior = oldest is not None and oldest[:2] < (observed.setup.created_at, observed.setup.uid)
    return conflict(oldest[2]) if oldest and senior else None


def conflict(winner: Key) -> Finding:
    """Return the refusal of a resource whose tenant belongs to an older one."""
    return stalled(
        Reason.TENANT_CONFLICT,
        f"ReleaseSetup {winner} was there first for this tenant: delete one of the two. "
        "This one takes over by itself when the other goes.",
    )


def _unknown_tenant(observed: Observed) -> Finding | None:
    if observed.known is None or observed.known.exists:
        return None
    return stalled(
        Reason.TENANT_NOT_FOUND,
        f"Delivr knows no tenant {observed.spec.tenant_id} (upper and lower case count): mend spec.tenantId.",
    )


def _not_owner(observed: Observed) -> Finding | None:
    if observed.known is None or observed.known.permission is Permission.OWNER:
        return None
    if observed.known.account_id is None:
        return stalled(
            Reason.OWNER_NOT_FOUND,
            "Delivr knows no account with the id or email in spec.owner: name an owner of the tenant.",
        )
    return stalled(
        Reason.NOT_OWNER,
        "The account in spec.owner is no Owner of this tenant: name an owner, or have that role given "
        "in Delivr.",
    )
