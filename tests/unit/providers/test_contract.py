"""What holds for every provider, whatever it is asked about and whatever it answers."""

import json
import tomllib
from itertools import cycle
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from delivr_operator.outcome import Doubt, Expired, IntegrationType, Outcome, Rejected, Unknown, Verified
from delivr_operator.providers import PROVIDERS, provider_of_member, provider_of_type
from delivr_operator.providers.exchange import Endpoints, Response, Unreachable, authority
from delivr_operator.providers.provider import Provider
from tests.unit.providers.samples import CANARY, SECRET, credential, leaks, samples
from tests.unit.providers.scripted import NOW, Always, Scripted

AnyProvider = Provider[Any, Any]
ROOT = Path(__file__).parents[3]
every_provider = pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.type.value)
every_asked_provider = pytest.mark.parametrize(
    "provider", [one for one in PROVIDERS if not one.local], ids=lambda provider: provider.type.value
)

NAMES = [
    *("message", "error", "errors", "code", "detail", "details", "reason", "status", "error_description"),
    *(
        "ok",
        "data",
        "links",
        "next",
        "id",
        "login",
        "full_name",
        "permissions",
        "push",
        "private",
        "archived",
    ),
    *("disabled", "state", "channels", "channel", "name", "is_member", "is_archived", "response_metadata"),
    *(
        "next_cursor",
        "team_id",
        "expires_in",
        "access_token",
        "releases",
        "attributes",
        "bundleId",
        "buildable",
    ),
    *("quietingDown", "start"),
    *("active", "key", "errorMessages", "havePermission", "BROWSE_PROJECTS"),
    *("extensions", "type", "viewer", "teams", "projects", "nodes", "archivedAt"),
    *("is_active", "is_completed", "project_id"),
]
WORDS = [
    *("Bad credentials", "Not Found", "NOT_AUTHORIZED", "FORBIDDEN", "forbidden", "invalid_grant", "active"),
    *("com.acme.app", "acme/mobile-app", "releases", "token_expired", "invalid_auth", "ratelimited"),
    *("Invalid JWT Signature.", "service_account", CANARY, f"Bearer {CANARY}", f"FORBIDDEN.{CANARY}", ""),
]
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(WORDS)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=20,
)
ODD_BODIES = [b"", b"{", b"null", b"[" * 5000, b'"\\ud800"', b"\xff\xfe", b'{"id":' + b"9" * 5000 + b"}"]
HEADER_NAMES = [
    *("retry-after", "date", "x-ratelimit-remaining", "x-ratelimit-reset", "x-oauth-scopes", "x-github-sso"),
    *("github-authentication-token-expiration", "www-authenticate", "x-you-are-authenticated-as"),
    *("x-required-permission", "x-jenkins", "location", "x-rate-limit", "x-unheard-of"),
    *("x-seraph-loginreason", "x-authentication-denied-reason", "x-ratelimit-interval-seconds"),
    *("x-ratelimit-requests-remaining", "x-ratelimit-requests-reset"),
]
HEADER_VALUES = [
    *("0", "1", "60", "-5", "99999999999", "9" * 40, "Fri, 01 May 2026 12:01:00 GMT", "1777636860"),
    *("anonymous", "Basic", "repo", "chat:write", "2026-06-28 17:58:10 UTC", "9999-99-99", "", CANARY),
    *("Fri, 31 Feb 99999 99:99:99 GMT", "Thu, 01 Jan 0001 00:00:00 +2359"),
]


@st.composite
def responses(draw: st.DrawFn) -> Response:
    kinds = ["application/json", "application/javascript", "text/html", ""]
    body = draw(st.sampled_from(ODD_BODIES) | st.binary(max_size=60) | values.map(_json))
    headers = draw(st.dictionaries(st.sampled_from(HEADER_NAMES), st.sampled_from(HEADER_VALUES), max_size=5))
    status = draw(st.sampled_from([200, 301, 400, 401, 403, 404, 429, 503]) | st.integers(100, 599))
    return Response(status, {"content-type": draw(st.sampled_from(kinds)), **headers}, body, NOW)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


relaxed = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_types_and_members_are_unique_and_found() -> None:
    assert {provider.type for provider in PROVIDERS} == set(samples())
    for provider in PROVIDERS:
        assert provider_of_type(provider.type) is provider
        assert provider_of_member(provider.member) is provider
    assert provider_of_member("gitLab") is None
    with pytest.raises(LookupError):
        provider_of_type(cast("IntegrationType", "NONE"))


