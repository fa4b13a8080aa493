"""Jenkins answers users, folders and jobs, and sends everybody else to the login form."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from dev.simulator.exchange import Answer, Ask
from dev.simulator.jenkins import Jenkins
from dev.simulator.jenkins_state import ApiToken, Job
from dev.simulator.state import CredentialState, TargetState, World

Asker = Callable[..., Ask]
JOB = "/ci/job/mobile%20apps/job/build/api/json"


class Sandbox:
    """A controller with one user and one job."""

    def __init__(self, world: World, ask: Asker, **token: Any) -> None:
        self.world, self.ask = world, ask
        self.jenkins = Jenkins(world)
        self.token = ApiToken(**token)
        world.put_credential("JENKINS", self.token)
        self.put(Job(name="mobile apps/build", parameters=("BRANCH", "FLAVOUR")))

    def put(self, job: Job) -> None:
        self.world.put_target("JENKINS", job)

    def get(self, path: str) -> Answer:
        pair = base64.b64encode(self.token.lookup.encode()).decode()
        return self.jenkins.answer(self.ask(path, {"Authorization": f"Basic {pair}"}))


def test_a_user_is_who_it_says(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask, username="admin")
    answer = sandbox.get("/ci/me/api/json?tree=id,fullName")
    assert json.loads(answer.body) == {"_class": "hudson.model.User", "id": "admin", "fullName": "admin"}
    assert answer.headers["X-Jenkins"]
    assert json.loads(sandbox.get("/ci/whoAmI/api/json").body)["anonymous"] is False


def test_the_tree_filter_goes_down_into_parameters(world: World, ask: Asker) -> None:
    tree = "name,buildable,property[parameterDefinitions[name]]"
    found = json.loads(Sandbox(world, ask).get(f"{JOB}?tree={tree}").body)
    names = [one["name"] for one in found["property"][0]["parameterDefinitions"]]
    assert (found["buildable"], names) == (True, ["BRANCH", "FLAVOUR"])
    assert set(found) == {"_class", "name", "buildable", "property"}


def test_folders_come_with_their_jobs(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask)
    assert json.loads(sandbox.get("/ci/job/mobile%20apps/api/json").body)["_class"].endswith("Folder")
    assert sandbox.get("/ci/job/other/api/json").status == 404
    assert sandbox.get("/job/mobile%20apps/api/json").status == 404


def test_disabled_and_hidden_jobs(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask)
    sandbox.put(Job(name="off", state=TargetState.DISABLED))
    sandbox.put(Job(name="hidden", visible_to=("other",)))
    assert json.loads(sandbox.get("/ci/job/off/api/json").body)["buildable"] is False
    assert sandbox.get("/ci/job/hidden/api/json").status == 404


@pytest.mark.parametrize(
    "state",
    [CredentialState.WRONG, CredentialState.EXPIRED, CredentialState.REVOKED, CredentialState.DISABLED],
)
def test_a_token_that_does_not_count_is_unauthorized(
    world: World, ask: Asker, state: CredentialState
) -> None:
    answer = Sandbox(world, ask, state=state, username="bob").get("/ci/me/api/json")
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="Jenkins"')
    assert b"Invalid password/token for user: bob" in answer.body


def test_a_user_without_rights_is_told_which(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask, username="bob", state=CredentialState.INSUFFICIENT_PERMISSION)
    answer = sandbox.get("/ci/me/api/json")
    assert answer.status == 403
    assert answer.headers["X-You-Are-Authenticated-As"] == "bob"
    assert answer.headers["X-Required-Permission"] == "hudson.model.Hudson.Read"


def test_an_anonymous_caller_is_sent_to_the_login_form(world: World, ask: Asker) -> None:
    answer = Jenkins(world).answer(ask("/ci/me/api/json"))
    assert (answer.status, answer.headers["X-You-Are-Authenticated-As"]) == (403, "anonymous")
    assert b"/ci/login?from=%2Fci%2Fme%2Fapi%2Fjson" in answer.body


def test_states_of_the_controller_around_a_user(world: World, ask: Asker) -> None:
    quiet = Sandbox(world, ask, state=CredentialState.MAINTENANCE).get("/ci/api/json?tree=mode,quietingDown")
    assert json.loads(quiet.body)["quietingDown"] is True
    away = Sandbox(world, ask, state=CredentialState.SSO_REQUIRED).get("/ci/me/api/json")
    assert (away.status, "/securityRealm/" in away.headers["Location"]) == (302, True)
    limited = Sandbox(world, ask, state=CredentialState.RATE_LIMITED).get("/ci/me/api/json")
    assert (limited.status, limited.headers["Retry-After"]) == (429, "60")


def test_blue_ocean_tells_of_the_right_to_build_where_it_is_installed(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask)
    path = "/ci/blue/rest/organizations/jenkins/pipelines/mobile%20apps/pipelines/build/"
    assert sandbox.get(path).status == 404
    sandbox.put(Job(name="mobile apps/build", blue_ocean=False))
    assert json.loads(sandbox.get(path).body)["permissions"]["start"] is False


def test_a_build_is_a_write(world: World, ask: Asker) -> None:
    assert Jenkins(world).is_write(ask("/ci/job/build/build", method="POST"))
