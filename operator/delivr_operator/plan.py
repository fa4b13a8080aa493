"""PURE: which integrations to prove now, and what is known and how the rows should read after it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from delivr_operator.admission import refusal
from delivr_operator.conditions import STORES, Finding, complete, steps
from delivr_operator.observed import Declared, Observed, Rules
from delivr_operator.outcome import Doubt, IntegrationType, Outcome, Rejected, Unknown
from delivr_operator.providers import provider_of_type
from delivr_operator.providers.declaration import Credential
from delivr_operator.reasons import Reason, sentence
from delivr_operator.resource import DeletionPolicy
from delivr_operator.rows import Claim, DesiredIntegration, DesiredRows, SettingsRow, TenantRecord
from delivr_operator.status import Entry
from delivr_operator.verification import Proof, advance, changed, is_due


def choose(observed: Observed, rules: Rules, now: datetime) -> tuple[Declared, ...]:
    """Return the integrations to prove now: new spec or Secret, due, or asked for."""
    return tuple(
        declared
        for declared in observed.declared
        if isinstance(declared.found, Credential)
        and declared.type not in rules.disabled
        and _to_prove(observed, declared, now)
    )


def _to_prove(observed: Observed, declared: Declared, now: datetime) -> bool:
    entry = observed.before(declared, now)
    if (
        entry is None
        or changed(entry, declared.fingerprint)
        or entry.secret_version != declared.secret_version
    ):
        return True
    asked = is_asked_for(observed, declared.type) and _pause(entry, now) is None
    return asked or entry.reason == Reason.DISABLED or is_due(entry, observed.schedule, now)


def _pause(entry: Entry, now: datetime) -> timedelta | None:
    limited = entry.reason == Doubt.RATE_LIMITED and entry.retry_at is not None and now < entry.retry_at
    return entry.retry_at - now if limited and entry.retry_at else None


def pauses(observed: Observed, now: datetime) -> Iterator[tuple[Credential, timedelta]]:
    """Yield the credentials that their provider wants left alone, and for how long still.

    The status remembers it for everybody who shares the credential: an operator that has just started
    knows of no pause otherwise.
    """
    for declared in observed.declared:
        entry = observed.before(declared, now)
        if not isinstance(declared.found, Credential) or changed(entry, declared.fingerprint) or not entry:
            continue
        if (pause := _pause(entry, now)) is not None:
            yield declared.found, pause


def is_asked_for(observed: Observed, kind: IntegrationType) -> bool:
    """Read `<anything>` as all types and `<anything>/TYPE` as one; an answered request is no request."""
    asked = observed.setup.requested_at
    if asked is None or asked == observed.previous.last_handled_reconcile_at:
        return False
    _, _, only = asked.rpartition("/")
    return only not in set(IntegrationType) or only == kind


def is_to_be_held(observed: Observed) -> bool | None:
    """Tell whether the finalizer is to stand; None: as it is. What the proofs come to is no part of that.

    It stands before the first row does, and only while there may be rows to delete.
    """
    if observed.known is None:
        return None
    deletes = observed.spec.deletion_policy is DeletionPolicy.DELETE
    if observed.holds_claim:
        return deletes
    if refusal(observed) is not None or observed.spec.suspend:
        return False
    return deletes if _worth_a_row(observed, observed.known) else None


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from one pass before anything was written."""

    entries: tuple[Entry, ...]
    refusal: Finding | None
    rows: DesiredRows | None
    completed_at: datetime | None


def decide(
    observed: Observed, rules: Rules, outcomes: Mapping[IntegrationType, Outcome], now: datetime
) -> Decision:
    """Return what is known of each integration now, and how the rows should read."""
    refused = refusal(observed)
    entries = tuple(_entry(observed, rules, declared, outcomes, now) for declared in observed.declared)
    done = complete(steps(observed.spec.targets, entries))
    record = observed.known if refused is None and not observed.spec.suspend else None
    completed_at = (_completed_before(observed, record) or now) if done else None
    rows = _rows(observed, record, entries, completed_at) if record else None
    return Decision(entries, refused, rows, completed_at)


