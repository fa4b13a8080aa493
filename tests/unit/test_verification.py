"""The state machine of one integration: "no" and "cannot tell" never merge."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivr_operator.outcome import (
    Caveat,
    Doubt,
    Expired,
    IntegrationType,
    Outcome,
    Rejected,
    Rejection,
    Unknown,
    VerificationStatus,
    Verified,
)
from delivr_operator.status import Entry
from delivr_operator.verification import (
    CONFIRMATION,
    REFUSED_PAUSE,
    Proof,
    Schedule,
    advance,
    due_at,
    is_due,
    refresh,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SCHEDULE = Schedule("uid-1", timedelta(hours=1))
KIND = IntegrationType.GITHUB
REFUSAL = Rejected(Rejection.BAD_CREDENTIALS, http_status=401)
OUTAGE = Unknown(Doubt.UPSTREAM_ERROR, http_status=502)


def step(before: Entry | None, outcome: Outcome, now: datetime = NOW, fingerprint: str = "f1") -> Entry:
    return advance(KIND, before, Proof(outcome, fingerprint, "7"), SCHEDULE, now)


def written(entry: Entry) -> Entry:
    """Return the entry as it is read from the status again."""
    return Entry.model_validate(entry.model_dump(mode="json", by_alias=True, exclude_none=True))


VALID = step(None, Verified())
INVALID = step(None, REFUSAL)
EXPIRED = step(None, Expired())
NEVER = step(None, OUTAGE)

N, V, I, E = VerificationStatus  # noqa: E741 - the four states of the plan


@pytest.mark.parametrize(
    ("before", "outcome", "status"),
    [
        (None, Verified(), V),
        (None, REFUSAL, I),
        (None, Expired(), E),
        (None, OUTAGE, N),
        (VALID, Verified(), V),
        (VALID, REFUSAL, V),
        (VALID, Expired(), E),
        (VALID, OUTAGE, V),
        (INVALID, Verified(), V),
        (INVALID, REFUSAL, I),
        (INVALID, Expired(), E),
        (INVALID, OUTAGE, I),
        (EXPIRED, Verified(), V),
        (EXPIRED, REFUSAL, I),
        (EXPIRED, Expired(), E),
        (EXPIRED, OUTAGE, E),
        (NEVER, Verified(), V),
        (NEVER, OUTAGE, N),
    ],
)
def test_each_outcome_moves_each_status_as_the_table_says(
    before: Entry | None, outcome: Outcome, status: VerificationStatus
) -> None:
    assert step(before, outcome).verification_status is status


def test_a_valid_integration_falls_by_a_second_refusal_a_minute_later() -> None:
    first = step(VALID, REFUSAL)
    assert (first.verification_status, first.reason) == (V, "RefusalUnconfirmed")
    assert first.retry_at == NOW + CONFIRMATION
    early = step(first, REFUSAL, NOW + timedelta(seconds=59))
    assert early.verification_status is V
    late = step(early, REFUSAL, NOW + CONFIRMATION)
    assert (late.verification_status, late.reason) == (I, "BadCredentials")
    assert late.retry_at == NOW + CONFIRMATION + REFUSED_PAUSE


def test_a_first_refusal_is_told_without_saying_who_refused() -> None:
    unreachable = Rejected(Rejection.HOST_NOT_ALLOWED, "It stands for no public address.")
    for outcome in (REFUSAL, Rejected(Rejection.TARGET_NOT_FOUND), unreachable):
        message = step(VALID, outcome).message
        assert message.startswith("GitHub could not be proved this once; it counts as valid until ")
        assert message.endswith(step(None, outcome).message)


def test_what_follows_from_what_the_operator_holds_needs_no_second_look() -> None:
    before, later = step(None, Verified()), NOW + timedelta(hours=2)
    certain = Rejected(Rejection.HOST_NOT_ALLOWED, certain=True)
    entry = step(before, certain, later)
    assert (entry.verification_status, entry.reason) == (I, "HostNotAllowed")
    assert (entry.last_verified_at, entry.retry_at) == (NOW, SCHEDULE.next_tick(later))
    assert step(before, replace(certain, certain=False), later).verification_status is V


def test_a_yes_between_two_refusals_starts_the_count_again() -> None:
    recovered = step(step(VALID, REFUSAL), Verified(), NOW + timedelta(seconds=30))
    assert recovered.refused_at is None
    assert step(recovered, REFUSAL, NOW + timedelta(minutes=5)).verification_status is V


def test_a_changed_credential_starts_from_not_verified() -> None:
    entry = step(VALID, OUTAGE, fingerprint="f2")
    assert (entry.verification_status, entry.last_verified_at) == (N, None)
    assert step(VALID, REFUSAL, fingerprint="f2").verification_status is I


def test_a_refusal_after_the_known_end_is_an_expiry() -> None:
    entry = step(None, Verified(expires_at=NOW + timedelta(days=1)))
    assert step(entry, REFUSAL, NOW + timedelta(days=2)).verification_status is E


def test_the_providers_wish_to_wait_is_never_shortened() -> None:
    entry = step(VALID, Unknown(Doubt.RATE_LIMITED, retry_after=timedelta(minutes=17)))
    assert entry.retry_at is not None
    assert entry.retry_at >= NOW + timedelta(minutes=17)


def test_failures_wait_longer_but_an_hour_at_most() -> None:
    entry, now, waits = VALID, NOW, []
    for _ in range(12):
        entry = step(entry, OUTAGE, now)
        assert entry.retry_at is not None
        waits.append(entry.retry_at - now)
        now = entry.retry_at
    assert waits[0] == timedelta(minutes=1)
    assert all(timedelta(minutes=1) <= wait <= timedelta(hours=1) for wait in waits)
    assert max(waits) >= timedelta(minutes=30)


@pytest.mark.parametrize("reason", [Rejection.TARGET_NOT_FOUND, Rejection.HOST_NOT_ALLOWED])
def test_what_is_mended_elsewhere_than_in_the_secret_is_asked_again_each_interval(reason: Rejection) -> None:
    assert step(None, Rejected(reason)).retry_at == SCHEDULE.next_tick(NOW)


@pytest.mark.parametrize(
    ("outcome", "pause"),
    [
        (OUTAGE, timedelta(minutes=1)),
        (Unknown(Doubt.RATE_LIMITED, retry_after=timedelta(minutes=17)), timedelta(minutes=17)),
        (REFUSAL, CONFIRMATION),
        (Expired(), REFUSED_PAUSE),
    ],
)
def test_no_pause_gets_shorter_by_being_written_in_whole_seconds(outcome: Outcome, pause: timedelta) -> None:
    asked = NOW + timedelta(microseconds=900_000)
    entry = written(step(VALID, outcome, asked))
    assert entry.retry_at is not None
    assert asked + pause <= entry.retry_at < asked + pause + timedelta(seconds=1)


def test_a_second_refusal_is_no_confirmation_until_the_whole_minute_is_over() -> None:
    asked = NOW + timedelta(microseconds=900_000)
    first = written(step(VALID, REFUSAL, asked))
    assert step(first, REFUSAL, asked + CONFIRMATION - timedelta(microseconds=1)).verification_status is V
    assert step(first, REFUSAL, asked + CONFIRMATION + timedelta(seconds=1)).verification_status is I


def test_a_host_that_is_allowed_by_now_and_gives_no_answer_was_never_refused_by_anybody() -> None:
    unasked = step(None, Rejected(Rejection.HOST_NOT_ALLOWED))
    asked = step(unasked, OUTAGE)
    assert (asked.verification_status, asked.reason) == (N, "UpstreamError")
    assert asked.last_verified_at is None
    local = advance(KIND, unasked, Proof(OUTAGE, "f1", "7", local=True), SCHEDULE, NOW)
    assert local.verification_status is I
    assert step(INVALID, OUTAGE).reason == "BadCredentials"


def test_a_local_refusal_repeats_without_a_trace() -> None:
    local = Proof(Rejected(Rejection.MISCONFIGURED, detail="Key privateKey."), None, "8", local=True)
    once = advance(KIND, VALID, local, SCHEDULE, NOW)
    assert once.verification_status is I
    assert advance(KIND, once, local, SCHEDULE, NOW + timedelta(hours=3)) == once


def test_a_missing_secret_keeps_the_verdict_and_says_why() -> None:
    proof = Proof(Unknown(Doubt.SECRET_NOT_FOUND, detail="Secret: github."), None, None, local=True)
    entry = advance(KIND, VALID, proof, SCHEDULE, NOW)
    assert (entry.verification_status, entry.reason, entry.fingerprint) == (V, "SecretNotFound", "f1")
    assert "Secret: github." in entry.message


def test_an_end_within_two_weeks_is_noted() -> None:
    soon = step(None, Verified(expires_at=NOW + timedelta(days=13)))
    assert soon.caveats == (Caveat.EXPIRES_SOON,)
    assert step(None, Verified(expires_at=NOW + timedelta(days=15))).caveats is None


def test_the_row_tells_of_later_proofs_of_the_same_verdict() -> None:
    later = NOW + timedelta(hours=5)
    assert refresh(VALID, V, later, later).last_verified_at == later
    assert refresh(VALID, V, NOW - timedelta(hours=5), later).last_verified_at == NOW
    assert refresh(VALID, I, later, later).last_verified_at == NOW
    assert refresh(VALID, V, None, later) == VALID
    assert refresh(VALID, V, later, later - timedelta(seconds=1)) == VALID


@given(st.uuids().map(str), st.integers(60, 86400), st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001
def test_the_next_tick_is_within_one_interval_and_the_ticks_are_one_interval_apart(
    uid: str, seconds: int, moment: datetime
) -> None:
    schedule, after = Schedule(uid, timedelta(seconds=seconds)), moment.replace(tzinfo=UTC)
    tick = schedule.next_tick(after)
    assert timedelta() < tick - after <= timedelta(seconds=seconds + 1)
    assert schedule.next_tick(tick) - tick == timedelta(seconds=seconds)


def test_ticks_of_many_resources_are_spread() -> None:
    minutes = {Schedule(f"uid-{n}", timedelta(hours=1)).next_tick(NOW).minute for n in range(1000)}
    assert len(minutes) == 60


def test_due_at_the_tick_after_the_last_proof_or_at_the_known_end() -> None:
    assert due_at(VALID, SCHEDULE) == SCHEDULE.next_tick(NOW)
    assert not is_due(VALID, SCHEDULE, NOW)
    assert is_due(VALID, SCHEDULE, SCHEDULE.next_tick(NOW))
    ending = VALID.model_copy(update={"expires_at": NOW + timedelta(seconds=1)})
    assert due_at(ending, SCHEDULE) == NOW + timedelta(seconds=1)
