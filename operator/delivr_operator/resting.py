"""PURE: whether a resource that a start has just shown may be left alone, and until when.

A pass reads Secrets and rows only to find, of ten thousand, that nothing is to be done. Whatever is not
clearly at rest by its own status gets that pass.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from delivr_operator.conditions import is_stale
from delivr_operator.observed import Rules
from delivr_operator.outcome import VerificationStatus
from delivr_operator.providers.declaration import Declaration, declarations
from delivr_operator.reasons import Reason
from delivr_operator.report import goes_stale
from delivr_operator.resource import FINALIZER, DeletionPolicy, ReleaseSetup, Spec
from delivr_operator.status import Entry, Status
from delivr_operator.verification import Schedule, due_at


@dataclass(frozen=True, slots=True)
class Rest:
    """Until when a resource may be left alone, if its surroundings are still as its status knows them."""

    until: datetime
    tenant: str
    """The tenant that its namespace has to be bound to."""
    secrets: Mapping[str, str]
    """By the name of a Secret of its namespace, the version that the verdicts are about."""


def rest_of(setup: ReleaseSetup, status: Status, rules: Rules, now: datetime) -> Rest | None:
    """Return the rest of a resource for which a pass has nothing to do; None where it may have."""
    spec = setup.spec
    if not isinstance(spec, Spec) or not (_answered(setup, status) and _committed(setup, spec, status)):
        return None
    secrets = _secrets(spec, status)
    enabled = [entry for entry in status.integrations if entry.type not in rules.disabled]
    if secrets is None or not all(_sound(entry, rules, now) for entry in status.integrations):
        return None
    schedule = Schedule(setup.uid, spec.interval)
    times = [schedule.next_tick(now), *(due_at(entry, schedule) for entry in enabled)]
    times.extend(moment for entry in enabled for moment in goes_stale(entry, rules, now))
    if rules.drift:
        times.append(Schedule(setup.uid, rules.drift).next_tick(now))
    until = min(times)
    return Rest(until, spec.tenant_id, secrets) if until > now else None


def _answered(setup: ReleaseSetup, status: Status) -> bool:
    """Tell whether the status is about all that the resource says now."""
    generations = {condition.observed_generation for condition in status.conditions}
    return (
        not setup.deleting
        and status.observed_generation == status.committed_generation == setup.generation
        and generations == {setup.generation}
        and status.last_handled_reconcile_at == setup.requested_at
    )


def _committed(setup: ReleaseSetup, spec: Spec, status: Status) -> bool:
    """Tell whether the last pass left rows, finalizer and conditions as a further one would."""
    synced, deletes = status.condition("Synced"), spec.deletion_policy is DeletionPolicy.DELETE
    return (
        synced is not None
        and (synced.status, synced.reason) == ("True", Reason.ROWS_COMMITTED)
        and status.condition("Ready") is not None
        and status.condition("Reconciling") is None
        and status.condition("SecretsWatched") is None
        and (FINALIZER in setup.finalizers) is deletes
    )


def _sound(entry: Entry, rules: Rules, now: datetime) -> bool:
    """Tell whether nothing is to be asked, retried, confirmed or said of an integration."""
    if entry.type in rules.disabled:
        return entry.reason == Reason.DISABLED
    return (
        entry.verification_status is VerificationStatus.VALID
        and entry.reason == Reason.VERIFIED
        and entry.fingerprint is not None
        and entry.retry_at is None
        and entry.refused_at is None
        and entry.failures is None
        and not is_stale(entry, now, rules.max_staleness)
    )


def _secrets(spec: Spec, status: Status) -> Mapping[str, str] | None:
    """Return the Secrets that the verdicts are about; None where these are not about all that is declared."""
    members = declarations(spec)
    if [member.type for member in members] != [entry.type for entry in status.integrations]:
        return None
    found: dict[str, str] = {}
    for member, entry in zip(members, status.integrations, strict=True):
        version = entry.secret_version
        if not isinstance(member, Declaration) or version is None:
            return None
        if found.setdefault(member.secret_ref.name, version) != version:
            return None
    return found
