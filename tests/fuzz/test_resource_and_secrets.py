"""Whatever a tenant writes is read or refused, and not repeated."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from hypothesis import example
from hypothesis import strategies as st
from pydantic import SecretBytes, SecretStr

from delivr_operator.checking import Line, table
from delivr_operator.exit_codes import REFUSED
from delivr_operator.inventory import Inventory
from delivr_operator.manifest import ManifestError, read_manifests
from delivr_operator.observing import _read
from delivr_operator.outcome import Rejected, Unknown
from delivr_operator.providers import PROVIDERS
from delivr_operator.providers.declaration import (
    Credential,
    Declaration,
    InvalidMember,
    declarations,
    read_credential,
)
from delivr_operator.providers.secret_shapes import rsa_key as read_rsa_key
from delivr_operator.providers.tenant_address import tenant_address
from delivr_operator.reasons import Reason
from delivr_operator.resource import InvalidSpec, ReleaseSetup, Spec, allowed_hosts, parse_spec
from delivr_operator.settings import DatabaseSettings, Settings, SettingsError
from tests.fuzz.garbage import CANARY, documents, objects, texts, thrown
from tests.unit.providers.samples import CANARY as SAMPLE
from tests.unit.providers.samples import declared, elliptic_key, key_file, rsa_key, samples

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
METADATA = {"name": "a", "namespace": "b", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
MEMBERS = tuple(provider.member for provider in PROVIDERS)
SPEC = (
    *("tenantId", "owner", "targets", "platforms", "interval", "suspend", "deletionPolicy"),
    *MEMBERS,
)
every_provider = pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.type.value)


def read_whole(spec: object) -> object:
    setup = ReleaseSetup.parse({"metadata": METADATA, "spec": spec})
    Inventory().put(setup)
    return _read(setup.spec)


@thrown(spec=documents() | objects(SPEC))
def test_a_spec_is_read_or_refused(spec: Any) -> None:
    found = read_whole(spec)
    assert isinstance(found, InvalidSpec | tuple)


@every_provider
@thrown(data=st.data())
def test_a_member_is_read_or_refused_without_repeating_its_values(provider: Any, data: st.DataObject) -> None:
    good = dict(samples()[provider.type].written)
    names = (*provider.config_fields, "secretRef", "keys", "name")
    changes = data.draw(
        st.dictionaries(st.sampled_from(names), documents(st.sampled_from(names)), max_size=4)
    )
    whole = {"tenantId": "t", "owner": "o@example.test", provider.member: {**good, **changes}}
    spec = parse_spec(whole)
    assert isinstance(spec, Spec)
    for found in declarations(spec):
        if not isinstance(found, Declaration):
            assert CANARY not in str(found.problems)


PEMS = (elliptic_key(), rsa_key(), key_file())


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Give a key or key file with a piece of it changed."""
    whole = draw(st.sampled_from(PEMS)).encode()
    start = draw(st.integers(0, len(whole)))
    end = draw(st.integers(start, len(whole)))
    return whole[:start] + draw(st.binary(max_size=30)) + whole[end:]


LOCKED = (
    rsa.generate_private_key(65537, 2048)
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    .decode()
)


@thrown(text=damaged().map(lambda raw: raw.decode("utf-8", "replace")) | texts)
@example(text=LOCKED)
@example(text=rsa_key().replace("MII", "MIJ", 1))
@example(text=rsa_key().replace("PRIVATE", "PUBLIC"))
def test_any_pem_is_an_rsa_key_or_none(text: str) -> None:
    found = read_rsa_key(SecretStr(text))
    assert found is None or found.public_key()


SECRET_VALUES = (
    st.binary(max_size=60) | damaged() | texts.map(str.encode) | documents().map(lambda v: repr(v).encode())
)


@every_provider
@thrown(data=st.data())
def test_a_secret_is_read_or_refused_without_repeating_it(provider: Any, data: st.DataObject) -> None:
    sample = samples()[provider.type]
    good = {name: value.encode() for name, value in sample.secret.items()}
    keys = st.sampled_from(provider.secret_keys)
    changed = data.draw(st.dictionaries(keys, SECRET_VALUES, max_size=3))
    given_values = {name: SecretBytes(value) for name, value in {**good, **changed}.items()}
    found = read_credential(declared(**{sample.member: dict(sample.written)}), given_values)
    assert isinstance(found, Credential | Rejected | Unknown)
    said = repr(found)
    assert CANARY not in said
    assert SAMPLE not in said.replace(repr(getattr(found, "declaration", None)), "")


