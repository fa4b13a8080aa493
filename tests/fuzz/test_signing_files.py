"""Files that fit their seals and hold nonsense: what a mere flipped byte never reaches."""

import hashlib
import plistlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import example
from hypothesis import strategies as st
from pydantic import SecretStr

from delivr_operator.outcome import Expired, Outcome, Rejected, Verified
from delivr_operator.providers.code_signing import CodeSigningConfig, SigningFiles, prove
from delivr_operator.providers.signing_files import ber, java_keystore
from delivr_operator.providers.signing_files.ber import Element
from delivr_operator.providers.signing_files.encryption import Effort
from delivr_operator.providers.signing_files.unusable import Malformed, Unusable, WrongPassword
from tests.fuzz.garbage import CANARY, texts, thrown
from tests.signing_files import (
    BUNDLE,
    KEY,
    PASSWORD,
    STORE,
    TEAM,
    android,
    as_text,
    held_in_octets,
    ios,
    jks,
    profile,
    someone,
    wrapped,
)
from tests.unit.providers.scripted import NOW

FILES = Path(__file__).parents[1] / "data" / "signing"
BOTH = CodeSigningConfig.model_validate(
    {"ios": {"teamId": TEAM, "bundleId": BUNDLE}, "android": {"keyAlias": "upload"}}
)
GOOD = ios() | android()


def proved(**changes: str) -> Outcome:
    """Prove both platforms with some fields otherwise; hold that nothing of them is repeated."""
    closed = {name: SecretStr(value) for name, value in (GOOD | changes).items()}
    outcome = prove(BOTH, SigningFiles.model_validate(closed), NOW)
    assert isinstance(outcome, Verified | Rejected | Expired)
    assert CANARY not in repr(outcome)
    assert PASSWORD not in repr(outcome)
    return outcome


Tree = Callable[[Element], Element]
LEAVES = st.builds(
    Element, st.sampled_from([0x01, 0x02, 0x04, 0x05, 0x06, 0x13, 0x1E, 0x80]), st.binary(max_size=12)
)
ELEMENTS = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        lambda tag, parts: Element(tag, parts=tuple(parts)),
        st.sampled_from([0x30, 0x31, 0xA0, 0x24]),
        st.lists(inner, max_size=3),
    ),
    max_leaves=6,
)


def opened_up(element: Element) -> Element:
    """Read what stands in octet strings, too, so that a change may reach it."""
    if (inner := held_in_octets(element)) is not None:
        return Element(ber.OCTETS, parts=(opened_up(inner),))
    return replace(element, parts=tuple(map(opened_up, element.parts)))


def places(element: Element, path: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    yield path
    for number, part in enumerate(element.parts):
        yield from places(part, (*path, number))


def changed(element: Element, path: tuple[int, ...], change: Tree) -> Element:
    if not path:
        return change(element)
    parts = list(element.parts)
    parts[path[0]] = changed(parts[path[0]], path[1:], change)
    return replace(element, parts=tuple(parts))


@st.composite
def altered(draw: st.DrawFn, whole: Element) -> Element:
    """Give the tree with one to three of its values dropped, doubled, exchanged or spoilt."""
    changes: st.SearchStrategy[Tree] = st.one_of(
        st.just(lambda one: replace(one, parts=one.parts[1:])),
        st.just(lambda one: replace(one, parts=one.parts * 2)),
        st.just(lambda one: replace(one, parts=one.parts[::-1])),
        ELEMENTS.map(lambda other: lambda _: other),
        st.binary(max_size=20).map(lambda data: lambda one: replace(one, content=data, parts=())),
        st.integers(0, 0xFF).map(lambda tag: lambda one: replace(one, tag=tag)),
    )
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(sorted(places(whole))))
        whole = changed(whole, path, draw(changes))
    return whole


def tree(data: bytes) -> Element:
    return opened_up(ber.parse(data))


CLEAR = tree((FILES / "openssl-clear.p12").read_bytes())
"""Without encryption, so that every value of it can be spoilt; its MAC is taken off."""
WITHOUT_MAC = replace(CLEAR, parts=CLEAR.parts[:2])
CERTIFICATE = tree(someone().certificate.public_bytes(Encoding.DER))
PRIVATE_KEY = tree(someone().pkcs8)


def test_the_file_that_is_spoilt_is_read_as_it_stands() -> None:
    assert len([*places(WITHOUT_MAC)]) > 30
    outcome = proved(certificateP12=as_text(WITHOUT_MAC.encoded))
    assert isinstance(outcome, Rejected)
    assert "does not list" in outcome.detail


