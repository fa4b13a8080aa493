"""Every class of answer and outage, over real HTTPS against the provider simulator."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import pytest

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
from delivr_operator.probing.limits import Limits
from delivr_operator.providers import PROVIDERS
from delivr_operator.settings import ProbeSettings
from dev.simulator.client import Simulator
from tests.integration.scenes import Scene, scene

T = IntegrationType
TYPES = [provider.type for provider in PROVIDERS if not provider.local]
NOBODY: frozenset[str] = frozenset()
QUICK = Limits(read=timedelta(seconds=1), overall=timedelta(seconds=3))


@pytest.fixture(scope="module")
def sim(simulator: dict[str, str]) -> Iterator[Simulator]:
    with Simulator(simulator) as client:
        yield client


@asynccontextmanager
async def prober(sim: Simulator, limits: Limits = QUICK, **changes: str) -> AsyncIterator[Prober]:
    settings = ProbeSettings.from_environment({**sim.settings, **changes})
    opened = Prober.open(settings, limits)
    try:
        yield opened
    finally:
        await opened.aclose()


async def proved(sim: Simulator, given: Scene, limits: Limits = QUICK, **changes: str) -> Outcome:
    async with prober(sim, limits, **changes) as opened:
        return await opened.prove(given.credential(), NOBODY, datetime.now(UTC))


every_type = pytest.mark.parametrize("kind", TYPES)


@every_type
async def test_a_good_credential_is_verified_without_a_single_write(
    sim: Simulator, kind: IntegrationType
) -> None:
    given = scene(sim, kind)
    outcome = await proved(sim, given)
    assert isinstance(outcome, Verified), outcome
    asked = sim.requests(credential=given.issued.label)
    assert asked
    assert not any(request.write for request in asked)
    agents = {value for request in asked for name, value in request.headers if name.lower() == "user-agent"}
    assert len(agents) == 1
    assert agents.pop().startswith("delivr-operator/")


CAVEATS = {
    T.GITHUB: (),
    T.GITHUB_ACTIONS: (),
    T.GITLAB: (),
    T.BITBUCKET: (),
    T.APP_STORE_CONNECT: (),
    T.PLAY_STORE: (Caveat.RELEASE_PERMISSION_UNPROVEN,),
    T.JENKINS: (Caveat.BUILD_PERMISSION_UNPROVEN,),
    T.SLACK: (),
    T.JIRA: (),
    T.TEAMS: (Caveat.WRITE_UNPROVEN,),
    T.FIREBASE: (),
    T.LINEAR: (Caveat.WRITE_UNPROVEN,),
    T.TEST_RAIL: (Caveat.WRITE_UNPROVEN,),
}


@every_type
async def test_what_a_yes_leaves_open_is_said(sim: Simulator, kind: IntegrationType) -> None:
    assert await proved(sim, scene(sim, kind)) == Verified(CAVEATS[kind])


R, E = Rejection, "expired"
BAD = Rejection.BAD_CREDENTIALS
SMALL = Rejection.INSUFFICIENT_PERMISSION
STATES: dict[str, dict[IntegrationType, Rejection | Doubt | str]] = {
    "WRONG": dict.fromkeys(TYPES, BAD),
    "EXPIRED": dict.fromkeys(TYPES, BAD) | {T.SLACK: E, T.GITLAB: E, T.TEAMS: E},
    "REVOKED": {**dict.fromkeys(TYPES, BAD), T.SLACK: R.REVOKED, T.GITLAB: R.REVOKED},
    "INSUFFICIENT_PERMISSION": dict.fromkeys(TYPES, SMALL),
    "DISABLED": {
        **dict.fromkeys((T.PLAY_STORE, T.FIREBASE, T.SLACK, T.TEAMS, T.LINEAR), R.ACCOUNT_DISABLED),
        T.APP_STORE_CONNECT: BAD,
        T.GITLAB: Doubt.LOGIN_BLOCKED,
    },
    "SSO_REQUIRED": {
        T.GITHUB: R.SSO_REQUIRED,
        T.GITHUB_ACTIONS: R.SSO_REQUIRED,
        T.JENKINS: Doubt.UNEXPECTED_RESPONSE,
        T.SLACK: Doubt.MAINTENANCE,
        T.TEAMS: SMALL,
    },
    "AGREEMENT_REQUIRED": {T.APP_STORE_CONNECT: R.AGREEMENT_REQUIRED},
    "API_DISABLED": {
        **dict.fromkeys((T.PLAY_STORE, T.FIREBASE, T.TEST_RAIL), R.API_DISABLED),
        T.LINEAR: SMALL,
    },
    "LOGIN_BLOCKED": dict.fromkeys((T.GITHUB, T.GITLAB, T.SLACK, T.JIRA), Doubt.LOGIN_BLOCKED),
    "MAINTENANCE": {
        **dict.fromkeys((T.JENKINS, T.SLACK, T.JIRA, T.TEST_RAIL), Doubt.MAINTENANCE),
        **dict.fromkeys((T.GITLAB, T.BITBUCKET, T.TEAMS, T.LINEAR), Doubt.UPSTREAM_ERROR),
    },
    "RATE_LIMITED": dict.fromkeys(TYPES, Doubt.RATE_LIMITED),
}


@pytest.mark.parametrize(
    ("state", "kind", "expected"),
    [
        pytest.param(state, kind, expected, id=f"{state}-{kind}")
        for state, rows in STATES.items()
        for kind, expected in rows.items()
    ],
)
async def test_the_state_of_a_credential_decides(
    sim: Simulator, state: str, kind: IntegrationType, expected: Rejection | Doubt | str
) -> None:
    outcome = await proved(sim, scene(sim, kind, state=state))
    if expected == E:
        assert isinstance(outcome, Expired)
        return
    assert isinstance(outcome, Rejected if isinstance(expected, Rejection) else Unknown), outcome
    assert outcome.reason is expected


@every_type
async def test_a_credential_that_nobody_issued_is_refused(sim: Simulator, kind: IntegrationType) -> None:
    given = scene(sim, kind)
    sim.forget_credential(given.issued)
    outcome = await proved(sim, given)
    assert isinstance(outcome, Rejected), outcome
    assert outcome.reason is BAD


@pytest.mark.parametrize(
    ("kind", "provider", "target", "name"),
    [
        (T.GITHUB, "GITHUB", "repository", "{organization}/{repoName}"),
        (T.GITLAB, "GITLAB", "project", "{projectId}"),
        (T.BITBUCKET, "BITBUCKET", "repository", "{workspace}/{repoSlug}"),
        (T.APP_STORE_CONNECT, "APP_STORE_CONNECT", "app", "{bundleId}"),
        (T.PLAY_STORE, "PLAY_STORE", "package", "{packageName}"),
        (T.JIRA, "JIRA", "project", "{projectKey}"),
        (T.TEST_RAIL, "TEST_RAIL", "project", "{projectId}"),
        (T.TEAMS, "TEAMS", "team", "{teamId}"),
    ],
)
async def test_a_target_that_is_gone_is_not_found(
    sim: Simulator, kind: IntegrationType, provider: str, target: str, name: str
) -> None:
    given = scene(sim, kind)
    sim.target(provider, target, name.format(**given.written), state="ABSENT")
    outcome = await proved(sim, given)
    assert isinstance(outcome, Rejected), outcome
    assert outcome.reason is Rejection.TARGET_NOT_FOUND


async def test_jobs_workflows_and_channels_may_be_gone_or_disabled(sim: Simulator) -> None:
    async def reason(given: Scene) -> Rejection:
        outcome = await proved(sim, given)
        assert isinstance(outcome, Rejected), outcome
        return outcome.reason

    job = scene(sim, T.JENKINS)
    path = job.written["pipelines"][0]["jobPath"]
    for state, expected in (("DISABLED", R.TARGET_DISABLED), ("ABSENT", R.TARGET_NOT_FOUND)):
        sim.target("JENKINS", "job", path, state=state)
        assert await reason(job) is expected
    flow = scene(sim, T.GITHUB_ACTIONS)
    name = f"{flow.written['organization']}/mobile-app"
    for fields, expected in (
        ({"activity": "disabled_inactivity"}, R.TARGET_DISABLED),
        ({"state": "ABSENT"}, R.TARGET_NOT_FOUND),
    ):
        sim.target("GITHUB", "workflow", ".github/workflows/ios-build.yml", repository=name, **fields)
        assert await reason(flow) is expected
    chat = scene(sim, T.SLACK)
    workspace = chat.issued.fields["workspace"]
    changes: list[tuple[dict[str, Any], Rejection]] = [
        ({"member": False}, R.INSUFFICIENT_PERMISSION),
        ({"state": "ARCHIVED"}, R.TARGET_DISABLED),
        ({"state": "ABSENT"}, R.TARGET_NOT_FOUND),
    ]
    for fields, expected in changes:
        sim.target("SLACK", "channel", "releases", workspace=workspace, **fields)
        assert await reason(chat) is expected
    repository = scene(sim, T.GITHUB)
    sim.target("GITHUB", "repository", f"{repository.written['organization']}/mobile-app", state="ARCHIVED")
    assert await reason(repository) is R.TARGET_DISABLED


async def test_a_renamed_repository_is_followed_on_its_host(sim: Simulator) -> None:
    given = scene(sim, T.GITHUB_ACTIONS)
    old = f"{given.written['organization']}/mobile-app"
    new = f"{given.written['organization']}/app"
    sim.target("GITHUB", "repository", old, renamed_to=new)
    sim.target("GITHUB", "workflow", ".github/workflows/ios-build.yml", repository=new)
    assert await proved(sim, given) == Verified((Caveat.RENAMED,))


async def test_a_fine_grained_token_leaves_writing_unproven_and_tells_its_end(sim: Simulator) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    for style in ("%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H:%M:%S %z"):
        given = scene(sim, T.GITHUB, kind="fine_grained", expires_at=end.isoformat(), expiry_format=style)
        assert await proved(sim, given) == Verified((Caveat.WRITE_UNPROVEN,), end)


async def test_blue_ocean_proves_the_right_to_build(sim: Simulator) -> None:
    given = scene(sim, T.JENKINS)
    path = given.written["pipelines"][0]["jobPath"]
    sim.target("JENKINS", "job", path, blue_ocean=True)
    assert await proved(sim, given) == Verified()
    sim.target("JENKINS", "job", path, blue_ocean=False)
    outcome = await proved(sim, given)
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Rejection.INSUFFICIENT_PERMISSION


async def test_channels_are_found_over_many_pages(sim: Simulator) -> None:
    given = scene(sim, T.SLACK, largest_page=3)
    workspace = given.issued.fields["workspace"]
    for number in range(8):
        sim.target("SLACK", "channel", f"room-{number}", workspace=workspace)
    async with prober(sim) as opened:
        credential = given.credential(channels=["room-7", "releases"])
        assert await opened.prove(credential, NOBODY, datetime.now(UTC)) == Verified()
    listed = sim.requests(credential=given.issued.label, path="/api/conversations.list")
    assert len(listed) == 3


FAULTS: list[tuple[str, dict[str, Any], Doubt]] = [
    ("STATUS", {"status": 500}, Doubt.UPSTREAM_ERROR),
    ("STATUS", {"status": 502, "body": "<html>", "content_type": "text/html"}, Doubt.UPSTREAM_ERROR),
    ("STATUS", {"status": 504}, Doubt.UPSTREAM_ERROR),
    ("STATUS", {"status": 429, "headers": {"Retry-After": "77"}}, Doubt.RATE_LIMITED),
    ("STATUS", {"status": 408}, Doubt.TIMED_OUT),
    ("STATUS", {"status": 410}, Doubt.PROBE_OUTDATED),
    ("STATUS", {"status": 418}, Doubt.UNEXPECTED_RESPONSE),
    ("STATUS", {"status": 401, "body": "<html>", "content_type": "text/html"}, Doubt.UNEXPECTED_RESPONSE),
    ("STATUS", {"status": 404, "body": "<html>", "content_type": "text/html"}, Doubt.UNEXPECTED_RESPONSE),
    ("HTML", {}, Doubt.UNEXPECTED_RESPONSE),
    ("CONTENT_TYPE", {}, Doubt.UNEXPECTED_RESPONSE),
    ("INVALID_JSON", {}, Doubt.UNEXPECTED_RESPONSE),
    ("REDIRECT", {"status": 302, "location": "https://127.0.0.1:1/login"}, Doubt.UNEXPECTED_RESPONSE),
    ("HUGE", {}, Doubt.UNEXPECTED_RESPONSE),
    ("HUGE", {"size": 0}, Doubt.UNEXPECTED_RESPONSE),
    ("BOMB", {}, Doubt.UNEXPECTED_RESPONSE),
    ("RESET", {}, Doubt.NETWORK_ERROR),
    ("CLOSE", {}, Doubt.NETWORK_ERROR),
    ("TRUNCATED", {}, Doubt.NETWORK_ERROR),
]


@every_type
@pytest.mark.parametrize(
    ("fault", "fields", "reason"),
    [pytest.param(*row, id=f"{row[0]}-{row[1].get('status', row[1].get('size', ''))}") for row in FAULTS],
)
async def test_a_fault_on_the_wire_is_no_verdict(
    sim: Simulator, kind: IntegrationType, fault: str, fields: dict[str, Any], reason: Doubt
) -> None:
    given = scene(sim, kind)
    sim.fault(fault, credential=given.issued.label, **fields)
    try:
        outcome = await proved(sim, given, Limits())
    finally:
        sim.lift(credential=given.issued.label)
    assert isinstance(outcome, Unknown), outcome
    assert outcome.reason is reason
    if fields.get("status") == 429:
        assert outcome.retry_after is not None
        assert outcome.retry_after >= timedelta(seconds=77)
    if fault == "REDIRECT":
        assert outcome.http_status == 302
    assert await proved(sim, given, Limits()) == Verified(CAVEATS[kind])


@pytest.mark.parametrize("kind", [T.GITHUB, T.JENKINS, T.SLACK])
async def test_silence_ends_at_the_longest_pause(sim: Simulator, kind: IntegrationType) -> None:
    given = scene(sim, kind)
    sim.fault("HANG", credential=given.issued.label)
    limits = Limits(read=timedelta(milliseconds=300), overall=timedelta(seconds=20))
    assert await proved(sim, given, limits) == Unknown(Doubt.TIMED_OUT)


@pytest.mark.parametrize(
    ("kind", "setting"),
    [(T.APP_STORE_CONNECT, "APPSTORE_CONNECT_TIMEOUT"), (T.PLAY_STORE, "PLAYSTORE_API_TIMEOUT")],
)
async def test_the_stores_have_timeouts_of_their_own(
    sim: Simulator, kind: IntegrationType, setting: str
) -> None:
    given = scene(sim, kind)
    sim.fault("HANG", credential=given.issued.label)
    limits = Limits(read=timedelta(seconds=60), overall=timedelta(seconds=60))
    async with asyncio.timeout(20):
        assert await proved(sim, given, limits, **{setting: "300"}) == Unknown(Doubt.TIMED_OUT)


async def test_an_answer_that_drips_ends_at_the_deadline(sim: Simulator) -> None:
    given = scene(sim, T.GITHUB)
    sim.fault("DRIP", credential=given.issued.label, interval=0.05)
    limits = Limits(read=timedelta(seconds=20), overall=timedelta(milliseconds=800))
    assert await proved(sim, given, limits) == Unknown(Doubt.TIMED_OUT)


@pytest.mark.parametrize(
    "setting", ["SIMULATOR_BAD_TLS_URL", "SIMULATOR_EXPIRED_TLS_URL", "SIMULATOR_WRONG_HOST_TLS_URL"]
)
async def test_a_certificate_that_is_not_trusted_gets_no_credential(sim: Simulator, setting: str) -> None:
    given = scene(sim, T.GITHUB)
    outcome = await proved(sim, given, GITHUB_API_URL=sim.settings[setting])
    assert isinstance(outcome, Unknown)
    assert outcome.reason is Doubt.NETWORK_ERROR
    assert "certificate is not trusted" in outcome.detail
    assert sim.requests(provider="BAD_TLS") == []


async def test_the_extra_authority_is_what_makes_the_simulator_trusted(sim: Simulator) -> None:
    outcome = await proved(sim, scene(sim, T.GITHUB), EXTRA_CA_FILE="")
    assert isinstance(outcome, Unknown)
    assert "EXTRA_CA_FILE" in outcome.detail


async def test_a_host_that_refuses_or_does_not_exist_is_no_verdict(sim: Simulator) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        closed = f"https://127.0.0.1:{held.getsockname()[1]}"
        assert await proved(sim, scene(sim, T.GITHUB), GITHUB_API_URL=closed) == Unknown(Doubt.NETWORK_ERROR)
    absent = await proved(sim, scene(sim, T.GITHUB), GITHUB_API_URL="https://absent.invalid")
    assert absent == Unknown(Doubt.NETWORK_ERROR, "Its host name cannot be resolved.")


@pytest.mark.parametrize("kind", [T.APP_STORE_CONNECT, T.PLAY_STORE])
@pytest.mark.parametrize("skew", [-3600, 3600])
async def test_clocks_apart_are_no_verdict_on_a_key(sim: Simulator, kind: IntegrationType, skew: int) -> None:
    given = scene(sim, kind)
    sim.fault("NONE", credential=given.issued.label, date_skew=skew)
    outcome = await proved(sim, given)
    assert isinstance(outcome, Unknown), outcome
    assert outcome.reason is Doubt.CLOCK_SKEW


async def test_a_rate_limit_is_kept_for_everybody_with_the_credential(sim: Simulator) -> None:
    given = scene(sim, T.GITHUB, state="RATE_LIMITED", rate_limit={"style": "seconds", "seconds": 90})
    async with prober(sim) as opened:
        first = await opened.prove(given.credential(), NOBODY, datetime.now(UTC))
        asked = sim.count(credential=given.issued.label)
        second = await opened.prove(given.credential(repoName="other"), NOBODY, datetime.now(UTC))
    assert isinstance(first, Unknown)
    assert first.retry_after == timedelta(seconds=90)
    assert isinstance(second, Unknown)
    assert second.reason is Doubt.RATE_LIMITED
    assert second.retry_after is not None
    assert timedelta(seconds=60) < second.retry_after <= timedelta(seconds=90)
    assert sim.count(credential=given.issued.label) == asked == 1


@pytest.mark.parametrize("style", ["date", "reset", "none"])
async def test_a_rate_limit_may_be_told_in_other_ways(sim: Simulator, style: str) -> None:
    given = scene(sim, T.GITHUB, state="RATE_LIMITED", rate_limit={"style": style, "seconds": 90})
    outcome = await proved(sim, given)
    assert isinstance(outcome, Unknown)
    assert outcome.reason is Doubt.RATE_LIMITED
    assert outcome.retry_after is not None
    at_least = 60 if style == "none" else 88
    assert timedelta(seconds=at_least) <= outcome.retry_after <= timedelta(seconds=91)


async def test_the_operators_own_budget_holds(sim: Simulator) -> None:
    given = scene(sim, T.GITHUB)
    async with prober(sim, GITHUB_API_RATE_LIMIT="3") as opened:
        first = await opened.prove(given.credential(), NOBODY, datetime.now(UTC))
        second = await opened.prove(given.credential(), NOBODY, datetime.now(UTC), fresh=True)
    assert isinstance(first, Verified)
    assert isinstance(second, Unknown)
    assert second.reason is Doubt.RATE_LIMITED
    assert second.retry_after is not None
    assert second.retry_after > timedelta(minutes=59)
    assert sim.count(credential=given.issued.label) == 3


@pytest.mark.parametrize(("kind", "unchanged"), [(T.GITHUB, 1), (T.GITHUB_ACTIONS, 2)])
async def test_github_charges_nothing_for_what_did_not_change(
    sim: Simulator, kind: IntegrationType, unchanged: int
) -> None:
    given = scene(sim, kind)
    async with prober(sim) as opened:
        outcomes = [
            await opened.prove(given.credential(), NOBODY, datetime.now(UTC), fresh=True) for _ in range(3)
        ]
    assert outcomes[0] == outcomes[1] == outcomes[2] == Verified()
    asked = [request.status for request in sim.requests(credential=given.issued.label)]
    once = [200] * (1 + unchanged)
    again = [200, *[304] * unchanged]
    assert asked == once + again + again


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"state": "WRONG"}, Rejection.BAD_CREDENTIALS),
        ({"scopes": ["read:org"]}, Rejection.INSUFFICIENT_PERMISSION),
        ({"state": "INSUFFICIENT_PERMISSION"}, Rejection.INSUFFICIENT_PERMISSION),
        ({"state": "SSO_REQUIRED"}, Rejection.SSO_REQUIRED),
    ],
)
async def test_what_did_not_change_hides_no_change_of_the_token(
    sim: Simulator, change: dict[str, Any], reason: Rejection
) -> None:
    given = scene(sim, T.GITHUB)
    repository = f"{given.written['organization']}/{given.written['repoName']}"
    sim.target("GITHUB", "repository", repository, private=False)  # no scope hides a public one
    async with prober(sim) as opened:
        for _ in range(2):
            first = await opened.prove(given.credential(), NOBODY, datetime.now(UTC), fresh=True)
            assert first == Verified()
        sim.change(given.issued, **change)
        outcome = await opened.prove(given.credential(), NOBODY, datetime.now(UTC), fresh=True)
    assert isinstance(outcome, Rejected), outcome
    assert outcome.reason is reason


async def test_one_answer_serves_everybody_who_asks_the_same_at_once(sim: Simulator) -> None:
    given = scene(sim, T.GITHUB)
    async with prober(sim) as opened:
        asking = [opened.prove(given.credential(), NOBODY, datetime.now(UTC)) for _ in range(50)]
        outcomes = await asyncio.gather(*asking)
    assert all(isinstance(outcome, Verified) for outcome in outcomes)
    assert sim.count(credential=given.issued.label) == 2  # who it is, and the repository


async def test_one_probe_of_a_credential_is_in_flight_at_a_time(sim: Simulator) -> None:
    given, other = scene(sim, T.GITHUB), scene(sim, T.GITHUB)
    sim.fault("HANG", credential=given.issued.label)
    limits = Limits(read=timedelta(seconds=30), overall=timedelta(seconds=2))
    async with prober(sim, limits) as opened:
        now = datetime.now(UTC)
        hanging = [asyncio.create_task(opened.prove(given.credential(), NOBODY, now)) for _ in range(2)]
        assert isinstance(await opened.prove(other.credential(), NOBODY, now), Verified)
        outcomes = await asyncio.gather(*hanging)
    assert all(isinstance(one, Unknown) and one.reason is Doubt.TIMED_OUT for one in outcomes)
    times = [request.time for request in sim.requests(credential=given.issued.label)]
    assert len(times) <= 2
    assert all(later - earlier > 1.5 for earlier, later in pairwise(times))


@pytest.mark.parametrize(
    ("allowed", "trusted", "detail"),
    [
        ("", "", "Write 127.0.0.1:{port} into the annotation release.delivr.live/allowed-hosts"),
        ("127.0.0.1", "", "Write 127.0.0.1:{port} into"),
        ("127.0.0.1:443", "", "Write 127.0.0.1:{port} into"),
        ("127.0.0.1:{port}", "", "127.0.0.1 stands for no public address"),
        ("127.0.0.1:{port}", "10.0.0.0/8", "127.0.0.1 stands for no public address"),
    ],
)
async def test_a_host_that_nobody_allowed_gets_not_one_byte(
    sim: Simulator, allowed: str, trusted: str, detail: str
) -> None:
    given = scene(sim, T.JENKINS)
    port = str(urlsplit(sim.settings["JENKINS_URL"]).port)
    hosts = frozenset({allowed.format(port=port)} - {""})
    async with prober(sim, TRUSTED_HOSTS=trusted) as opened:
        outcome = await opened.prove(given.credential(), hosts, datetime.now(UTC))
    assert isinstance(outcome, Rejected), outcome
    assert outcome.reason is Rejection.HOST_NOT_ALLOWED
    assert detail.format(port=port) in outcome.detail
    assert sim.requests(credential=given.issued.label) == []


async def test_a_name_is_asked_when_its_secret_allows_it_and_the_operator_opens_its_address(
    sim: Simulator,
) -> None:
    port = urlsplit(sim.settings["JENKINS_URL"]).port
    given = scene(sim, T.JENKINS)
    credential = given.credential(url=sim.settings["JENKINS_URL"].replace("127.0.0.1", "localhost"))
    async with prober(sim, TRUSTED_HOSTS="127.0.0.0/8") as opened:
        refused = await opened.prove(credential, NOBODY, datetime.now(UTC))
        allowed = await opened.prove(credential, frozenset({f"localhost:{port}"}), datetime.now(UTC))
    assert isinstance(refused, Rejected)
    assert allowed == Verified(CAVEATS[T.JENKINS])
    hosts = {
        value
        for one in sim.requests(credential=given.issued.label)
        for name, value in one.headers
        if name == "Host"
    }
    assert hosts == {f"localhost:{port}"}


async def test_a_trusted_name_needs_no_word_from_the_secret(sim: Simulator) -> None:
    given = scene(sim, T.JENKINS)
    credential = given.credential(url=sim.settings["JENKINS_URL"].replace("127.0.0.1", "localhost"))
    async with prober(sim, TRUSTED_HOSTS="localhost") as opened:
        assert await opened.prove(credential, NOBODY, datetime.now(UTC)) == Verified(CAVEATS[T.JENKINS])


async def test_cookies_of_one_tenant_never_reach_another(sim: Simulator) -> None:
    first, second = scene(sim, T.GITHUB), scene(sim, T.GITHUB)
    sim.fault("NONE", credential=first.issued.label, headers={"Set-Cookie": "session=of-the-first; Path=/"})
    async with prober(sim) as opened:
        for given in (first, second, first):
            outcome = await opened.prove(given.credential(), NOBODY, datetime.now(UTC), fresh=True)
            assert isinstance(outcome, Verified)
    asked = [*sim.requests(credential=first.issued.label), *sim.requests(credential=second.issued.label)]
    assert len(asked) == 6
    assert not any(name.lower() == "cookie" for request in asked for name, _ in request.headers)


@every_type
async def test_no_log_at_any_level_holds_a_secret(
    sim: Simulator, kind: IntegrationType, caplog: pytest.LogCaptureFixture
) -> None:
    given = scene(sim, kind)
    with caplog.at_level(logging.DEBUG):
        outcome = await proved(sim, given)
    assert isinstance(outcome, Verified)
    clear = {"serviceAccountEmail", "username", "email"}
    for name, value in given.issued.secret.items():
        if name not in clear:
            assert value not in caplog.text
            assert value.split("\n")[-2:][0] not in caplog.text
    assert "Bearer" not in caplog.text
    assert "Basic " not in caplog.text
    assert "ya29" not in caplog.text
