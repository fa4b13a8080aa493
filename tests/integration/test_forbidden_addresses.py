"""No connection is ever made to where no provider may be: counted at a listener that nobody may reach."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from delivr_operator.outcome import IntegrationType, Rejected, Rejection, Unknown, Verified
from delivr_operator.probing import Prober
from delivr_operator.probing.limits import Limits
from delivr_operator.providers import PROVIDERS
from delivr_operator.providers.declaration import Declaration, InvalidMember, declarations
from delivr_operator.resource import Spec
from delivr_operator.settings import ProbeSettings
from dev.simulator.client import Simulator
from tests.integration.listening import Listener, listener
from tests.integration.scenes import Scene, scene
from tests.integration.tenancy import Tenancy, eventually

T = IntegrationType
NOBODY: frozenset[str] = frozenset()
QUICK = Limits(
    connect=timedelta(milliseconds=300), read=timedelta(milliseconds=300), overall=timedelta(seconds=5)
)
ADDRESS_FIELD = {
    T.GITHUB: ("apiUrl", "/api/v3"),
    T.GITHUB_ACTIONS: ("apiUrl", "/api/v3"),
    T.GITLAB: ("apiUrl", "/api/v4"),
    T.BITBUCKET: ("url", ""),
    T.JENKINS: ("url", ""),
    T.JIRA: ("url", ""),
    T.TEST_RAIL: ("url", ""),
}
"""Where each type says its host, and the path that its address has to end in."""

LOCAL = IntegrationType.CODE_SIGNING
"""Is read here and asked of nobody, so that no answer can lead anywhere."""

every_type = pytest.mark.parametrize("kind", [provider.type for provider in PROVIDERS])
every_asking_type = pytest.mark.parametrize(
    "kind", [provider.type for provider in PROVIDERS if provider.type is not LOCAL]
)
every_chosen_host = pytest.mark.parametrize("kind", ADDRESS_FIELD)


def test_every_type_with_a_host_of_the_tenants_choice_is_here() -> None:
    found = {provider.type for provider in PROVIDERS if {"apiUrl", "url"} & {*provider.config_fields}}
    assert found == set(ADDRESS_FIELD)


@pytest.fixture(scope="module")
def sim(simulator: dict[str, str]) -> Iterator[Simulator]:
    with Simulator(simulator) as client:
        yield client


@pytest.fixture
def forbidden() -> Iterator[Listener]:
    with listener() as found:
        yield found


@asynccontextmanager
async def prober(sim: Simulator, limits: Limits = QUICK, **changes: str) -> AsyncIterator[Prober]:
    opened = Prober.open(ProbeSettings.from_environment({**sim.settings, **changes}), limits)
    try:
        yield opened
    finally:
        await opened.aclose()


def own_host(sim: Simulator, kind: IntegrationType) -> Scene:
    """A scene whose credential is one that a host of the tenant's own takes."""
    given = scene(sim, kind)
    if kind is not T.BITBUCKET:
        return given
    token = {"token": given.issued.secret["token"]}  # a Data Center's stands alone, without an email
    return replace(given, issued=replace(given.issued, secret=token))


def at(kind: IntegrationType, host: str) -> dict[str, str]:
    """The change to a member that has its host be this one."""
    name, path = ADDRESS_FIELD[kind]
    return {name: f"https://{host}{path}"}


# What a host stands for


HOSTS = [
    *("127.0.0.1", "localhost", "LOCALHOST", "localhost.", "0.0.0.0", "[::1]", "[::]"),  # noqa: S104 - refused
    *("[::ffff:127.0.0.1]", "[0:0:0:0:0:ffff:7f00:1]"),
]


@pytest.mark.parametrize("host", HOSTS)
@every_chosen_host
async def test_a_name_or_address_of_this_machine_is_not_dialled(
    sim: Simulator, forbidden: Listener, kind: IntegrationType, host: str
) -> None:
    given = own_host(sim, kind).credential(**at(kind, f"{host}:{forbidden.port}"))
    chosen = given.declaration.provider.tenant_chosen_host(given.declaration.config)
    async with prober(sim, TRUSTED_HOSTS="") as opened:
        outcome = await opened.prove(given, frozenset({chosen or ""}), datetime.now(UTC))
    assert isinstance(outcome, Rejected), outcome
    assert outcome.reason is Rejection.HOST_NOT_ALLOWED
    assert "no public address" in outcome.detail
    assert forbidden.connections() == 0


