"""TEAMS: what Entra's and Graph's answers mean, and what is asked in which order."""

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
from delivr_operator.providers import entra, teams
from delivr_operator.providers.declaration import Credential, InvalidMember, declarations, read_credential
from delivr_operator.providers.exchange import Endpoints, Response
from tests.unit.providers.samples import CANARY, TEAMS, credential, data, declared, spec
from tests.unit.providers.scripted import Scripted, answer
from tests.unit.providers.test_verdicts import HTML, Judge, Row, no, unsure

BAD = Rejection.BAD_CREDENTIALS
SMALL = Rejection.INSUFFICIENT_PERMISSION
UNPROVEN = Verified((Caveat.WRITE_UNPROVEN,))


def oauth(error: str, *codes: int) -> dict[str, Any]:
    return {"error": error, "error_codes": list(codes), "error_description": f"AADSTS: {CANARY}"}


def graph(code: str, inner: str | None = None) -> dict[str, Any]:
    return {"error": {"code": code, "message": CANARY, "innerError": {"code": inner} if inner else None}}


UNLISTED = unsure(Doubt.UNEXPECTED_RESPONSE, 400)
NO_APP = "The tenant has no app registration with this clientId."
NO_TENANT = "There is no tenant with this tenantId."
POLICY = "A conditional access policy of the tenant stands in the way."
TOKEN = [
    Row(200, {"access_token": "x", "token_type": "Bearer"}, {}, Verified()),
    Row(200, {"token": "x"}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(200, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(401, oauth("invalid_client", 7000222), {}, Expired(http_status=401, code="invalid_client")),
    Row(401, oauth("invalid_client", 7000215), {}, no(BAD, 401, "invalid_client")),
    Row(401, oauth("invalid_client", 70002), {}, no(BAD, 401, "invalid_client")),
    Row(401, oauth("invalid_client", 700027), {}, no(BAD, 401, "invalid_client")),
    Row(401, oauth("invalid_client", 123456), {}, no(BAD, 401, "invalid_client")),
    Row(401, oauth("invalid_client"), {}, no(BAD, 401, "invalid_client")),
    Row(400, oauth("unauthorized_client", 700016), {}, no(BAD, 400, "unauthorized_client", NO_APP)),
    Row(
        400,
        oauth("unauthorized_client", 7000112),
        {},
        no(Rejection.ACCOUNT_DISABLED, 400, "unauthorized_client"),
    ),
    Row(
        400,
        oauth("unauthorized_client", 70001),
        {},
        no(Rejection.ACCOUNT_DISABLED, 400, "unauthorized_client"),
    ),
    Row(400, oauth("unauthorized_client", 1), {}, no(BAD, 400, "unauthorized_client")),
    Row(
        400,
        oauth("invalid_request", 90002),
        {},
        no(Rejection.MISCONFIGURED, 400, "invalid_request", NO_TENANT),
    ),
    Row(400, oauth("invalid_request", 90014), {}, UNLISTED),
    Row(400, oauth("invalid_scope", 70011), {}, no(Rejection.MISCONFIGURED, 400, "invalid_scope")),
    *(
        Row(400, oauth(error, 53003), {}, no(SMALL, 400, error, POLICY))
        for error in ("access_denied", "interaction_required", "invalid_grant", "unauthorized_client")
    ),
    Row(400, oauth("something_new", 53003), {}, UNLISTED),
    Row(400, oauth("access_denied"), {}, UNLISTED),
    Row(400, oauth("something_new", 7000222), {}, UNLISTED),
    Row(400, oauth("something_new", 90002), {}, UNLISTED),
    *(
        Row(400, oauth("invalid_client", code), {}, unsure(Doubt.UPSTREAM_ERROR, 400))
        for code in (90006, 90012, 90024, 90033, 90090, 90091)
    ),
    Row(400, oauth("invalid_request", 90055), {}, unsure(Doubt.RATE_LIMITED, 400, wait=60)),
    *(
        Row(400, oauth(error), {}, unsure(Doubt.UPSTREAM_ERROR, 400, error))
        for error in ("temporarily_unavailable", "server_error")
    ),
    Row(503, oauth("invalid_client", 7000215), {}, unsure(Doubt.UPSTREAM_ERROR, 503)),
    Row(429, oauth("invalid_client"), {"retry-after": "9"}, unsure(Doubt.RATE_LIMITED, 429, wait=9)),
    Row(
        401,
        {"error": "invalid_client", "error_codes": ["7000222"]},
        {},
        unsure(Doubt.UNEXPECTED_RESPONSE, 401),
    ),
    Row(401, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
]
GRAPH = [
    Row(200, {"id": "1", "displayName": "Releases", "isArchived": False}, {}, Verified()),
    Row(200, {"id": "1", "displayName": "Releases", "isArchived": None}, {}, Verified()),
    Row(200, {"id": "1", "displayName": "Releases"}, {}, Verified()),
    Row(200, {"id": "1", "isArchived": True}, {}, no(Rejection.TARGET_DISABLED, 200)),
    Row(200, {"value": []}, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(200, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 200)),
    Row(401, graph("InvalidAuthenticationToken"), {}, no(BAD, 401, "invalidauthenticationtoken")),
    Row(401, graph("unauthenticated"), {}, no(BAD, 401, "unauthenticated")),
    Row(401, graph("UnknownError"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(401, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 401)),
    Row(403, graph("Forbidden"), {}, no(SMALL, 403, "forbidden")),
    Row(403, graph("accessDenied"), {}, no(SMALL, 403, "accessdenied")),
    Row(403, graph("UnknownError", "Forbidden"), {}, no(SMALL, 403, "forbidden")),
    Row(403, graph("quotaLimitReached"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 403)),
    Row(403, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 403)),
    Row(404, graph("NotFound"), {}, no(Rejection.TARGET_NOT_FOUND, 404, "notfound")),
    Row(404, graph("itemNotFound"), {}, no(Rejection.TARGET_NOT_FOUND, 404, "itemnotfound")),
    Row(404, graph("Forbidden"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
    Row(404, HTML, {}, unsure(Doubt.UNEXPECTED_RESPONSE, 404)),
    Row(400, graph("BadRequest"), {}, unsure(Doubt.UNEXPECTED_RESPONSE, 400)),
    Row(423, graph("locked"), {}, unsure(Doubt.UPSTREAM_ERROR, 423)),
    Row(429, graph("TooManyRequests"), {"retry-after": "11"}, unsure(Doubt.RATE_LIMITED, 429, wait=11)),
    Row(403, graph("Forbidden", "activityLimitReached"), {}, unsure(Doubt.RATE_LIMITED, 403, wait=60)),
    Row(503, graph("serviceNotAvailable"), {"retry-after": "5"}, unsure(Doubt.UPSTREAM_ERROR, 503, wait=5)),
    Row(504, HTML, {}, unsure(Doubt.UPSTREAM_ERROR, 504)),
    Row(509, HTML, {}, unsure(Doubt.RATE_LIMITED, 509, wait=60)),
]


@pytest.mark.parametrize(
    ("judge", "row"),
    [
        pytest.param(judge, row, id=f"{name}-{number}-{row.status}")
        for name, judge, rows in (("token", entra.judge_token, TOKEN), ("graph", teams.judge, GRAPH))
        for number, row in enumerate(rows)
    ],
)
def test_an_answer_means(judge: Judge, row: Row) -> None:
    assert judge(answer(row.status, row.body, row.headers)) == row.expected


BOUGHT = answer(200, {"access_token": "eyJ.x"})
TEAM = answer(200, {"id": TEAMS["teamId"], "displayName": "Mobile", "isArchived": False})
NUMBER = "19:4a95f7d8db4c4e7fae857bcebe0623e6@thread.tacv2"


def page(*names: str, archived: bool = False, after: str | None = None) -> Response:
    body: dict[str, Any] = {
        "value": [{"id": f"19:{name}@x", "displayName": name, "isArchived": archived} for name in names]
    }
    if after:
        body["@odata.nextLink"] = f"https://elsewhere.example/v1.0/teams/x/channels?$skiptoken={after}"
    return answer(200, body)


async def proved(
    *answers: Response, endpoints: Endpoints | None = None, **changes: Any
) -> tuple[Outcome, Scripted]:
    member = {**TEAMS, "secretRef": {"name": "teams"}, **changes}
    found = read_credential(declared(teams=member), data({"clientSecret": "8Q~x"}))
    assert isinstance(found, Credential)
    exchange = Scripted(answers, endpoints)
    declaration = found.declaration
    return await declaration.provider.probe(exchange, declaration.config, found.secrets), exchange


async def test_token_then_team_then_channels() -> None:
    outcome, asked = await proved(BOUGHT, TEAM, page("General", "Releases"))
    assert outcome == UNPROVEN
    team = f"https://graph.microsoft.com/v1.0/teams/{TEAMS['teamId']}"
    assert asked.paths == [
        f"https://login.microsoftonline.com/{TEAMS['tenantId']}/oauth2/v2.0/token",
        f"{team}?$select=id,displayName,isArchived",
        f"{team}/channels?$select=id,displayName,membershipType,isArchived",
    ]
    form = asked.asked[0].form
    assert form is not None
    assert dict(form) == {
        "grant_type": "client_credentials",
        "client_id": TEAMS["clientId"],
        "client_secret": SecretStr("8Q~x"),
        "scope": "https://graph.microsoft.com/.default",
    }
    bearer = asked.asked[1].headers["Authorization"]
    assert isinstance(bearer, SecretStr)
    assert bearer.get_secret_value() == "Bearer eyJ.x"


@pytest.mark.parametrize(
    ("address", "scope"),
    [
        ("https://graph.microsoft.us", "https://graph.microsoft.us/.default"),
        ("https://dod-graph.microsoft.us", "https://dod-graph.microsoft.us/.default"),
        ("https://microsoftgraph.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn/.default"),
        ("https://gateway.example/graph", "https://graph.microsoft.com/.default"),
    ],
)
async def test_the_token_is_for_the_graph_that_is_asked(address: str, scope: str) -> None:
    _, asked = await proved(BOUGHT, TEAM, page("Releases"), endpoints=Endpoints(microsoft_graph=address))
    assert asked.asked[0].form is not None
    assert asked.asked[0].form["scope"] == scope
    assert asked.paths[1].startswith(f"{address}/v1.0/teams/")


async def test_a_refused_secret_ends_the_asking() -> None:
    outcome, asked = await proved(answer(401, oauth("invalid_client", 7000222)))
    assert outcome == Expired(http_status=401, code="invalid_client")
    assert len(asked.asked) == 1


STALE = answer(401, graph("InvalidAuthenticationToken"))


async def test_a_fresh_token_that_graph_does_not_know_is_bought_once_more() -> None:
    outcome, asked = await proved(BOUGHT, STALE, BOUGHT, TEAM, page("Releases"))
    assert outcome == UNPROVEN
    assert len(asked.asked) == 5
    outcome, _ = await proved(BOUGHT, STALE, BOUGHT, STALE)
    assert outcome == no(BAD, 401, "invalidauthenticationtoken")
    outcome, _ = await proved(BOUGHT, TEAM, STALE, answer(503))
    assert outcome == unsure(Doubt.UPSTREAM_ERROR, 503)


async def test_pages_are_followed_at_the_address_that_is_asked() -> None:
    outcome, asked = await proved(BOUGHT, TEAM, page("General", after="a%2Bb"), page("RELEASES"))
    assert outcome == UNPROVEN
    assert asked.paths[3] == asked.paths[2] + "&$skiptoken=a%2Bb"


async def test_a_team_without_end_is_no_proof_of_absence() -> None:
    outcome, asked = await proved(BOUGHT, TEAM, *[page("x", after="on")] * 20)
    assert isinstance(outcome, Unknown)
    assert "by their ids" in outcome.detail
    assert len(asked.asked) == 22


async def test_a_channel_may_be_declared_by_its_id() -> None:
    one = answer(200, {"id": NUMBER, "displayName": "Releases"})
    outcome, asked = await proved(BOUGHT, TEAM, one, channels=[NUMBER])
    assert outcome == UNPROVEN
    assert "/channels/19%3A4a95f7d8db4c4e7fae857bcebe0623e6%40thread.tacv2?" in asked.paths[2]


@pytest.mark.parametrize(
    ("answers", "channels", "reason", "detail"),
    [
        (
            [answer(404, graph("NotFound"))],
            ["Releases"],
            Rejection.TARGET_NOT_FOUND,
            f"Team {TEAMS['teamId']} is absent",
        ),
        ([TEAM, page("General")], ["Releases"], Rejection.TARGET_NOT_FOUND, "Channel Releases is absent"),
        (
            [TEAM, page("Releases", archived=True)],
            ["Releases"],
            Rejection.TARGET_DISABLED,
            "Channel Releases is archived.",
        ),
        (
            [TEAM, answer(403, graph("Forbidden"))],
            ["Releases"],
            SMALL,
            "The team's list of channels may not be read",
        ),
        (
            [TEAM, answer(404, graph("NotFound"))],
            [NUMBER],
            Rejection.TARGET_NOT_FOUND,
            f"Channel {NUMBER} is absent",
        ),
    ],
)
async def test_a_refusal_names_what_it_is_about(
    answers: list[Response], channels: list[str], reason: Rejection, detail: str
) -> None:
    outcome, _ = await proved(BOUGHT, *answers, channels=channels)
    assert isinstance(outcome, Rejected)
    assert outcome.reason is reason
    assert outcome.detail.startswith(detail)


async def test_an_archived_twin_does_not_hide_the_channel_in_use() -> None:
    first, second = page("Releases", archived=True, after="x"), page("Releases")
    assert (await proved(BOUGHT, TEAM, first, second))[0] == UNPROVEN
    assert (await proved(BOUGHT, TEAM, page("Releases", after="x"), page("other")))[0] == UNPROVEN


@pytest.mark.parametrize(
    ("changes", "at"),
    [
        ({"tenantId": "common"}, "spec.teams.tenantId"),
        ({"tenantId": "organizations"}, "spec.teams.tenantId"),
        ({"tenantId": "../acme.example"}, "spec.teams.tenantId"),
        ({"clientId": "delivr"}, "spec.teams.clientId"),
        ({"teamId": NUMBER}, "spec.teams.teamId"),
        ({"channels": []}, "spec.teams.channels"),
        ({"channels": [" "]}, "spec.teams.channels.0"),
    ],
)
def test_a_malformed_member_is_named(changes: dict[str, Any], at: str) -> None:
    (found,) = declarations(spec(teams={**TEAMS, "secretRef": {"name": "teams"}, **changes}))
    assert isinstance(found, InvalidMember)
    assert any(problem.startswith(at) for problem in found.problems), found.problems


def test_a_domain_names_a_tenant_too() -> None:
    member = {**TEAMS, "tenantId": "acme.onmicrosoft.com", "secretRef": {"name": "teams"}}
    assert declared(teams=member).type is IntegrationType.TEAMS
    assert credential(IntegrationType.TEAMS).row_config()["channels"] == ["Releases"]
