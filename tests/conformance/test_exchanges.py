"""What probes ask and what the simulator answers, held against what vendors publish of their own APIs."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, unquote

import jwt
import pytest
from graphql import GraphQLSchema, execute_sync, parse, validate

from delivr_operator.outcome import IntegrationType as T
from delivr_operator.probing.limits import Limits
from dev.published import JENKINS, LINEAR, published
from dev.simulator.client import Request, Simulator
from tests.conformance.discovery import Discovery
from tests.conformance.forms import FORMS, performances
from tests.conformance.linear_schema import LinearSchema
from tests.conformance.typescript import TypeScript
from tests.conformance.vendors import complaints_of, described, description, distinct
from tests.integration.scenes import scene
from tests.integration.test_probing import NOBODY, prober

STATUS = "the status is not described"
_OPEN = "Bitbucket sends it; its specification leaves objects open and does not name it"
_SINCE_2021 = "the specification's list of errors is of 2021; the SDK's declaration takes any"
DEPARTURES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        # What of an exchange the vendor's text does not allow, and why it stands nevertheless.
        "bitbucket api token": {
            r"not allowed \('slug' was unexpected\)": _OPEN,
            r"not allowed \('nickname' was unexpected\)": _OPEN,
            r"GET /user\? -> 401: answered as text/plain": "Basic is refused before the API answers",
            rf"-> 429: {STATUS}": "the specification leaves limits to the prose",
            rf"-> 503: {STATUS}": "no specification describes an outage",
        },
        "bitbucket access token": {
            r"not allowed \('slug' was unexpected\)": _OPEN,
            rf"-> 401: {STATUS}": "described for /user alone, to which access tokens have no right",
            rf"-> 429: {STATUS}": "the specification leaves limits to the prose",
            rf"-> 503: {STATUS}": "no specification describes an outage",
        },
        "slack": {
            r'"(ratelimited|accesslimited|service_unavailable)" is not one of': _SINCE_2021,
            r'"(token_expired|org_login_required|access_denied)" is not one of': _SINCE_2021,
        },
        "teams": {
            r'query \$select /3: "isArchived" is not one of': "newer; Microsoft's own types have it",
        },
        "jira cloud": {
            rf"-> 429: {STATUS}": "the specification leaves limits to the prose",
            rf"/myself\? -> 403: {STATUS}": "the CAPTCHA stands before the API",
            rf"-> 503: {STATUS}": "no specification describes an outage",
        },
        "jira scoped": {
            rf"-> 429: {STATUS}": "the specification leaves limits to the prose",
            rf"/myself\? -> 403: {STATUS}": "the gateway's, which stands before the API",
            rf"-> 503: {STATUS}": "no specification describes an outage",
        },
    }
)
WITHOUT_A_TEXT = frozenset(
    {
        *("bitbucket data center", "jira data center", "jenkins", "jenkins with blue ocean"),
        *("linear", "testrail", "testrail before 7.0"),
    }
)
"""Forms that no OpenAPI, discovery document or type describes; docs/conformance.md says what stands in."""


@pytest.fixture(scope="module")
def sim(simulator: dict[str, str]) -> Iterator[Simulator]:
    with Simulator(simulator) as client:
        yield client


async def exchanged(sim: Simulator, form: str) -> list[Request]:
    """Prove a form as it stands and with everything wrong that may be; give what went over the wire."""
    found: list[Request] = []
    async with prober(sim, Limits()) as opened:
        for _, given in performances(sim, FORMS[form]):
            await opened.prove(given.credential(), NOBODY, datetime.now(UTC))
            found += sim.requests(credential=given.issued.label)
    return distinct(found)


@pytest.mark.parametrize("form", sorted(set(FORMS) - WITHOUT_A_TEXT))
async def test_requests_and_answers_are_the_vendors(sim: Simulator, form: str) -> None:
    judged = [complaints_of(request) for request in await exchanged(sim, form)]
    complaints = [each for found in judged if found is not None for each in found]
    assert sum(found is not None for found in judged) > 8, "too few exchanges to call this a proof"
    known = DEPARTURES.get(form, {})
    assert [one for one in complaints if not any(re.search(each, one) for each in known)] == []
    assert [each for each in known if not any(re.search(each, one) for one in complaints)] == []


@pytest.mark.parametrize("form", sorted(WITHOUT_A_TEXT))
async def test_no_text_describes_the_rest(sim: Simulator, form: str) -> None:
    assert all(complaints_of(request) is None for request in await exchanged(sim, form))


@pytest.mark.parametrize("form", ["play store", "firebase"])
async def test_google_accepts_the_scope_that_is_asked_for(sim: Simulator, form: str) -> None:
    given = FORMS[form](sim)
    async with prober(sim, Limits()) as opened:
        await opened.prove(given.credential(), NOBODY, datetime.now(UTC))
    granted: frozenset[str] = frozenset()
    asked = sim.requests(credential=given.issued.label)
    for request in asked:
        if request.provider == "GOOGLE_TOKEN":
            granted = frozenset(scopes_of(request))
            continue
        found = described(request)
        assert found is not None
        (name,), exchange = found
        document = description(name)
        assert isinstance(document, Discovery)
        assert granted & document.scopes(exchange.method, exchange.path), f"{exchange}: {granted}"
    assert granted
    assert len(asked) > 1


def scopes_of(request: Request) -> list[str]:
    """Give the scopes that a signed assertion asks for."""
    assertion = parse_qs(request.body)["assertion"][0]
    return str(jwt.decode(assertion, options={"verify_signature": False})["scope"]).split()


@pytest.fixture(scope="module")
def linear() -> GraphQLSchema:
    return LinearSchema(TypeScript.at(published(LINEAR) / "index-D2pH4Pk9.d.mts")).schema()


async def test_linear_understands_the_question_and_could_give_the_answer(
    sim: Simulator, linear: GraphQLSchema
) -> None:
    answered = 0
    for request in await exchanged(sim, "linear"):
        asked, answer = json.loads(request.body), json.loads(request.answer_body)
        question = parse(asked["query"])
        assert validate(linear, question) == []
        if answer.get("data") is None:
            continue
        answered += 1
        # The schema resolves the simulator's own data: what is wrong, missing or too much shows.
        result = execute_sync(linear, question, root_value=answer["data"], variable_values=asked["variables"])
        assert (result.errors, result.data) == (None, answer["data"])
    assert answered


async def test_linear_errors_are_of_the_types_that_its_sdk_knows(sim: Simulator) -> None:
    sdk = (published(LINEAR) / "index.mjs").read_text()
    known = set(re.findall(r'^\t\[LinearErrorType\.\w+\]: "([^"]+)"', sdk, re.MULTILINE))
    types = [
        error["extensions"]["type"]
        for request in await exchanged(sim, "linear")
        for error in json.loads(request.answer_body).get("errors", ())
    ]
    assert len(set(types)) > 4
    assert set(types) <= known


def names_of(model: str) -> set[str]:
    """Give the fields that a generated model of Jenkins has."""
    text = (published(JENKINS) / f"{model}.py").read_text()
    found = re.search(r"__properties: ClassVar\[List\[str\]\] = (\[.*?\])", text)
    assert found
    return set(json.loads(found[1]))


@pytest.mark.parametrize("form", ["jenkins", "jenkins with blue ocean"])
async def test_jenkins_has_the_paths_and_fields_that_are_asked_for(sim: Simulator, form: str) -> None:
    given = FORMS[form](sim)
    async with prober(sim, Limits()) as opened:
        await opened.prove(given.credential(), NOBODY, datetime.now(UTC))
    seen: list[str] = []
    for request in sim.requests(credential=given.issued.label):
        path, _, query = unquote(request.path.removeprefix("/ci")).partition("?")
        model = next((name for pattern, name in JENKINS_PATHS.items() if re.fullmatch(pattern, path)), None)
        if model is None or (model == "pipeline_impl" and request.status == HTTPStatus.NOT_FOUND):
            continue
        seen.append(model)
        answer: dict[str, Any] = json.loads(request.answer_body)
        known = names_of(model) | {"_class"}
        asked = re.sub(r"\[.*\]", "", query.removeprefix("tree=")).split(",") if query else []
        assert set(asked) - JENKINS_LATER <= known
        assert set(answer) - JENKINS_LATER <= known
    assert {"hudson", "free_style_project"} <= set(seen)
    assert ("pipeline_impl" in seen) == (form == "jenkins with blue ocean")


JENKINS_PATHS = {
    r"/api/json": "hudson",
    r"(/job/[^/]+)+/api/json": "free_style_project",
    r"/blue/rest/organizations/jenkins(/pipelines/[^/]+)+/?": "pipeline_impl",
}
JENKINS_LATER = frozenset({"property", "permissions"})
"""What plug-ins add, which the models leave out: a job's properties, Blue Ocean's permissions."""


def test_every_form_and_type_is_asked(sim: Simulator) -> None:
    local = {T.CODE_SIGNING}  # asks nobody: openssl and keytool judge it
    assert {form(sim).type for form in FORMS.values()} | {T.GITHUB} == set(T) - local
    assert scene(sim, T.GITHUB).written.keys() <= FORMS["github classic"](sim).written.keys()
