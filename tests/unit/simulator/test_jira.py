"""Jira's three doors: Cloud, its gateway for tokens with scopes, and a Data Center under a path."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from dev.simulator.exchange import Answer, Ask
from dev.simulator.jira import Jira, JiraToken, Project
from dev.simulator.state import CredentialState, RateLimit, TargetState, World

Asker = Callable[..., Ask]
CLOUD, CENTER = "/rest/api/3", "/jira/rest/api/2"


class Sandbox:
    """One token and one project."""

    def __init__(self, world: World, ask: Asker, **token: Any) -> None:
        self.world, self.ask = world, ask
        self.jira = Jira(world)
        self.token = JiraToken(**token)
        world.put_credential("JIRA", self.token)
        world.put_target("JIRA", Project(name="MOB"))

    def get(self, path: str, authorization: str | None = None) -> Answer:
        pair = base64.b64encode(self.token.lookup.encode()).decode()
        usual = f"Bearer {self.token.token}" if self.token.kind == "data_center" else f"Basic {pair}"
        return self.jira.answer(self.ask(path, {"Authorization": authorization or usual}))


@pytest.mark.parametrize(("kind", "base"), [("cloud", CLOUD), ("data_center", CENTER)])
def test_a_token_opens_its_own_door_only(world: World, ask: Asker, kind: str, base: str) -> None:
    sandbox = Sandbox(world, ask, kind=kind)
    assert json.loads(sandbox.get(f"{base}/myself").body)["active"] is True
    assert json.loads(sandbox.get(f"{base}/project/MOB").body)["key"] == "MOB"
    assert sandbox.get(f"{CENTER if base == CLOUD else CLOUD}/myself").status == 401


def test_the_gateway_opens_for_its_own_site(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask, kind="scoped", cloud_id="c1")
    assert sandbox.get("/ex/jira/c1/rest/api/3/myself").status == 200
    assert sandbox.get("/ex/jira/c2/rest/api/3/myself").status == 401
    assert sandbox.get(f"{CLOUD}/myself").status == 401


def test_a_wrong_token_is_anonymous_and_sees_what_is_public(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask, state=CredentialState.REVOKED)
    world.put_target("JIRA", Project(name="OPEN", public=True))
    who = sandbox.get(f"{CLOUD}/myself")
    assert (who.status, who.headers["X-Seraph-LoginReason"]) == (401, "AUTHENTICATED_FAILED")
    assert sandbox.get(f"{CLOUD}/project/OPEN").status == 200
    assert sandbox.get(f"{CLOUD}/project/MOB").status == 404


def test_permissions_are_those_that_are_held(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask, rights=("BROWSE_PROJECTS", "ADD_COMMENTS"))
    path = f"{CLOUD}/mypermissions?projectKey=MOB&permissions=ADD_COMMENTS,EDIT_ISSUES"
    found = json.loads(sandbox.get(path).body)["permissions"]
    assert {name: one["havePermission"] for name, one in found.items()} == {
        "ADD_COMMENTS": True,
        "EDIT_ISSUES": False,
    }


def test_a_data_center_lists_every_permission(world: World, ask: Asker) -> None:
    found = json.loads(
        Sandbox(world, ask, kind="data_center").get(f"{CENTER}/mypermissions?projectKey=MOB").body
    )
    assert "DELETE_ISSUES" in found["permissions"]


def test_archived_absent_and_hidden_projects(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask)
    world.put_target("JIRA", Project(name="OLD", state=TargetState.ARCHIVED))
    world.put_target("JIRA", Project(name="HIDDEN", visible_to=("other",)))
    assert json.loads(sandbox.get(f"{CLOUD}/project/OLD").body)["archived"] is True
    assert sandbox.get(f"{CLOUD}/project/HIDDEN").status == 404
    assert "errorMessages" in json.loads(sandbox.get(f"{CLOUD}/project/GONE").body)


@pytest.mark.parametrize(
    ("kind", "header"), [("cloud", "X-RateLimit-Reset"), ("data_center", "X-RateLimit-Interval-Seconds")]
)
def test_limits_are_told_in_each_ones_way(world: World, ask: Asker, kind: str, header: str) -> None:
    limit = RateLimit(style="reset", seconds=120)
    sandbox = Sandbox(world, ask, kind=kind, state=CredentialState.RATE_LIMITED, rate_limit=limit)
    answer = sandbox.get(f"{CLOUD if kind == 'cloud' else CENTER}/myself")
    assert answer.status == 429
    assert header in answer.headers


def test_a_locked_account_has_to_solve_a_captcha(world: World, ask: Asker) -> None:
    answer = Sandbox(world, ask, state=CredentialState.LOGIN_BLOCKED).get(f"{CLOUD}/myself")
    assert answer.status == 403
    assert answer.headers["X-Authentication-Denied-Reason"].startswith("CAPTCHA_CHALLENGE")


def test_an_edit_is_a_write(world: World, ask: Asker) -> None:
    request = ask(f"{CLOUD}/issue", method="POST")
    assert Jira(world).is_write(request)
    assert Sandbox(world, ask).jira.answer(request).status == 405
