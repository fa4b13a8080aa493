"""PURE: how the entry of one integration moves with each outcome, and when it is due again."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from delivr_operator.outcome import (
    Caveat,
    Expired,
    IntegrationType,
    Outcome,
    Rejected,
    Rejection,
    Unknown,
    VerificationStatus,
    Verified,
)
from delivr_operator.reasons import Reason, explain, sentence
from delivr_operator.status import Entry

CONFIRMATION = timedelta(minutes=1)
"""A VALID integration becomes INVALID only by two refusals at least this far apart, if anybody was asked."""
REFUSED_PAUSE = timedelta(hours=6)
"""Asking again with a refused credential locks accounts at some vendors; a new Secret ends the pause."""
FIRST_RETRY = timedelta(minutes=1)
LAST_RETRY = timedelta(hours=1)
EXPIRY_NOTICES = (timedelta(days=14),)
"""How long before its end a credential is said to expire soon, where its type says nothing else."""

_WITHOUT_NEW_SECRET = frozenset(
    {
        Rejection.INSUFFICIENT_PERMISSION,
        Rejection.TARGET_NOT_FOUND,
        Rejection.TARGET_DISABLED,
        Rejection.SSO_REQUIRED,
        Rejection.AGREEMENT_REQUIRED,
        Rejection.API_DISABLED,
        Rejection.HOST_NOT_ALLOWED,
    }
)
"""Refusals that are mended elsewhere and send no bad credential: asking at every interval makes sense."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When one resource's periodic verification falls due: at fixed ticks, spread by its uid."""

    uid: str
    interval: timedelta

    def next_tick(self, after: datetime) -> datetime:
        """Return the first tick later than `after`."""
        step = int(self.interval.total_seconds())
        phase = int.from_bytes(hashlib.sha256(self.uid.encode()).digest()[:8]) % step
        passed = int(after.timestamp()) - phase
        return datetime.fromtimestamp((passed // step + 1) * step + phase, UTC)

    def backoff(self, failures: int) -> timedelta:
        """Return the pause after that many failures in a row: doubling, capped, spread by the uid."""
        full = min(FIRST_RETRY * 2 ** min(failures - 1, 10), LAST_RETRY)
        spread = hashlib.sha256(f"{self.uid}/{failures}".encode()).digest()[0] / 255
        return max(FIRST_RETRY, timedelta(seconds=int(full.total_seconds() * (0.5 + spread / 2))))


@dataclass(frozen=True, slots=True)
class Proof:
    """An outcome and what it is about.

    Attributes:
        local: there was nothing to ask with; nothing was proved.
        certain: it follows from what is declared alone, so that a "no" needs no second one.
        notices: how long before the end to say that it comes.
    """

    outcome: Outcome
    fingerprint: str | None
    secret_version: str | None
    local: bool = False
    certain: bool = False
    notices: tuple[timedelta, ...] = EXPIRY_NOTICES


def is_due(entry: Entry, schedule: Schedule, now: datetime) -> bool:
    """Tell whether an unchanged integration has to be proved again."""
    return due_at(entry, schedule) <= now


def due_at(entry: Entry, schedule: Schedule) -> datetime:
    """Return when an unchanged integration has to be proved again; the past where it never was."""
    if entry.retry_at is not None:
        return entry.retry_at
    if entry.last_verified_at is None:
        return datetime.fromtimestamp(0, UTC)
    tick = schedule.next_tick(entry.last_verified_at)
    ahead = entry.expires_at is not None and entry.last_verified_at < entry.expires_at < tick
    return entry.expires_at if ahead and entry.expires_at else tick


def changed(entry: Entry | None, fingerprint: str | None) -> bool:
    """Tell whether the verdict in `entry` is about another config or credential."""
    return entry is None or entry.fingerprint != fingerprint


def advance(
    kind: IntegrationType, before: Entry | None, proof: Proof, schedule: Schedule, now: datetime
) -> Entry:
    """Return the entry after one outcome."""
    about_another = changed(before, proof.fingerprint) and proof.fingerprint is not None
    anew = before is None or about_another or _is_asked_at_last(before, proof)
    entry = Entry(type=kind, reason="", message="") if before is None or anew else before
    entry = entry.model_copy(
        update={
            "fingerprint": proof.fingerprint or entry.fingerprint,
            "secret_version": proof.secret_version,
        }
    )
    match proof.outcome:
        case Verified() as outcome:
            return _verified(entry, outcome, proof.notices, now)
        case Unknown() as outcome:
            return _unknown(entry, outcome, proof.local, schedule, now)
        case Rejected() as outcome if proof.local:
            return _locally_refused(entry, outcome)
        case Rejected() as outcome if proof.certain:
            return _lost(entry, outcome, VerificationStatus.INVALID, None, now)
        case Rejected() as outcome:
            return _rejected(entry, outcome, schedule, now)
        case Expired() as outcome:
            retry_at = None if proof.certain else now + REFUSED_PAUSE
            return _lost(entry, outcome, VerificationStatus.EXPIRED, retry_at, now)


def _is_asked_at_last(before: Entry, proof: Proof) -> bool:
    """Tell whether a host that was not allowed is asked by now, so that the refusal says what is over."""
    asked = isinstance(proof.outcome, Unknown) and not proof.local
    return asked and before.reason == Rejection.HOST_NOT_ALLOWED


def _locally_refused(entry: Entry, outcome: Rejected) -> Entry:
    """Nobody was asked, so no time is noted and a repeat changes nothing."""
    reason, message = explain(entry.type, outcome)
    return entry.model_copy(
        update={
            "verification_status": VerificationStatus.INVALID,
            "reason": reason,
            "message": message,
            "refused_at": None,
            "retry_at": None,
            "failures": None,
            "caveats": None,
            "expires_within_days": None,
        }
    )


def _verified(entry: Entry, outcome: Verified, notices: Iterable[timedelta], now: datetime) -> Entry:
    notice = expiry_notice(outcome.expires_at, notices, now)
    caveats = outcome.caveats if notice is None else (*outcome.caveats, Caveat.EXPIRES_SOON)
    days = None if notice is None else notice.days
    return entry.model_copy(
        update={
            "verification_status": VerificationStatus.VALID,
            "reason": Reason.VERIFIED.value,
            "message": sentence(entry.type, Reason.VERIFIED, caveats, days),
            "last_verified_at": now,
            "expires_at": outcome.expires_at,
            "refused_at": None,
            "retry_at": None,
            "failures": None,
            "caveats": caveats or None,
            "expires_within_days": days,
        }
    )


def expiry_notice(
    expires_at: datetime | None, notices: Iterable[timedelta], now: datetime
) -> timedelta | None:
    """Return the shortest of `notices` that the end lies within, if any."""
    if expires_at is None:
        return None
    return min((notice for notice in notices if expires_at - now <= notice), default=None)


def _unknown(entry: Entry, outcome: Unknown, local: bool, schedule: Schedule, now: datetime) -> Entry:
    """Keep the status: "cannot tell" moves nothing but the reason and the next try."""
    reason, message = explain(entry.type, outcome)
    refused = entry.verification_status in (VerificationStatus.INVALID, VerificationStatus.EXPIRED)
    failures = None if local else (entry.failures or 0) + 1
    pause = timedelta() if failures is None else schedule.backoff(failures)
    retry_at = None if local else _whole(now + max(pause, outcome.retry_after or timedelta()))
    said = {} if refused and not local else {"reason": reason, "message": message}
    return entry.model_copy(update={**said, "failures": failures, "retry_at": retry_at})


def _rejected(entry: Entry, outcome: Rejected, schedule: Schedule, now: datetime) -> Entry:
    ended = entry.expires_at is not None and entry.expires_at <= now
    if ended and outcome.reason is Rejection.BAD_CREDENTIALS:
        expired = Expired(entry.expires_at, outcome.detail, outcome.http_status, outcome.code)
        return _lost(entry, expired, VerificationStatus.EXPIRED, now + REFUSED_PAUSE, now)
    if entry.verification_status is VerificationStatus.VALID and not outcome.certain:
        first = entry.refused_at
        if first is None or now - first < CONFIRMATION:
            return _unconfirmed(entry, outcome, first or _whole(now))
    mended_elsewhere = outcome.reason in _WITHOUT_NEW_SECRET
    retry_at = schedule.next_tick(now) if mended_elsewhere else now + REFUSED_PAUSE
    return _lost(entry, outcome, VerificationStatus.INVALID, retry_at, now)


def _unconfirmed(entry: Entry, outcome: Rejected, first: datetime) -> Entry:
    _, message = explain(entry.type, outcome)
    return entry.model_copy(
        update={
            "reason": Reason.REFUSAL_UNCONFIRMED.value,
            "message": f"{sentence(entry.type, Reason.REFUSAL_UNCONFIRMED)} What was found: {message}",
            "refused_at": first,
            "retry_at": first + CONFIRMATION,
            "failures": None,
        }
    )


def _lost(
    entry: Entry,
    outcome: Rejected | Expired,
    status: VerificationStatus,
    retry_at: datetime | None,
    now: datetime,
) -> Entry:
    """Return the entry of what is no longer good; without `retry_at` the interval decides."""
    reason, message = explain(entry.type, outcome)
    known_end = outcome.expired_at if isinstance(outcome, Expired) else None
    nobody_asked = isinstance(outcome, Rejected) and outcome.certain
    return entry.model_copy(
        update={
            "verification_status": status,
            "reason": reason,
            "message": message,
            "last_verified_at": entry.last_verified_at if nobody_asked else now,
            "expires_at": known_end or entry.expires_at,
            "refused_at": None,
            "retry_at": None if retry_at is None else _whole(retry_at),
            "failures": None,
            "caveats": None,
            "expires_within_days": None,
        }
    )


def _whole(moment: datetime) -> datetime:
    """Return the next whole second: a status keeps no parts of one, and no pause may get shorter by that."""
    return moment.replace(microsecond=0) + timedelta(seconds=1 if moment.microsecond else 0)


def refresh(
    entry: Entry, row_status: VerificationStatus, row_moment: datetime | None, now: datetime
) -> Entry:
    """Take the later proof of status and row: unchanged proofs are written to the row only.

    A proof that is still to come was put there by hand; believing it would put off the next one.
    """
    if row_moment is None or row_moment > now or row_status is not entry.verification_status:
        return entry
    later = entry.last_verified_at is None or row_moment > entry.last_verified_at
    return entry.model_copy(update={"last_verified_at": row_moment}) if later else entry
