"""Who may be left alone after a start: nobody for whom a pass would do anything."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivr_operator.observed import Rules
from delivr_operator.outcome import (
    Doubt,
    Expired,
    IntegrationType,
    Outcome,
    Rejected,
    Rejection,
    Unknown,
    Verified,
)
from delivr_operator.plan import choose, decide
from delivr_operator.report import Committed, conclude, next_pass, worth_writing
from delivr_operator.resource import FINALIZER, InvalidSpec, ReleaseSetup, Spec, parse_spec
from delivr_operator.resting import Rest, rest_of
from delivr_operator.rows import Claim
from delivr_operator.status import Status
from tests.unit.providers.samples import samples
from tests.verdict_matrix.passing import OWNER, RULES, SCHEDULE, TENANT, Setup, content

T = IntegrationType
NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
SETUP = Setup(T.SLACK, samples()[T.SLACK].written, content(samples()[T.SLACK].secret))
RESOURCE = SETUP.first.setup.model_copy(update={"finalizers": (FINALIZER,)})
assert isinstance(RESOURCE.spec, Spec)
SPEC = RESOURCE.spec
SLACK = samples()[T.SLACK].written
CLAIM = Claim(SCHEDULE.uid, "falcon", "mobile-app", RESOURCE.created_at, 1, frozenset())
OBSERVED = replace(SETUP.first, setup=RESOURCE, record=replace(OWNER, claim=CLAIM))
LATER = NOW + timedelta(seconds=1)


def after(previous: Status, rules: Rules, outcome: Outcome, now: datetime) -> Status:
    """One pass in which the provider of the one that matters answers so, if it is asked at all."""
    observed = replace(OBSERVED, previous=previous)
    answers: dict[T, Outcome] = {one.type: Verified() for one in choose(observed, rules, now)}
    if T.SLACK in answers:
        answers[T.SLACK] = outcome
    decision = decide(observed, rules, answers, now)
    return Status.parse(conclude(observed, rules, decision, Committed(), now).as_json())


STATUS = after(Status(), RULES, Verified(), NOW)


def with_entry(status: Status, **change: Any) -> Status:
    first, *others = status.integrations
    return status.model_copy(update={"integrations": (first.model_copy(update=change), *others)})


def with_condition(whole: Status, kind: str, **change: Any) -> Status:
    others = [one for one in whole.conditions if one.type != kind]
    found = whole.condition(kind) or whole.conditions[0].model_copy(update={"type": kind})
    conditions = (*others, found.model_copy(update=change))
    return whole.model_copy(update={"conditions": conditions})


def without_condition(status: Status, kind: str) -> Status:
    return status.model_copy(update={"conditions": tuple(c for c in status.conditions if c.type != kind)})


def with_spec(**change: Any) -> ReleaseSetup:
    """The resource with other fields; a field given as None is left out."""
    written = SPEC.model_dump(mode="json", by_alias=True, exclude={"interval"}) | change
    spec = parse_spec({name: value for name, value in written.items() if value is not None})
    assert isinstance(spec, Spec)
    return RESOURCE.model_copy(update={"spec": spec})


def test_what_is_verified_and_committed_rests_until_its_next_tick() -> None:
    found = rest_of(RESOURCE, STATUS, RULES, LATER)
    names = {member["secretRef"]["name"] for member in SPEC.members.values()}
    assert found == Rest(SCHEDULE.next_tick(LATER), TENANT, dict.fromkeys(names, "1"))


@pytest.mark.parametrize(
    "setup",
    [
        RESOURCE.model_copy(update={"deleting": True}),
        RESOURCE.model_copy(update={"generation": 2}),
        RESOURCE.model_copy(update={"requested_at": "now"}),
        RESOURCE.model_copy(update={"finalizers": ()}),
        RESOURCE.model_copy(update={"spec": InvalidSpec(problems=("spec.owner: is missing",))}),
        with_spec(deletionPolicy="Retain"),
        with_spec(slack={"channels": 7}),
        with_spec(linear=samples()[T.LINEAR].written),
        with_spec(slack=None),
    ],
    ids=[
        "is being deleted",
        "has a newer generation",
        "asks for a proof",
        "has no finalizer",
        "cannot be read",
        "has a finalizer that it should not have",
        "has a member that cannot be read",
        "declares more than there are verdicts",
        "declares less than there are verdicts",
    ],
)
def test_a_resource_that_differs_from_its_status_gets_a_pass(setup: ReleaseSetup) -> None:
    assert rest_of(setup, STATUS, RULES, LATER) is None


def test_two_verdicts_about_two_versions_of_one_secret_get_a_pass() -> None:
    shared = with_spec(slack={**SLACK, "secretRef": SPEC.members["github"]["secretRef"]})
    assert rest_of(shared, STATUS, RULES, LATER) is not None
    assert rest_of(shared, with_entry(STATUS, secret_version="0"), RULES, LATER) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda _: Status(),
        lambda status: status.model_copy(update={"observed_generation": 0}),
        lambda status: status.model_copy(update={"committed_generation": None}),
        lambda status: status.model_copy(update={"last_handled_reconcile_at": "then"}),
        lambda status: with_condition(status, "Ready", observed_generation=0),
        lambda status: with_condition(status, "Synced", status="False"),
        lambda status: with_condition(status, "Synced", reason="Suspended"),
        lambda status: without_condition(status, "Synced"),
        lambda status: without_condition(status, "Ready"),
        lambda status: with_condition(status, "Reconciling"),
        lambda status: with_condition(status, "SecretsWatched"),
        lambda status: with_entry(status, verification_status="INVALID"),
        lambda status: with_entry(status, reason="TimedOut"),
        lambda status: with_entry(status, reason="Disabled"),
        lambda status: with_entry(status, fingerprint=None),
        lambda status: with_entry(status, secret_version=None),
        lambda status: with_entry(status, retry_at=NOW + timedelta(days=1)),
        lambda status: with_entry(status, refused_at=NOW),
        lambda status: with_entry(status, failures=1),
        lambda status: with_entry(status, last_verified_at=None),
        lambda status: with_entry(status, last_verified_at=NOW - timedelta(hours=2)),
        lambda status: with_entry(status, expires_at=LATER),
    ],
)
def test_a_status_that_leaves_anything_open_gets_a_pass(change: Callable[[Status], Status]) -> None:
    status = change(STATUS)
    assert status != STATUS
    assert rest_of(RESOURCE, status, RULES, LATER) is None


def test_a_switch_that_was_turned_gets_a_pass_and_one_that_was_not_does_not() -> None:
    off = replace(RULES, disabled=frozenset({T.SLACK}))
    disabled = decide(replace(OBSERVED, previous=STATUS), off, {}, NOW)
    status = conclude(replace(OBSERVED, previous=STATUS), off, disabled, Committed(), NOW)
    assert rest_of(RESOURCE, STATUS, off, LATER) is None
    assert rest_of(RESOURCE, status, RULES, LATER) is None
    assert rest_of(RESOURCE, status, off, LATER) is not None


def test_a_proof_that_is_too_old_by_now_gets_a_pass_and_one_that_will_be_ends_the_rest() -> None:
    short = replace(RULES, max_staleness=timedelta(minutes=5))
    found = rest_of(RESOURCE, STATUS, short, NOW + timedelta(minutes=1))
    assert found is not None
    assert found.until == NOW + timedelta(minutes=5, seconds=1)
    assert rest_of(RESOURCE, STATUS, short, NOW + timedelta(minutes=6)) is None


def test_rows_are_looked_at_as_soon_as_the_setting_says_and_not_all_at_once() -> None:
    rules = replace(RULES, drift=timedelta(minutes=1))
    found = rest_of(RESOURCE, STATUS, rules, LATER)
    other = rest_of(RESOURCE.model_copy(update={"uid": "u2"}), STATUS, rules, LATER)
    assert found is not None
    assert other is not None
    assert {LATER < one.until <= LATER + timedelta(minutes=1) for one in (found, other)} == {True}
    assert found.until != other.until


OUTCOMES: list[Outcome] = [
    Verified(),
    Verified(expires_at=NOW + timedelta(hours=2)),
    Verified(expires_at=NOW + timedelta(days=14, minutes=20)),
    Rejected(Rejection.BAD_CREDENTIALS, http_status=401),
    Rejected(Rejection.INSUFFICIENT_PERMISSION, http_status=403),
    Expired(),
    Unknown(Doubt.TIMED_OUT),
    Unknown(Doubt.RATE_LIMITED, retry_after=timedelta(minutes=90)),
]
SPANS = st.integers(min_value=1, max_value=5000).map(lambda seconds: timedelta(seconds=seconds))


@given(
    life=st.lists(st.tuples(SPANS, st.sampled_from(OUTCOMES)), min_size=1, max_size=5),
    gap=SPANS,
    staleness=st.sampled_from([timedelta(minutes=7), timedelta(hours=24)]),
    share=st.floats(min_value=0, max_value=1),
)
def test_whoever_rests_misses_nothing(
    life: list[tuple[timedelta, Outcome]], gap: timedelta, staleness: timedelta, share: float
) -> None:
    """Whatever came before, a pass during the rest would ask nobody, write nothing, and end it no sooner."""
    rules, now, status = Rules(max_staleness=staleness), NOW, STATUS
    for span, outcome in life:
        now += span
        status = after(status, rules, outcome, now)
    now += gap
    found = rest_of(RESOURCE, status, rules, now)
    if found is None:
        return
    assert found.until > now
    moment = max(now, found.until - timedelta(seconds=1) - (found.until - now) * share)
    observed = replace(OBSERVED, previous=status)
    assert choose(observed, rules, moment) == ()
    decision = decide(observed, rules, {}, moment)
    assert not worth_writing(
        status, conclude(observed, rules, decision, Committed(), moment), rules, in_rows=True
    )
    assert next_pass(observed, decision, rules, Committed(), now) == found.until
