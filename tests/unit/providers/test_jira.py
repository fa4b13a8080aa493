"""JIRA: what its answers mean, and what it is asked at Cloud and in a Data Center."""

import base64
from typing import Any

import pytest
from pydantic import SecretStr

from delivr_operator.outcome import Doubt, IntegrationType, Outcome, Rejected, Rejection, Unknown, Verified
from delivr_operator.providers import jira
from delivr_operator.providers.declaration import Credential, read_credential
from delivr_operator.providers.exchange import Response
from tests.unit.providers.samples import JIRA, credential, data, declared
from tests.unit.providers.scripted import Scripted, answer
from tests.unit.providers.test_verdicts import HTML, Judge, Row, no, unsure

WHO = {"message": "Client must be authenticated to access this resource.", "status-code": 401}
FAILED = {"x-seraph-loginreason": "AUTHENTICATED_FAILED"}
LOCKED = {"x-seraph-loginreason": "AUTHENTICATED_FAILED, AUTHENTICATION_DENIED"}
CAPTCHA = {"x-authentication-denied-reason": "CAPTCHA_CHALLENGE; login-url=https://jira/login.jsp"}
AWAY = b"<html><h1>Your site is currently unavailable</h1></html>"
SCOPE = "The token lacks a scope that reading the project and one's own permissions needs."
SMALL = Rejection.INSUFFICIENT_PERMISSION
USER = {"accountId": "5b10", "displayName": "Release bot", "active": True}


def errors(*sentences: str) -> dict[str, Any]:
    return {"errorMessages": list(sentences), "errors": {}}


def gateway(code: int, message: str) -> dict[str, Any]:
    return {"code": code, "message": message}