@thrown(file=altered(WITHOUT_MAC))
def test_any_tree_of_a_pkcs12_file_leads_to_a_verdict(file: Element) -> None:
    proved(certificateP12=as_text(file.encoded))
    proved(keystoreFile=as_text(file.encoded), keystorePassword="")


@thrown(certificate=altered(CERTIFICATE), key=altered(PRIVATE_KEY))
def test_any_certificate_and_any_key_of_a_keystore_lead_to_a_verdict(
    certificate: Element, key: Element
) -> None:
    for one, shown in (
        (someone(), certificate.encoded),
        (replace(someone(), instead=key.encoded or b"\0"), someone().der),
    ):
        proved(keystoreFile=as_text(jks({"upload": (one, shown)}, STORE, KEY)))


def sealed_again(body: bytes) -> bytes:
    return body + hashlib.sha1(STORE.encode("utf-16-be") + b"Mighty Aphrodite" + body).digest()  # noqa: S324


STORES = [
    jks({"upload": (someone(), someone().der)}, STORE, KEY)[:-20],
    (FILES / "keytool.jks").read_bytes()[:-20],
    (FILES / "keytool.jceks").read_bytes()[:-20],
]


@st.composite
def keystores(draw: st.DrawFn) -> bytes:
    """Give the body of a Java keystore with some of its fields otherwise."""
    body = bytearray(draw(st.sampled_from(STORES)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(4, 60) | st.integers(4, len(body) - 1))
        body[at : at + draw(st.integers(0, 6))] = draw(st.binary(max_size=6))
    return bytes(body[: draw(st.just(len(body)) | st.integers(0, len(body)))])


@thrown(body=keystores())
@example(body=bytes.fromhex("feedfeed00000002ffffffff"))
@example(body=bytes.fromhex("feedfeed00000002000000010000000100016100000000000000000000000000000000ffffffff"))
def test_any_java_keystore_that_fits_its_seal_leads_to_a_verdict(body: bytes) -> None:
    proved(keystoreFile=as_text(sealed_again(body)))
    proved(keystoreFile=as_text(sealed_again(body)), keystorePassword=STORE[:-1])


@thrown(
    closed=altered(tree(java_keystore.read(sealed_again(STORES[2]), SecretStr(STORE))[0].closed_key or b""))
)
def test_any_closed_key_of_a_keystore_opens_or_does_not(closed: Element) -> None:
    try:
        java_keystore.opened_key(closed.encoded, SecretStr(KEY), Effort(50_000))
    except (Malformed, WrongPassword, Unusable):
        return


PROFILE = (
    "DeveloperCertificates",
    "TeamIdentifier",
    "ExpirationDate",
    "Entitlements",
    "application-identifier",
)
PLAIN = st.text(st.characters(min_codepoint=32, max_codepoint=0xD7FF), max_size=12)
VALUES = st.recursive(
    PLAIN
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.binary(max_size=12)
    | st.datetimes()
    | st.just(someone().der)
    | st.sampled_from([TEAM, f"{TEAM}.*", f"{TEAM}.{BUNDLE}"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(PROFILE) | PLAIN, inner, max_size=4)
    ),
    max_leaves=10,
)


@thrown(more=st.dictionaries(st.sampled_from(PROFILE), VALUES, max_size=4))
@example(more={"ExpirationDate": 5})
@example(more={"Entitlements": []})
def test_any_list_of_a_profile_leads_to_a_verdict(more: dict[str, Any]) -> None:
    proved(provisioningProfile=as_text(profile(someone(), **more)))


@thrown(value=VALUES, form=st.sampled_from([plistlib.FMT_XML, plistlib.FMT_BINARY]))
def test_any_list_is_a_profile_or_none(value: Any, form: Any) -> None:
    proved(provisioningProfile=as_text(wrapped(plistlib.dumps(value, fmt=form))))


@thrown(file=altered(tree(profile(someone()))))
def test_any_signature_around_a_profile_leads_to_a_verdict(file: Element) -> None:
    proved(provisioningProfile=as_text(file.encoded))


PASSWORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | texts


@pytest.mark.parametrize(
    "file",
    [
        "openssl-rc2.p12",
        "openssl-2des-rc2-128.p12",
        "openssl-aes-128.p12",
        "openssl-clear.p12",
        "keytool.jks",
    ],
)
@thrown(one=PASSWORDS, other=PASSWORDS)
def test_any_password_opens_a_file_or_does_not(file: str, one: str, other: str) -> None:
    data = as_text((FILES / file).read_bytes())
    outcomes = [
        proved(keystoreFile=data, keystorePassword=one, keyPassword=other),
        proved(keystoreFile=data, keystorePassword=STORE, keyPassword=one),
        proved(certificateP12=data, certificatePassword=one),
    ]
    assert all(isinstance(outcome, Rejected) for outcome in outcomes)
