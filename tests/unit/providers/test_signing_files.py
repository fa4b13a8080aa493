"""The readers of signing files: every way of writing ASN.1, and bounds that no file gets past."""

import hashlib
import plistlib
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from delivr_operator.outcome import Expired, Rejected, Rejection, Verified
from delivr_operator.providers.code_signing import CodeSigningConfig, SigningFiles, prove
from delivr_operator.providers.signing_files import ber, encryption, pkcs12, provisioning_profile, rc2
from delivr_operator.providers.signing_files.ber import Element
from delivr_operator.providers.signing_files.encryption import Effort, Password
from delivr_operator.providers.signing_files.unusable import Malformed, Unusable, WrongPassword
from tests.signing_files import (
    ENDLESS,
    KEY,
    PASSWORD,
    STORE,
    TEAM,
    Identity,
    android,
    as_text,
    der,
    endless,
    ios,
    jks,
    p12,
    profile,
    someone,
    wrapped,
)
from tests.unit.providers.scripted import NOW

FILES = Path(__file__).parents[2] / "data" / "signing"
SALT = b"saltsalt"
CLOSED_KEY_BAG = bytes.fromhex("2a864886f70d010c0a0102")
BOTH = CodeSigningConfig.model_validate({"ios": {"teamId": TEAM}, "android": {"keyAlias": "upload"}})
SECONDS = 20.0
"""Far more than any file may take here, far less than what an endless one asks for."""


def proved(**files: str) -> Verified | Rejected | Expired:
    """Prove both platforms with some files otherwise."""
    closed = {name: SecretStr(value) for name, value in (ios() | android() | files).items()}
    began = time.monotonic()
    outcome = prove(BOTH, SigningFiles.model_validate(closed), NOW)
    assert time.monotonic() - began < SECONDS
    assert isinstance(outcome, Verified | Rejected | Expired)
    return outcome


# ASN.1


def test_the_short_forms_and_the_long_ones_are_read() -> None:
    long = b"x" * 300
    whole = der(0x30, der(0x02, b"\x01\x00"), der(0x04, long), der(0x06, bytes.fromhex("2a864886f70d010701")))
    found = ber.parse(whole + b"padding")
    assert found.at(0, ber.INTEGER).number == 256
    assert found.octets_at(1) == long
    assert found.at(2, ber.IDENTIFIER).identifier == "1.2.840.113549.1.7.1"
    assert found.encoded == whole
    assert ber.parse(bytes.fromhex("06022a03")).identifier == "1.2.3"
    assert ber.parse(bytes.fromhex("060388370a")).identifier == "2.999.10"
    assert ber.parse(bytes.fromhex("0201ff")).number == -1


def streamed(element: Element) -> bytes:
    """Write a value as streaming writers do: without lengths, octet strings in pieces."""
    end = b"\0\0"
    if element.tag in (ber.OCTETS, ber.IMPLICIT_0):
        half = len(element.content) // 2
        pieces = [der(0x04, element.content[:half]), der(0x04, element.content[half:])]
        return bytes((element.tag | 0x20, 0x80)) + b"".join(pieces) + end
    if not element.tag & 0x20:
        return element.encoded
    return bytes((element.tag, 0x80)) + b"".join(map(streamed, element.parts)) + end


@pytest.mark.parametrize("name", ["openssl-rc2.p12", "keytool.p12"])
def test_what_a_streaming_writer_left_is_the_same(name: str) -> None:
    file, password = (FILES / name).read_bytes(), {"o": "certificate", "k": STORE}[name[0]]
    whole = pkcs12.read(file, Password(SecretStr(password)), Effort())
    again = pkcs12.read(streamed(ber.parse(file)), Password(SecretStr(password)), Effort())
    assert again.certificates == whole.certificates
    assert [key.name for key in again.keys] == [key.name for key in whole.keys]
    assert [key.opened(again.password, Effort()) for key in again.keys] == [
        key.opened(whole.password, Effort()) for key in whole.keys
    ]