COMMON = [
    Row(401, WHO, LOCKED, unsure(Doubt.LOGIN_BLOCKED, 401)),
    Row(403, HTML, CAPTCHA, unsure(Doubt.LOGIN_BLOCKED, 403)),
    Row(403, HTML, LOCKED, unsure(Doubt.LOGIN_BLOCKED, 403)),
    Row(200, USER | {"key": "MOB"}, LOCKED, unsure(Doubt.LOGIN_BLOCKED, 200)),
    Row(429, errors(), {"retry-after": "17"}, unsure(Doubt.RATE_LIMITED, 429, wait=17)),
    Row(429, errors(), {"x-ratelimit-reset": "2026-05-01T12:05Z"}, unsure(Doubt.RATE_LIMITED, 429, wait=300)),
    Row(429, errors(), {"x-ratelimit-reset": "2026-05-01T12:05"}, unsure(Doubt.RATE_LIMITED, 429, wait=300)),
    Row(429, errors(), {"x-ratelimit-reset": "2026-05-01T11:59Z"}, unsure(Doubt.RATE_LIMITED, 429, wait=60)),
    Row(429, errors(), {"x-ratelimit-interval-seconds": "5"}, unsure(Doubt.RATE_LIMITED, 429, wait=5)),
    Row(429, HTML, {"retry-after": "0"}, unsure(Doubt.RATE_LIMITED, 429, wait=60)),
    Row(503, errors(), {"retry-after": "9"}, unsure(Doubt.UPSTREAM_ERROR, 503, wait=9)),
    Row(503, AWAY, {}, unsure(Doubt.MAINTENANCE, 503, wait=60)),
    Row(404, AWAY, {}, unsure(Doubt.MAINTENANCE, 404, wait=60)),
    Row(401, gateway(401, "Unauthorized; scope does not match"), {}, no(SMALL, 401, detail=SCOPE)),
    Row(403, gateway(403, "Forbidden"), {}, no(SMALL, 403, detail=SCOPE)),
    Row(403, errors("No."), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 403)),
    Row(403, gateway(500, "Forbidden"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 403)),
    Row(403, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 403)),
    Row(200, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(302, b"", {"location": "/login.jsp"}, unsure(Doubt.UNEXPECTED_RESPONSE, 302)),
    Row(404, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
    Row(400, errors("No."), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 400)),
    Row(500, errors("No."), LOCKED, unsure(Doubt.UPSTREAM_ERROR, 500)),
]
IDENTITY = [
    Row(200, USER, {}, Verified()),
    Row(200, USER, {"x-seraph-loginreason": "OK"}, Verified()),
    Row(200, USER | {"active": False}, {}, no(Rejection.ACCOUNT_DISABLED, 200)),
    Row(200, {}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(401, WHO, {}, no(Rejection.BAD_CREDENTIALS, 401)),
    Row(401, errors("You are not authenticated."), {}, no(Rejection.BAD_CREDENTIALS, 401)),
    Row(401, gateway(401, "Unauthorized"), {}, no(Rejection.BAD_CREDENTIALS, 401)),
    Row(401, b"Client must be authenticated", FAILED, no(Rejection.BAD_CREDENTIALS, 401)),
    Row(401, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(401, {"ok": False}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(404, errors("No."), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
]
PROJECT = [
    Row(200, {"key": "MOB"}, {}, Verified()),
    Row(200, {"key": "MOB", "archived": True}, {}, no(Rejection.TARGET_DISABLED, 200)),
    Row(200, {"key": "MOB", "archived": "no"}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(404, errors("No project could be found"), {}, no(Rejection.TARGET_NOT_FOUND, 404)),
    Row(404, errors(), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
    Row(404, gateway(404, "Not Found"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
    Row(401, WHO, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
]


def rights(*lacking: str) -> dict[str, Any]:
    return {
        "permissions": {name: {"key": name, "havePermission": name not in lacking} for name in jira.NEEDED}
    }


PERMISSIONS = [
    Row(200, rights(), {}, Verified()),
    Row(
        200,
        rights("EDIT_ISSUES", "ADD_COMMENTS"),
        {},
        no(SMALL, 200, detail="The account lacks EDIT_ISSUES, ADD_COMMENTS in the project."),
    ),
    Row(200, {"permissions": {}}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(200, {"permissions": []}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(404, errors("No."), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
]
TABLES: list[tuple[str, Judge, list[Row]]] = [
    ("identity", jira.judge_identity, [*IDENTITY, *COMMON]),
    ("project", jira.judge_project, [*PROJECT, *COMMON]),
    ("permissions", jira.judge_permissions, [*PERMISSIONS, *COMMON]),
]


@pytest.mark.parametrize(
    ("judge", "row"),
    [
        pytest.param(judge, row, id=f"{name}-{number}-{row.status}")
        for name, judge, rows in TABLES
        for number, row in enumerate(rows)
    ],
)
def test_an_answer_means(judge: Judge, row: Row) -> None:
    assert judge(answer(row.status, row.body, row.headers)) == row.expected


async def proved(found: Credential, *answers: Response) -> tuple[Outcome, Scripted]:
    exchange = Scripted(answers)
    outcome = await found.declaration.provider.probe(exchange, found.declaration.config, found.secrets)
    return outcome, exchange


ME, MOB = answer(200, USER), answer(200, {"key": "MOB"})
NAMES = "BROWSE_PROJECTS,CREATE_ISSUES,EDIT_ISSUES,TRANSITION_ISSUES,ADD_COMMENTS"


async def test_cloud_is_asked_who_before_what_and_what_one_may() -> None:
    outcome, asked = await proved(credential(IntegrationType.JIRA), ME, MOB, answer(200, rights()))
    assert outcome == Verified()
    api = "https://acme.atlassian.net/rest/api/3"
    assert asked.paths == [
        f"{api}/myself",
        f"{api}/project/MOB",
        f"{api}/mypermissions?projectKey=MOB&permissions={NAMES}",
    ]
    login = asked.asked[0].headers["Authorization"]
    assert isinstance(login, SecretStr)
    pair = login.get_secret_value().removeprefix("Basic ")
    assert base64.b64decode(pair) == b"bot@acme.example:ATATTcanary7Zq"
    assert {request.method for request in asked.asked} == {"GET"}


def of(url: str, secret: dict[str, str]) -> Credential | Rejected | Unknown:
    written = {**JIRA, "url": url, "secretRef": {"name": "jira"}}
    return read_credential(declared(jira=written), data(secret))


async def test_a_data_center_gets_the_token_alone_and_keeps_its_path() -> None:
    found = of("https://jira.acme.example/jira/", {"apiToken": "pat"})
    assert isinstance(found, Credential)
    outcome, asked = await proved(found, ME, MOB, answer(200, rights()))
    assert outcome == Verified()
    assert asked.paths[0] == "https://jira.acme.example/jira/rest/api/2/myself"
    login = asked.asked[0].headers["Authorization"]
    assert isinstance(login, SecretStr)
    assert login.get_secret_value() == "Bearer pat"
    assert found.row_config().keys() == {"url", "projectKey", "apiToken"}


@pytest.mark.parametrize(
    "url",
    ["https://acme.atlassian.net", "https://ACME.Atlassian.Net.", "https://api.atlassian.com/ex/jira/1"],
)
def test_cloud_cannot_do_without_an_email_address(url: str) -> None:
    assert of(url, {"apiToken": "t"}) == Unknown(
        Doubt.SECRET_KEY_MISSING, "Secret jira lacks the key email: add it."
    )


@pytest.mark.parametrize(
    ("reply", "detail"),
    [
        (answer(404, errors("x")), "Project MOB is absent, or hidden from this account."),
        (answer(200, {"key": "MOB", "archived": True}), "Project MOB is archived."),
    ],
)
async def test_the_declared_project_is_named(reply: Response, detail: str) -> None:
    outcome, _ = await proved(credential(IntegrationType.JIRA), ME, reply)
    assert isinstance(outcome, Rejected)
    assert outcome.detail == detail


async def test_a_refused_token_is_not_shown_to_the_project() -> None:
    outcome, asked = await proved(credential(IntegrationType.JIRA), answer(401, WHO))
    assert outcome == no(Rejection.BAD_CREDENTIALS, 401)
    assert len(asked.asked) == 1
