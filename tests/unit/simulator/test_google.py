"""Google mints tokens for good assertions only, and Play takes only minted tokens."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from dev.simulator.exchange import Answer, Ask
from dev.simulator.google import GRANT, GoogleToken, ServiceAccount
from dev.simulator.play_store import PUBLISHER_SCOPE, Package, PlayStore
from dev.simulator.signing import new_rsa_key
from dev.simulator.state import CredentialState, RateLimit, TargetState, World

Asker = Callable[..., Ask]
Signer = Callable[..., str]
RELEASES = "/androidpublisher/v3/applications/com.acme.app/tracks/production/releases"


@pytest.fixture(scope="module")
def private_key() -> str:
    return new_rsa_key()


class Sandbox:
    """Both Google endpoints with one account and one package."""

    def __init__(self, world: World, ask: Asker, signed: Signer, **account: Any) -> None:
        self.world, self.ask, self.signed = world, ask, signed
        self.tokens, self.play = GoogleToken(world), PlayStore(world)
        self.account = ServiceAccount(**account)
        world.put_credential("PLAY_STORE", self.account)
        world.put_target("PLAY_STORE", Package(name="com.acme.app"))

    def token(self, private_key: str | None = None, **claims: Any) -> Answer:
        wanted = {
            "iss": self.account.email,
            "aud": "https://127.0.0.1:4430/token",
            "scope": PUBLISHER_SCOPE,
            **claims,
        }
        assertion = self.signed(private_key or self.account.private_key, "RS256", self.account.key_id, wanted)
        form = {"grant_type": GRANT, "assertion": assertion}
        return self.tokens.answer(self.ask("/token", method="POST", form=form))

    def releases(self, path: str = RELEASES, **claims: Any) -> Answer:
        token = json.loads(self.token(**claims).body)["access_token"]
        return self.play.answer(self.ask(path, {"Authorization": f"Bearer {token}"}))

    def become(self, state: CredentialState) -> None:
        self.account.state = state


@pytest.fixture
def google(world: World, ask: Asker, signed: Signer, private_key: str) -> Sandbox:
    return Sandbox(world, ask, signed, private_key=private_key)


def error(answer: Answer) -> tuple[int, str, str]:
    found = json.loads(answer.body)
    return answer.status, found["error"], found["error_description"]


def play_error(answer: Answer) -> tuple[int, str, str]:
    found = json.loads(answer.body)["error"]
    details = found.get("details")
    return answer.status, found["status"], details[0]["reason"] if details else found["errors"][0]["reason"]


def test_a_good_assertion_opens_the_releases(google: Sandbox) -> None:
    answer = google.releases()
    assert json.loads(answer.body)["releases"][0]["track"] == "production"
    assert json.loads(google.releases(RELEASES.replace("production", "beta")).body) == {}


def test_the_audience_of_real_key_files_passes_too(google: Sandbox) -> None:
    assert google.token(aud="https://oauth2.googleapis.com/token").status == 200


def test_assertions_that_are_no_good(google: Sandbox) -> None:
    now = int(time.time())
    assert error(google.token(new_rsa_key())) == (400, "invalid_grant", "Invalid JWT Signature.")
    assert error(google.token(iss="nobody@example.test"))[2] == "Invalid grant: account not found"
    assert "audience" in error(google.token(aud="https://evil.example/token"))[2]
    assert "short-lived" in error(google.token(exp=now - 10))[2]
    assert "short-lived" in error(google.token(exp=now + 7200))[2]
    assert error(google.token(scope="everything"))[1] == "invalid_scope"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (CredentialState.WRONG, "invalid_grant"),
        (CredentialState.REVOKED, "invalid_grant"),
        (CredentialState.EXPIRED, "invalid_grant"),
        (CredentialState.DISABLED, "disabled_client"),
    ],
)
def test_each_state_at_the_token_endpoint(google: Sandbox, state: CredentialState, expected: str) -> None:
    google.become(state)
    assert error(google.token())[1] == expected


def test_an_oauth_code_on_demand(google: Sandbox) -> None:
    google.account.error = "admin_policy_enforced"
    assert error(google.token())[:2] == (403, "admin_policy_enforced")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (CredentialState.INSUFFICIENT_PERMISSION, (403, "PERMISSION_DENIED", "forbidden")),
        (CredentialState.API_DISABLED, (403, "PERMISSION_DENIED", "SERVICE_DISABLED")),
        (CredentialState.RATE_LIMITED, (429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED")),
    ],
)
def test_each_state_at_the_api(
    google: Sandbox, state: CredentialState, expected: tuple[int, str, str]
) -> None:
    google.become(state)
    assert play_error(google.releases()) == expected


def test_a_rate_limit_tells_when_to_come_back(google: Sandbox) -> None:
    google.become(CredentialState.RATE_LIMITED)
    google.account.rate_limit = RateLimit(seconds=7)
    assert google.releases().headers["Retry-After"] == "7"


def test_a_reason_on_demand_and_the_legacy_shape(google: Sandbox) -> None:
    google.account.error = "CONSUMER_SUSPENDED"
    assert play_error(google.releases())[2] == "CONSUMER_SUSPENDED"
    google.account.error = "permissionDenied"
    legacy = json.loads(google.releases().body)["error"]
    assert (legacy["code"], legacy["errors"][0]["reason"]) == (401, "permissionDenied")


def test_packages_and_tracks_that_are_not_there(google: Sandbox) -> None:
    assert play_error(google.releases(RELEASES.replace("com.acme", "com.other")))[0] == 404
    assert play_error(google.releases(RELEASES.replace("production", "nightly")))[2] == "notFound"
    google.world.put_target("PLAY_STORE", Package(name="com.acme.app", state=TargetState.ABSENT))
    assert play_error(google.releases())[2] == "applicationNotFound"


def test_a_package_of_another_account_is_forbidden(google: Sandbox) -> None:
    google.world.put_target("PLAY_STORE", Package(name="com.acme.app", visible_to=("other",)))
    assert play_error(google.releases())[0] == 403


def test_only_minted_tokens_of_the_right_scope_are_taken(google: Sandbox, ask: Asker) -> None:
    assert google.play.answer(ask(RELEASES)).status == 401
    assert google.play.answer(ask(RELEASES, {"Authorization": "Bearer ya29.c.made.up"})).status == 401
    narrow = google.releases(scope="https://www.googleapis.com/auth/firebase.readonly")
    assert play_error(narrow)[2] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"


def test_opening_an_edit_is_a_write_and_minting_is_none(google: Sandbox, ask: Asker) -> None:
    assert google.play.is_write(ask("/androidpublisher/v3/applications/com.acme.app/edits", method="POST"))
    assert not google.tokens.is_write(ask("/token", method="POST"))