@thrown(text=texts | st.text())
def test_a_tenants_address_is_taken_as_it_is_or_refused(text: str) -> None:
    for address in (text, f"https://{text}", f"https://host.example/{text}"):
        try:
            assert tenant_address(address) == address
        except ValueError as error:
            assert CANARY not in str(error)


@thrown(text=texts)
def test_hosts_of_an_annotation_are_words(text: str) -> None:
    assert all(
        host and host == host.strip() for host in allowed_hosts({"release.delivr.live/allowed-hosts": text})
    )


DOCUMENT = objects(("kind", "apiVersion", "metadata", "spec", "data", "stringData", "items"))
KINDS = st.sampled_from(
    [
        {"kind": "ReleaseSetup", "apiVersion": "release.delivr.live/v1"},
        {"kind": "Secret", "apiVersion": "v1"},
        {"kind": "List", "apiVersion": "v1"},
    ]
)
METADATAS = objects(("name", "namespace", "annotations", "release.delivr.live/allowed-hosts"))


SETUP = b"kind: ReleaseSetup\napiVersion: release.delivr.live/v1\nmetadata: {name: a}\nspec: "


def problems_of(spec: Spec | InvalidSpec) -> tuple[str, ...]:
    if isinstance(spec, InvalidSpec):
        return spec.problems
    return tuple(p for one in declarations(spec) if isinstance(one, InvalidMember) for p in one.problems)


def as_yaml(documents: list[Any]) -> bytes:
    return yaml.safe_dump_all(documents, allow_unicode=True).encode()


MANIFESTS = (
    st.binary(max_size=200)
    | st.text(alphabet="{}[]:-?&*!|>'\"%@` \nab\\x01", max_size=60).map(str.encode)
    | st.lists(
        st.builds(lambda a, b, c: {**b, **a, "metadata": c}, KINDS, DOCUMENT, METADATAS), max_size=3
    ).map(as_yaml)
)


@thrown(raw=MANIFESTS)
@example(raw=b"kind: List\nitems: 5")
@example(raw=b'{kind: Secret, metadata: {name: a}, stringData: {token: "\\ud800"}}')
@example(raw=b'{kind: Secret, metadata: {name: "a\\e[2J"}}')
@example(raw=b'{kind: ReleaseSetup, apiVersion: release.delivr.live/v1, metadata: {name: "a\\e[2J"}}')
@example(raw=SETUP + b'{tenantId: a, owner: o, github: {"a\\e[2J": 1, secretRef: {name: a}}}')
@example(raw=b"? [kind]\n: List")
def test_a_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "manifest.yaml"
    path.write_bytes(raw)
    try:
        found = read_manifests([path])
    except ManifestError as error:
        assert str(error).startswith(str(path))
        assert str(error).isprintable()
        return
    for setup in found.setups:
        assert f"{setup.namespace}/{setup.name}".isascii()
        problems = problems_of(setup.spec) or ("",)
        lines = [
            Line(f"{setup.namespace}/{setup.name}", "spec", REFUSED, Reason.INVALID_SPEC, problem)
            for problem in problems
        ]
        assert all(line.isprintable() for line in table(tuple(lines)))


VARIABLES = tuple(name.upper() for name in Settings.model_fields)
ENVIRONMENT_TEXT = st.text(st.characters(exclude_characters="\0"), max_size=40) | texts.filter(
    lambda t: "\0" not in t
)


@thrown(environment=st.dictionaries(st.sampled_from(VARIABLES), ENVIRONMENT_TEXT, max_size=5))
def test_settings_are_read_or_refused_without_repeating_them(environment: dict[str, str]) -> None:
    try:
        Settings.from_environment(environment)
    except SettingsError as error:
        assert CANARY not in str(error)


PIECES = st.text(st.sampled_from("aB1%40@:/?#[]&=.-_ \u20ac"), max_size=8)


@thrown(user=PIECES, password=PIECES, host=PIECES | st.just("h"), rest=PIECES)
@example(user="u", password="p@ss:3", host="h", rest="db")
@example(user="u", password="\u20ac", host="h", rest="db")
@example(user="u", password="12/x", host="h", rest="")
def test_a_database_address_that_is_taken_can_be_dialled(
    user: str, password: str, host: str, rest: str
) -> None:
    from delivr_operator.database.connection import open_engine

    url = f"mysql+pymysql://{user}:{password}@{host}/{rest}"
    try:
        settings = DatabaseSettings.from_environment({"DATABASE_URL": url})
    except SettingsError as error:
        assert url not in str(error)
        return
    engine = open_engine(settings.database_url, 1)
    _, arguments = engine.dialect.create_connect_args(engine.url)
    assert arguments["host"] == host.partition(":")[0]
    assert arguments["user"]
    engine.dispose()