def test_a_profile_in_pieces_is_the_same() -> None:
    file = profile(someone())
    assert provisioning_profile.read(streamed(ber.parse(file))) == provisioning_profile.read(file)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x02\x04",
        b"\x30\x81",
        b"\x04\x80\x00\x00",
        b"\x30\x80\x04\x01x",
        b"\x30\x89" + b"\x01" * 9,
        b"\x30\x03\x04\x05hello",
        b"\x30\x80" * 100_000,
        b"\x1f" + b"\x01" * 10,
    ],
)
def test_what_is_no_asn1_is_told_at_once(data: bytes) -> None:
    with pytest.raises(Malformed):
        ber.parse(data)


def test_a_nest_without_end_is_not_followed() -> None:
    nest = b""
    for _ in range(5000):
        nest = der(0x30, nest)
    with pytest.raises(Malformed):
        ber.parse(nest)
    assert ber.parse(der(0x30, der(0x30, der(0x30)))).parts


def test_asking_for_what_is_not_there_is_told() -> None:
    found = ber.parse(der(0x30, der(0x02, b"\x01" * 9), der(0x06)))
    for look in (
        lambda: found.at(0, ber.OCTETS),
        lambda: found.at(2, ber.OCTETS),
        lambda: found.octets_at(0),
        lambda: found.octets_at(2),
        lambda: found.parts[0].number,
        lambda: found.parts[1].identifier,
    ):
        with pytest.raises(Malformed):
            look()


# Encryption


def test_rc2_opens_the_rfcs_own_example() -> None:
    zero = bytes(8)
    # RFC 2268, section 5: key length 8, all of its 64 bits effective.
    assert rc2.decrypt(b"\xff" * 8, zero, bytes.fromhex("278b27e42e2f0d49")) == b"\xff" * 8
    opened = rc2.decrypt(
        bytes.fromhex("88bca90e90875a7f0f79c384627bafb2"), zero, bytes.fromhex("2269552ab0f85ca6")
    )
    assert opened == zero


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
def test_a_derived_key_goes_on_where_a_digest_ends(digest: str) -> None:
    short = encryption.derived(digest, b"\0p\0\0", SALT, 5, (encryption.KEY, 16))
    long = encryption.derived(digest, b"\0p\0\0", SALT, 5, (encryption.KEY, 100))
    assert long.startswith(short)
    assert len(long) == 100
    assert encryption.derived(digest, b"", SALT, 5, (encryption.KEY, 16)) != short


@pytest.mark.parametrize("padded", [b"", b"\x00", b"abc\x05", b"ab\x02\x03", b"\x09" * 9])
def test_what_has_no_padding_was_opened_with_a_wrong_key(padded: bytes) -> None:
    with pytest.raises(WrongPassword):
        encryption.unpadded(padded, 8)
    assert encryption.unpadded(b"ab\x02\x02", 8) == b"ab"


# Endless files


@pytest.mark.parametrize("rounds", [2048, 1000], ids=["of the MAC", "of the safe"])
def test_a_billion_rounds_are_refused_before_they_begin(rounds: int) -> None:
    for file, member in (("certificateP12", PASSWORD), ("keystoreFile", STORE)):
        outcome = proved(**{file: as_text(endless(rounds, member))})
        assert outcome == Rejected(
            Rejection.MISCONFIGURED,
            f"{file}: Opening it takes more than 1000000 rounds: export it again with fewer iterations.",
        )


