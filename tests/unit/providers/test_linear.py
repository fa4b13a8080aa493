"""LINEAR: what its answers mean, and the one question that it is asked."""

from typing import Any

import pytest
from pydantic import SecretStr

from delivr_operator.outcome import Caveat, Doubt, IntegrationType, Outcome, Rejected, Rejection, Verified
from delivr_operator.providers import linear
from delivr_operator.providers.declaration import Credential, read_credential
from delivr_operator.providers.exchange import Response
from tests.unit.providers.samples import LINEAR, credential, data, declared
from tests.unit.providers.scripted import NOW, Scripted, answer
from tests.unit.providers.test_verdicts import HTML, Row, no, unsure

PROJECT = LINEAR["projectId"]
OPEN = Verified((Caveat.WRITE_UNPROVEN,))
SMALL = Rejection.INSUFFICIENT_PERMISSION
MOB = {"id": "t1", "key": "MOB", "archivedAt": None}
OLD = {"id": "t0", "key": "MOB", "archivedAt": "2026-01-02T03:04:05Z"}


def found(
    *teams: dict[str, Any], projects: list[dict[str, Any]] | None = None, active: bool = True
) -> dict[str, Any]:
    whole: dict[str, Any] = {"viewer": {"id": "u1", "active": active}, "teams": {"nodes": list(teams)}}
    return {"data": whole if projects is None else whole | {"projects": {"nodes": projects}}}


def error(kind: str, code: str = "", **more: Any) -> dict[str, Any]:
    return {"errors": [{"message": "m", "extensions": {"type": kind, "code": code}}], "data": None, **more}


IN_FIVE_MINUTES = str(int((NOW.timestamp() + 300) * 1000))
IN_TEN_MINUTES = str(int((NOW.timestamp() + 600) * 1000))
SPENT = {"x-ratelimit-requests-remaining": "0", "x-ratelimit-requests-reset": IN_FIVE_MINUTES}
COMPLEX = {"x-ratelimit-complexity-remaining": "0", "x-ratelimit-complexity-reset": IN_TEN_MINUTES}
LEFT = {"x-ratelimit-complexity-remaining": "9", "x-ratelimit-complexity-reset": IN_TEN_MINUTES}
LIMIT = error("ratelimited", "RATELIMITED")
LIMITED = "ratelimited"


