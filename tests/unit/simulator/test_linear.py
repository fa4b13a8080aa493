"""Linear answers one GraphQL question, errors in the body, and takes keys only as they are."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from delivr_operator.providers.linear import QUESTION
from dev.simulator.exchange import Answer, Ask
from dev.simulator.linear import ApiKey, Linear, Project, Team
from dev.simulator.state import CredentialState, RateLimit, TargetState, World

Asker = Callable[..., Ask]


class Sandbox:
    """A workspace with one key and two teams."""

    def __init__(self, world: World, ask: Asker, **key: Any) -> None:
        self.world, self.ask = world, ask
        self.linear = Linear(world)
        self.key = ApiKey(**key)
        world.put_credential("LINEAR", self.key)
        self.team = Team(name="MOB", workspace=self.key.workspace)
        world.put_target("LINEAR", self.team)
        world.put_target("LINEAR", Team(name="OLD", workspace=self.key.workspace, state=TargetState.ARCHIVED))

    def request(self, query: str, variables: dict[str, Any], authorization: str | None = None) -> Ask:
        body = json.dumps({"query": query, "variables": variables}).encode()
        sent = {"Authorization": authorization or self.key.key, "Content-Type": "application/json"}
        return replace(self.ask("/graphql", sent, method="POST"), body=body)

    def post(self, query: str = QUESTION, authorization: str | None = None, **variables: Any) -> Answer:
        return self.linear.answer(self.request(query, variables, authorization))


def kind(answer: Answer) -> str:
    return str(json.loads(answer.body)["errors"][0]["extensions"]["type"])


def test_teams_are_found_by_key_and_by_id(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask)
    for wanted in ({"key": {"eq": "MOB"}}, {"id": {"eq": sandbox.team.number}}):
        data = json.loads(sandbox.post(team=wanted, named=False).body)["data"]
        assert [team["key"] for team in data["teams"]["nodes"]] == ["MOB"]
        assert data["viewer"]["active"] is True
        assert "projects" not in data
    old = json.loads(sandbox.post(team={"key": {"eq": "OLD"}}).body)["data"]["teams"]["nodes"]
    assert old[0]["archivedAt"]


def test_projects_come_with_their_teams_when_asked_for(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask)
    world.put_target("LINEAR", Project(name="p1", workspace=sandbox.key.workspace, teams=("MOB",)))
    data = json.loads(sandbox.post(team={}, project={"id": {"eq": "p1"}}, named=True).body)["data"]
    assert data["projects"]["nodes"][0]["teams"]["nodes"] == [{"id": sandbox.team.number}]


def test_another_workspace_is_not_seen(world: World, ask: Asker) -> None:
    Sandbox(world, ask)
    other = Sandbox(world, ask)
    data = json.loads(other.post(team={"key": {"eq": "MOB"}}).body)["data"]
    assert [team["id"] for team in data["teams"]["nodes"]] == [other.team.number]


def test_a_key_is_sent_bare(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask)
    answer = sandbox.post(authorization=f"Bearer {sandbox.key.key}")
    assert (answer.status, kind(answer)) == (400, "authentication error")
    assert sandbox.post(authorization="lin_api_other").status == 401


@pytest.mark.parametrize("query", ["query X { nothing }", "mutation X { issueCreate { success } }", ""])
def test_what_the_schema_lacks_is_an_error(world: World, ask: Asker, query: str) -> None:
    answer = Sandbox(world, ask).post(query)
    assert (answer.status, kind(answer)) == (400, "graphql error")


@pytest.mark.parametrize(
    ("state", "status", "expected"),
    [
        (CredentialState.REVOKED, 401, "authentication error"),
        (CredentialState.INSUFFICIENT_PERMISSION, 200, "forbidden"),
        (CredentialState.API_DISABLED, 200, "feature not accessible"),
        (CredentialState.MAINTENANCE, 200, "internal error"),
        (CredentialState.RATE_LIMITED, 400, "ratelimited"),
    ],
)
def test_states_are_error_types(
    world: World, ask: Asker, state: CredentialState, status: int, expected: str
) -> None:
    answer = Sandbox(world, ask, state=state).post()
    assert (answer.status, kind(answer)) == (status, expected)


def test_errors_on_demand_and_their_status(world: World, ask: Asker) -> None:
    answer = Sandbox(world, ask, error="lock timeout", error_status=400).post()
    assert (answer.status, kind(answer)) == (400, "lock timeout")


def test_a_suspended_member_is_not_active(world: World, ask: Asker) -> None:
    answer = Sandbox(world, ask, state=CredentialState.DISABLED).post(team={})
    assert json.loads(answer.body)["data"]["viewer"]["active"] is False


def test_a_spent_budget_tells_when_it_is_whole(world: World, ask: Asker) -> None:
    limit = RateLimit(style="reset", seconds=90)
    answer = Sandbox(world, ask, state=CredentialState.RATE_LIMITED, rate_limit=limit).post()
    assert answer.headers["X-RateLimit-Requests-Remaining"] == "0"


def test_only_a_mutation_is_a_write(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask)
    assert not sandbox.linear.is_write(sandbox.request(QUESTION, {}))
    assert sandbox.linear.is_write(sandbox.request("mutation { issueCreate { success } }", {}))
