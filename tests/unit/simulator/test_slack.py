"""Slack answers with HTTP 200 and says in the body what it means."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from dev.simulator.exchange import Ask
from dev.simulator.slack import BotToken, Channel, Slack
from dev.simulator.state import CredentialState, RateLimit, TargetState, World

Asker = Callable[..., Ask]
BOTH = "public_channel,private_channel"


class Sandbox:
    """A workspace with one bot."""

    def __init__(self, world: World, ask: Asker, **token: Any) -> None:
        self.world, self.ask = world, ask
        self.slack = Slack(world)
        self.token = BotToken(**token)
        world.put_credential("SLACK", self.token)

    def channel(self, name: str, **fields: Any) -> Channel:
        channel = Channel(name=name, workspace=self.token.workspace, **fields)
        self.world.put_target("SLACK", channel)
        return channel

    def call(self, method: str, **form: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token.token}"}
        answer = self.slack.answer(self.ask(f"/api/{method}", headers, method="POST", form=form))
        found: dict[str, Any] = json.loads(answer.body)
        return found


def test_a_bot_knows_itself_and_its_scopes(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask)
    assert sandbox.call("auth.test")["team_id"] == sandbox.token.workspace
    headers = {"Authorization": f"Bearer {sandbox.token.token}"}
    answer = sandbox.slack.answer(ask("/api/auth.test", headers, method="POST"))
    assert answer.headers["x-oauth-scopes"] == "chat:write,channels:read,groups:read"


def test_channels_come_in_pages(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask)
    for number in range(5):
        sandbox.channel(f"channel-{number}", private=number == 4)
    names: list[str] = []
    cursor = ""
    while True:
        page = sandbox.call("conversations.list", types=BOTH, limit="2", cursor=cursor)
        names += [channel["name"] for channel in page["channels"]]
        cursor = page["response_metadata"]["next_cursor"]
        if not cursor:
            break
    assert names == [f"channel-{number}" for number in range(5)]
    assert sandbox.call("conversations.list", cursor="nonsense")["error"] == "invalid_cursor"


def test_private_channels_are_seen_from_inside_only(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask)
    outside = sandbox.channel("secret", private=True, member=False)
    assert sandbox.call("conversations.list", types=BOTH)["channels"] == []
    assert sandbox.call("conversations.info", channel=outside.number)["error"] == "channel_not_found"


def test_archived_channels_and_channels_without_the_bot(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask)
    old = sandbox.channel("old", state=TargetState.ARCHIVED)
    away = sandbox.channel("away", member=False)
    assert sandbox.call("conversations.info", channel=old.number)["channel"]["is_archived"] is True
    assert sandbox.call("conversations.info", channel=away.number)["channel"]["is_member"] is False
    listed = sandbox.call("conversations.list", exclude_archived="true")["channels"]
    assert [channel["name"] for channel in listed] == ["away"]


def test_workspaces_do_not_see_each_other(world: World, ask: Asker) -> None:
    theirs = Sandbox(world, ask).channel("releases")
    mine = Sandbox(world, ask)
    assert mine.call("conversations.list")["channels"] == []
    assert mine.call("conversations.info", channel=theirs.number)["error"] == "channel_not_found"


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (CredentialState.WRONG, "invalid_auth"),
        (CredentialState.EXPIRED, "token_expired"),
        (CredentialState.REVOKED, "token_revoked"),
        (CredentialState.DISABLED, "account_inactive"),
    ],
)
def test_each_state_of_a_token(world: World, ask: Asker, state: CredentialState, code: str) -> None:
    assert Sandbox(world, ask, state=state).call("auth.test") == {"ok": False, "error": code}


def test_a_small_token_is_told_the_scope_it_lacks(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask, state=CredentialState.INSUFFICIENT_PERMISSION)
    assert sandbox.call("auth.test")["ok"] is True
    refused = sandbox.call("conversations.list", types=BOTH)
    assert refused == {
        "ok": False, "error": "missing_scope", "needed": "channels:read,groups:read", "provided": "chat:write"
    }  # fmt: skip


@pytest.mark.parametrize("code", ["not_allowed_token_type", "fatal_error", "team_added_to_org"])
def test_any_code_on_demand_on_one_method_only(world: World, ask: Asker, code: str) -> None:
    sandbox = Sandbox(world, ask, error=code, error_path="*/conversations.*")
    assert sandbox.call("auth.test")["ok"] is True
    assert sandbox.call("conversations.list")["error"] == code


def test_a_rate_limit_is_429(world: World, ask: Asker) -> None:
    limit = RateLimit(seconds=30)
    sandbox = Sandbox(world, ask, state=CredentialState.RATE_LIMITED, rate_limit=limit)
    headers = {"Authorization": f"Bearer {sandbox.token.token}"}
    answer = sandbox.slack.answer(ask("/api/auth.test", headers, method="POST"))
    assert (answer.status, answer.headers["Retry-After"]) == (429, "30")


def test_requests_without_a_known_token_or_method(world: World, ask: Asker) -> None:
    slack = Slack(world)
    assert json.loads(slack.answer(ask("/api/auth.test")).body)["error"] == "not_authed"
    unknown = ask("/api/auth.test", {"Authorization": "Bearer xoxb-unknown"})
    assert json.loads(slack.answer(unknown).body)["error"] == "invalid_auth"
    assert json.loads(slack.answer(ask("/api/no.such")).body)["error"] == "unknown_method"


def test_posting_is_a_write_and_is_refused(world: World, ask: Asker) -> None:
    sandbox = Sandbox(world, ask)
    assert sandbox.slack.is_write(ask("/api/chat.postMessage", method="POST"))
    assert not sandbox.slack.is_write(ask("/api/auth.test", method="POST"))
    assert sandbox.call("chat.postMessage", channel="C1", text="x")["error"] == "restricted_action"