@pytest.mark.parametrize(
    "host",
    [
        *("2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "017700000001", "127.0.1"),
        *("user@127.0.0.1", "api.example:x@127.0.0.1", "127.0.0.1\\@api.example"),
    ],
)
@every_chosen_host
def test_what_resolvers_read_as_an_address_is_not_even_a_declaration(
    sim: Simulator, forbidden: Listener, kind: IntegrationType, host: str
) -> None:
    declared = declared_at(sim, kind, f"{host}:{forbidden.port}")
    assert isinstance(declared, InvalidMember)
    assert forbidden.connections() == 0


@every_chosen_host
def test_only_https_is_a_declaration(sim: Simulator, kind: IntegrationType) -> None:
    name, path = ADDRESS_FIELD[kind]
    for scheme in ("http", "ftp", "file", "HTTP", ""):
        declared = declared_with(sim, kind, {name: f"{scheme}://jenkins.acme.example{path}"})
        assert isinstance(declared, InvalidMember), scheme
        assert any("https" in problem for problem in declared.problems)


def test_those_forms_would_have_reached_the_listener(forbidden: Listener) -> None:
    """The proof that the tests above can fail."""
    for host in ("2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0.0.0.0", "::ffff:127.0.0.1", "::"):  # noqa: S104
        with socket.create_connection((host, forbidden.port), timeout=5):
            assert forbidden.connections() == 1, host


def declared_at(sim: Simulator, kind: IntegrationType, host: str) -> Declaration | InvalidMember:
    return declared_with(sim, kind, at(kind, host))


def declared_with(
    sim: Simulator, kind: IntegrationType, change: dict[str, Any]
) -> Declaration | InvalidMember:
    member = next(provider.member for provider in PROVIDERS if provider.type is kind)
    written = {**scene(sim, kind).written, **change, "secretRef": {"name": "credential"}}
    (found,) = declarations(Spec.model_validate({"tenantId": "t", "owner": "o@x.test", member: written}))
    return found


async def test_a_name_that_changes_its_address_under_way_is_dialled_where_it_was_checked(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the first answer may be dialled, every later one is forbidden."""
    port = urlsplit(sim.settings["JENKINS_URL"]).port
    url = sim.settings["JENKINS_URL"].replace("127.0.0.1", "localhost")
    given = scene(sim, T.JENKINS).credential(url=url)
    really, asked = socket.getaddrinfo, []

    def rebinding(host: Any, *arguments: Any, **options: Any) -> Any:
        if host not in ("localhost", b"localhost"):
            return really(host, *arguments, **options)
        asked.append(host)
        return really("127.0.0.1" if len(asked) == 1 else "127.0.0.2", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    allowed = frozenset({f"localhost:{port}"})
    assert port is not None
    with listener("127.0.0.2", port) as second:
        async with prober(sim, Limits(), TRUSTED_HOSTS="127.0.0.1/32") as opened:
            first = await opened.prove(given, allowed, datetime.now(UTC))
            assert isinstance(first, Verified), first
            assert len(asked) == 1, "one probe of several requests resolves once"
            later = await opened.prove(given, allowed, datetime.now(UTC), fresh=True)
        assert isinstance(later, Rejected)
        assert later.reason is Rejection.HOST_NOT_ALLOWED
        assert len(asked) == 2
        assert second.connections() == 0


# Where an answer leads


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@every_asking_type
async def test_no_redirect_leads_to_another_address(
    sim: Simulator, forbidden: Listener, kind: IntegrationType, status: int
) -> None:
    given = scene(sim, kind)
    for host in ("127.0.0.1", "localhost", "[::1]", "2130706433", "user@127.0.0.1"):
        location = f"https://{host}:{forbidden.port}/"
        sim.fault("REDIRECT", credential=given.issued.label, status=status, location=location)
        try:
            async with prober(sim, Limits()) as opened:
                outcome = await opened.prove(given.credential(), NOBODY, datetime.now(UTC))
        finally:
            sim.lift(credential=given.issued.label)
        assert isinstance(outcome, Unknown), outcome
        assert outcome.http_status == status
    assert forbidden.connections() == 0


# Whom a Secret is bound to


@every_chosen_host
async def test_without_the_secrets_own_word_not_one_byte_is_sent(
    sim: Simulator, forbidden: Listener, kind: IntegrationType
) -> None:
    """The operator opens the address, so that nothing stands before the listener but the annotation."""
    host = f"localhost:{forbidden.port}"
    given = own_host(sim, kind).credential(**at(kind, host))
    others = frozenset({"localhost", "localhost:443", f"127.0.0.1:{forbidden.port}", f"x{host}", "*"})
    async with prober(sim, TRUSTED_HOSTS="127.0.0.0/8,::1/128") as opened:
        for allowed in (NOBODY, others):
            outcome = await opened.prove(given, allowed, datetime.now(UTC), fresh=True)
            assert isinstance(outcome, Rejected), outcome
            assert outcome.reason is Rejection.HOST_NOT_ALLOWED
            assert outcome.detail.startswith(f"Write {host} into the annotation")
        assert forbidden.connections() == 0
        outcome = await opened.prove(given, frozenset({host}), datetime.now(UTC), fresh=True)
        assert isinstance(outcome, Unknown), outcome
        assert forbidden.connections() > 0


@pytest.mark.timeout(300)
def test_a_whole_resource_sends_nothing_before_its_secrets_allow_it(
    tenancy: Tenancy, sim: Simulator, forbidden: Listener
) -> None:
    tenancy.extra |= {"TRUSTED_HOSTS": "127.0.0.0/8,::1/128", "RECHECK_INTERVAL": "1s"}
    host, secrets = f"localhost:{forbidden.port}", {}
    members: dict[str, Any] = {}
    for kind in ADDRESS_FIELD:
        given = own_host(sim, kind)
        name = kind.lower().replace("_", "-")
        member = next(provider.member for provider in PROVIDERS if provider.type is kind)
        members[member] = {**given.written, **at(kind, host), "secretRef": {"name": name}}
        secrets[name] = given.issued.secret
    tenancy.apply(*(tenancy.secret(name, values) for name, values in secrets.items()))
    tenancy.apply(tenancy.setup(**members))
    with tenancy.operator():
        tenancy.await_ready("False", "HostNotAllowed")
        entries = {e["type"]: e["reason"] for e in tenancy.get()["status"]["integrations"]}
        assert entries == {kind.value: "HostNotAllowed" for kind in ADDRESS_FIELD}
        assert forbidden.connections() == 0
        annotation = {"release.delivr.live/allowed-hosts": f"elsewhere.example, {host}"}
        for name, values in secrets.items():
            tenancy.apply(tenancy.secret(name, values, **annotation))
        eventually(
            lambda: "HostNotAllowed" not in {e["reason"] for e in tenancy.get()["status"]["integrations"]},
            "all are asked",
        )
        assert forbidden.connections() >= len(ADDRESS_FIELD) - 1  # the two of GitHub may share an answer


# Proxies of the environment


def proxied(forbidden: Listener) -> dict[str, str]:
    address = f"http://127.0.0.1:{forbidden.port}"
    names = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
    return {spelled: address for name in names for spelled in (name, name.lower())} | {
        "NO_PROXY": "",
        "no_proxy": "",
    }


@every_type
async def test_a_proxy_of_the_environment_is_not_used_to_ask_a_provider(
    sim: Simulator, forbidden: Listener, kind: IntegrationType, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = scene(sim, kind)
    for name, value in proxied(forbidden).items():
        monkeypatch.setenv(name, value)
    async with prober(sim, Limits()) as opened:
        outcome = await opened.prove(given.credential(), NOBODY, datetime.now(UTC))
    assert isinstance(outcome, Verified), outcome
    assert forbidden.connections() == 0


def test_a_proxy_of_the_environment_is_used_by_nothing_in_the_operator(
    tenancy: Tenancy, forbidden: Listener
) -> None:
    """Not on the way to the API server either, where it would learn who asks for what, and when."""
    tenancy.extra |= proxied(forbidden)
    tenancy.apply(tenancy.complete())
    with tenancy.operator():
        tenancy.await_ready("True")
    assert forbidden.connections() == 0