def _entry(
    observed: Observed,
    rules: Rules,
    declared: Declared,
    outcomes: Mapping[IntegrationType, Outcome],
    now: datetime,
) -> Entry:
    kind, before = declared.type, observed.before(declared, now)
    if kind in rules.disabled:
        entry = before or Entry(type=kind, reason="", message="")
        return entry.model_copy(
            update={
                "reason": Reason.DISABLED.value,
                "message": sentence(kind, Reason.DISABLED),
                "retry_at": None,
            }
        )
    local = declared.found if isinstance(declared.found, Rejected | Unknown) else None
    outcome = local or outcomes.get(kind)
    if outcome is None:
        return before or Entry(
            type=kind,
            reason=Reason.VERIFICATION_PENDING.value,
            message=sentence(kind, Reason.VERIFICATION_PENDING),
        )
    provider = provider_of_type(kind)
    proof = Proof(
        outcome,
        declared.fingerprint,
        declared.secret_version,
        local=local is not None,
        certain=provider.local,
        notices=provider.notices,
    )
    return advance(kind, before, proof, observed.schedule, now)


def _completed_before(observed: Observed, record: TenantRecord | None) -> datetime | None:
    """Trust the status where the rows are this resource's: those may have been edited by hand.

    A resource that has no rows yet takes over what was completed before it.
    """
    if record is None or (observed.holds_claim and observed.previous.completed_at):
        return observed.previous.completed_at
    settings = record.settings
    return settings.completed_at if settings and settings.setup_complete else None


def _rows(
    observed: Observed, record: TenantRecord, entries: tuple[Entry, ...], completed_at: datetime | None
) -> DesiredRows:
    types = _types(observed, record)
    required = {IntegrationType.GITHUB, *(STORES[target] for target in observed.spec.targets)}
    owner = record.account_id or ""
    integrations = []
    for declared, entry in zip(observed.declared, entries, strict=True):
        if declared.type not in types:
            continue
        config = declared.found.row_config() if isinstance(declared.found, Credential) else None
        integrations.append(
            DesiredIntegration(
                type=declared.type,
                enabled=entry.reason != Reason.DISABLED,
                required=declared.type in required,
                config=config,
                configured_by=owner,
                last_verified_at=entry.last_verified_at,
                status=entry.verification_status,
            )
        )
    settings = _settings(observed, record, entries, completed_at)
    gone = _claimed(observed, record) - {declared.type for declared in observed.declared}
    deletes = observed.spec.deletion_policy is DeletionPolicy.DELETE
    return DesiredRows(
        tenant_id=observed.spec.tenant_id,
        claim=_claim(observed, types),
        settings=settings if _worth_a_row(observed, record) else None,
        integrations=tuple(integrations),
        removed=gone if deletes else frozenset(),
        disabled=frozenset() if deletes else gone,
    )


def _claimed(observed: Observed, record: TenantRecord) -> frozenset[IntegrationType]:
    return record.claim.types if record.claim and observed.holds_claim else frozenset()


def _types(observed: Observed, record: TenantRecord) -> frozenset[IntegrationType]:
    """Return whose rows to write; of others there is nothing to say, and what stands is somebody else's."""
    claimed = _claimed(observed, record)
    return frozenset(
        declared.type
        for declared in observed.declared
        if isinstance(declared.found, Credential) or declared.type in claimed
    )


def _worth_a_row(observed: Observed, record: TenantRecord) -> bool:
    return bool(_types(observed, record) or record.settings or observed.spec.targets)


def _claim(observed: Observed, types: frozenset[IntegrationType]) -> Claim:
    setup = observed.setup
    return Claim(setup.uid, setup.key.namespace, setup.key.name, setup.created_at, setup.generation, types)


def _settings(
    observed: Observed, record: TenantRecord, entries: tuple[Entry, ...], completed_at: datetime | None
) -> SettingsRow:
    stands = record.settings
    held = stands is not None and (stands.setup_complete or stands.completed_by is not None)
    by = stands.completed_by if stands and held else record.account_id
    return SettingsRow(
        steps=steps(observed.spec.targets, entries),
        setup_complete=completed_at is not None,
        completed_at=completed_at,
        completed_by=by if completed_at else None,
        targets=observed.spec.targets,
        platforms=observed.spec.platforms,
    )