@every_provider
def test_none_may_import_another(provider: AnyProvider) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (apart,) = (one["modules"] for one in contracts if one["name"] == "No provider imports another")
    assert f"delivr_operator.providers.{provider.type.value.lower()}" in apart


@every_provider
def test_every_field_of_a_credential_is_closed(provider: AnyProvider) -> None:
    for name, field in provider.secrets.model_fields.items():
        assert "SecretStr" in repr(field.annotation), name
        assert "str]" not in repr(field.annotation).replace("SecretStr", ""), name
    assert provider.sealed <= {*provider.secret_fields, *provider.optional}
    assert not {*provider.config_fields} & {*provider.secret_fields}


@every_provider
def test_a_person_is_told_what_to_grant(provider: AnyProvider) -> None:
    assert provider.permissions
    assert all(len(text) > 20 for text in provider.permissions)


@every_provider
def test_the_row_has_the_plans_shape(provider: AnyProvider) -> None:
    row = credential(provider.type).row_config()
    sealed: set[str] = set()

    def shown(name: str, value: object) -> object:
        if isinstance(value, dict):
            return {inner: shown(inner, one) for inner, one in value.items()}
        if isinstance(value, SecretStr):
            sealed.add(name)
        return SECRET if isinstance(value, SecretStr) else value

    assert {name: shown(name, value) for name, value in row.items()} == samples()[provider.type].row
    assert sealed == provider.sealed


@every_provider
def test_fields_have_the_names_and_the_parts_that_the_models_have(provider: AnyProvider) -> None:
    assert provider.parts.keys() | provider.readers.keys() <= {*provider.secret_keys}
    assert {*provider.parts.values()} <= {*provider.config_fields}
    assert provider.notices
    assert tuple(sorted(provider.notices, reverse=True)) == provider.notices


@every_provider
def test_only_what_is_read_here_is_certain(provider: AnyProvider) -> None:
    hosts = provider.hosts(credential(provider.type).declaration.config, Endpoints())
    assert provider.local is (provider.type is IntegrationType.CODE_SIGNING) is (not hosts)


@every_provider
def test_a_credential_shows_nothing_of_itself(provider: AnyProvider) -> None:
    found = credential(provider.type)
    for text in (repr(found), str(found), repr(found.row_config()), repr(found.secrets)):
        assert not leaks(text, provider.type)
    assert not leaks(found.budget_key(Endpoints()), provider.type)


@every_provider
@relaxed
@given(response=responses())
def test_judging_is_total_and_repeats_nothing_from_outside(provider: AnyProvider, response: Response) -> None:
    outcome = provider.judge(response)
    _check(provider, outcome)
    if response.status in (408, 425, 429) or response.status >= 500:
        assert isinstance(outcome, Unknown)


@every_asked_provider
@relaxed
@given(answers=st.lists(responses(), min_size=1, max_size=5))
async def test_probing_is_total_read_only_and_stays_at_its_hosts(
    provider: AnyProvider, answers: list[Response]
) -> None:
    found = credential(provider.type)
    exchange = Scripted(cycle(answers))
    outcome = await provider.probe(exchange, found.declaration.config, found.secrets)
    _check(provider, outcome)
    hosts = provider.hosts(found.declaration.config, exchange.endpoints)
    assert exchange.asked
    for request in exchange.asked:
        assert authority(request.url) in hosts
        assert request.url.startswith("https://")
        bodies = sum(body is not None for body in (request.form, request.json))
        assert (request.method, bodies) in (("GET", 0), ("POST", 1))
        assert not leaks(repr(request), provider.type)


def _check(provider: AnyProvider, outcome: Outcome) -> None:
    assert isinstance(outcome, Verified | Rejected | Expired | Unknown)
    assert not leaks(repr(outcome), provider.type)
    if isinstance(outcome, Unknown) and outcome.retry_after is not None:
        assert 0 <= outcome.retry_after.total_seconds() <= 30 * 24 * 3600
    if isinstance(outcome, Unknown) and outcome.reason is Doubt.RATE_LIMITED:
        assert outcome.retry_after is not None


