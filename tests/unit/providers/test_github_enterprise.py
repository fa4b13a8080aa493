"""GITHUB and GITHUB_ACTIONS on a GitHub of one's own: where they ask, what they store, what is refused."""

from typing import Any

import pytest

from delivr_operator.outcome import IntegrationType, Verified
from delivr_operator.providers.declaration import Credential, Declaration, declarations, read_credential
from delivr_operator.providers.exchange import Endpoints
from tests.unit.providers.samples import WORKFLOW, data, declared, invalid, samples, spec
from tests.unit.providers.scripted import Scripted, answer

SERVER = "https://git.acme.example/api/v3"
GITHUB = samples()[IntegrationType.GITHUB]
ACTIONS = samples()[IntegrationType.GITHUB_ACTIONS]
HERE = {
    "full_name": "acme/mobile-app",
    "private": True,
    "archived": False,
    "disabled": False,
    "permissions": {"push": True},
}
ANSWERS = (
    answer(200, {"login": "bot"}, {"x-oauth-scopes": "repo"}),
    answer(200, HERE),
    answer(200, {"state": "active"}),
)


def given(**members: Any) -> Credential:
    found = read_credential(declared(**members), data(GITHUB.secret))
    assert isinstance(found, Credential), found
    return found


async def asked(found: Credential) -> list[str]:
    declaration = found.declaration
    exchange = Scripted(ANSWERS)
    outcome = await declaration.provider.probe(exchange, declaration.config, found.secrets)
    assert outcome == Verified()
    return exchange.paths


def hosts(declaration: Declaration) -> tuple[Any, Any]:
    provider, config = declaration.provider, declaration.config
    return provider.hosts(config, Endpoints()), provider.tenant_chosen_host(config)


async def test_a_server_is_asked_at_its_own_address() -> None:
    found = given(github={**GITHUB.written, "apiUrl": f"{SERVER}/"})
    assert await asked(found) == [f"{SERVER}/user", f"{SERVER}/repos/acme/mobile-app"]
    assert hosts(found.declaration) == (frozenset({"git.acme.example:443"}), "git.acme.example:443")
    assert found.row_config()["apiUrl"] == SERVER


async def test_workflows_go_where_the_repository_that_they_use_goes() -> None:
    members = {"github": {**GITHUB.written, "apiUrl": SERVER}, "githubActions": {"workflows": [WORKFLOW]}}
    found = given(**members)
    assert (await asked(found))[2] == f"{SERVER}/repos/acme/mobile-app/actions/workflows/ios-build.yml"
    assert hosts(found.declaration) == (frozenset({"git.acme.example:443"}), "git.acme.example:443")
    assert found.row_config() == {"workflows": [WORKFLOW]}


async def test_workflows_with_a_repository_of_their_own_are_on_github_com_unless_they_say_otherwise() -> None:
    github = {**GITHUB.written, "apiUrl": SERVER}
    found = given(github=github, githubActions=dict(ACTIONS.written))
    assert (await asked(found))[0] == "https://api.github.com/user"
    assert hosts(found.declaration) == (frozenset({"api.github.com:443"}), None)
    elsewhere = given(github=dict(GITHUB.written), githubActions={**ACTIONS.written, "apiUrl": SERVER})
    assert (await asked(elsewhere))[0] == f"{SERVER}/user"
    assert elsewhere.row_config()["apiUrl"] == SERVER


@pytest.mark.parametrize("url", ["https://api.acme.ghe.com", "https://api.ACME-1.ghe.com/"])
async def test_data_residency_has_an_address_without_path(url: str) -> None:
    found = given(github={**GITHUB.written, "apiUrl": url})
    assert (await asked(found))[0] == f"{url.rstrip('/')}/user"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://git.acme.example", "must be the address of the REST API"),
        ("https://acme.ghe.com", "must be the address of the REST API"),
        ("https://api.acme.ghe.com.evil.example", "must be the address of the REST API"),
        ("https://api.github.com", "leave it out for github.com"),
        ("https://GitHub.com/api/v3", "leave it out for github.com"),
        ("http://git.acme.example/api/v3", "must be an https:// address"),
        ("https://0x7f.1/api/v3", "must name its host"),
    ],
)
def test_an_odd_address_is_refused_in_words(url: str, says: str) -> None:
    (found,) = declarations(spec(github={**GITHUB.written, "apiUrl": url}))
    assert not isinstance(found, Declaration)
    assert found.problems[0].startswith("spec.github.apiUrl: ")
    assert says in found.problems[0]


def test_an_address_alone_is_no_repository_of_its_own() -> None:
    found = invalid(github=dict(GITHUB.written), githubActions={"workflows": [WORKFLOW], "apiUrl": SERVER})
    assert found.problems == (
        "spec.githubActions: name all of organization, repoName, secretRef, or none of them",
    )
