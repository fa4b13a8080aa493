"""App Store Connect takes only requests that are properly signed, and hides what a key may not see."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from dev.simulator.app_store_connect import ApiKey, App, AppStoreConnect
from dev.simulator.exchange import Answer, Ask
from dev.simulator.signing import new_elliptic_key
from dev.simulator.state import CredentialState, World

Asker = Callable[..., Ask]
Signer = Callable[..., str]
APPS = "/v1/apps?filter[bundleId]=com.acme.app"


class Sandbox:
    """An App Store Connect with one app and one key."""

    def __init__(self, world: World, ask: Asker, signed: Signer, **key: Any) -> None:
        self.ask, self.signed = ask, signed
        self.provider = AppStoreConnect(world)
        self.key = ApiKey(**key)
        self.app = App(name="com.acme.app")
        world.put_credential("APP_STORE_CONNECT", self.key)
        world.put_target("APP_STORE_CONNECT", self.app)
        world.put_target("APP_STORE_CONNECT", App(name="com.acme.app.beta"))

    def get(self, path: str, private_key: str | None = None, **claims: Any) -> Answer:
        issuer = {"iss": self.key.issuer_id} if self.key.kind == "team" else {"sub": "user"}
        wanted = {"aud": "appstoreconnect-v1", **issuer, **claims}
        token = self.signed(private_key or self.key.private_key, "ES256", self.key.key_id, wanted)
        return self.provider.answer(self.ask(path, {"Authorization": f"Bearer {token}"}))


def code(answer: Answer) -> str:
    return str(json.loads(answer.body)["errors"][0]["code"])


def test_a_good_key_finds_the_app_and_more_than_the_exact_name(
    world: World, ask: Asker, signed: Signer
) -> None:
    answer = Sandbox(world, ask, signed).get(f"{APPS}&fields[apps]=bundleId,name")
    found = [one["attributes"]["bundleId"] for one in json.loads(answer.body)["data"]]
    assert found == ["com.acme.app", "com.acme.app.beta"]
    assert answer.headers["X-Rate-Limit"] == "user-hour-lim:3500;user-hour-rem:3499;"


def test_the_versions_of_an_app_and_of_none(world: World, ask: Asker, signed: Signer) -> None:
    sandbox = Sandbox(world, ask, signed)
    assert sandbox.get(f"/v1/apps/{sandbox.app.number}/appStoreVersions?limit=1").status == 200
    assert code(sandbox.get("/v1/apps/1/appStoreVersions?limit=1")) == "NOT_FOUND"


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "elsewhere"},
        {"iss": "another-team"},
        {"exp": int(time.time()) + 86400},
        {"exp": int(time.time()) - 60},
        {"iat": int(time.time()) + 86400},  # parameters are made long before the test runs
        {"scope": ["GET /v1/builds"]},
    ],
)
def test_a_token_with_a_wrong_claim_is_not_authorized(
    world: World, ask: Asker, signed: Signer, claims: dict[str, Any]
) -> None:
    answer = Sandbox(world, ask, signed).get(APPS, **claims)
    assert (answer.status, code(answer)) == (401, "NOT_AUTHORIZED")


def test_a_signature_by_another_key_is_not_authorized(world: World, ask: Asker, signed: Signer) -> None:
    assert Sandbox(world, ask, signed).get(APPS, new_elliptic_key()).status == 401


def test_a_scope_that_names_the_request_passes(world: World, ask: Asker, signed: Signer) -> None:
    sandbox = Sandbox(world, ask, signed)
    assert sandbox.get(APPS, scope=["GET /v1/apps"]).status == 200
    assert sandbox.get(APPS, scope=["GET /v1/apps?filter[bundleId]=com.other"]).status == 401


@pytest.mark.parametrize(
    ("state", "status", "expected"),
    [
        (CredentialState.WRONG, 401, "NOT_AUTHORIZED"),
        (CredentialState.REVOKED, 401, "NOT_AUTHORIZED"),
        (CredentialState.AGREEMENT_REQUIRED, 403, "FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED"),
        (CredentialState.RATE_LIMITED, 429, "RATE_LIMIT_EXCEEDED"),
    ],
)
def test_each_state_of_a_key(  # noqa: PLR0917, PLR0913
    world: World, ask: Asker, signed: Signer, state: CredentialState, status: int, expected: str
) -> None:
    answer = Sandbox(world, ask, signed, state=state).get(APPS)
    assert (answer.status, code(answer)) == (status, expected)


def test_a_small_role_lists_apps_and_may_not_read_versions(world: World, ask: Asker, signed: Signer) -> None:
    sandbox = Sandbox(world, ask, signed, state=CredentialState.INSUFFICIENT_PERMISSION)
    assert sandbox.get(APPS).status == 200
    assert code(sandbox.get(f"/v1/apps/{sandbox.app.number}/appStoreVersions")) == "FORBIDDEN_ERROR"


def test_a_personal_key_has_no_issuer_and_no_certificates(world: World, ask: Asker, signed: Signer) -> None:
    sandbox = Sandbox(world, ask, signed, kind="individual")
    assert sandbox.get(APPS).status == 200
    assert sandbox.get(APPS, iss="x").status == 401
    assert sandbox.get("/v1/certificates?limit=1").status == 403


def test_a_spent_hour_is_told(world: World, ask: Asker, signed: Signer) -> None:
    sandbox = Sandbox(world, ask, signed, quota=1)
    assert [sandbox.get(APPS).status for _ in range(2)] == [200, 429]


def test_a_code_on_demand(world: World, ask: Asker, signed: Signer) -> None:
    answer = Sandbox(world, ask, signed, error="FORBIDDEN.SOMETHING_NEW").get(APPS)
    assert (answer.status, code(answer)) == (403, "FORBIDDEN.SOMETHING_NEW")
