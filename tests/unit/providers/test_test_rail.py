"""TEST_RAIL: what its answers mean, and what it is asked in the query of one page."""

import base64
from functools import partial
from typing import Any

import pytest
from pydantic import SecretStr

from delivr_operator.outcome import Caveat, Doubt, IntegrationType, Outcome, Rejected, Rejection, Verified
from delivr_operator.providers import test_rail
from delivr_operator.providers.declaration import Credential, read_credential
from delivr_operator.providers.exchange import Response
from tests.unit.providers.samples import TEST_RAIL, credential, data, declared, invalid
from tests.unit.providers.scripted import Scripted, answer
from tests.unit.providers.test_verdicts import HTML, Judge, Row, no, unsure

OPEN = Verified((Caveat.WRITE_UNPROVEN,))
API = "https://tests.acme.example/testrail/index.php?/api/v2/"
NO_API = "TestRail answers there, but not its API: give the address that people open it with."


def error(sentence: str) -> dict[str, str]:
    return {"error": sentence}


OFF = error("The API is disabled for your installation. It can be enabled in the administration area.")
WRONG = error("Authentication failed: invalid or missing user/password or session cookie.")
NO_PROJECT = error("Field :project_id is not a valid or accessible project.")
NO_METHOD = error("Unknown method 'get_current_user'")
COMMON = [
    Row(403, error("No access."), {}, no(Rejection.INSUFFICIENT_PERMISSION, 403)),
    Row(403, OFF, {}, no(Rejection.API_DISABLED, 403)),
    Row(401, OFF, {}, no(Rejection.API_DISABLED, 401)),
    Row(401, WRONG, {}, no(Rejection.BAD_CREDENTIALS, 401)),
    Row(401, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(403, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 403)),
    Row(404, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
    Row(409, error("maintenance"), {}, unsure(Doubt.MAINTENANCE, 409, wait=60)),
    Row(409, HTML, {"retry-after": "900"}, unsure(Doubt.MAINTENANCE, 409, wait=900)),
    Row(429, error("slow down"), {"retry-after": "13"}, unsure(Doubt.RATE_LIMITED, 429, wait=13)),
    Row(429, HTML, {}, unsure(Doubt.RATE_LIMITED, 429, wait=60)),
    Row(500, error("Undefined property"), {}, unsure(Doubt.UPSTREAM_ERROR, 500)),
    Row(503, WRONG, {"retry-after": "5"}, unsure(Doubt.UPSTREAM_ERROR, 503, wait=5)),
    Row(200, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(200, {}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(400, error("Content-Type header missing"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 400)),
]
UNKNOWN_METHOD = Row(404, NO_METHOD, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404))
IDENTITY = [
    Row(200, {"id": 7, "is_active": True}, {}, Verified()),
    Row(200, {"id": 7}, {}, Verified()),
    Row(200, {"id": 7, "is_active": False}, {}, no(Rejection.ACCOUNT_DISABLED, 200)),
    UNKNOWN_METHOD,
    Row(400, NO_PROJECT, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 400)),
]
LISTING = [
    Row(200, [], {}, Verified()),
    Row(200, [{"id": 1}], {}, Verified()),
    Row(200, {"offset": 0, "projects": []}, {}, Verified()),
    Row(200, b"[]", {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(200, {"projects": None}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(404, NO_METHOD, {}, no(Rejection.MISCONFIGURED, 404, detail=NO_API)),
]
PROJECT = [
    Row(200, {"id": 7, "is_completed": False}, {}, OPEN),
    Row(200, {"id": 7, "is_completed": True}, {}, no(Rejection.TARGET_DISABLED, 200)),
    Row(400, NO_PROJECT, {}, no(Rejection.TARGET_NOT_FOUND, 400)),
    UNKNOWN_METHOD,
]
SUITE = [
    Row(200, {"id": 12, "project_id": 7, "is_completed": False}, {}, Verified()),
    Row(200, {"id": 12, "project_id": 7}, {}, Verified()),
    Row(200, {"id": 12, "project_id": 7, "is_completed": True}, {}, no(Rejection.TARGET_DISABLED, 200)),
    Row(200, {"id": 12, "project_id": 8}, {}, no(Rejection.TARGET_NOT_FOUND, 200)),
    Row(400, error("Field :suite_id is not a valid test suite."), {}, no(Rejection.TARGET_NOT_FOUND, 400)),
    UNKNOWN_METHOD,
]
TABLES: list[tuple[str, Judge, list[Row]]] = [
    ("identity", test_rail.judge_identity, [*IDENTITY, *COMMON]),
    ("listing", test_rail.judge_listing, [*LISTING, *COMMON]),
    ("project", test_rail.judge_project, [*PROJECT, *COMMON]),
    ("suite", partial(test_rail.judge_suite, project_id=7), [*SUITE, *COMMON]),
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


def of(**changes: Any) -> Credential:
    written = {**TEST_RAIL, **changes, "secretRef": {"name": "test-rail"}}
    given = {name: value for name, value in written.items() if value is not None}
    read = read_credential(declared(testRail=given), data({"username": "a@b.example", "apiKey": "k"}))
    assert isinstance(read, Credential)
    return read


async def proved(found: Credential, *answers: Response) -> tuple[Outcome, Scripted]:
    exchange = Scripted(answers)
    outcome = await found.declaration.provider.probe(exchange, found.declaration.config, found.secrets)
    return outcome, exchange


ME = answer(200, {"id": 3, "is_active": True})
SEVEN = answer(200, {"id": 7, "is_completed": False})
TWELVE = answer(200, {"id": 12, "project_id": 7, "is_completed": False})


async def test_the_apis_path_stands_in_the_query_as_it_is() -> None:
    outcome, asked = await proved(credential(IntegrationType.TEST_RAIL), ME, SEVEN, TWELVE)
    assert outcome == OPEN
    assert asked.paths == [f"{API}get_current_user", f"{API}get_project/7", f"{API}get_suite/12"]
    assert {request.headers["Content-Type"] for request in asked.asked} == {"application/json"}
    login = asked.asked[0].headers["Authorization"]
    assert isinstance(login, SecretStr)
    pair = login.get_secret_value().removeprefix("Basic ")
    assert base64.b64decode(pair) == b"bot@acme.example:keycanary7Zq"


async def test_without_a_suite_none_is_asked_for() -> None:
    found = of(suiteId=None, url="https://acme.testrail.io/")
    outcome, asked = await proved(found, ME, SEVEN)
    assert outcome == OPEN
    assert asked.paths[0] == "https://acme.testrail.io/index.php?/api/v2/get_current_user"
    assert "suiteId" not in found.row_config()


async def test_an_old_server_is_asked_for_any_project() -> None:
    found = credential(IntegrationType.TEST_RAIL)
    outcome, asked = await proved(found, answer(404, NO_METHOD), answer(200, []), SEVEN, TWELVE)
    assert outcome == OPEN
    assert asked.paths[1] == f"{API}get_projects&limit=1"
    outcome, asked = await proved(found, answer(404, NO_METHOD), answer(401, WRONG))
    assert outcome == no(Rejection.BAD_CREDENTIALS, 401)
    outcome, asked = await proved(found, answer(404, NO_METHOD), answer(404, NO_METHOD))
    assert outcome == no(Rejection.MISCONFIGURED, 404, detail=NO_API)


@pytest.mark.parametrize(
    ("answers", "detail"),
    [
        ([answer(400, NO_PROJECT)], "Project 7 is absent, or hidden from this user."),
        ([answer(403, error("No."))], "Project 7 may not be read by this user."),
        ([answer(200, {"id": 7, "is_completed": True})], "Project 7 is completed."),
        (
            [SEVEN, answer(200, {"id": 12, "project_id": 8})],
            "Suite 12 of project 7 is absent, or hidden from this user.",
        ),
    ],
)
async def test_what_was_declared_is_named(answers: list[Response], detail: str) -> None:
    outcome, _ = await proved(credential(IntegrationType.TEST_RAIL), ME, *answers)
    assert isinstance(outcome, Rejected)
    assert outcome.detail == detail


async def test_a_refused_key_is_asked_about_nothing_more() -> None:
    outcome, asked = await proved(credential(IntegrationType.TEST_RAIL), answer(401, WRONG))
    assert outcome == no(Rejection.BAD_CREDENTIALS, 401)
    assert len(asked.asked) == 1


@pytest.mark.parametrize("number", [0, -1, 2**31, "7", True, 1.5])
def test_a_project_is_a_number(number: Any) -> None:
    written = {**TEST_RAIL, "projectId": number, "secretRef": {"name": "test-rail"}}
    (problem,) = invalid(testRail=written).problems
    assert problem.startswith("spec.testRail.projectId: ")
