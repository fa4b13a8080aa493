"""PURE: the whole status after a pass, whether it is worth writing, its events, and the next pass."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from delivr_operator.admission import stalled
from delivr_operator.conditions import COMPLETED, Facts, Finding, Progress, assess, complete, steps
from delivr_operator.observed import DatabaseFault, Observed, Rules
from delivr_operator.outcome import Caveat, IntegrationType, VerificationStatus
from delivr_operator.plan import Decision
from delivr_operator.providers.declaration import Credential
from delivr_operator.reasons import TITLES, Reason
from delivr_operator.resource import InvalidSpec, ReleaseSetup, Steps
from delivr_operator.rows import SettingsRow
from delivr_operator.status import Condition, Entry, Status
from delivr_operator.verification import due_at


@dataclass(frozen=True, slots=True)
class Committed:
    """The rows say what the resource says.

    Attributes:
        resealed: whose stored credentials no key opened, so that they were sealed anew from the Secrets.
        missing_tables: tables of the projection that are not there, or cannot hold what is to be said.
    """

    resealed: frozenset[IntegrationType] = frozenset()
    missing_tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Withheld:
    """Nothing was to be written: the resource is refused or suspended."""


COMMITTED = "Delivr's tables say what this resource says."
UNSHOWN = " Not shown in tables that are missing or have another shape"

Synced = Committed | Withheld | DatabaseFault | Finding
"""What became of the rows; a Finding is a refusal that only the database could know of."""


def conclude(
    observed: Observed,
    rules: Rules,
    decision: Decision,
    synced: Synced,
    now: datetime,
) -> Status:
    """Return the whole status after the rows were, or were not, written."""
    refused = synced if isinstance(synced, Finding) else decision.refusal
    done = steps(observed.spec.targets, decision.entries)
    generation = observed.setup.generation
    committed = isinstance(synced, Committed) or _stood_before(observed, decision.entries)
    facts = Facts(
        generation=generation,
        now=now,
        max_staleness=rules.max_staleness,
        targets=observed.spec.targets,
        entries=decision.entries,
        refusal=refused,
        synced=_synced(refused, synced, suspended=observed.spec.suspend)
        or _rows_say(observed, decision, synced),
        committed=committed and not isinstance(synced, Withheld),
        secrets_watched=observed.secrets_watched,
    )
    conditions = assess(facts, observed.previous.conditions)
    return Status(
        observed_generation=generation,
        committed_generation=generation if committed else None,
        setup_complete=complete(done),
        completed_at=decision.completed_at,
        message=COMPLETED if conditions[0].status == "True" else conditions[0].message,
        steps=done,
        integrations=decision.entries,
        conditions=conditions,
        last_verified_at=_last_verified_at(decision.entries),
        next_expiry_at=min((e.expires_at for e in decision.entries if e.expires_at), default=None),
        last_handled_reconcile_at=observed.setup.requested_at,
    )


def unreadable(setup: ReleaseSetup, spec: InvalidSpec, now: datetime) -> Status:
    """Return the status of a resource whose spec cannot be read; what was known stays beside it."""
    message = f"The spec cannot be read; mend these fields: {'; '.join(spec.problems)}"
    return _set_aside(setup, stalled(Reason.INVALID_SPEC, message), now)


def departing(setup: ReleaseSetup, fault: DatabaseFault, now: datetime) -> Status:
    """Return the status of a resource that cannot go yet because its rows cannot."""
    message = (
        f"Being deleted; its rows are still in the database. {fault.message} "
        "To let the resource go without them, remove the finalizer release.delivr.live/rows from it."
    )
    return _set_aside(setup, Finding("False", Reason.DELETING, message, Progress.RECONCILING), now)


def _set_aside(setup: ReleaseSetup, finding: Finding, now: datetime) -> Status:
    previous = Status.parse(setup.raw_status)
    facts = Facts(
        generation=setup.generation,
        now=now,
        max_staleness=timedelta.max,
        targets=(),
        entries=previous.integrations,
        refusal=finding,
        synced=Finding("False", finding.reason, finding.message),
        committed=False,
    )
    return previous.model_copy(
        update={
            "observed_generation": setup.generation,
            "message": finding.message,
            "conditions": assess(facts, previous.conditions),
        }
    )


def setup_status(row: SettingsRow | None) -> dict[str, object]:
    """Return the plan's getSetupStatus; a missing row means all false."""
    done = row.steps if row else Steps()
    return {"setupComplete": row is not None and row.setup_complete, "steps": done.model_dump(by_alias=True)}


def _stood_before(observed: Observed, entries: tuple[Entry, ...]) -> bool:
    """Tell whether the rows, as last committed, would say the same now, so that an outage changes nothing."""
    previous = observed.previous
    same = previous.committed_generation == observed.setup.generation
    return same and _in_row(previous.integrations) == _in_row(entries)


def _in_row(entries: tuple[Entry, ...]) -> dict[IntegrationType, tuple[object, ...]]:
    """Return what a row says of each integration, less the time of its proof."""
    return {e.type: (e.verification_status, e.fingerprint, e.reason == Reason.DISABLED) for e in entries}


def _synced(refused: Finding | None, synced: Synced, *, suspended: bool) -> Finding | None:
    """Return why the rows may not say what the resource says, if anything stands in the way."""
    if refused is not None:
        return Finding("False", refused.reason, "Nothing is written for this resource: see Ready.")
    if suspended:
        message = "Suspended: nothing is written to the database until spec.suspend is false."
        return Finding("False", Reason.SUSPENDED, message)
    if isinstance(synced, DatabaseFault):
        return Finding("False", synced.reason, synced.message, Progress.RECONCILING)
    return None


