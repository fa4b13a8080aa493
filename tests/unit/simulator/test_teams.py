"""Entra gives tokens for good secrets only, and Graph shows teams and channels to those who may see them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from dev.simulator.exchange import Answer, Ask
from dev.simulator.state import CredentialState, RateLimit, TargetState, World
from dev.simulator.teams import SCOPE, AppRegistration, Channel, MicrosoftGraph, MicrosoftLogin, Team

TEAM = "e2f8a1b0-7c4d-4a39-b6a5-1d0c9e8f7a61"


class Sandbox:
    """Both endpoints with one app, one team and one channel."""

    def __init__(self, world: World, ask: Callable[..., Ask]) -> None:
        self.world, self.ask = world, ask
        self.login, self.graph = MicrosoftLogin(world), MicrosoftGraph(world)
        self.app = AppRegistration()
        self.channel = Channel(name="Releases", team=TEAM)
        world.put_credential("TEAMS", self.app)
        world.put_target("TEAMS", Team(name=TEAM))
        world.put_target("TEAMS", self.channel)

    def token(self, tenant: str | None = None, **fields: str) -> Answer:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.app.client_id,
            "client_secret": self.app.client_secret,
            "scope": SCOPE,
            **fields,
        }
        path = f"/{tenant or self.app.tenant}/oauth2/v2.0/token"
        return self.login.answer(self.ask(path, method="POST", form=form))

    def read(self, path: str = "") -> Answer:
        self.app.state, state = CredentialState.VALID, self.app.state
        token = json.loads(self.token().body)["access_token"]
        self.app.state = state
        headers = {"Authorization": f"Bearer {token}"}
        return self.graph.answer(self.ask(f"/v1.0/teams/{TEAM}{path}", headers))


@pytest.fixture
def microsoft(world: World, ask: Callable[..., Ask]) -> Sandbox:
    return Sandbox(world, ask)


def body(answer: Answer) -> Any:
    return json.loads(answer.body)


def refusal(answer: Answer) -> tuple[int, str, int]:
    found = body(answer)
    return answer.status, found["error"], found["error_codes"][0]


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, body(answer)["error"]["code"]


def test_a_good_secret_opens_team_and_channels(microsoft: Sandbox) -> None:
    assert body(microsoft.read()) == {"id": TEAM, "displayName": "Mobile", "isArchived": False}
    (shown,) = body(microsoft.read("/channels"))["value"]
    assert (shown["displayName"], shown["id"]) == ("Releases", microsoft.channel.number)
    assert body(microsoft.read(f"/channels/{microsoft.channel.number}")) == shown


def test_secrets_that_are_no_good(microsoft: Sandbox) -> None:
    assert refusal(microsoft.token(client_secret="x")) == (401, "invalid_client", 7000215)
    assert refusal(microsoft.token(client_id="x")) == (400, "unauthorized_client", 700016)
    assert refusal(microsoft.token(tenant="other.example")) == (400, "invalid_request", 90002)
    assert refusal(microsoft.token(scope="User.Read")) == (400, "invalid_scope", 70011)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (CredentialState.REVOKED, (401, "invalid_client", 7000215)),
        (CredentialState.EXPIRED, (401, "invalid_client", 7000222)),
        (CredentialState.DISABLED, (400, "unauthorized_client", 7000112)),
        (CredentialState.SSO_REQUIRED, (400, "access_denied", 53003)),
    ],
)
def test_each_state_at_the_token_endpoint(
    microsoft: Sandbox, state: CredentialState, expected: tuple[int, str, int]
) -> None:
    microsoft.app.state = state
    assert refusal(microsoft.token()) == expected


def test_each_state_at_graph(microsoft: Sandbox) -> None:
    microsoft.app.state = CredentialState.INSUFFICIENT_PERMISSION
    assert code(microsoft.read()) == (403, "Forbidden")
    microsoft.app.state = CredentialState.RATE_LIMITED
    microsoft.app.rate_limit = RateLimit(seconds=7)
    assert microsoft.read().headers["Retry-After"] == "7"
    microsoft.app.state = CredentialState.MAINTENANCE
    assert code(microsoft.read()) == (503, "ServiceUnavailable")


def test_a_permission_opens_only_what_it_is_for(microsoft: Sandbox) -> None:
    microsoft.app.granted = ("Team.ReadBasic.All",)
    assert microsoft.read().status == 200
    assert code(microsoft.read("/channels")) == (403, "Forbidden")


def test_a_fresh_token_may_be_unknown_for_a_while(microsoft: Sandbox) -> None:
    microsoft.app.unknown_tokens = 1
    assert code(microsoft.read()) == (401, "InvalidAuthenticationToken")
    assert microsoft.read().status == 200


def test_a_long_list_comes_in_pages(microsoft: Sandbox) -> None:
    microsoft.world.put_target("TEAMS", Channel(name="Later", team=TEAM, page=1))
    first = body(microsoft.read("/channels"))
    assert [one["displayName"] for one in first["value"]] == ["Releases"]
    assert first["@odata.nextLink"].startswith("https://graph.microsoft.com/")


def test_what_is_absent_or_archived(microsoft: Sandbox) -> None:
    microsoft.world.put_target("TEAMS", Channel(name="Releases", team=TEAM, state=TargetState.ARCHIVED))
    assert body(microsoft.read("/channels"))["value"][0]["isArchived"]
    microsoft.world.put_target("TEAMS", Channel(name="Releases", team=TEAM, state=TargetState.ABSENT))
    assert body(microsoft.read("/channels"))["value"] == []
    microsoft.world.put_target("TEAMS", Team(name=TEAM, state=TargetState.ABSENT))
    assert code(microsoft.read()) == (404, "NotFound")
    assert microsoft.graph.is_write(microsoft.ask("/v1.0/teams", method="POST"))
    assert not microsoft.login.is_write(microsoft.ask("/x/oauth2/v2.0/token", method="POST"))
