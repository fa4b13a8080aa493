"""BITBUCKET: what the answers of Cloud and Data Center mean, and what each is asked in which order."""

import base64
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from delivr_operator.outcome import Caveat, Doubt, IntegrationType, Outcome, Rejected, Rejection, Verified
from delivr_operator.providers import bitbucket_cloud, bitbucket_data_center
from delivr_operator.providers.declaration import Credential, InvalidMember, declarations, read_credential
from delivr_operator.providers.exchange import Request, Response
from tests.unit.providers.samples import CANARY, credential, data, declared, samples, spec
from tests.unit.providers.scripted import Scripted, answer
from tests.unit.providers.test_verdicts import HTML, Judge, Row, no, unsure

SAMPLE = samples()[IntegrationType.BITBUCKET]
SMALL = Rejection.INSUFFICIENT_PERMISSION
UNPROVEN = (Caveat.WRITE_UNPROVEN,)
NAME = "acme/mobile-app"
HERE = {"type": "repository", "full_name": NAME, "slug": "mobile-app"}
KNOWN = {"x-ausername": "bot"}
SCOPES = {"x-oauth-scopes": "read:user:bitbucket, read:repository:bitbucket, write:repository:bitbucket"}


def error(message: str, **detail: Any) -> dict[str, Any]:
    return {"type": "error", "error": {"message": message, **detail}}