def _rows_say(observed: Observed, decision: Decision, synced: Synced) -> Finding:
    """Say that the rows are right; what was said of their sealing stands until something is proved anew."""
    said, resealed, unshown = observed.previous.condition("Synced"), frozenset[IntegrationType](), ""
    if isinstance(synced, Committed):
        resealed, unshown = synced.resealed, _unshown(synced.missing_tables)
    newest = _last_verified_at(decision.entries)
    stands = said is not None and said.reason == Reason.ROWS_COMMITTED
    if said is not None and stands and not resealed and newest == observed.previous.last_verified_at:
        return Finding("True", Reason.ROWS_COMMITTED, said.message.partition(UNSHOWN)[0] + unshown)
    return Finding("True", Reason.ROWS_COMMITTED, " ".join([COMMITTED, *_resealed(resealed)]) + unshown)


def _unshown(tables: tuple[str, ...]) -> str:
    return f"{UNSHOWN}: {', '.join(tables)}." if tables else ""


def _last_verified_at(entries: tuple[Entry, ...]) -> datetime | None:
    return max((e.last_verified_at for e in entries if e.last_verified_at), default=None)


def _resealed(types: frozenset[IntegrationType]) -> Iterator[str]:
    if types:
        names = " and ".join(TITLES[kind] for kind in sorted(types))
        yield (
            f"The stored credentials of {names} did not open with the operator's keys and were sealed anew "
            "from the Secrets: if Delivr wrote them, the platform team should check that "
            "INTEGRATION_ENCRYPTION_KEY is Delivr's."
        )


def worth_writing(previous: Status, status: Status, rules: Rules, *, in_rows: bool) -> bool:
    """Tell whether `status` says anything that `previous` did not.

    Newer times of the same proofs stand in the rows; they are written here once a heartbeat, or always
    where the rows do not carry them.
    """
    if _timeless(previous) != _timeless(status):
        return True
    if previous == status:
        return False
    if not in_rows:
        return True
    before, after = previous.last_verified_at, status.last_verified_at
    return bool(rules.heartbeat and before and after and after - before >= rules.heartbeat)


def _timeless(status: Status) -> Status:
    entries = tuple(entry.model_copy(update={"last_verified_at": None}) for entry in status.integrations)
    return status.model_copy(update={"integrations": entries, "last_verified_at": None})


def next_pass(
    observed: Observed, decision: Decision, rules: Rules, synced: Synced, now: datetime
) -> datetime:
    """Return when to look again without any trigger."""
    if decision.refusal is not None or isinstance(synced, DatabaseFault | Finding):
        return now + rules.recheck
    times = [observed.schedule.next_tick(now)]
    if rules.drift and isinstance(synced, Committed):
        times.append(now + rules.drift)
    for declared, entry in zip(observed.declared, decision.entries, strict=True):
        if entry.reason == Reason.DISABLED:
            continue
        provable = isinstance(declared.found, Credential)
        times.append(due_at(entry, observed.schedule) if provable else now + rules.recheck)
        times.extend(goes_stale(entry, rules, now))
    return max(min(times), now + timedelta(seconds=1))


def goes_stale(entry: Entry, rules: Rules, now: datetime) -> Iterator[datetime]:
    """Yield when a proof will be too old to stand for the present, if that is still to come."""
    if entry.verification_status is VerificationStatus.VALID and entry.last_verified_at:
        moment = entry.last_verified_at + rules.max_staleness + timedelta(seconds=1)
        yield from [moment] if moment > now else []


@dataclass(frozen=True, slots=True)
class Transition:
    """One event for people: something is different from before."""

    normal: bool
    reason: str
    message: str


def transitions(previous: Status, status: Status) -> tuple[Transition, ...]:
    """Return the events of this pass: flips of Ready and of integrations, and ends that come near.

    Each trouble is an event of its own. What came out well is told with what Ready comes to, which says by
    itself that all did; where Ready stands as it was, all of it is one event.
    """
    well: list[Entry] = []
    found: list[Transition] = []
    for entry in status.integrations:
        before = previous.entry(entry.type) or Entry(type=entry.type, reason="", message="")
        flipped = before.verification_status is not entry.verification_status
        if flipped and entry.reason == Reason.VERIFIED:
            well.append(entry)
        elif flipped:
            valid = entry.verification_status is VerificationStatus.VALID
            found.append(Transition(valid, entry.reason, entry.message))
        if entry.expires_within_days not in (None, before.expires_within_days):
            found.append(Transition(normal=False, reason=Caveat.EXPIRES_SOON, message=entry.message))
    ready, was = status.condition("Ready"), previous.condition("Ready")
    if ready and (was is None or _differs(was, ready)):
        is_ready = ready.status == "True"
        said = ready.message if is_ready else " ".join([*_verified(well), ready.message])
        found.append(Transition(is_ready, ready.reason, said))
    else:
        found.extend(Transition(normal=True, reason=Reason.VERIFIED, message=one) for one in _verified(well))
    return tuple(found)


def _verified(entries: list[Entry]) -> Iterator[str]:
    if entries:
        names = ", ".join(TITLES[entry.type] for entry in entries)
        yield f"{names} {'is' if len(entries) == 1 else 'are'} verified."


def _differs(was: Condition, ready: Condition) -> bool:
    return (was.status, was.reason) != (ready.status, ready.reason)
