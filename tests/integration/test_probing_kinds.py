"""Over real HTTPS: the kinds of credential, server and target that only some types have."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from delivr_operator.outcome import Caveat, Doubt, IntegrationType, Rejected, Rejection, Unknown, Verified
from dev.simulator.client import Simulator
from tests.integration.test_probing import Scene, proved, scene

T = IntegrationType


@pytest.fixture(scope="module")
def sim(simulator: dict[str, str]) -> Iterator[Simulator]:
    with Simulator(simulator) as client:
        yield client


async def refused(sim: Simulator, given: Scene) -> Rejected:
    outcome = await proved(sim, given)
    assert isinstance(outcome, Rejected), outcome
    return outcome


def jira(sim: Simulator, kind: str, **fields: Any) -> Scene:
    """Give a Jira of this kind in which all is well, but for `fields` of the credential."""
    given = scene(sim, T.JIRA, kind=kind, **fields)
    below = {"cloud": "", "data_center": "/jira", "scoped": f"/ex/jira/{given.issued.fields['cloud_id']}"}
    return Scene(T.JIRA, given.issued, given.written | {"url": sim.settings["JIRA_URL"] + below[kind]})


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
