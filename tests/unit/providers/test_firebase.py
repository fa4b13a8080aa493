"""FIREBASE: what its answers mean, what it is asked in which order, and what a key file must be."""

import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import SecretStr

from delivr_operator.outcome import (
    Caveat,
    Doubt,
    IntegrationType,
    Outcome,
    Rejected,
    Rejection,
    Unknown,
    Verified,
)
from delivr_operator.providers import firebase
from delivr_operator.providers.declaration import Credential, InvalidMember, declarations, read_credential
from delivr_operator.providers.exchange import Response
from tests.unit.providers.samples import (
    CANARY,
    FIREBASE,
    credential,
    data,
    declared,
    elliptic_key,
    key_file,
    rsa_key,
    spec,
)
from tests.unit.providers.scripted import Scripted, answer
from tests.unit.providers.test_verdicts import DENIED, HTML, Row, google, no, unsure

SMALL = Rejection.INSUFFICIENT_PERMISSION
REFUSALS = [
    Row(403, google(DENIED), {}, no(SMALL, 403, DENIED)),
    Row(403, google(DENIED, "SERVICE_DISABLED"), {}, no(Rejection.API_DISABLED, 403, "SERVICE_DISABLED")),
    *(
        Row(403, google(DENIED, reason), {}, no(verdict, 403, reason))
        for reason, verdict in {
            "ACCESS_TOKEN_SCOPE_INSUFFICIENT": SMALL,
            "IAM_PERMISSION_DENIED": SMALL,
            "USER_PROJECT_DENIED": SMALL,
            "ORG_RESTRICTION_VIOLATION": SMALL,
            "CONSUMER_SUSPENDED": Rejection.ACCOUNT_DISABLED,
            "ACCOUNT_STATE_INVALID": Rejection.ACCOUNT_DISABLED,
            "BILLING_DISABLED": Rejection.ACCOUNT_DISABLED,
            "CONSUMER_INVALID": Rejection.MISCONFIGURED,
        }.items()
    ),
    Row(404, google("NOT_FOUND"), {}, no(Rejection.TARGET_NOT_FOUND, 404, "NOT_FOUND")),
    Row(404, google("NOT_FOUND", legacy="notFound"), {}, no(Rejection.TARGET_NOT_FOUND, 404, "notFound")),
    Row(404, google("NOT_FOUND", "SERVICE_DISABLED"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
    Row(404, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
    Row(403, google("NOT_FOUND"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 403)),
    Row(400, google("INVALID_ARGUMENT"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 400)),
    Row(401, google("UNAUTHENTICATED"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(
        429,
        google("RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED"),
        {"retry-after": "7"},
        unsure(Doubt.RATE_LIMITED, 429, "RATE_LIMIT_EXCEEDED", wait=7),
    ),
    Row(503, google("UNAVAILABLE"), {}, unsure(Doubt.UPSTREAM_ERROR, 503)),
]
TARGET = [
    Row(200, {"projectId": "acme-mobile", "state": "ACTIVE"}, {}, Verified()),
    Row(
        200,
        {"projectId": "acme-mobile", "state": "DELETED"},
        {},
        no(Rejection.TARGET_DISABLED, 200, "DELETED"),
    ),
    Row(200, {"projectId": "acme-mobile", "state": "PAUSED"}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(200, {"state": "ACTIVE"}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(200, {"projectId": "acme-mobile"}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(200, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    *REFUSALS,
]
RIGHT = [
    Row(200, {"permissions": ["firebaseappdistro.releases.update"]}, {}, Verified()),
    Row(200, {"permissions": []}, {}, no(SMALL, 200)),
    Row(200, {}, {}, no(SMALL, 200)),
    Row(200, {"permissions": "all"}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(200, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(403, google(DENIED, "SERVICE_DISABLED"), {}, Verified((Caveat.WRITE_UNPROVEN,))),
    Row(403, google(DENIED), {}, no(SMALL, 403, DENIED)),
    Row(403, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 403)),
    Row(429, HTML, {}, unsure(Doubt.RATE_LIMITED, 429, wait=60)),
]


@pytest.mark.parametrize(
    ("judge", "row"),
    [
        *((pytest.param(firebase.judge, row, id=f"target-{n}-{row.status}") for n, row in enumerate(TARGET))),
        *(
            pytest.param(firebase.judge_permissions, row, id=f"right-{n}-{row.status}")
            for n, row in enumerate(RIGHT)
        ),
    ],
)
def test_an_answer_means(judge: Callable[[Response], Outcome], row: Row) -> None:
    assert judge(answer(row.status, row.body, row.headers)) == row.expected


TOKEN = answer(200, {"access_token": "ya29.x"})
ACTIVE = {"projectId": "acme-mobile", "state": "ACTIVE"}
GRANTED = answer(200, {"permissions": ["firebaseappdistro.releases.update"]})


async def proved(*answers: Response, **changes: Any) -> tuple[Outcome, Scripted]:
    found = credential(IntegrationType.FIREBASE)
    if changes:
        member = {**FIREBASE, "secretRef": {"name": "firebase"}, **changes}
        read = read_credential(declared(firebase=member), data({"serviceAccountKey": key_file()}))
        assert isinstance(read, Credential)
        found = read
    exchange = Scripted(answers)
    declaration = found.declaration
    return await declaration.provider.probe(exchange, declaration.config, found.secrets), exchange


async def test_project_then_apps_then_the_right_to_distribute() -> None:
    outcome, asked = await proved(TOKEN, *[answer(200, ACTIVE)] * 3, GRANTED)
    assert outcome == Verified()
    assert asked.paths == [
        "https://oauth2.googleapis.com/token",
        "https://firebase.googleapis.com/v1beta1/projects/acme-mobile",
        "https://firebase.googleapis.com/v1beta1/projects/-/iosApps/1%3A1234567890%3Aios%3A0a1b2c3d4e5f6789",
        "https://firebase.googleapis.com/v1beta1/projects/-/androidApps/1%3A1234567890%3Aandroid%3A0a1b2c3d4e5f6789",
        "https://cloudresourcemanager.googleapis.com/v1/projects/acme-mobile:testIamPermissions",
    ]
    last = asked.asked[-1]
    assert (last.method, last.json) == ("POST", {"permissions": ["firebaseappdistro.releases.update"]})


async def test_the_token_is_asked_for_reading_only() -> None:
    _, asked = await proved(TOKEN, *[answer(200, ACTIVE)] * 3, GRANTED)
    assert asked.asked[0].form is not None
    assertion = asked.asked[0].form["assertion"]
    assert isinstance(assertion, SecretStr)
    public = load_pem_private_key(rsa_key().encode(), None).public_key()
    unjudged = {"verify_aud": False, "verify_exp": False, "verify_iat": False}
    claims = jwt.decode(assertion.get_secret_value(), public, algorithms=["RS256"], options=unjudged)  # type: ignore[arg-type]
    assert claims["scope"] == "https://www.googleapis.com/auth/cloud-platform.read-only"


async def test_only_the_declared_app_is_asked_about() -> None:
    outcome, asked = await proved(TOKEN, *[answer(200, ACTIVE)] * 2, GRANTED, iosAppId=None)
    assert outcome == Verified()
    assert [path for path in asked.paths if "iosApps" in path] == []


@pytest.mark.parametrize(
    ("answers", "reason", "detail"),
    [
        (
            [answer(403, google(DENIED))],
            SMALL,
            "Project acme-mobile is absent, or not open to this service account.",
        ),
        (
            [answer(200, ACTIVE), answer(404, google("NOT_FOUND"))],
            Rejection.TARGET_NOT_FOUND,
            "App 1:1234567890:ios:0a1b2c3d4e5f6789 is absent.",
        ),
        (
            [answer(200, ACTIVE), answer(200, {**ACTIVE, "projectId": "other-one"})],
            Rejection.TARGET_NOT_FOUND,
            "App 1:1234567890:ios:0a1b2c3d4e5f6789 belongs to another project than acme-mobile.",
        ),
        (
            [answer(200, ACTIVE), answer(200, {**ACTIVE, "state": "DELETED"})],
            Rejection.TARGET_DISABLED,
            "App 1:1234567890:ios:0a1b2c3d4e5f6789 was deleted.",
        ),
        (
            [*[answer(200, ACTIVE)] * 3, answer(200, {})],
            SMALL,
            "The service account lacks firebaseappdistro.releases.update in project acme-mobile.",
        ),
    ],
)
async def test_a_refusal_names_what_it_is_about(
    answers: list[Response], reason: Rejection, detail: str
) -> None:
    outcome, _ = await proved(TOKEN, *answers)
    assert isinstance(outcome, Rejected)
    assert (outcome.reason, outcome.detail) == (reason, detail)


async def test_a_doubt_about_an_app_ends_the_asking() -> None:
    outcome, asked = await proved(TOKEN, answer(200, ACTIVE), answer(503))
    assert isinstance(outcome, Unknown)
    assert len(asked.asked) == 3


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (CANARY, "must be the whole JSON key file of a service account"),
        (key_file(type="authorized_user"), "must be the whole JSON key file of a service account"),
        (key_file(token_uri=f"https://{CANARY}.example/token"), "names another token_uri than Google's"),
        (key_file(private_key=CANARY), "holds a damaged private_key"),
        (key_file(private_key=elliptic_key()), "holds a damaged private_key"),
        (key_file(client_email=CANARY), "holds a damaged client_email"),
        (key_file(private_key_id="a b"), "holds a damaged private_key_id"),
    ],
)
def test_a_key_file_that_cannot_be_one_is_refused_before_anybody_is_asked(value: str, says: str) -> None:
    member = {**FIREBASE, "secretRef": {"name": "firebase"}}
    found = read_credential(declared(firebase=member), data({"serviceAccountKey": value}))
    assert isinstance(found, Rejected)
    assert found.reason is Rejection.MISCONFIGURED
    assert found.detail.startswith(f"Key serviceAccountKey of Secret firebase {says}")
    assert CANARY not in found.detail


def test_the_row_keeps_the_key_file_whole() -> None:
    found = credential(IntegrationType.FIREBASE).row_config()["serviceAccountKey"]
    assert isinstance(found, SecretStr)
    assert json.loads(found.get_secret_value()) == json.loads(key_file())


@pytest.mark.parametrize(
    ("changes", "at"),
    [
        ({"projectId": "Acme"}, "spec.firebase.projectId"),
        ({"projectId": "123456789"}, "spec.firebase.projectId"),
        ({"iosAppId": "com.acme.app"}, "spec.firebase.iosAppId"),
        ({"iosAppId": FIREBASE["androidAppId"]}, "spec.firebase.iosAppId"),
        ({"androidAppId": "1:2:android:0a/../../x"}, "spec.firebase.androidAppId"),
        ({"iosAppId": None, "androidAppId": None}, "spec.firebase: name iosAppId, androidAppId or both"),
    ],
)
def test_a_malformed_member_is_named(changes: dict[str, Any], at: str) -> None:
    member = {**FIREBASE, "secretRef": {"name": "firebase"}, **changes}
    (found,) = declarations(spec(firebase=member))
    assert isinstance(found, InvalidMember)
    assert any(problem.startswith(at) for problem in found.problems), found.problems
