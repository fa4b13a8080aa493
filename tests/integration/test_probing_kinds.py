"""Over real HTTPS: the kinds of credential, server and target that only some types have."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from delivr_operator.outcome import (
    Caveat,
    Doubt,
    IntegrationType,
    Outcome,
    Rejected,
    Rejection,
    Unknown,
    Verified,
)
from delivr_operator.probing.limits import Limits
from dev.simulator.client import Simulator
from tests.integration.scenes import Scene, scene
from tests.integration.test_probing import proved as proved_within

T, R = IntegrationType, Rejection
GONE = Rejection.TARGET_NOT_FOUND


@pytest.fixture(scope="module")
def sim(simulator: dict[str, str]) -> Iterator[Simulator]:
    with Simulator(simulator) as client:
        yield client


async def proved(sim: Simulator, given: Scene) -> Outcome:
    return await proved_within(sim, given, Limits())


async def refused(sim: Simulator, given: Scene) -> Rejected:
    outcome = await proved(sim, given)
    assert isinstance(outcome, Rejected), outcome
    return outcome


def jira(sim: Simulator, kind: str, **fields: Any) -> Scene:
    """Give a Jira of this kind in which all is well, but for `fields` of the credential."""
    return scene(sim, T.JIRA, kind=kind, **fields)


every_jira = pytest.mark.parametrize("kind", ["cloud", "data_center", "scoped"])


@every_jira
async def test_each_kind_of_jira_is_asked_its_own_way(sim: Simulator, kind: str) -> None:
    given = jira(sim, kind)
    assert await proved(sim, given) == Verified()
    paths = [request.path for request in sim.requests(credential=given.issued.label)]
    assert len(paths) == 3
    assert all(("/rest/api/2/" in path) == (kind == "data_center") for path in paths)


@every_jira
async def test_a_wrong_token_is_refused_although_the_project_is_public(sim: Simulator, kind: str) -> None:
    given = jira(sim, kind, state="REVOKED")
    sim.target("JIRA", "project", given.written["projectKey"], public=True)
    assert (await refused(sim, given)).reason is Rejection.BAD_CREDENTIALS


async def test_jira_names_the_rights_that_are_missing(sim: Simulator) -> None:
    found = await refused(sim, jira(sim, "data_center", rights=["BROWSE_PROJECTS", "CREATE_ISSUES"]))
    assert found.reason is Rejection.INSUFFICIENT_PERMISSION
    assert "EDIT_ISSUES, TRANSITION_ISSUES, ADD_COMMENTS" in found.detail


@pytest.mark.parametrize("state", ["INSUFFICIENT_PERMISSION", "API_DISABLED"])
async def test_a_jira_token_may_lack_scopes(sim: Simulator, state: str) -> None:
    found = await refused(sim, jira(sim, "scoped", state=state))
    assert found.reason is Rejection.INSUFFICIENT_PERMISSION
    assert "scope" in found.detail


@every_jira
async def test_a_jira_project_may_be_archived(sim: Simulator, kind: str) -> None:
    given = jira(sim, kind)
    sim.target("JIRA", "project", given.written["projectKey"], state="ARCHIVED")
    assert (await refused(sim, given)).reason is Rejection.TARGET_DISABLED


@pytest.mark.parametrize("kind", ["cloud", "data_center"])
@pytest.mark.parametrize("style", ["seconds", "date", "reset", "none"])
async def test_jira_tells_of_its_limits_in_many_ways(sim: Simulator, kind: str, style: str) -> None:
    outcome = await proved(
        sim, jira(sim, kind, state="RATE_LIMITED", rate_limit={"style": style, "seconds": 200})
    )
    assert isinstance(outcome, Unknown)
    assert outcome.reason is Doubt.RATE_LIMITED
    assert outcome.retry_after is not None
    # Cloud's moment has no seconds.
    least = 60 if style == "none" else 138
    assert timedelta(seconds=least) <= outcome.retry_after <= timedelta(seconds=201)


async def test_firebase_tells_what_of_it_is_deleted_or_elsewhere(sim: Simulator) -> None:
    given = scene(sim, T.FIREBASE)
    project, app = given.written["projectId"], given.written["androidAppId"]
    sim.target("FIREBASE", "app", app, project="another-one")
    assert "belongs to another project" in (await refused(sim, given)).detail
    sim.target("FIREBASE", "app", app, state="ABSENT", project=project)
    assert (await refused(sim, given)).detail == f"App {app} is absent."
    sim.target("FIREBASE", "app", app, project=project, state="DISABLED")
    assert (await refused(sim, given)).reason is Rejection.TARGET_DISABLED
    sim.target("FIREBASE", "project", project, state="DISABLED")
    assert (await refused(sim, given)).detail == f"Project {project} was deleted."
    sim.target("FIREBASE", "project", project, state="ABSENT")
    assert (await refused(sim, given)).reason is Rejection.INSUFFICIENT_PERMISSION


async def test_firebase_leaves_writing_unproven_where_the_right_to_it_cannot_be_asked(sim: Simulator) -> None:
    off = {"error": "SERVICE_DISABLED", "error_path": "*:testIamPermissions"}
    assert await proved(sim, scene(sim, T.FIREBASE, **off)) == Verified((Caveat.WRITE_UNPROVEN,))
    small = await refused(sim, scene(sim, T.FIREBASE, granted=["firebase.projects.get"]))
    assert "firebaseappdistro.releases.update" in small.detail


async def test_teams_finds_its_channels_by_name_and_by_id_over_many_pages(sim: Simulator) -> None:
    given = scene(sim, T.TEAMS)
    team = given.written["teamId"]
    number = f"19:{'4a' * 16}@thread.tacv2"
    for page in range(3):
        sim.target("TEAMS", "channel", f"room-{page}", team=team, page=page)
    sim.target("TEAMS", "channel", "by id", team=team, number=number)
    declared = Scene(T.TEAMS, given.issued, given.written | {"channels": ["ROOM-2", "releases", number]})
    assert await proved(sim, declared) == Verified((Caveat.WRITE_UNPROVEN,))
    asked = [one.path for one in sim.requests(provider="TEAMS", credential=given.issued.label)]
    assert len([path for path in asked if "/channels?" in path]) == 3
    absent = Scene(T.TEAMS, given.issued, given.written | {"channels": [number.replace("4a", "4b")]})
    assert (await refused(sim, absent)).reason is Rejection.TARGET_NOT_FOUND


async def test_teams_tells_what_is_archived_or_absent(sim: Simulator) -> None:
    given = scene(sim, T.TEAMS)
    team = given.written["teamId"]
    for state, reason in (("ABSENT", R.TARGET_NOT_FOUND), ("ARCHIVED", R.TARGET_DISABLED)):
        sim.target("TEAMS", "channel", "Releases", team=team, state=state)
        found = await refused(sim, given)
        assert (found.reason, found.detail.startswith("Channel Releases ")) == (reason, True)
    sim.target("TEAMS", "team", team, state="ARCHIVED")
    assert (await refused(sim, given)).detail == f"Team {team} is archived."


async def test_teams_is_asked_again_with_a_new_token_before_a_refusal_counts(sim: Simulator) -> None:
    late = scene(sim, T.TEAMS, unknown_tokens=1)
    assert await proved(sim, late) == Verified((Caveat.WRITE_UNPROVEN,))
    assert len(sim.requests(provider="MICROSOFT_LOGIN", credential=late.issued.label)) == 2
    never = await refused(sim, scene(sim, T.TEAMS, unknown_tokens=9))
    assert never.reason is Rejection.BAD_CREDENTIALS


async def test_teams_tells_a_wrong_tenant_from_a_wrong_secret(sim: Simulator) -> None:
    given = scene(sim, T.TEAMS)
    other = Scene(T.TEAMS, given.issued, given.written | {"tenantId": "other.example"})
    assert (await refused(sim, other)).reason is Rejection.MISCONFIGURED
    throttled = await proved(sim, scene(sim, T.TEAMS, error="throttled"))
    assert isinstance(throttled, Unknown)
    assert throttled.reason is Doubt.RATE_LIMITED
    blind = await refused(sim, scene(sim, T.TEAMS, granted=["Team.ReadBasic.All"]))
    assert blind.reason is Rejection.INSUFFICIENT_PERMISSION


async def test_linear_is_asked_once(sim: Simulator) -> None:
    given = scene(sim, T.LINEAR)
    assert await proved(sim, given) == Verified((Caveat.WRITE_UNPROVEN,))
    (asked,) = sim.requests(credential=given.issued.label)
    assert (asked.method, asked.path, asked.write) == ("POST", "/graphql", False)


@pytest.mark.parametrize("status", [200, 400, 401])
async def test_linear_refuses_a_key_under_any_status(sim: Simulator, status: int) -> None:
    found = await refused(sim, scene(sim, T.LINEAR, state="REVOKED", error_status=status))
    assert (found.reason, found.http_status) == (Rejection.BAD_CREDENTIALS, status)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("graphql error", Doubt.PROBE_OUTDATED),
        ("lock timeout", Doubt.UPSTREAM_ERROR),
        ("usage limit exceeded", Doubt.UNEXPECTED_RESPONSE),
    ],
)
async def test_an_error_of_linears_own_is_no_verdict(sim: Simulator, kind: str, reason: Doubt) -> None:
    outcome = await proved(sim, scene(sim, T.LINEAR, error=kind))
    assert isinstance(outcome, Unknown)
    assert outcome.reason is reason


@pytest.mark.parametrize(("state", "reason"), [("ABSENT", GONE), ("ARCHIVED", Rejection.TARGET_DISABLED)])
async def test_a_linear_team_may_be_gone_or_archived(sim: Simulator, state: str, reason: Rejection) -> None:
    given = scene(sim, T.LINEAR)
    sim.target("LINEAR", "team", "MOB", workspace=given.issued.fields["workspace"], state=state)
    assert (await refused(sim, given)).reason is reason


async def test_a_linear_project_belongs_to_the_team(sim: Simulator) -> None:
    given, number = scene(sim, T.LINEAR), str(uuid.uuid4())
    workspace = given.issued.fields["workspace"]
    declared = Scene(T.LINEAR, given.issued, given.written | {"projectId": number})
    assert (await refused(sim, declared)).reason is GONE
    sim.target("LINEAR", "team", "WEB", workspace=workspace)
    sim.target("LINEAR", "project", number, workspace=workspace, teams=["WEB"])
    assert "is none of team MOB" in (await refused(sim, declared)).detail
    sim.target("LINEAR", "project", number, workspace=workspace, teams=["WEB", "MOB"])
    assert await proved(sim, declared) == Verified((Caveat.WRITE_UNPROVEN,))
    sim.target("LINEAR", "project", number, workspace=workspace, state="ARCHIVED")
    assert (await refused(sim, declared)).reason is Rejection.TARGET_DISABLED


@pytest.mark.parametrize("style", ["seconds", "date", "reset", "none"])
async def test_linear_limits_with_400_and_tells_when(sim: Simulator, style: str) -> None:
    limit = {"style": style, "seconds": 200}
    outcome = await proved(sim, scene(sim, T.LINEAR, state="RATE_LIMITED", rate_limit=limit))
    assert isinstance(outcome, Unknown)
    assert (outcome.reason, outcome.http_status) == (Doubt.RATE_LIMITED, 400)
    assert outcome.retry_after is not None
    least = 60 if style == "none" else 198
    assert timedelta(seconds=least) <= outcome.retry_after <= timedelta(seconds=201)


async def test_testrail_is_asked_in_the_query_of_its_page(sim: Simulator) -> None:
    given = scene(sim, T.TEST_RAIL)
    assert await proved(sim, given) == Verified((Caveat.WRITE_UNPROVEN,))
    page = "/testrail/index.php?/api/v2/"
    assert [request.path for request in sim.requests(credential=given.issued.label)] == [
        f"{page}get_current_user",
        f"{page}get_project/{given.written['projectId']}",
    ]


async def test_an_old_testrail_is_asked_for_any_project(sim: Simulator) -> None:
    given = scene(sim, T.TEST_RAIL, old_server=True)
    assert await proved(sim, given) == Verified((Caveat.WRITE_UNPROVEN,))
    assert sim.requests(credential=given.issued.label)[1].path.endswith("get_projects&limit=1")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, None),
        ({"state": "ARCHIVED"}, Rejection.TARGET_DISABLED),
        ({"state": "ABSENT"}, GONE),
        ({"project": "1"}, GONE),
    ],
)
async def test_a_testrail_suite_is_the_projects(
    sim: Simulator, fields: dict[str, Any], reason: Rejection | None
) -> None:
    given = scene(sim, T.TEST_RAIL)
    number = given.written["projectId"]
    sim.target("TEST_RAIL", "suite", str(number), **{"project": str(number), **fields})
    outcome = await proved(sim, Scene(T.TEST_RAIL, given.issued, given.written | {"suiteId": number}))
    assert (outcome.reason if isinstance(outcome, Rejected) else None) is reason
    assert isinstance(outcome, Rejected) or outcome == Verified((Caveat.WRITE_UNPROVEN,))


async def test_a_completed_testrail_project_is_disabled(sim: Simulator) -> None:
    given = scene(sim, T.TEST_RAIL)
    sim.target("TEST_RAIL", "project", str(given.written["projectId"]), state="ARCHIVED")
    assert (await refused(sim, given)).reason is Rejection.TARGET_DISABLED