@pytest.mark.parametrize("count", [ENDLESS, 2**62, 0, -5])
def test_an_endless_key_inside_of_a_closed_safe_is_refused_too(count: int) -> None:
    pbes2, pbkdf2, sha256, aes = (
        der(0x06, bytes.fromhex(text))
        for text in ("2a864886f70d01050d", "2a864886f70d01050c", "2a864886f70d0209", "60864801650304012a")
    )

    def closed(clear: bytes, rounds: int) -> tuple[bytes, bytes]:
        """Return an algorithm with this count, and what it would protect with a thousand rounds."""
        key = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), SALT, 1000, 32)
        pad = 16 - len(clear) % 16
        machine = Cipher(AES(key), CBC(bytes(16))).encryptor()
        text = machine.update(clear + bytes([pad]) * pad) + machine.finalize()
        number = der(
            0x02,
            rounds.to_bytes(9, signed=True).lstrip(b"\0") if rounds > 0 else rounds.to_bytes(1, signed=True),
        )
        derivation = der(0x30, pbkdf2, der(0x30, der(0x04, SALT), number, der(0x30, sha256)))
        return der(0x30, pbes2, der(0x30, derivation, der(0x30, aes, der(0x04, bytes(16))))), text

    algorithm, text = closed(someone().pkcs8, count)
    bag = der(0x06, CLOSED_KEY_BAG)
    bags = der(0x30, der(0x30, bag, der(0xA0, der(0x30, algorithm, der(0x04, text)))))
    data, encrypted = (der(0x06, bytes.fromhex(f"2a864886f70d01070{kind}")) for kind in "16")
    algorithm, text = closed(bags, 1000)
    safe = der(0x30, der(0x02, b"\0"), der(0x30, data, algorithm, der(0x80, text)))
    safes = der(0x30, der(0x30, encrypted, der(0xA0, safe)))
    file = der(0x30, der(0x02, b"\3"), der(0x30, data, der(0xA0, der(0x04, safes))))
    outcome = proved(certificateP12=as_text(file))
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Rejection.MISCONFIGURED
    assert ("rounds" in outcome.detail) is (count > 0)


def test_an_endless_key_of_a_jceks_is_refused() -> None:
    file = (FILES / "keytool.jceks").read_bytes()
    body = file[:-20].replace((200_000).to_bytes(3), (0x7FFFFF).to_bytes(3))
    assert body != file[:-20]
    seal = hashlib.sha1("storepass".encode("utf-16-be") + b"Mighty Aphrodite" + body).digest()  # noqa: S324
    outcome = proved(keystoreFile=as_text(body + seal))
    assert isinstance(outcome, Rejected)
    assert "rounds" in outcome.detail


def test_a_jceks_with_a_secret_key_is_told() -> None:
    body = bytes.fromhex("cececece0000000200000001" + "00000003" + "000161") + bytes(8)
    seal = hashlib.sha1(STORE.encode("utf-16-be") + b"Mighty Aphrodite" + body).digest()  # noqa: S324
    outcome = proved(keystoreFile=as_text(body + seal))
    assert isinstance(outcome, Rejected)
    assert "secret keys" in outcome.detail


# Endless lists


def test_a_plist_that_unfolds_is_not_unfolded() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    kinds = f'<!DOCTYPE plist [<!ENTITY l0 "ha">{laughs}]>'
    text = f'<?xml version="1.0"?>{kinds}<plist><string>&l11;</string></plist>'
    outcome = proved(provisioningProfile=as_text(wrapped(text.encode())))
    assert isinstance(outcome, Rejected)
    assert "holds no provisioning profile" in outcome.detail


@pytest.mark.parametrize(
    "text",
    [
        "<plist>" + "<array>" * 20_000 + "</array>" * 20_000 + "</plist>",
        "<plist>" + "<dict><key>a</key>" * 10_000 + "</dict>" * 10_000 + "</plist>",
        "<plist><integer>" + "9" * 10_000 + "</integer></plist>",
        "<plist><date>2026-99-99T00:00:00Z</date></plist>",
        "<plist><data>%%%</data></plist>",
        "<plist><key>a</key></plist>",
        "<plist><dict><string>a</string></dict></plist>",
        "<plist></plist>",
        "<plist><dict></plist>",
        "",
    ],
)
def test_a_plist_that_is_no_profile_is_told(text: str) -> None:
    with pytest.raises(Malformed):
        provisioning_profile.read(wrapped(text.encode() or b" "))


def test_a_binary_plist_is_none() -> None:
    whole = plistlib.dumps({"TeamIdentifier": [TEAM]}, fmt=plistlib.FMT_BINARY)
    with pytest.raises(Malformed):
        provisioning_profile.read(wrapped(whole))


