"""Conditions: the plan's completion rule, kstatus' shape, and the order in which causes are named."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from delivr_operator.conditions import COMPLETED, Facts, Finding, Progress, assess, complete, steps
from delivr_operator.outcome import IntegrationType as T
from delivr_operator.outcome import VerificationStatus as S
from delivr_operator.reasons import Reason
from delivr_operator.resource import Target
from delivr_operator.status import Condition, Entry

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BOTH = (Target.APP_STORE, Target.PLAY_STORE)
SYNCED = Finding("True", Reason.ROWS_COMMITTED, "Delivr's tables say what this resource says.")


def entry(kind: T, status: S = S.VALID, reason: str = "Verified", at: datetime | None = NOW) -> Entry:
    return Entry(
        type=kind, verification_status=status, reason=reason, message=f"{kind} {reason}.", last_verified_at=at
    )


FULL = tuple(entry(kind) for kind in (T.GITHUB, T.APP_STORE_CONNECT, T.PLAY_STORE))


def facts(
    entries: tuple[Entry, ...] = FULL,
    targets: tuple[Target, ...] = BOTH,
    refusal: Finding | None = None,
    synced: Finding = SYNCED,
    committed: bool = True,
) -> Facts:
    return Facts(7, NOW, timedelta(hours=24), targets, entries, refusal, synced, committed)


def of(found: tuple[Condition, ...]) -> dict[str, tuple[str, str]]:
    return {condition.type: (condition.status, condition.reason) for condition in found}


@pytest.mark.parametrize(
    ("github", "app_store", "play_store", "targets"),
    list(product((True, False), (True, False), (True, False), ((), BOTH, BOTH[:1], BOTH[1:]))),
)
def test_complete_is_github_and_a_target_and_the_credentials_of_every_target(
    github: bool, app_store: bool, play_store: bool, targets: tuple[Target, ...]
) -> None:
    valid = {T.GITHUB: github, T.APP_STORE_CONNECT: app_store, T.PLAY_STORE: play_store}
    entries = [entry(kind, S.VALID if held else S.INVALID) for kind, held in valid.items()]
    stores = {Target.APP_STORE: app_store, Target.PLAY_STORE: play_store}
    expected = github and bool(targets) and all(stores[target] for target in targets)
    assert complete(steps(targets, entries)) is expected


def test_ci_cd_and_slack_are_steps_but_not_needed() -> None:
    done = steps(BOTH, FULL)
    assert complete(done)
    assert not done.cicd_configured
    assert not done.slack_configured
    more = steps(BOTH, (*FULL, entry(T.JENKINS), entry(T.SLACK)))
    assert more.cicd_configured
    assert more.slack_configured


def test_one_refused_builder_of_two_leaves_ci_cd_unconfigured() -> None:
    assert not steps(BOTH, (*FULL, entry(T.JENKINS, S.INVALID), entry(T.GITHUB_ACTIONS))).cicd_configured


OF_NO_STEP = tuple({*T} - {T.GITHUB, T.APP_STORE_CONNECT, T.PLAY_STORE, T.JENKINS, T.GITHUB_ACTIONS, T.SLACK})


def test_no_later_type_takes_the_place_of_one_that_has_a_step() -> None:
    later = tuple(entry(kind) for kind in OF_NO_STEP)
    assert {T.GITLAB, T.BITBUCKET, T.TEAMS} <= {*OF_NO_STEP}
    assert steps(BOTH, later) == steps(BOTH, ())
    assert not complete(steps(BOTH, (*FULL[1:], *later)))
    assert not steps(BOTH, (*FULL, *later)).slack_configured


@pytest.mark.parametrize("kind", sorted({*T} - {one.type for one in FULL}))
def test_whatever_is_declared_has_to_be_valid_before_ready(kind: T) -> None:
    for status, reason in ((S.INVALID, "BadCredentials"), (S.NOT_VERIFIED, "TimedOut"), (S.EXPIRED, "x")):
        found = of(assess(facts((*FULL, entry(kind, status, reason))), ()))
        assert (found["Ready"], found["SetupComplete"][0]) == (("False", reason), "True")
    assert of(assess(facts((*FULL, entry(kind))), ()))["Ready"][0] == "True"


def test_a_complete_and_committed_setup_is_ready_with_the_plans_message() -> None:
    found = assess(facts(), ())
    ready = found[0]
    assert (ready.type, ready.status, ready.message) == ("Ready", "True", COMPLETED)
    assert [c.type for c in found] == [
        "Ready",
        "SetupComplete",
        "Synced",
        "GitHubConnected",
        "TargetPlatformsConfigured",
        "PlatformCredentialsConfigured",
        "CICDConfigured",
        "SlackConfigured",
    ]
    assert {c.observed_generation for c in found} == {7}


REFUSED = entry(T.GITHUB, S.INVALID, "BadCredentials")
WAITING = entry(T.SLACK, S.NOT_VERIFIED, "SecretNotFound", None)
GONE_SECRET = entry(T.SLACK, S.VALID, "SecretNotFound")
OUTAGE = Finding("False", Reason.DATABASE_UNAVAILABLE, "x", Progress.RECONCILING)
SUSPENDED = Finding("False", Reason.SUSPENDED, "x")


@pytest.mark.parametrize(
    ("given", "ready", "progress"),
    [
        (facts((REFUSED, *FULL[1:])), ("False", "BadCredentials"), "Stalled"),
        (
            facts((entry(T.GITHUB, S.EXPIRED, "CredentialExpired"), *FULL[1:])),
            ("False", "CredentialExpired"),
            "Stalled",
        ),
        (facts((*FULL, WAITING)), ("False", "SecretNotFound"), "Reconciling"),
        (facts((*FULL, GONE_SECRET)), ("False", "SecretNotFound"), "Reconciling"),
        (facts((REFUSED, *FULL[1:], WAITING)), ("False", "BadCredentials"), "Stalled"),
        (facts(FULL[1:]), ("False", "CredentialsMissing"), "Stalled"),
        (facts(FULL[:2]), ("False", "CredentialsMissing"), "Stalled"),
        (facts(targets=()), ("False", "TargetsMissing"), "Stalled"),
        (facts(synced=OUTAGE, committed=False), ("False", "DatabaseUnavailable"), "Reconciling"),
        (facts(synced=OUTAGE, committed=True), ("True", "SetupCompleted"), None),
        (facts(synced=SUSPENDED, committed=False), ("False", "Suspended"), None),
        (
            facts((entry(T.GITHUB, at=NOW - timedelta(hours=25)), *FULL[1:])),
            ("Unknown", "VerificationStale"),
            None,
        ),
        (facts((*FULL, entry(T.SLACK, S.INVALID, Reason.DISABLED))), ("True", "SetupCompleted"), None),
        (facts((entry(T.GITHUB, S.VALID, "UpstreamError"), *FULL[1:])), ("True", "SetupCompleted"), None),
        (
            facts(refusal=Finding("False", Reason.NOT_OWNER, "x", Progress.STALLED)),
            ("False", "NotOwner"),
            "Stalled",
        ),
    ],
)
def test_the_first_cause_decides_ready_and_who_has_to_move(
    given: Facts, ready: tuple[str, str], progress: str | None
) -> None:
    found = of(assess(given, ()))
    assert found["Ready"] == ready
    extra = {"Reconciling", "Stalled"} & set(found)
    assert extra == ({progress} if progress else set())


def test_a_transition_time_moves_only_when_the_status_flips() -> None:
    earlier = NOW - timedelta(hours=3)
    before = tuple(c.model_copy(update={"last_transition_time": earlier}) for c in assess(facts(), ()))
    assert {c.last_transition_time for c in assess(facts(), before)} == {earlier}
    times = {c.type: c.last_transition_time for c in assess(facts((REFUSED, *FULL[1:])), before)}
    assert times["Ready"] == times["GitHubConnected"] == NOW
    assert times["Synced"] == times["TargetPlatformsConfigured"] == earlier
