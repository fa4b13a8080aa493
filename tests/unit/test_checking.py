"""Checking files: what is asked about, the verdicts, the exit code and the table for people."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import combinations_with_replacement
from typing import Any, cast

import pytest
from pydantic import SecretBytes

from delivr_operator.checking import Checker, Line, exit_code, table
from delivr_operator.exit_codes import CANNOT_TELL, DONE, REFUSED
from delivr_operator.manifest import Manifests, WrittenSecret, WrittenSetup
from delivr_operator.outcome import (
    Caveat,
    Doubt,
    Expired,
    IntegrationType,
    Outcome,
    Rejected,
    Rejection,
    Unknown,
    Verified,
)
from delivr_operator.probing import Prober
from delivr_operator.providers.declaration import Credential
from delivr_operator.resource import parse_spec

CANARY = "c4naryZq"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
GITHUB = {"organization": "acme", "repoName": "app", "secretRef": {"name": "github"}}
SLACK = {"channels": ["releases"], "secretRef": {"name": "slack"}}
SECRETS = {"github": {"accessToken": f"ghp_{CANARY}"}, "slack": {"botToken": f"xoxb-{CANARY}"}}
Asked = tuple[IntegrationType, frozenset[str], datetime]


@dataclass
class Scripted:
    """A prober whose answers are given."""

    outcomes: dict[IntegrationType, Outcome] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    async def prove(self, credential: Credential, allowed_hosts: frozenset[str], now: datetime) -> Outcome:
        self.asked.append((credential.type, allowed_hosts, now))
        return self.outcomes.get(credential.type, Verified())


def written(name: str = "app", namespace: str = "falcon", **spec: Any) -> WrittenSetup:
    wanted = {"tenantId": "Kp3xQ7_m-Z", "owner": "owner@example.test", **spec}
    given = {field: value for field, value in wanted.items() if value is not None}
    return WrittenSetup(namespace, name, parse_spec(given))


def manifests(*setups: WrittenSetup) -> Manifests:
    secrets = {
        ("falcon", name): WrittenSecret(
            {key: SecretBytes(value.encode()) for key, value in values.items()}, frozenset({"ci.acme.test"})
        )
        for name, values in SECRETS.items()
    }
    return Manifests(setups, secrets)


async def check(
    given: Manifests, prober: Scripted | None = None, *disabled: IntegrationType
) -> tuple[Line, ...]:
    checker = Checker(cast("Prober", prober or Scripted()), frozenset(disabled), lambda: NOW)
    return await checker.check(given)


async def test_each_integration_is_asked_about_once_with_what_the_files_hold() -> None:
    prober = Scripted()
    lines = await check(manifests(written(github=GITHUB, slack=SLACK)), prober)
    allowed = frozenset({"ci.acme.test"})
    assert prober.asked == [(IntegrationType.GITHUB, allowed, NOW), (IntegrationType.SLACK, allowed, NOW)]
    assert lines == (
        Line("falcon/app", "GitHub", DONE, "Verified", ""),
        Line("falcon/app", "Slack", DONE, "Verified", ""),
    )


@pytest.mark.parametrize(
    ("outcome", "verdict", "reason"),
    [
        (Verified(), DONE, "Verified"),
        (Verified((Caveat.WRITE_UNPROVEN,)), DONE, "Verified"),
        *((Rejected(reason), REFUSED, reason.value) for reason in Rejection),
        (Expired(), REFUSED, "CredentialExpired"),
        *((Unknown(doubt), CANNOT_TELL, doubt.value) for doubt in Doubt),
        (Unknown(Doubt.RATE_LIMITED, retry_after=timedelta(hours=1)), CANNOT_TELL, "RateLimited"),
    ],
)
async def test_no_and_cannot_tell_are_never_merged(outcome: Outcome, verdict: int, reason: str) -> None:
    prober = Scripted({IntegrationType.GITHUB: outcome})
    (line,) = await check(manifests(written(github=GITHUB)), prober)
    assert (line.verdict, line.reason) == (verdict, reason)
    assert bool(line.message) is (outcome != Verified())
    assert exit_code((line,)) == verdict


async def test_what_a_yes_leaves_open_is_noted() -> None:
    prober = Scripted({IntegrationType.GITHUB: Verified((Caveat.WRITE_UNPROVEN, Caveat.RENAMED))})
    (line,) = await check(manifests(written(github=GITHUB)), prober)
    assert line.message == (
        "Note: permission to write cannot be proved without writing; "
        "the repository was renamed: declare its new name."
    )


async def test_a_secret_counts_only_in_the_resources_own_namespace() -> None:
    prober = Scripted()
    (line,) = await check(manifests(written(namespace="eagle", github=GITHUB)), prober)
    assert (line.verdict, line.reason) == (CANNOT_TELL, "SecretNotFound")
    assert "No file holds Secret eagle/github" in line.message
    assert prober.asked == []


async def test_a_secret_without_the_key_cannot_be_told_and_a_flawed_one_is_refused() -> None:
    renamed = {**GITHUB, "secretRef": {"name": "github", "keys": {"accessToken": "token"}}}
    (line,) = await check(manifests(written(github=renamed)))
    assert (line.verdict, line.reason) == (CANNOT_TELL, "SecretKeyMissing")
    flawed = WrittenSecret({"accessToken": SecretBytes(f"{CANARY} x".encode())})
    given = Manifests((written(github=GITHUB),), {("falcon", "github"): flawed})
    (line,) = await check(given)
    assert (line.verdict, line.reason) == (REFUSED, "Misconfigured")
    assert "Key accessToken of Secret github" in line.message
    assert CANARY not in str(line)


async def test_types_that_are_switched_off_are_passed_over_and_said() -> None:
    prober = Scripted()
    lines = await check(manifests(written(github=GITHUB, slack=SLACK)), prober, IntegrationType.SLACK)
    assert [(line.part, line.verdict, line.reason) for line in lines] == [
        ("GitHub", DONE, "Verified"),
        ("Slack", DONE, "Disabled"),
    ]
    assert [asked[0] for asked in prober.asked] == [IntegrationType.GITHUB]


async def test_an_unreadable_spec_is_a_line_a_problem_and_asks_nobody() -> None:
    prober = Scripted()
    lines = await check(manifests(written(owner=None, interval="5s", github=GITHUB)), prober)
    assert {(line.part, line.verdict, line.reason) for line in lines} == {("spec", REFUSED, "InvalidSpec")}
    assert [line.message.partition(": ")[0] for line in lines] == ["spec.owner", "spec.interval"]
    assert prober.asked == []


async def test_an_unknown_member_is_refused_as_the_operator_would() -> None:
    lines = await check(manifests(written(github=GITHUB, gitHub={"token": CANARY})))
    assert lines[-1].part == "spec"
    assert (lines[-1].verdict, lines[-1].reason) == (REFUSED, "InvalidSpec")
    assert "spec.gitHub: there is no such field" in lines[-1].message
    assert CANARY not in str(lines)


async def test_a_malformed_member_is_refused_with_every_problem() -> None:
    (line,) = await check(manifests(written(slack={"channels": []})))
    assert (line.part, line.verdict, line.reason) == ("Slack", REFUSED, "Misconfigured")
    assert "spec.slack.channels" in line.message
    assert "; spec.slack.secretRef" in line.message


async def test_nothing_declared_passes_and_says_so() -> None:
    lines = await check(manifests(written()))
    assert lines == (Line("falcon/app", "spec", DONE, "NotDeclared", "Declares no integration yet."),)


async def test_setups_come_in_the_order_of_the_files() -> None:
    lines = await check(manifests(*(written(name, slack=SLACK, github=GITHUB) for name in ("z", "a", "m"))))
    assert [line.setup for line in lines] == [f"falcon/{name}" for name in ("z", "z", "a", "a", "m", "m")]
    assert [line.part for line in lines] == ["GitHub", "Slack"] * 3


def line(verdict: int, message: str = "", part: str = "GitHub", setup: str = "falcon/app") -> Line:
    return Line(setup, part, verdict, "Reason", message)


def test_the_exit_code_is_the_gravest_verdict() -> None:
    for verdicts in combinations_with_replacement((DONE, REFUSED, CANNOT_TELL), 3):
        expected = REFUSED if REFUSED in verdicts else CANNOT_TELL if CANNOT_TELL in verdicts else DONE
        assert exit_code(tuple(map(line, verdicts))) == expected
    assert (DONE, REFUSED, CANNOT_TELL, exit_code(())) == (0, 1, 2, 0)


def test_the_table_has_a_block_a_setup_aligned_rows_and_messages_below() -> None:
    lines = (
        line(DONE),
        line(REFUSED, "Mend it.", part="App Store Connect"),
        line(CANNOT_TELL, "Wait.", setup="falcon/other"),
    )
    assert list(table(lines)) == [
        "falcon/app",
        "  ok           GitHub             Reason",
        "  REFUSED      App Store Connect  Reason",
        "               Mend it.",
        "",
        "falcon/other",
        "  cannot tell  GitHub             Reason",
        "               Wait.",
        "",
        "1 ok, 1 refused, 1 cannot tell: mend what is refused and check again.",
    ]


@pytest.mark.parametrize(
    ("verdict", "advice"),
    [
        (DONE, "nothing stands in the way"),
        (REFUSED, "mend what is refused"),
        (CANNOT_TELL, "check again when"),
    ],
)
def test_the_sum_says_what_to_do(verdict: int, advice: str) -> None:
    assert advice in list(table((line(verdict),)))[-1]


@pytest.mark.parametrize("width", [1, 60, 80, 200])
def test_a_message_is_broken_between_words_to_fit_the_terminal(width: int) -> None:
    message = " ".join(["a-word", "release.delivr.live/allowed-hosts"] * 9)
    shown: Callable[[int | None], list[str]] = lambda w: [  # noqa: E731 - read twice below
        text for text in table((line(REFUSED, message),), w) if text.startswith(" " * 15)
    ]
    assert shown(None) == [" " * 15 + message]
    assert " ".join(text.strip() for text in shown(width)) == message
    assert max(map(len, shown(width))) <= max(width, 55)
