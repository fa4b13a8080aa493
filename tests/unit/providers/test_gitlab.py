"""GITLAB: what its answers mean, what it is asked in which order, and which addresses it may have."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from delivr_operator.outcome import (
    Caveat,
    Doubt,
    Expired,
    IntegrationType,
    Outcome,
    Rejected,
    Rejection,
    Unknown,
    Verified,
)
from delivr_operator.providers import gitlab_answers
from delivr_operator.providers.declaration import Credential, InvalidMember, declarations, read_credential
from delivr_operator.providers.exchange import Response
from tests.unit.providers.samples import CANARY, credential, data, declared, samples, spec
from tests.unit.providers.scripted import NOW, Scripted, answer
from tests.unit.providers.test_verdicts import HTML, Judge, Row, no, unsure

SAMPLE = samples()[IntegrationType.GITLAB]
SMALL = Rejection.INSUFFICIENT_PERMISSION
TOKEN: dict[str, Any] = {
    "id": 4,
    "revoked": False,
    "active": True,
    "scopes": ["api"],
    "user_id": 24,
    "expires_at": "2026-12-31",
}
END = datetime(2026, 12, 31, tzinfo=UTC)
TOO_NARROW = "The token lacks the scope api (or the scopes read_api and write_repository)."
RESET = {"ratelimit-reset": str(int(NOW.timestamp()) + 90), "ratelimit-remaining": "0"}


def oauth(code: str, description: str = "") -> dict[str, str]:
    return {"error": code, "error_description": description}


def said(message: str) -> dict[str, str]:
    return {"message": message}


ANY_QUESTION = [
    Row(
        401,
        oauth("invalid_token", "Token is expired. You can either do re-authorization or token refresh."),
        {},
        Expired(http_status=401, code="invalid_token"),
    ),
    Row(
        401,
        oauth("invalid_token", "Token was revoked. You have to re-authorize from the user."),
        {},
        no(Rejection.REVOKED, 401, "invalid_token"),
    ),
    Row(
        401,
        oauth("invalid_token", "Bad Access Token."),
        {},
        no(Rejection.BAD_CREDENTIALS, 401, "invalid_token"),
    ),
    Row(
        401,
        oauth("invalid_token", "Token is an impersonation token but impersonation was disabled."),
        {},
        no(Rejection.BAD_CREDENTIALS, 401, "invalid_token"),
    ),
    Row(401, oauth("invalid_token", "Something new"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(401, oauth("brand_new", "Token is expired."), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(
        401,
        oauth("dpop_error", "DPoP validation error"),
        {},
        no(
            Rejection.MISCONFIGURED,
            401,
            "dpop_error",
            "The token's user demands DPoP proofs, which the operator cannot give: use another user's token.",
        ),
    ),
    Row(403, oauth("insufficient_scope"), {}, no(SMALL, 403, "insufficient_scope")),
    Row(401, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(429, b"Retry later\n", {"retry-after": "30"}, unsure(Doubt.RATE_LIMITED, 429, wait=30)),
    Row(429, b"Retry later\n", RESET, unsure(Doubt.RATE_LIMITED, 429, wait=90)),
    Row(429, b"Retry later\n", {"ratelimit-reset": "soon"}, unsure(Doubt.RATE_LIMITED, 429, wait=60)),
    Row(429, b"Retry later\n", {"ratelimit-reset": "1"}, unsure(Doubt.RATE_LIMITED, 429, wait=1)),
    Row(400, oauth("invalid_request"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 400)),
    Row(409, said("409 Conflict"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 409)),
    Row(410, said("410 Gone"), {}, unsure(Doubt.PROBE_OUTDATED, 410)),
    Row(502, HTML, {}, unsure(Doubt.UPSTREAM_ERROR, 502)),
    Row(503, oauth("invalid_token", "Bad Access Token."), {}, unsure(Doubt.UPSTREAM_ERROR, 503)),
]
FIRST_QUESTION = [
    *ANY_QUESTION,
    Row(401, said("401 Unauthorized"), {}, no(Rejection.BAD_CREDENTIALS, 401)),
    Row(403, said("403 Forbidden - Your account has been blocked."), {}, unsure(Doubt.LOGIN_BLOCKED, 403)),
    Row(403, b"Forbidden", {}, unsure(Doubt.LOGIN_BLOCKED, 403)),
    Row(200, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(200, {}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
]
ABOUT_ITSELF = [
    *FIRST_QUESTION,
    Row(200, TOKEN, {}, Verified(expires_at=END)),
    Row(200, TOKEN | {"expires_at": None}, {}, Verified()),
    Row(200, TOKEN | {"expires_at": "never"}, {}, Verified()),
    Row(200, TOKEN | {"scopes": ["read_api", "write_repository"]}, {}, Verified(expires_at=END)),
    Row(200, TOKEN | {"scopes": ["read_api"]}, {}, no(SMALL, 200, detail=TOO_NARROW)),
    Row(200, TOKEN | {"scopes": ["write_repository"]}, {}, no(SMALL, 200, detail=TOO_NARROW)),
    Row(200, TOKEN | {"scopes": []}, {}, no(SMALL, 200, detail=TOO_NARROW)),
    Row(200, TOKEN | {"revoked": True, "active": False}, {}, no(Rejection.REVOKED, 200)),
    Row(200, TOKEN | {"active": False}, {}, Expired(END, http_status=200)),
    Row(200, TOKEN | {"active": "yes"}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
]
USER = [*FIRST_QUESTION, Row(200, {"id": 24, "username": "bot"}, {}, Verified((Caveat.WRITE_UNPROVEN,)))]


def project(level: int | None = 30, group: int | None = None, **changes: Any) -> dict[str, Any]:
    shown = [None if one is None else {"access_level": one} for one in (level, group)]
    permissions = {"project_access": shown[0], "group_access": shown[1]}
    whole = {"id": 7, "path_with_namespace": "acme/mobile/app", "archived": False, "permissions": permissions}
    return whole | changes


NO_ROUTE = "Perhaps a proxy in front of it changes %2F in paths: declare the project by its number."
PROJECT = [
    *ANY_QUESTION,
    Row(200, project(30), {}, Verified()),
    Row(200, project(20, 40), {}, Verified()),
    Row(200, project(None, 50), {}, Verified()),
    Row(200, project(20), {}, no(SMALL, 200)),
    Row(200, project(None), {}, no(SMALL, 200)),
    Row(200, project(50, archived=True), {}, no(Rejection.TARGET_DISABLED, 200)),
    Row(200, {"id": 7}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(200, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(404, said("404 Project Not Found"), {}, no(Rejection.TARGET_NOT_FOUND, 404)),
    Row(404, {"error": "404 Not Found"}, {}, Unknown(Doubt.UNEXPECTED_RESPONSE, NO_ROUTE, http_status=404)),
    Row(404, said("404 Something Else"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
    Row(404, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
    Row(401, said("401 Unauthorized"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(403, said("403 Forbidden"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 403)),
]
MEMBER = [
    *ANY_QUESTION,
    Row(200, {"id": 24, "access_level": 30}, {}, Verified()),
    Row(200, {"id": 24, "access_level": 20}, {}, no(SMALL, 200)),
    Row(404, said("404 Not found"), {}, no(SMALL, 404)),
    Row(404, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
    Row(403, said("403 Forbidden"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 403)),
]
TABLES: list[tuple[str, Judge, list[Row]]] = [
    ("itself", gitlab_answers.judge_token, ABOUT_ITSELF),
    ("user", gitlab_answers.judge_user, USER),
    ("project", gitlab_answers.judge_project, PROJECT),
    ("member", gitlab_answers.judge_member, MEMBER),
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


def test_a_reset_time_is_read_by_gitlabs_own_clock() -> None:
    late = answer(429, b"Retry later\n", RESET, skew=timedelta(seconds=-300))
    assert gitlab_answers.judge_project(late) == unsure(Doubt.RATE_LIMITED, 429, wait=390)


async def proved(found: Credential, *answers: Response) -> tuple[Outcome, Scripted]:
    exchange = Scripted(answers)
    declaration = found.declaration
    return await declaration.provider.probe(exchange, declaration.config, found.secrets), exchange


def with_fields(**changes: Any) -> Credential:
    written = {name: value for name, value in {**SAMPLE.written, **changes}.items() if value is not None}
    found = read_credential(declared(gitlab=written), data(SAMPLE.secret))
    assert isinstance(found, Credential)
    return found


ITSELF = answer(200, TOKEN)
OLD = answer(404, {"error": "404 Not Found"})


async def test_the_token_is_asked_about_itself_before_the_project() -> None:
    outcome, asked = await proved(credential(IntegrationType.GITLAB), ITSELF, answer(200, project()))
    assert outcome == Verified((), END)
    assert asked.paths == [
        "https://gitlab.acme.example/git/api/v4/personal_access_tokens/self",
        "https://gitlab.acme.example/git/api/v4/projects/acme%2Fmobile%2Fapp",
    ]
    token = asked.asked[0].headers["PRIVATE-TOKEN"]
    assert isinstance(token, SecretStr)
    assert token.get_secret_value() == f"glpat-{CANARY}"


async def test_a_project_may_be_declared_by_its_number_and_is_on_gitlab_com_unless_said_otherwise() -> None:
    found = with_fields(apiUrl=None, projectId="4711")
    outcome, asked = await proved(found, ITSELF, answer(200, project()))
    assert outcome == Verified((), END)
    assert asked.paths[1] == "https://gitlab.com/api/v4/projects/4711"
    assert found.row_config()["apiUrl"] == "https://gitlab.com/api/v4"
    assert found.declaration.provider.tenant_chosen_host(found.declaration.config) is None


async def test_a_refused_token_is_not_asked_about_a_project() -> None:
    refused = answer(401, said("401 Unauthorized"))
    outcome, asked = await proved(credential(IntegrationType.GITLAB), refused)
    assert outcome == Rejected(Rejection.BAD_CREDENTIALS, http_status=401)
    assert len(asked.asked) == 1


async def test_an_old_gitlab_is_asked_who_the_user_is_and_scopes_stay_unproven() -> None:
    user = answer(200, {"id": 24, "username": "bot"})
    outcome, asked = await proved(credential(IntegrationType.GITLAB), OLD, user, answer(200, project()))
    assert outcome == Verified((Caveat.WRITE_UNPROVEN,))
    assert asked.paths[1].endswith("/api/v4/user")


@pytest.mark.parametrize("shown", [project(None), project(20)])
async def test_a_role_by_an_invited_group_counts(shown: dict[str, Any]) -> None:
    member = answer(200, {"id": 24, "access_level": 40})
    outcome, asked = await proved(credential(IntegrationType.GITLAB), ITSELF, answer(200, shown), member)
    assert outcome == Verified((), END)
    assert asked.paths[2].endswith("/projects/acme%2Fmobile%2Fapp/members/all/24")


async def test_a_user_who_is_no_member_may_do_too_little() -> None:
    stranger = answer(404, said("404 Not found"))
    outcome, _ = await proved(
        credential(IntegrationType.GITLAB), ITSELF, answer(200, project(None)), stranger
    )
    detail = "Project acme/mobile/app may not be pushed to with this token: it needs the role Developer."
    assert outcome == Rejected(SMALL, detail, 404)


async def test_a_role_that_cannot_be_looked_up_is_no_refusal() -> None:
    limited = answer(429, b"Retry later\n", {"retry-after": "7"})
    outcome, _ = await proved(credential(IntegrationType.GITLAB), ITSELF, answer(200, project(None)), limited)
    assert outcome == unsure(Doubt.RATE_LIMITED, 429, wait=7)


@pytest.mark.parametrize(
    ("reply", "reason", "detail"),
    [
        (answer(404, said("404 Project Not Found")), Rejection.TARGET_NOT_FOUND, "is absent, or hidden"),
        (answer(200, project(archived=True)), Rejection.TARGET_DISABLED, "is archived"),
    ],
)
async def test_the_declared_project_is_named(reply: Response, reason: Rejection, detail: str) -> None:
    outcome, _ = await proved(credential(IntegrationType.GITLAB), ITSELF, reply)
    assert isinstance(outcome, Rejected)
    assert outcome.reason is reason
    assert outcome.detail.startswith(f"Project acme/mobile/app {detail}")


async def test_a_moved_project_still_counts_and_is_noted() -> None:
    moved = answer(200, project(path_with_namespace="acme/app"))
    outcome, asked = await proved(credential(IntegrationType.GITLAB), ITSELF, moved)
    assert outcome == Verified((Caveat.RENAMED,), END)
    assert all(request.follows_redirects for request in asked.asked)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://gitlab.acme.example/api/v4", "https://gitlab.acme.example/api/v4"),
        ("https://gitlab.acme.example:8443/git/api/v4/", "https://gitlab.acme.example:8443/git/api/v4"),
        ("https://gitlab.com/api/v4/", "https://gitlab.com/api/v4"),
    ],
)
def test_an_address_is_kept_plain(url: str, asked: str) -> None:
    assert with_fields(apiUrl=url).row_config()["apiUrl"] == asked


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("apiUrl", "https://gitlab.acme.example", "ends with /api/v4"),
        ("apiUrl", "http://gitlab.acme.example/api/v4", "must be an https:// address"),
        ("apiUrl", "https://me:pw@gitlab.acme.example/api/v4", "must be an https:// address"),
        ("apiUrl", "https://0x7f.1/api/v4", "must name its host"),
        ("projectId", "app", ""),
        ("projectId", "acme/../app", ""),
        ("projectId", "/acme/app", ""),
        ("projectId", "0", ""),
        ("projectId", "acme/app?x=1", ""),
    ],
)
def test_an_odd_project_or_address_is_refused_in_words(field: str, value: str, says: str) -> None:
    (found,) = declarations(spec(gitlab={**SAMPLE.written, field: value}))
    assert isinstance(found, InvalidMember)
    assert found.problems[0].startswith(f"spec.gitlab.{field}: ")
    assert says in found.problems[0]