LACKS = error("Your credentials lack one or more required privilege scopes.", detail={"required": ["x"]})
INVALID = error("Token is invalid, expired, or not supported for this endpoint.")
ANY_QUESTION = [
    Row(403, LACKS, {}, no(SMALL, 403)),
    Row(403, error("Forbidden"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 403)),
    Row(403, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 403)),
    Row(410, error("CHANGE-2770: this endpoint is gone"), {}, unsure(Doubt.PROBE_OUTDATED, 410)),
    Row(429, HTML, {}, unsure(Doubt.RATE_LIMITED, 429, wait=60)),
    Row(429, error("Rate limit"), {"retry-after": "9"}, unsure(Doubt.RATE_LIMITED, 429, wait=9)),
    Row(200, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(200, {}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(502, LACKS, {}, unsure(Doubt.UPSTREAM_ERROR, 502)),
]
BASIC = {"www-authenticate": 'Basic realm="Bitbucket.org HTTP"'}
IDENTITY = [
    *ANY_QUESTION,
    Row(200, {"type": "user", "uuid": "{1}"}, {}, Verified()),
    Row(401, INVALID, {}, no(Rejection.BAD_CREDENTIALS, 401)),
    Row(401, b"", BASIC, no(Rejection.BAD_CREDENTIALS, 401)),
    Row(401, HTML, {"www-authenticate": "Basic realm=proxy"}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(401, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(404, error("Resource not found"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
]
REPOSITORY = [
    *ANY_QUESTION,
    Row(200, HERE, SCOPES, Verified()),
    Row(200, HERE, {"x-oauth-scopes": "repository:write"}, Verified()),
    Row(200, HERE, {}, Verified(UNPROVEN)),
    Row(200, HERE, {"x-oauth-scopes": "repository, repository:admin"}, no(SMALL, 200)),
    Row(200, HERE, {"x-oauth-scopes": "read:repository:bitbucket"}, no(SMALL, 200)),
    Row(200, HERE, {"x-oauth-scopes": ""}, no(SMALL, 200)),
    Row(200, {"full_name": "../../x"}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(404, error("Repository acme/mobile-app not found"), {}, no(Rejection.TARGET_NOT_FOUND, 404)),
    Row(404, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
    Row(401, INVALID, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
]
CONTRIBUTIONS = [
    *ANY_QUESTION,
    Row(200, {"values": [HERE]}, {}, Verified()),
    Row(200, {"values": [{"full_name": "Acme/Mobile-App"}]}, {}, Verified()),
    Row(200, {"values": []}, {}, no(SMALL, 200)),
    Row(200, {"values": [{"full_name": "acme/mobile-app-2"}]}, {}, no(SMALL, 200)),
]
CENTER = {"slug": "mobile-app", "name": "Mobile App", "project": {"key": "ACME"}}


def refusal(name: str | None) -> dict[str, Any]:
    return {"errors": [{"context": None, "message": "-", "exceptionName": name}]}


CENTER_ANY = [
    Row(
        401, refusal("auth.IncorrectPasswordAuthenticationException"), {}, no(Rejection.BAD_CREDENTIALS, 401)
    ),
    Row(401, refusal(None), {}, no(Rejection.BAD_CREDENTIALS, 401)),
    Row(401, refusal("AuthorisationException"), KNOWN, no(SMALL, 401)),
    Row(401, refusal("auth.CaptchaRequiredAuthenticationException"), {}, unsure(Doubt.LOGIN_BLOCKED, 401)),
    Row(401, {"errors": []}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(401, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(403, refusal("AuthorisationException"), KNOWN, unsure(Doubt.UNEXPECTED_RESPONSE, 403)),
    Row(404, HTML, KNOWN, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
    Row(404, refusal("NoSuchRepositoryException"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
    Row(429, refusal("RateLimited"), {"retry-after": "0"}, unsure(Doubt.RATE_LIMITED, 429, wait=60)),
    Row(429, HTML, {"retry-after": "5"}, unsure(Doubt.RATE_LIMITED, 429, wait=5)),
    Row(200, HTML, KNOWN, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(503, refusal(None), {}, unsure(Doubt.UPSTREAM_ERROR, 503)),
]
CENTER_REPOSITORY = [
    *CENTER_ANY,
    Row(200, CENTER, KNOWN, Verified()),
    Row(200, CENTER, {}, Verified()),
    Row(200, {**CENTER, "archived": True}, KNOWN, no(Rejection.TARGET_DISABLED, 200)),
    Row(404, refusal("NoSuchRepositoryException"), KNOWN, no(Rejection.TARGET_NOT_FOUND, 404)),
]


def listed(*found: dict[str, Any], last: bool = True) -> dict[str, Any]:
    return {"values": list(found), "isLastPage": last}


OTHER = {"slug": "mobile-app", "name": "Mobile App", "project": {"key": "OTHER"}}
CENTER_WRITABLE = [
    *CENTER_ANY,
    Row(200, listed(OTHER, CENTER), KNOWN, Verified(UNPROVEN)),
    Row(200, listed(CENTER, last=False), {}, Verified(UNPROVEN)),
    Row(200, listed(), KNOWN, no(SMALL, 200)),
    Row(200, listed(OTHER), KNOWN, no(SMALL, 200)),
    Row(200, listed(OTHER, last=False), KNOWN, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(200, listed(), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
]


def judge_contributions(response: Response) -> Outcome:
    return bitbucket_cloud.judge_contributions(response, NAME)


def judge_writable(response: Response) -> Outcome:
    return bitbucket_data_center.judge_writable(response, "acme", "mobile-app")


TABLES: list[tuple[str, Judge, list[Row]]] = [
    ("identity", bitbucket_cloud.judge_identity, IDENTITY),
    ("repository", bitbucket_cloud.judge_repository, REPOSITORY),
    ("contributions", judge_contributions, CONTRIBUTIONS),
    ("center-repository", bitbucket_data_center.judge_repository, CENTER_REPOSITORY),
    ("center-writable", judge_writable, CENTER_WRITABLE),
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
    declaration = found.declaration
    return await declaration.provider.probe(exchange, declaration.config, found.secrets), exchange


def given(secret: dict[str, str], **changes: Any) -> Credential:
    found = read_credential(declared(bitbucket={**SAMPLE.written, **changes}), data(secret))
    assert isinstance(found, Credential), found
    return found


def opened(request: Request) -> str:
    value = request.headers["Authorization"]
    assert isinstance(value, SecretStr)
    return value.get_secret_value()


USER = answer(200, {"type": "user", "uuid": "{1}"})
MINE = answer(200, {"values": [HERE]})


async def test_an_api_token_is_asked_who_what_and_whether_it_may_write() -> None:
    outcome, asked = await proved(
        credential(IntegrationType.BITBUCKET), USER, answer(200, HERE, SCOPES), MINE
    )
    assert outcome == Verified()
    assert asked.paths[:2] == [
        "https://api.bitbucket.org/2.0/user",
        "https://api.bitbucket.org/2.0/repositories/acme/mobile-app",
    ]
    last = urlsplit(asked.paths[2])
    assert last.path == "/2.0/repositories/acme"
    assert parse_qs(last.query) == {"role": ["contributor"], "q": ['full_name="acme/mobile-app"']}
    pair = base64.b64decode(opened(asked.asked[0]).removeprefix("Basic ")).decode()
    assert pair == f"bot@acme.example:ATATT{CANARY}"


async def test_an_access_token_is_known_by_its_scopes() -> None:
    found = given({"token": f"ATCTT{CANARY}"})
    outcome, asked = await proved(found, answer(200, HERE, {"x-oauth-scopes": "repository:write"}))
    assert outcome == Verified()
    assert len(asked.asked) == 1
    assert opened(asked.asked[0]) == f"Bearer ATCTT{CANARY}"
    assert "email" not in found.row_config()
    outcome, _ = await proved(found, answer(200, HERE))
    assert outcome == Verified(UNPROVEN)


@pytest.mark.parametrize("secret", [dict(SAMPLE.secret), {"token": f"ATCTT{CANARY}"}])
async def test_a_refused_token_is_told_how_tokens_go_with_email(secret: dict[str, str]) -> None:
    outcome, asked = await proved(given(secret), answer(401, INVALID))
    detail = "At Bitbucket Cloud an API token goes with email, and an access token without it."
    assert outcome == Rejected(Rejection.BAD_CREDENTIALS, detail, 401)
    assert len(asked.asked) == 1


async def test_a_refusal_after_the_identity_was_proved_is_no_verdict() -> None:
    outcome, _ = await proved(credential(IntegrationType.BITBUCKET), USER, answer(401, INVALID))
    assert outcome == unsure(Doubt.UNEXPECTED_RESPONSE, 401)


@pytest.mark.parametrize(
    ("replies", "reason"),
    [
        ([answer(404, error("Repository acme/mobile-app not found"))], Rejection.TARGET_NOT_FOUND),
        ([answer(403, LACKS)], SMALL),
        ([answer(200, HERE, SCOPES), answer(200, {"values": []})], SMALL),
        ([answer(200, HERE, {"x-oauth-scopes": "read:repository:bitbucket"})], SMALL),
    ],
)
async def test_the_declared_repository_is_named(replies: list[Response], reason: Rejection) -> None:
    outcome, _ = await proved(credential(IntegrationType.BITBUCKET), USER, *replies)
    assert isinstance(outcome, Rejected)
    assert outcome.reason is reason
    assert outcome.detail.startswith("Repository acme/mobile-app ")


async def test_a_moved_repository_is_asked_for_by_its_new_name_and_noted() -> None:
    moved = {"full_name": "acme2/app"}
    replies = (answer(200, moved, SCOPES), answer(200, {"values": [moved]}))
    outcome, asked = await proved(credential(IntegrationType.BITBUCKET), USER, *replies)
    assert outcome == Verified((Caveat.RENAMED,))
    assert "/repositories/acme2?" in asked.paths[2]


CENTERED = {"url": "https://git.acme.example/bitbucket/", "workspace": "ACME"}


async def test_a_data_center_is_asked_with_a_bearer_token() -> None:
    found = given({"token": f"BBDC-{CANARY}"}, **CENTERED)
    outcome, asked = await proved(found, answer(200, CENTER, KNOWN), answer(200, listed(CENTER), KNOWN))
    assert outcome == Verified(UNPROVEN)
    base = "https://git.acme.example/bitbucket/rest/api/1.0"
    assert asked.paths[0] == f"{base}/projects/ACME/repos/mobile-app"
    assert asked.paths[1].startswith(f"{base}/repos?")
    assert parse_qs(urlsplit(asked.paths[1]).query) == {
        "permission": ["REPO_WRITE"],
        "name": ["Mobile App"],
        "limit": ["1000"],
    }
    assert opened(asked.asked[0]) == f"Bearer BBDC-{CANARY}"
    provider, config = found.declaration.provider, found.declaration.config
    assert provider.tenant_chosen_host(config) == "git.acme.example:443"
    assert found.row_config()["url"] == "https://git.acme.example/bitbucket"


async def test_an_email_address_in_a_data_centers_secret_is_refused_before_asking() -> None:
    outcome, asked = await proved(given(dict(SAMPLE.secret), **CENTERED))
    detail = "A Data Center takes an HTTP access token by itself: take email out of the Secret."
    assert outcome == Rejected(Rejection.MISCONFIGURED, detail)
    assert asked.asked == []


def test_an_app_password_is_refused_before_asking() -> None:
    found = read_credential(declared(bitbucket=dict(SAMPLE.written)), data({"token": f"ATBB{CANARY}"}))
    assert isinstance(found, Rejected)
    assert found.reason is Rejection.MISCONFIGURED
    assert "no longer takes" in found.detail
    assert CANARY not in found.detail


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("url", "https://bitbucket.org/", "leave it out for Bitbucket Cloud"),
        ("url", "https://API.bitbucket.org/2.0", "leave it out for Bitbucket Cloud"),
        ("url", "http://git.acme.example", "must be an https:// address"),
        ("workspace", "a/b", ""),
        ("workspace", "..", ""),
        ("repoSlug", "..", "must be the slug of a repository"),
        ("repoSlug", "a/b", ""),
    ],
)
def test_an_odd_place_is_refused_in_words(field: str, value: str, says: str) -> None:
    (found,) = declarations(spec(bitbucket={**SAMPLE.written, field: value}))
    assert isinstance(found, InvalidMember)
    assert found.problems[0].startswith(f"spec.bitbucket.{field}: ")
    assert says in found.problems[0]
