"""What people read of ReleaseSetups: every state has its word, its colour, its next step and exit code."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from delivr_operator.outcome import Caveat, IntegrationType, VerificationStatus
from delivr_operator.overview import (
    BAD,
    GOOD,
    OPEN,
    PLAIN,
    Shown,
    age,
    as_json,
    entries_of,
    exit_code,
    exit_code_of_entries,
    next_steps,
    rows_of_entries,
    rows_of_setups,
    rows_of_steps,
)
from delivr_operator.resource import ReleaseSetup
from delivr_operator.status import Entry

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MEND = "GitHub refused the credential: put a valid one into the Secret."


def entry(status: VerificationStatus = VerificationStatus.VALID, **fields: Any) -> Entry:
    said = {"type": IntegrationType.GITHUB, "reason": "Verified", "message": "GitHub is verified.", **fields}
    return Entry(verification_status=status, **said)


def shown(ready: str | None = "True", *entries: Entry, generation: int = 2, **status: Any) -> Shown:
    condition = {
        "type": "Ready",
        "status": ready,
        "reason": "SetupCompleted" if ready == "True" else "TargetsMissing",
        "message": "All is well." if ready == "True" else "Select a target.",
        "observedGeneration": 2,
        "lastTransitionTime": "2026-02-01T00:00:00Z",
    }
    body = {
        "metadata": {
            "namespace": "falcon",
            "name": "app",
            "uid": "u",
            "generation": generation,
            "creationTimestamp": "2026-02-26T00:00:00Z",
        },
        "spec": {"tenantId": "Kp3xQ7_m-Z", "owner": "o@e.test"},
        "status": {
            "observedGeneration": 2,
            "setupComplete": ready == "True",
            "message": "In one sentence.",
            "conditions": [condition] if ready else [],
            "integrations": [
                one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in entries
            ],
            **status,
        },
    }
    return Shown.of(ReleaseSetup.parse(body))


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (timedelta(), "0s"),
        (timedelta(seconds=59), "59s"),
        (timedelta(minutes=59, seconds=59), "59m"),
        (timedelta(hours=1), "1h"),
        (timedelta(hours=23, minutes=5), "23h5m"),
        (timedelta(days=1), "1d"),
        (timedelta(days=400), "400d"),
        (-timedelta(days=3), "3d"),
    ],
)
def test_an_age_is_said_in_its_largest_units(ago: timedelta, said: str) -> None:
    assert age(NOW - ago, NOW) == said
    assert age(None, NOW) == "-"


@pytest.mark.parametrize(("ready", "hue"), [("True", GOOD), ("False", BAD), ("Unknown", OPEN)])
def test_a_row_says_how_a_setup_stands(ready: str, hue: str) -> None:
    head, row = rows_of_setups([shown(ready)], NOW, namespaces=True, wide=False)
    assert [cell.text for cell in head] == ["NAMESPACE", "NAME", "READY", "COMPLETE", "REASON", "AGE"]
    complete, reason = ("true", "SetupCompleted") if ready == "True" else ("false", "TargetsMissing")
    assert [cell.text for cell in row] == ["falcon", "app", ready, complete, reason, "3d"]
    assert [cell.hue for cell in row if cell.hue] == [hue]


def test_a_wide_row_says_more_of_the_same() -> None:
    one = shown("True", lastVerifiedAt="2026-02-28T23:00:00Z", nextExpiryAt="2026-03-06T00:00:00Z")
    head, row = rows_of_setups([one], NOW, namespaces=False, wide=True)
    said = dict(zip([cell.text for cell in head], row, strict=True))
    assert {name: said[name].text for name in ("TENANT", "VERIFIED", "EXPIRES", "MESSAGE")} == {
        "TENANT": "Kp3xQ7_m-Z",
        "VERIFIED": "1h",
        "EXPIRES": "in 5d",
        "MESSAGE": "In one sentence.",
    }
    assert said["EXPIRES"].hue == OPEN


@pytest.mark.parametrize(
    ("days", "said", "hue"), [(15, "in 15d", PLAIN), (13, "in 13d", OPEN), (-1, "1d ago", BAD)]
)
def test_an_end_is_coloured_as_it_comes_near(days: int, said: str, hue: str) -> None:
    _, row = rows_of_entries([entry(expires_at=NOW + timedelta(days=days))], NOW)
    assert (row[-1].text, row[-1].hue) == (said, hue)


@pytest.mark.parametrize(
    ("one", "hue", "code"),
    [
        (entry(), GOOD, 0),
        (entry(VerificationStatus.INVALID, reason="BadCredentials"), BAD, 1),
        (entry(VerificationStatus.EXPIRED, reason="CredentialExpired"), BAD, 1),
        (entry(VerificationStatus.NOT_VERIFIED, reason="TimedOut"), OPEN, 2),
        (entry(VerificationStatus.VALID, reason="RefusalUnconfirmed"), OPEN, 2),
        (entry(VerificationStatus.INVALID, reason="Disabled"), PLAIN, 0),
    ],
)
def test_an_entry_is_proved_refused_or_neither(one: Entry, hue: str, code: int) -> None:
    _, row = rows_of_entries([one], NOW)
    assert [cell.text for cell in row[:3]] == ["GitHub", one.verification_status, one.reason]
    assert row[1].hue == hue
    assert exit_code_of_entries([one]) == code
    assert exit_code_of_entries([entry(VerificationStatus.INVALID, reason="Revoked"), one]) == 1


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([], 0),
        (["True", "True"], 0),
        (["True", "Unknown"], 2),
        (["Unknown", "False"], 1),
        (["True", None], 2),
    ],
)
def test_no_outweighs_cannot_tell_which_outweighs_yes(states: list[str | None], code: int) -> None:
    assert exit_code([shown(state) for state in states]) == code


def test_a_status_about_an_older_generation_tells_nothing() -> None:
    one = shown("True", generation=3)
    assert (one.ready, one.reason, exit_code([one])) == ("Unknown", "", 2)
    assert "has not looked at this generation yet" in next(next_steps(one))


def test_what_to_do_next_is_said_once_and_in_order() -> None:
    assert list(next_steps(shown("True", entry()))) == ["Nothing: everything declared is proved and stored."]
    refused = entry(VerificationStatus.INVALID, reason="BadCredentials", message=MEND)
    off = entry(VerificationStatus.INVALID, type=IntegrationType.SLACK, reason="Disabled", message="Off.")
    soon = entry(type=IntegrationType.JIRA, caveats=(Caveat.EXPIRES_SOON,))
    assert list(next_steps(shown("False", refused, off, soon))) == [
        "Select a target.",
        MEND,
        "Jira: the credential expires soon: renew it.",
    ]


def test_the_setups_own_sentence_is_not_repeated() -> None:
    refused = entry(VerificationStatus.INVALID, reason="BadCredentials", message="Select a target.")
    assert list(next_steps(shown("False", refused))) == ["Select a target."]


def test_machines_get_the_whole() -> None:
    found = as_json(shown("False", entry()))
    assert (found["namespace"], found["name"], found["tenant"]) == ("falcon", "app", "Kp3xQ7_m-Z")
    assert (found["ready"], found["reason"], found["current"]) == ("False", "TargetsMissing", True)
    assert found["next"] == ["Select a target."]
    assert found["status"]["integrations"][0]["type"] == "GITHUB"


def test_entries_of_a_type_are_that_one_alone() -> None:
    one = shown("True", entry(), entry(type=IntegrationType.SLACK))
    assert [found.type for found in entries_of(one, None)] == ["GITHUB", "SLACK"]
    assert [found.type for found in entries_of(one, IntegrationType.SLACK)] == ["SLACK"]
    assert entries_of(one, IntegrationType.JIRA) == ()


def test_the_plans_steps_are_a_table_too() -> None:
    rows = list(rows_of_steps({"setupComplete": False, "steps": {"githubConnected": True}}))
    assert [[cell.text for cell in row] for row in rows] == [
        ["STEP", "DONE"],
        ["setupComplete", "false"],
        ["githubConnected", "true"],
    ]