ERRORS = [
    {"message": CANARY},
    {"message": f"Bad credentials {CANARY}"},
    {"ok": False, "error": CANARY, "needed": CANARY, "provided": CANARY},
    {"errors": [{"code": CANARY, "title": CANARY, "detail": CANARY}]},
    {"errors": [{"code": f"FORBIDDEN.{CANARY}", "detail": f"Program License Agreement {CANARY}"}]},
    {"error": CANARY, "error_description": CANARY},
    {"error": "invalid_grant", "error_description": CANARY},
    {"error": {"status": CANARY, "message": CANARY, "errors": [{"reason": CANARY}]}},
    {"error": {"status": "PERMISSION_DENIED", "message": CANARY, "details": [{"reason": CANARY}]}},
    {
        "id": CANARY,
        "login": CANARY,
        "full_name": CANARY,
        "state": CANARY,
        "name": CANARY,
        "access_token": CANARY,
    },
    {"ok": True, "team_id": CANARY, "channels": [{"id": CANARY, "name": CANARY}]},
    {"data": [{"id": CANARY, "attributes": {"bundleId": CANARY}}], "links": {"next": CANARY}},
]
CHATTY = {name: CANARY for name in HEADER_NAMES if name != "date"}


@every_asked_provider
@pytest.mark.parametrize("body", [*ERRORS, CANARY], ids=str)
async def test_no_word_of_an_error_is_repeated(provider: AnyProvider, body: object) -> None:
    found = credential(provider.type)
    for status in (200, 302, 400, 401, 403, 404, 429, 500):
        kind = {"content-type": "application/json"}
        for headers in (kind, CHATTY | kind):
            judged = provider.judge(Response(status, headers, _json(body), NOW))
            assert not leaks(repr(judged), provider.type)
        reply = Always(Response(status, CHATTY | kind, _json(body), NOW))
        outcome = await provider.probe(reply, found.declaration.config, found.secrets)
        assert not leaks(repr(outcome), provider.type)


@every_asked_provider
@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 425, 429, 302, 307, 410, 418])
@pytest.mark.parametrize("body", [b"<html>proxy</html>", b'{"ok": true}'])
async def test_an_answer_that_says_nothing_is_no_verdict(
    provider: AnyProvider, status: int, body: bytes
) -> None:
    found = credential(provider.type)
    kind = {"content-type": "text/html" if body.startswith(b"<") else "application/json"}
    outcome = await provider.probe(
        Always(Response(status, kind, body, NOW)), found.declaration.config, found.secrets
    )
    assert isinstance(outcome, Unknown)
    assert outcome.http_status == status


@every_asked_provider
async def test_a_login_page_is_no_verdict(provider: AnyProvider) -> None:
    found = credential(provider.type)
    for status in (200, 401, 403, 404):
        page = Response(status, {"content-type": "text/html"}, b"<form action=/login>", NOW)
        outcome = await provider.probe(Always(page), found.declaration.config, found.secrets)
        assert isinstance(outcome, Unknown), status


@every_asked_provider
async def test_an_outage_is_left_to_the_edge(provider: AnyProvider) -> None:
    found = credential(provider.type)
    outage = Unreachable(Unknown(Doubt.NETWORK_ERROR))
    with pytest.raises(Unreachable):
        await provider.probe(Scripted([outage]), found.declaration.config, found.secrets)


CHOSEN_BY_TENANTS = {
    IntegrationType.GITLAB: "gitlab.acme.example:443",
    IntegrationType.JENKINS: "jenkins.acme.example:443",
    IntegrationType.JIRA: "acme.atlassian.net:443",
    IntegrationType.TEST_RAIL: "tests.acme.example:443",
}


@every_provider
def test_only_self_hosted_types_let_a_tenant_choose_the_host(provider: AnyProvider) -> None:
    chosen = provider.tenant_chosen_host(credential(provider.type).declaration.config)
    assert chosen == CHOSEN_BY_TENANTS.get(provider.type)


@every_provider
def test_optional_fields_are_the_credentials_own(provider: AnyProvider) -> None:
    fields = {str(field.alias): field for field in provider.secrets.model_fields.values()}
    assert {*provider.optional} <= fields.keys()
    assert not any(fields[name].is_required() for name in provider.optional)
    assert provider.wanted(credential(provider.type).declaration.config) <= {*provider.optional}