def test_many_keys_are_not_all_opened() -> None:
    one = ber.parse(p12(someone()))
    keys = Element(one.tag, parts=one.parts[:2])

    def multiplied(element: Element) -> Element:
        if element.tag == ber.OCTETS and element.content[:1] == b"\x30":
            inner = multiplied(ber.parse(element.content))
            return Element(ber.OCTETS, inner.encoded)
        if element.parts and element.parts[0].content == CLOSED_KEY_BAG:
            return element
        parts = tuple(multiplied(part) for part in element.parts)
        if len(parts) == 1 and parts[0].parts and parts[0].parts[0].content == CLOSED_KEY_BAG:
            parts *= 17
        return Element(element.tag, element.content, parts)

    outcome = proved(certificateP12=as_text(multiplied(keys).encoded))
    assert isinstance(outcome, Rejected)
    assert outcome.detail == "certificateP12: It holds too many private keys: export only the one that signs."


@pytest.mark.parametrize("kind", ["2a8648ce380401", "2a864886f70d010101"], ids=["DSA", "RSA"])
def test_a_key_that_would_take_long_to_load_is_not_loaded(kind: str) -> None:
    size = 600 if kind == "2a8648ce380401" else 2000
    number = der(0x02, b"\x01" * size)
    algorithm = der(0x30, der(0x06, bytes.fromhex(kind)), der(0x30, number, number, number))
    key = der(0x30, der(0x02, b"\0"), algorithm, der(0x04, number))
    closed = Identity(someone().key, someone().certificate, key)
    outcome = proved(keystoreFile=as_text(jks({"upload": (closed, closed.der)})))
    assert isinstance(outcome, Rejected)
    assert "a key that is too large" in outcome.detail


# Anything at all


def broken(file: bytes) -> st.SearchStrategy[bytes]:
    """Give the file with some bytes otherwise, cut off or doubled."""
    places = st.lists(st.tuples(st.integers(0, len(file) - 1), st.integers(0, 255)), min_size=1, max_size=6)

    def change(changes: list[tuple[int, int]]) -> bytes:
        made = bytearray(file)
        for place, byte in changes:
            made[place] = byte
        return bytes(made)

    cut = st.integers(0, len(file)).map(lambda size: file[:size])
    return st.binary(max_size=200) | places.map(change) | cut


relaxed = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
ONE = p12(someone(), rounds=1)
STORED = p12(someone(), STORE, "upload", rounds=1)
JAVA = jks({"upload": (someone(), someone().der)}, STORE, KEY)
LISTING = profile(someone())
WITHOUT_MAC = Element(0x30, parts=ber.parse(ONE).parts[:2]).encoded


@settings(relaxed, max_examples=100)
@given(
    certificate=broken(ONE) | broken(WITHOUT_MAC),
    listing=broken(LISTING),
    keystore=broken(STORED) | broken(JAVA),
)
def test_any_bytes_lead_to_a_verdict(certificate: bytes, listing: bytes, keystore: bytes) -> None:
    for files in (
        {"certificateP12": certificate},
        {"provisioningProfile": listing},
        {"keystoreFile": keystore},
    ):
        outcome = proved(**{name: as_text(file) for name, file in files.items()})
        assert "Acme" not in repr(outcome)
        assert PASSWORD not in repr(outcome)


@relaxed
@given(st.binary(max_size=400))
def test_any_bytes_are_asn1_or_none(data: bytes) -> None:
    try:
        found = ber.parse(data)
    except Malformed:
        return
    assert ber.parse(found.encoded).encoded == found.encoded


@relaxed
@given(
    broken(plistlib.dumps({"TeamIdentifier": [TEAM], "Entitlements": {}, "DeveloperCertificates": [b"x"]}))
)
def test_any_plist_is_a_profile_or_none(text: bytes) -> None:
    with pytest.raises(Malformed):
        provisioning_profile.read(wrapped(text))


def test_what_is_too_much_says_so() -> None:
    effort = Effort()
    effort.spend(encryption.MOST_ROUNDS)
    with pytest.raises(Unusable):
        effort.spend(1)
    with pytest.raises(Malformed):
        Effort().spend(0)
