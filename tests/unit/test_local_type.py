"""What is read here and asked of nobody: its "no" counts at once, its end comes on time, nothing churns."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from delivr_operator.observed import Rules
from delivr_operator.outcome import Caveat, IntegrationType, Outcome, Rejected, Rejection, Verified
from delivr_operator.plan import is_asked_for
from delivr_operator.probing import Prober
from delivr_operator.providers.code_signing import CodeSigningConfig, SigningFiles, prove
from delivr_operator.report import transitions, worth_writing
from delivr_operator.settings import ProbeSettings
from delivr_operator.status import Status
from tests.signing_files import FAR, TEAM, android, identity, ios
from tests.unit.providers.samples import samples
from tests.verdict_matrix.passing import SCHEDULE, Pass, Setup, content

KIND = IntegrationType.CODE_SIGNING
START = datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
SILENT = Rules(heartbeat=timedelta())
"""Times alone are never worth a write, so that everything that is written is news."""
ANDROID = {"android": {"keyAlias": "upload"}}


def setup(secret: dict[str, str], member: dict[str, Any] | None = None, version: str = "1") -> Setup:
    return Setup(KIND, {**(member or ANDROID), "secretRef": {"name": "signing"}}, content(secret, version))


def proved(one: Setup, now: datetime) -> Outcome:
    assert one.credential is not None
    config, secrets = one.credential.declaration.config, one.credential.secrets
    assert isinstance(config, CodeSigningConfig)
    assert isinstance(secrets, SigningFiles)
    return prove(config, secrets, now)


def is_news(before: Status, after: Status) -> bool:
    """Tell whether a pass writes; the rows keep the time of completion, and here are none."""
    one, other = (status.model_copy(update={"completed_at": None}) for status in (before, after))
    return worth_writing(one, other, SILENT, in_rows=True)


@dataclass(frozen=True)
class Step:
    """One pass that was worth writing, and the events that it told."""

    after: Pass
    events: tuple[str, ...]


def life(one: Setup, until: datetime) -> Iterator[Step]:
    """Give the passes that write something, each pass at the time that the one before asked for."""
    written, now = Status(), START
    while now <= until:
        outcome = proved(one, now) if one.asks(written, now) else None
        after = one.passed(written, outcome, now)
        if is_news(written, after.status):
            told = transitions(written, after.status)
            yield Step(after, tuple(event.reason for event in told if "Code signing" in event.message))
            written = after.status
        else:
            entries = tuple(
                entry.model_copy(update={"last_verified_at": after.entry.last_verified_at})
                for entry in written.integrations
            )  # as the rows tell it to the next pass
            written = written.model_copy(update={"integrations": entries})
        now = after.due


def test_each_notice_is_given_once_and_the_end_comes_to_the_second() -> None:
    end = (START + 31 * DAY).replace(microsecond=0)
    steps = list(life(setup(android(identity(end))), end + DAY))
    entries = [step.after.entry for step in steps]
    assert [entry.expires_within_days for entry in entries] == [None, 30, 14, 7, None]
    assert [entry.verification_status for entry in entries] == ["VALID"] * 4 + ["EXPIRED"]
    assert [step.events for step in steps[1:4]] == [("ExpiresSoon",)] * 3
    first = transitions(Status(), steps[0].after.status)
    assert [(event.normal, event.reason) for event in first] == [(True, "SetupCompleted")]
    assert "CredentialExpired" in steps[4].events
    for step, days in zip(steps[1:4], (30, 14, 7), strict=True):
        late = step.after.now - (end - days * DAY)
        assert timedelta() <= late <= SCHEDULE.interval + SECOND
        assert f"expires within {days} days: renew it" in step.after.entry.message
        assert Caveat.EXPIRES_SOON in (step.after.entry.caveats or ())
    assert timedelta() <= steps[4].after.now - end <= SECOND
    assert steps[4].after.entry.expires_at == end
    assert (steps[4].after.entry.retry_at, steps[4].after.entry.caveats) == (None, None)


def test_a_certificate_that_is_renewed_begins_anew() -> None:
    short = setup(android(identity(START + 5 * DAY)))
    first = short.passed(Status(), proved(short, START), START)
    assert first.entry.expires_within_days == 7
    again = setup(android(identity(START + 20 * DAY)), version="2")
    second = again.passed(first.status, proved(again, START), START + SECOND)
    assert second.entry.expires_within_days == 30
    assert "ExpiresSoon" in {event.reason for event in transitions(first.status, second.status)}
    far = setup(android(), version="3")
    third = far.passed(second.status, proved(far, START), START + 2 * SECOND)
    assert third.entry.expires_within_days is None
    assert third.entry.expires_at == FAR
    assert not {event.reason for event in transitions(second.status, third.status)} & {"ExpiresSoon"}


def test_a_no_counts_at_once_whatever_was_before() -> None:
    one = setup(android())
    well = one.passed(Status(), proved(one, START), START)
    refusal = Rejected(Rejection.BAD_CREDENTIALS, "keyPassword does not open it.")
    later = SCHEDULE.next_tick(START)
    lost = one.passed(well.status, refusal, later)
    assert (lost.entry.verification_status, lost.entry.reason) == ("INVALID", "BadCredentials")
    assert (lost.entry.refused_at, lost.entry.retry_at) == (None, None)
    assert lost.entry.last_verified_at == later
    assert lost.due == SCHEDULE.next_tick(later)
    assert not one.asks(lost.status, lost.due - SECOND)
    again = one.passed(lost.status, refusal, lost.due)
    assert not is_news(lost.status, again.status)
    mended = one.passed(again.status, proved(one, START), again.due)
    assert mended.entry.verification_status == "VALID"


@pytest.mark.parametrize("kind", [IntegrationType.GITHUB, IntegrationType.SLACK])
def test_what_a_provider_is_asked_about_still_needs_two(kind: IntegrationType) -> None:
    sample = samples()[kind]
    one = Setup(kind, sample.written, content(sample.secret))
    well = one.passed(Status(), Verified(expires_at=START + 20 * DAY), START)
    assert well.entry.expires_within_days is None
    refusal = Rejected(Rejection.BAD_CREDENTIALS)
    assert one.passed(well.status, refusal, SCHEDULE.next_tick(START)).entry.reason == "RefusalUnconfirmed"


async def test_no_verdict_is_shared_with_another_declaration_or_another_time() -> None:
    clock = [0.0]
    prober = Prober.open(ProbeSettings.from_environment({}), monotonic=lambda: clock[0])
    wrong = setup(ios() | {"certificatePassword": "wrong"}, {"ios": {"teamId": TEAM}})
    secret = ios() | android(key="other") | {"keyPassword": "wrong"}
    bad, good = setup(secret), setup(secret, {"ios": {"teamId": TEAM}})
    end = START + DAY
    ending = setup(android(identity(end)))
    try:

        async def verdict(one: Setup, now: datetime) -> str:
            assert one.credential is not None
            return type(await prober.prove(one.credential, frozenset(), now)).__name__

        for _ in range(3):
            assert await verdict(wrong, START) == "Rejected"
            assert await verdict(bad, START) == "Rejected"
            clock[0] += 61
        assert await verdict(good, START) == "Verified"
        assert await verdict(ending, end - SECOND) == "Verified"
        assert await verdict(ending, end.replace(microsecond=0) + SECOND) == "Expired"
    finally:
        await prober.aclose()


def test_a_request_for_it_alone_is_understood() -> None:
    one = setup(android())
    well = one.passed(Status(), proved(one, START), START)
    asked = replace(one.first, setup=one.first.setup.model_copy(update={"requested_at": "now/CODE_SIGNING"}))
    assert is_asked_for(asked, KIND)
    assert one.asks(well.status, START + SECOND, requested_at="now/CODE_SIGNING")
    assert not one.asks(well.status, START + SECOND, requested_at="now/GITHUB")
