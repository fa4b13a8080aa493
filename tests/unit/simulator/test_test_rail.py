"""TestRail answers in the query of one page, says 400 of what is absent and 409 in maintenance."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from dev.simulator import test_rail
from dev.simulator.exchange import Answer, Ask
from dev.simulator.state import CredentialState, TargetState, World

Asker = Callable[..., Ask]


class Sandbox:
    """An installation with one key, one project and one suite of it."""

    def __init__(self, world: World, ask: Asker, **key: Any) -> None:
        self.world, self.ask = world, ask
        self.rail = test_rail.TestRail(world)
        self.key = test_rail.ApiKey(**key)
        world.put_credential("TEST_RAIL", self.key)
        world.put_target("TEST_RAIL", test_rail.Project(name="7"))
        world.put_target("TEST_RAIL", test_rail.Suite(name="12", project="7"))

    def get(self, method: str, kind: str = "application/json") -> Answer:
        pair = base64.b64encode(self.key.lookup.encode()).decode()
        headers = {"Authorization": f"Basic {pair}", "Content-Type": kind}
        return self.rail.answer(self.ask(f"/testrail/index.php?/api/v2/{method}", headers))


def test_users_projects_and_suites(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask)
    assert json.loads(sandbox.get("get_current_user").body)["email"] == sandbox.key.username
    assert json.loads(sandbox.get("get_project/7").body)["is_completed"] is False
    assert json.loads(sandbox.get("get_suite/12").body)["project_id"] == 7
    assert json.loads(sandbox.get("get_projects&limit=1").body)["size"] == 1


def test_what_is_absent_is_a_400_and_what_is_unknown_a_404(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask)
    world.put_target("TEST_RAIL", test_rail.Project(name="8", state=TargetState.ABSENT))
    assert sandbox.get("get_project/8").status == 400
    assert sandbox.get("get_suite/13").status == 400
    assert sandbox.get("get_nothing").status == 404


def test_a_get_names_its_content_type(world: World, ask: Asker) -> None:
    assert Sandbox(world, ask).get("get_project/7", "text/plain").status == 400


def test_an_old_server_lists_bare_and_cannot_say_who_asks(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask, old_server=True)
    assert sandbox.get("get_current_user").status == 404
    assert isinstance(json.loads(sandbox.get("get_projects&limit=1").body), list)


def test_a_completed_project(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask)
    world.put_target("TEST_RAIL", test_rail.Project(name="7", state=TargetState.ARCHIVED))
    assert json.loads(sandbox.get("get_project/7").body)["is_completed"] is True


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (CredentialState.REVOKED, 401),
        (CredentialState.INSUFFICIENT_PERMISSION, 403),
        (CredentialState.API_DISABLED, 403),
        (CredentialState.MAINTENANCE, 409),
        (CredentialState.RATE_LIMITED, 429),
    ],
)
def test_states_are_statuses(world: World, ask: Asker, state: CredentialState, status: int) -> None:
    answer = Sandbox(world, ask, state=state).get("get_current_user")
    assert answer.status == status
    assert json.loads(answer.body)["error"]


def test_other_pages_are_for_people(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask)
    assert sandbox.rail.answer(ask("/testrail/index.php?/dashboard")).content_type.startswith("text/html")
    assert sandbox.rail.answer(ask("/index.php?/api/v2/get_project/7")).status == 404
