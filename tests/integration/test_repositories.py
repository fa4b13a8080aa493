"""Repositories at other hosts than github.com, over real HTTPS: GitLab, Bitbucket, GitHub Enterprise."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from delivr_operator.outcome import Caveat, Doubt, IntegrationType, Rejected, Rejection, Unknown, Verified
from dev.simulator.client import Simulator
from tests.integration.scenes import Scene, scene
from tests.integration.test_probing import NOBODY, prober, proved

T = IntegrationType


@pytest.fixture(scope="module")
def sim(simulator: dict[str, str]) -> Iterator[Simulator]:
    with Simulator(simulator) as client:
        yield client


def project(given: Scene) -> str:
    return str(given.written["projectId"])


async def test_a_gitlab_token_tells_its_end(sim: Simulator) -> None:
    end = (datetime.now(UTC) + timedelta(days=40)).replace(hour=0, minute=0, second=0, microsecond=0)
    given = scene(sim, T.GITLAB, expires_at=end.isoformat())
    assert await proved(sim, given) == Verified((), end)


async def test_an_old_gitlab_leaves_scopes_unproven(sim: Simulator) -> None:
    given = scene(sim, T.GITLAB, knows_itself=False)
    assert await proved(sim, given) == Verified((Caveat.WRITE_UNPROVEN,))
    asked = sim.requests(credential=given.issued.label)
    assert [one.path.removeprefix("/gitlab/api/v4") for one in asked][:2] == [
        "/personal_access_tokens/self",
        "/user",
    ]


async def test_a_gitlab_project_is_asked_for_by_number_and_by_encoded_path(sim: Simulator) -> None:
    given = scene(sim, T.GITLAB)
    number = sim.target("GITLAB", "project", project(given))["number"]
    by_number = Scene(T.GITLAB, given.issued, {"projectId": str(number)})
    for one in (given, by_number):
        assert await proved(sim, one) == Verified()
    paths = [one.path for one in sim.requests(credential=given.issued.label)]
    encoded = project(given).replace("/", "%2F")
    assert [path for path in paths if "/projects/" in path] == [
        f"/gitlab/api/v4/projects/{encoded}",
        f"/gitlab/api/v4/projects/{number}",
    ]


async def test_a_moved_gitlab_project_is_followed_on_its_host(sim: Simulator) -> None:
    given = scene(sim, T.GITLAB)
    sim.target("GITLAB", "project", project(given), renamed_to="elsewhere/app")
    assert await proved(sim, given) == Verified((Caveat.RENAMED,))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"scopes": ["read_api"]}, Rejection.INSUFFICIENT_PERMISSION),
        ({"scopes": ["read_user"]}, Rejection.INSUFFICIENT_PERMISSION),
        ({"grants": {"*": 20}}, Rejection.INSUFFICIENT_PERMISSION),
        ({"grants": {}}, Rejection.TARGET_NOT_FOUND),
        ({"grants": {}, "invited": {"*": 20}}, Rejection.INSUFFICIENT_PERMISSION),
        ({"grants": {"*": 20}, "invited": {"*": 30}}, None),
        ({"grants": {}, "invited": {"*": 40}}, None),
        ({"scopes": ["read_api", "write_repository"]}, None),
        ({"error": "dpop_error"}, Rejection.MISCONFIGURED),
        ({"error": "insufficient_scope", "error_path": "*/projects/*"}, Rejection.INSUFFICIENT_PERMISSION),
    ],
)
async def test_what_a_gitlab_token_may_do_decides(
    sim: Simulator, fields: dict[str, Any], reason: Rejection | None
) -> None:
    outcome = await proved(sim, scene(sim, T.GITLAB, **fields))
    assert outcome == Verified() if reason is None else isinstance(outcome, Rejected), outcome
    assert getattr(outcome, "reason", None) is reason


async def test_a_public_gitlab_project_of_strangers_may_not_be_pushed_to(sim: Simulator) -> None:
    given = scene(sim, T.GITLAB, grants={})
    sim.target("GITLAB", "project", project(given), public=True)
    outcome = await proved(sim, given)
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Rejection.INSUFFICIENT_PERMISSION


async def test_an_archived_gitlab_project_is_disabled(sim: Simulator) -> None:
    given = scene(sim, T.GITLAB)
    sim.target("GITLAB", "project", project(given), state="ARCHIVED")
    outcome = await proved(sim, given)
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Rejection.TARGET_DISABLED


async def test_a_gitlab_limit_may_be_told_by_its_reset_alone(sim: Simulator) -> None:
    given = scene(sim, T.GITLAB, state="RATE_LIMITED", rate_limit={"style": "reset", "seconds": 90})
    outcome = await proved(sim, given)
    assert isinstance(outcome, Unknown)
    assert outcome.reason is Doubt.RATE_LIMITED
    assert outcome.retry_after is not None
    assert timedelta(seconds=88) <= outcome.retry_after <= timedelta(seconds=91)


def center(sim: Simulator, **fields: Any) -> Scene:
    """Give a repository in a Data Center, and a token that may write to it."""
    return scene(sim, T.BITBUCKET, kind="data_center", **fields)


def place(given: Scene) -> str:
    return f"{given.written['workspace']}/{given.written['repoSlug']}"


UNPROVEN = (Caveat.WRITE_UNPROVEN,)
READING = {"*": "read"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"tells_scopes": False}, Verified(UNPROVEN)),
        ({"kind": "access"}, Verified()),
        ({"kind": "access", "tells_scopes": False}, Verified(UNPROVEN)),
        ({"grants": READING}, Rejection.INSUFFICIENT_PERMISSION),
        ({"grants": {}}, Rejection.TARGET_NOT_FOUND),
        ({"kind": "access", "scopes": ["repository"]}, Rejection.INSUFFICIENT_PERMISSION),
        ({"scopes": ["read:user:bitbucket"]}, Rejection.INSUFFICIENT_PERMISSION),
        ({"scopes": ["write:repository:bitbucket"]}, Rejection.INSUFFICIENT_PERMISSION),
        ({"kind": "access", "state": "WRONG"}, Rejection.BAD_CREDENTIALS),
        ({"error": "CHANGE-2770", "error_path": "*/repositories/*"}, Doubt.PROBE_OUTDATED),
    ],
)
async def test_what_a_token_of_bitbucket_cloud_may_do_decides(
    sim: Simulator, fields: dict[str, Any], expected: Verified | Rejection | Doubt
) -> None:
    outcome = await proved(sim, scene(sim, T.BITBUCKET, **fields))
    assert (outcome if isinstance(outcome, Verified) else outcome.reason) == expected  # type: ignore[union-attr]


async def test_a_moved_bitbucket_repository_is_followed_on_its_host(sim: Simulator) -> None:
    given = scene(sim, T.BITBUCKET)
    workspace = given.written["workspace"]
    sim.target("BITBUCKET", "repository", place(given), renamed_to=f"{workspace}/app")
    assert await proved(sim, given) == Verified((Caveat.RENAMED,))


@pytest.mark.parametrize(
    ("fields", "target", "expected"),
    [
        ({}, {}, Verified(UNPROVEN)),
        ({"grants": READING}, {}, Rejection.INSUFFICIENT_PERMISSION),
        ({"grants": {}}, {}, Rejection.TARGET_NOT_FOUND),
        ({"grants": {}}, {"public": True}, Rejection.INSUFFICIENT_PERMISSION),
        ({}, {"state": "ARCHIVED"}, Rejection.TARGET_DISABLED),
        ({}, {"state": "ABSENT"}, Rejection.TARGET_NOT_FOUND),
        ({"state": "EXPIRED"}, {}, Rejection.BAD_CREDENTIALS),
        ({"state": "INSUFFICIENT_PERMISSION"}, {}, Rejection.INSUFFICIENT_PERMISSION),
        ({"state": "LOGIN_BLOCKED"}, {}, Doubt.LOGIN_BLOCKED),
        ({"state": "RATE_LIMITED"}, {}, Doubt.RATE_LIMITED),
        ({"state": "MAINTENANCE"}, {}, Doubt.UPSTREAM_ERROR),
    ],
)
async def test_a_data_center_answers_for_itself(
    sim: Simulator, fields: dict[str, Any], target: dict[str, Any], expected: Verified | Rejection | Doubt
) -> None:
    given = center(sim, **fields)
    sim.target("BITBUCKET", "repository", place(given), **target)
    outcome = await proved(sim, given)
    assert (outcome if isinstance(outcome, Verified) else outcome.reason) == expected  # type: ignore[union-attr]
    assert not any(one.write for one in sim.requests(credential=given.issued.label))


@pytest.mark.parametrize("kind", [T.GITHUB, T.GITHUB_ACTIONS])
async def test_a_github_enterprise_server_answers_below_its_path_once_its_host_is_allowed(
    sim: Simulator, kind: IntegrationType
) -> None:
    given = scene(sim, kind)
    url = sim.settings["GITHUB_API_URL"].replace("127.0.0.1", "localhost") + "/api/v3"
    name, now = f"localhost:{urlsplit(url).port}", datetime.now(UTC)
    credential = given.credential(apiUrl=url)
    async with prober(sim, TRUSTED_HOSTS="127.0.0.0/8") as opened:
        outcome = await opened.prove(credential, NOBODY, now)
        assert isinstance(outcome, Rejected)
        assert outcome.reason is Rejection.HOST_NOT_ALLOWED
        assert sim.requests(credential=given.issued.label) == []
        assert await opened.prove(credential, frozenset({name}), now) == Verified()
    assert all(one.path.startswith("/api/v3/") for one in sim.requests(credential=given.issued.label))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("WRONG", Rejection.BAD_CREDENTIALS),
        ("INSUFFICIENT_PERMISSION", Rejection.INSUFFICIENT_PERMISSION),
        ("RATE_LIMITED", Doubt.RATE_LIMITED),
        ("LOGIN_BLOCKED", Doubt.LOGIN_BLOCKED),
    ],
)
async def test_a_github_enterprise_server_refuses_as_github_com_does(
    sim: Simulator, state: str, expected: Rejection | Doubt
) -> None:
    given = scene(sim, T.GITHUB, state=state)
    server = Scene(
        T.GITHUB, given.issued, {**given.written, "apiUrl": sim.settings["GITHUB_API_URL"] + "/api/v3"}
    )
    outcome = await proved(sim, server)
    assert isinstance(outcome, Rejected | Unknown)
    assert outcome.reason is expected


async def test_a_repository_renamed_on_a_github_enterprise_server_is_followed_below_its_path(
    sim: Simulator,
) -> None:
    given = scene(sim, T.GITHUB)
    organization = given.written["organization"]
    sim.target("GITHUB", "repository", f"{organization}/mobile-app", renamed_to=f"{organization}/app")
    server = Scene(
        T.GITHUB, given.issued, {**given.written, "apiUrl": sim.settings["GITHUB_API_URL"] + "/api/v3"}
    )
    assert await proved(sim, server) == Verified((Caveat.RENAMED,))