ROWS = [
    Row(200, found(MOB), {}, OPEN),
    Row(200, found(OLD, MOB), {}, OPEN),
    Row(200, found(), {}, no(Rejection.TARGET_NOT_FOUND, 200)),
    Row(200, found(OLD), {}, no(Rejection.TARGET_DISABLED, 200)),
    Row(200, found(MOB, active=False), {}, no(Rejection.ACCOUNT_DISABLED, 200)),
    Row(200, {"data": None}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(200, {"data": {"viewer": None, "teams": {"nodes": []}}}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(200, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(400, found(MOB), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 400)),
    *(
        Row(status, error(kind), {}, no(verdict, status, code))
        for status in (200, 400, 401, 403)
        for kind, verdict, code in (
            ("authentication error", Rejection.BAD_CREDENTIALS, "authenticationerror"),
            ("AuthenticationError", Rejection.BAD_CREDENTIALS, "authenticationerror"),
            ("AUTHENTICATION_ERROR", Rejection.BAD_CREDENTIALS, "authenticationerror"),
            ("forbidden", SMALL, "forbidden"),
            ("feature not accessible", SMALL, "featurenotaccessible"),
        )
    ),
    Row(
        401, error("", "AUTHENTICATION_ERROR"), {}, no(Rejection.BAD_CREDENTIALS, 401, "authenticationerror")
    ),
    Row(
        200,
        found(MOB) | {"errors": error("forbidden")["errors"]},
        {},
        no(SMALL, 200, "forbidden"),
    ),
    Row(401, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(401, {"errors": []}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(400, LIMIT, {"retry-after": "8"}, unsure(Doubt.RATE_LIMITED, 400, wait=8)),
    Row(400, LIMIT, SPENT, unsure(Doubt.RATE_LIMITED, 400, wait=300)),
    Row(400, LIMIT, SPENT | LEFT, unsure(Doubt.RATE_LIMITED, 400, wait=300)),
    Row(400, LIMIT, SPENT | COMPLEX, unsure(Doubt.RATE_LIMITED, 400, wait=600)),
    Row(400, LIMIT, SPENT | {"x-ratelimit-requests-reset": "soon"}, unsure(Doubt.RATE_LIMITED, 400, wait=60)),
    Row(400, LIMIT, SPENT | {"x-ratelimit-requests-reset": "0"}, unsure(Doubt.RATE_LIMITED, 400, wait=60)),
    Row(429, LIMIT, {}, unsure(Doubt.RATE_LIMITED, 429, wait=60)),
    Row(429, HTML, SPENT, unsure(Doubt.RATE_LIMITED, 429, wait=300)),
    *(
        Row(status, error(kind), {}, unsure(Doubt.PROBE_OUTDATED, status, code))
        for status in (200, 400)
        for kind, code in (("graphql error", "graphqlerror"), ("invalid input", "invalidinput"))
    ),
    *(
        Row(200, error(kind), {}, unsure(Doubt.UPSTREAM_ERROR, 200, kind.replace(" ", "")))
        for kind in ("internal error", "network error", "lock timeout", "bootstrap error")
    ),
    *(
        Row(200, error(kind), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200))
        for kind in ("unknown", "other", "user error", "usage limit exceeded", "brand new", "")
    ),
    Row(500, error("authentication error"), {}, unsure(Doubt.UPSTREAM_ERROR, 500)),
    Row(404, error("forbidden"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
]


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{n}-{row.status}") for n, row in enumerate(ROWS)])
def test_an_answer_means(row: Row) -> None:
    assert linear.judge(answer(row.status, row.body, row.headers)) == row.expected


def of(**fields: Any) -> Credential:
    written = {**fields, "secretRef": {"name": "linear"}}
    read = read_credential(declared(linear=written), data({"apiKey": "lin_api_x"}))
    assert isinstance(read, Credential)
    return read


async def proved(given: Credential, reply: Response) -> tuple[Outcome, Scripted]:
    exchange = Scripted([reply])
    outcome = await given.declaration.provider.probe(exchange, given.declaration.config, given.secrets)
    return outcome, exchange


TEAM_ID = "0b5ab1f6-1a2b-4c3d-8e4f-5a6b7c8d9e0f"


@pytest.mark.parametrize(("team", "field"), [("MOB", "key"), (TEAM_ID, "id")])
async def test_one_question_goes_out_with_a_bare_key(team: str, field: str) -> None:
    outcome, exchange = await proved(of(teamId=team), answer(200, found(MOB)))
    assert outcome == OPEN
    (asked,) = exchange.asked
    assert (asked.method, asked.url) == ("POST", "https://api.linear.app/graphql")
    login = asked.headers["Authorization"]
    assert isinstance(login, SecretStr)
    assert login.get_secret_value() == "lin_api_x"
    assert asked.json is not None
    assert asked.json["variables"] == {"team": {field: {"eq": team}}, "project": None, "named": False}
    assert str(asked.json["query"]).startswith("query ")
    assert "mutation" not in str(asked.json["query"])


def project(*teams: str, archived: str | None = None) -> dict[str, Any]:
    return {"id": PROJECT, "archivedAt": archived, "teams": {"nodes": [{"id": team} for team in teams]}}


@pytest.mark.parametrize(
    ("projects", "expected"),
    [
        ([project("t9", "t1")], OPEN),
        (
            [],
            no(Rejection.TARGET_NOT_FOUND, 200, "", f"Project {PROJECT} is absent, or hidden from this key."),
        ),
        (
            [project("t1") | {"id": "other"}],
            no(Rejection.TARGET_NOT_FOUND, 200, "", f"Project {PROJECT} is absent, or hidden from this key."),
        ),
        ([project("t0")], no(Rejection.TARGET_NOT_FOUND, 200, "", f"Project {PROJECT} is none of team MOB.")),
        (
            [project("t1", archived="2026-01-01T00:00:00Z")],
            no(Rejection.TARGET_DISABLED, 200, "", f"Project {PROJECT} is archived."),
        ),
        ([project(*(f"t{n}" for n in range(100, 150)))], unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
        (None, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    ],
)
async def test_the_project_is_the_teams(projects: list[Any] | None, expected: Outcome) -> None:
    reply = answer(200, found(OLD, MOB, projects=projects))
    outcome, exchange = await proved(credential(IntegrationType.LINEAR), reply)
    assert outcome == expected
    variables = (exchange.asked[0].json or {})["variables"]
    assert variables == {
        "team": {"key": {"eq": "MOB"}},
        "project": {"id": {"eq": PROJECT}},
        "named": True,
    }


@pytest.mark.parametrize(
    ("teams", "detail"),
    [([], "Team MOB is absent, or hidden from this key."), ([OLD], "Team MOB is archived.")],
)
async def test_the_declared_team_is_named(teams: list[dict[str, Any]], detail: str) -> None:
    outcome, _ = await proved(of(teamId="MOB"), answer(200, found(*teams)))
    assert isinstance(outcome, Rejected)
    assert outcome.detail == detail
