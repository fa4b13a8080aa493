"""Signing files made on the spot: certificates, PKCS#12, provisioning profiles and Java keystores."""

import base64
import hashlib
import plistlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs7,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from delivr_operator.providers.signing_files import ber
from delivr_operator.providers.signing_files.ber import Element
from delivr_operator.providers.signing_files.unusable import Malformed

TEAM, BUNDLE = "ABCDE12345", "com.acme.app"
FAR = datetime(2040, 1, 1, tzinfo=UTC)
PASSWORD = "geheim"
STORE, KEY = "storepass", "keypass"
ENDLESS = 10**9
MAC_ROUNDS = 2048
"""As `cryptography` writes it."""


@dataclass(frozen=True)
class Identity:
    """A private key and its certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    instead: bytes | None = None
    """What stands in a Java keystore in place of the key."""

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pkcs8(self) -> bytes:
        return self.instead or self.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def identity(ends: datetime = FAR, begins: datetime | None = None) -> Identity:
    """Make a key and a certificate of its own that ends then."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Acme")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins or min(datetime(2020, 1, 1, tzinfo=UTC), ends - timedelta(days=1)))
        .not_valid_after(ends)
    )
    return Identity(key, built.sign(key, SHA256()))


@cache
def someone() -> Identity:
    """Give an identity that is good for long."""
    return identity()


def p12(one: Identity, password: str = PASSWORD, name: str = "dist", rounds: int = 1000) -> bytes:
    """Give the identity as PKCS#12."""
    protection = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(rounds)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .build(password.encode())
    )
    return pkcs12.serialize_key_and_certificates(name.encode(), one.key, one.certificate, None, protection)


def profile(
    *certificates: Identity, ends: datetime = FAR, app: str = f"{TEAM}.{BUNDLE}", **more: Any
) -> bytes:
    """Give a provisioning profile that lists these certificates."""
    written = {
        "DeveloperCertificates": [one.der for one in certificates],
        "TeamIdentifier": [TEAM],
        "ExpirationDate": ends.replace(tzinfo=None),
        "Entitlements": {"application-identifier": app},
        **more,
    }
    return wrapped(plistlib.dumps({name: value for name, value in written.items() if value is not None}))


def wrapped(content: bytes) -> bytes:
    """Give what is signed as a profile is."""
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
    signed = builder.add_signer(someone().certificate, someone().key, SHA256())
    return signed.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary])


def jks(
    entries: Mapping[str, tuple[Identity, bytes]], store: str = STORE, key: str = KEY, magic: str = "feedfeed"
) -> bytes:
    """Give a keystore with these keys, each with the certificate that is given for it."""
    body = bytes.fromhex(magic) + _number(2) + _number(len(entries))
    for name, (one, certificate) in entries.items():
        body += _number(1) + _text(name) + bytes(8) + _block(_closed(one.pkcs8, key))
        body += _number(1) + _text("X.509") + _block(certificate)
    return body + hashlib.sha1(store.encode("utf-16-be") + b"Mighty Aphrodite" + body).digest()  # noqa: S324


def _closed(clear: bytes, password: str) -> bytes:
    spelled, stream = password.encode("utf-16-be"), b"salt" * 5
    text = bytearray(stream)
    for at in range(0, len(clear), 20):
        stream = hashlib.sha1(spelled + stream).digest()  # noqa: S324
        text += bytes(a ^ b for a, b in zip(clear[at : at + 20], stream, strict=False))
    text += hashlib.sha1(spelled + clear).digest()  # noqa: S324
    identifier = bytes.fromhex("060a2b060104012a02110101")
    return der(0x30, der(0x30, identifier, b"\x05\x00"), der(0x04, bytes(text)))


def der(tag: int, *parts: bytes) -> bytes:
    """Give one ASN.1 value."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content


def _number(value: int, size: int = 4) -> bytes:
    return value.to_bytes(size)


def _text(value: str) -> bytes:
    return _number(len(value.encode()), 2) + value.encode()


def _block(value: bytes) -> bytes:
    return _number(len(value)) + value


def edited(element: Element, place: Callable[[Element], bool], count: int) -> Element:
    """Write another count into every value that `place` picks; look into octet strings too."""
    if place(element):
        body = count.to_bytes(8).lstrip(b"\0")
        return Element(ber.INTEGER, body)
    if (inner := held_in_octets(element)) is not None:
        return Element(ber.OCTETS, edited(inner, place, count).encoded)
    parts = tuple(edited(part, place, count) for part in element.parts)
    return Element(element.tag, element.content, parts)


def held_in_octets(element: Element) -> Element | None:
    """Return what stands in an octet string, where it is an element that is written as we would."""
    if element.tag != ber.OCTETS or element.content[:1] != b"\x30":
        return None
    try:
        inner = ber.parse(element.content)
    except Malformed:
        return None
    return inner if inner.encoded == element.content else None


def counts(rounds: int) -> Callable[[Element], bool]:
    return lambda element: element.tag == ber.INTEGER and element.number == rounds


def endless(rounds: int = MAC_ROUNDS, password: str = PASSWORD) -> bytes:
    """Give a PKCS#12 file whose counts of `rounds` are endless, without a MAC where that is not the count."""
    whole = edited(ber.parse(p12(someone(), password, "upload", rounds=1000)), counts(rounds), ENDLESS)
    return (whole if rounds == MAC_ROUNDS else Element(whole.tag, parts=whole.parts[:2])).encoded


def as_text(file: bytes) -> str:
    """Give a file as it may stand in `stringData`."""
    return base64.b64encode(file).decode()


def ios(one: Identity | None = None, *, password: str = PASSWORD, **profiled: Any) -> dict[str, str]:
    """Give a Secret's keys for an iOS build in which all fits, but for fields of the profile."""
    signer = one or someone()
    return {
        "certificateP12": as_text(p12(signer, password)),
        "certificatePassword": password,
        "provisioningProfile": as_text(profile(signer, **profiled)),
    }


def android(
    one: Identity | None = None, alias: str = "upload", store: str = STORE, key: str = KEY
) -> dict[str, str]:
    """Give a Secret's keys for an Android build in which all fits."""
    signer = one or someone()
    return {
        "keystoreFile": as_text(jks({alias: (signer, signer.der)}, store, key)),
        "keystorePassword": store,
        "keyPassword": key,
    }
