"""Firebase and the Resource Manager answer to minted tokens only, and tell as little as Google does."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from dev.simulator.exchange import Answer, Ask
from dev.simulator.firebase import DISTRIBUTE, App, CloudResourceManager, Firebase, FirebaseAccount, Project
from dev.simulator.google import GRANT, GoogleToken
from dev.simulator.signing import new_rsa_key
from dev.simulator.state import CredentialState, TargetState, World

READ_ONLY = "https://www.googleapis.com/auth/cloud-platform.read-only"
PROJECT = "/v1beta1/projects/acme-mobile"
IOS = "/v1beta1/projects/-/iosApps/1%3A1%3Aios%3Aab"
TEST = "/v1/projects/acme-mobile:testIamPermissions"


@pytest.fixture(scope="module")
def private_key() -> str:
    return new_rsa_key()


class Sandbox:
    """Three of Google's endpoints, one account, one project and one app."""

    def __init__(self, world: World, ask: Callable[..., Ask], signed: Callable[..., str], key: str) -> None:
        self.world, self.ask, self.signed = world, ask, signed
        self.account = FirebaseAccount(project="acme-mobile", private_key=key)
        world.put_credential("FIREBASE", self.account)
        world.put_target("FIREBASE", Project(name="acme-mobile"))
        world.put_target("FIREBASE", App(name="1:1:ios:ab", project="acme-mobile"))

    def token(self, scope: str = READ_ONLY) -> str:
        claims = {"iss": self.account.email, "aud": "https://oauth2.googleapis.com/token", "scope": scope}
        assertion = self.signed(self.account.private_key, "RS256", self.account.key_id, claims)
        asked = self.ask("/token", method="POST", form={"grant_type": GRANT, "assertion": assertion})
        return str(json.loads(GoogleToken(self.world).answer(asked).body)["access_token"])

    def read(self, path: str, scope: str = READ_ONLY) -> Answer:
        headers = {"Authorization": f"Bearer {self.token(scope)}"}
        return Firebase(self.world).answer(self.ask(path, headers))

    def may(self, *names: str) -> Answer:
        headers = {"authorization": f"Bearer {self.token()}", "content-type": "application/json"}
        body = json.dumps({"permissions": names}).encode()
        asked = self.ask(TEST)
        return CloudResourceManager(self.world).answer(
            Ask("POST", TEST, "", headers, body, asked.origin, asked.now)
        )


@pytest.fixture
def google(world: World, ask: Callable[..., Ask], signed: Callable[..., str], private_key: str) -> Sandbox:
    return Sandbox(world, ask, signed, private_key)


def body(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.body)
    return found


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, body(answer)["error"]["status"]


def test_project_and_app_are_shown(google: Sandbox) -> None:
    assert body(google.read(PROJECT)) | {"projectNumber": "", "etag": ""} == {
        "projectId": "acme-mobile",
        "projectNumber": "",
        "state": "ACTIVE",
        "etag": "",
    }
    shown = body(google.read(IOS))
    assert (shown["projectId"], shown["appId"], shown["state"]) == ("acme-mobile", "1:1:ios:ab", "ACTIVE")


def test_what_is_deleted_is_shown_as_deleted(google: Sandbox) -> None:
    google.world.put_target("FIREBASE", Project(name="acme-mobile", state=TargetState.DISABLED))
    assert body(google.read(PROJECT))["state"] == "DELETED"


def test_an_unknown_project_is_denied_and_an_unknown_app_is_not_found(google: Sandbox) -> None:
    assert refusal(google.read("/v1beta1/projects/other-one")) == (403, "PERMISSION_DENIED")
    assert refusal(google.read(IOS.replace("ab", "cd"))) == (404, "NOT_FOUND")
    assert refusal(google.read(IOS.replace("iosApps", "androidApps"))) == (400, "INVALID_ARGUMENT")


def test_the_scope_must_fit(google: Sandbox) -> None:
    publisher = "https://www.googleapis.com/auth/androidpublisher"
    assert refusal(google.read(PROJECT, publisher)) == (403, "PERMISSION_DENIED")


def test_the_permissions_that_are_held_are_told(google: Sandbox) -> None:
    assert body(google.may(DISTRIBUTE, "firebase.projects.delete")) == {"permissions": [DISTRIBUTE]}
    google.account.state = CredentialState.INSUFFICIENT_PERMISSION
    assert google.read(PROJECT).status == 200
    assert body(google.may(DISTRIBUTE)) == {}


def test_asking_about_permissions_is_no_write_and_everything_else_is(google: Sandbox) -> None:
    manager, firebase = CloudResourceManager(google.world), Firebase(google.world)
    assert not manager.is_write(google.ask(TEST, method="POST"))
    assert manager.is_write(google.ask("/v1/projects/acme-mobile", method="DELETE"))
    assert firebase.is_write(google.ask(PROJECT, method="PATCH"))
    assert refusal(firebase.answer(google.ask(PROJECT, method="PATCH")))[0] == 401
