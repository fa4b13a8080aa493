"""Reads PKCS#12 files: signing certificates as people export them, and Java's newer keystores."""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import MappingProxyType

from delivr_operator.outcome import Rejection
from delivr_operator.providers.signing_files.ber import (
    BMP_STRING,
    EXPLICIT_0,
    IDENTIFIER,
    INTEGER,
    SEQUENCE,
    SET,
    Element,
    parse,
)
from delivr_operator.providers.signing_files.encryption import MAC, Effort, Password, derived, opened
from delivr_operator.providers.signing_files.unusable import Malformed, Unusable, WrongPassword

_DATA, _ENCRYPTED = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.6"
_BAG = "1.2.840.113549.1.12.10.1."
_KEY_BAG, _CLOSED_KEY_BAG, _CERTIFICATE_BAG, _NESTED_BAG = (_BAG + kind for kind in "1236")
_X509 = "1.2.840.113549.1.9.22.1"
_FRIENDLY_NAME = "1.2.840.113549.1.9.20"
_DIGESTS = MappingProxyType(
    {
        "1.3.14.3.2.26": "sha1",
        "2.16.840.1.101.3.4.2.4": "sha224",
        "2.16.840.1.101.3.4.2.1": "sha256",
        "2.16.840.1.101.3.4.2.2": "sha384",
        "2.16.840.1.101.3.4.2.3": "sha512",
    }
)
_DEEPEST = 4
"""Bags in bags; no known tool writes any."""


@dataclass(frozen=True, slots=True)
class ClosedKey:
    """A private key as it stands in the file, and the name that it has there."""

    name: str
    value: Element = field(repr=False)
    encrypted: bool = True

    def opened(self, password: Password, effort: Effort) -> bytes:
        """Return the key as PKCS#8.

        Raises:
            WrongPassword: the password does not open it.
            Malformed: it is none.
        """
        if not self.encrypted:
            return self.value.encoded
        clear = opened(self.value.at(0, SEQUENCE), self.value.octets_at(1), password, effort)
        _parsed_clear(clear)
        return clear


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds: keys that are still closed, certificates in DER, the password as it fitted."""

    keys: tuple[ClosedKey, ...]
    certificates: tuple[bytes, ...] = field(repr=False)
    password: Password


def read(data: bytes, password: Password, effort: Effort) -> Contents:
    """Return what a PKCS#12 file holds.

    Raises:
        Malformed: it is no PKCS#12 file.
        WrongPassword: the password does not open it.
        Unusable: it is protected in a way that is not known here, or takes too long to open.
    """
    file = parse(data)
    safe = file.at(1, SEQUENCE)
    if safe.at(0, IDENTIFIER).identifier != _DATA:
        raise Unusable(Rejection.MISCONFIGURED, "It is sealed without a password: export it with one.")
    inner = safe.at(1, EXPLICIT_0).octets_at(0)
    fitting = password
    if len(file.parts) > 2:  # noqa: PLR2004 - the MAC is the third part, if any
        fitting = _fitting(file.at(2, SEQUENCE), inner, password, effort)
    keys: list[ClosedKey] = []
    certificates: list[bytes] = []
    for bag in _bags(parse(inner), fitting, effort):
        _sort(bag, keys, certificates)
    return Contents(tuple(keys), tuple(certificates), fitting)


def _fitting(mac: Element, data: bytes, password: Password, effort: Effort) -> Password:
    """Return the password in the spelling that the file's MAC fits."""
    stated = mac.at(0, SEQUENCE)
    digest = _DIGESTS.get(stated.at(0, SEQUENCE).at(0, IDENTIFIER).identifier)
    if digest is None:
        raise Unusable(
            Rejection.MISCONFIGURED, "It is sealed in a way that is not known here: export it with SHA-256."
        )
    salt = mac.octets_at(1)
    rounds = mac.at(2, INTEGER).number if len(mac.parts) > 2 else 1  # noqa: PLR2004 - the third part, if any
    for spelling in password.spellings():
        effort.spend(rounds)
        size = hashlib.new(digest, usedforsecurity=False).digest_size
        key = derived(digest, spelling.old, salt, rounds, (MAC, size))
        if hmac.compare_digest(hmac.digest(key, data, digest), stated.octets_at(1)):
            return spelling
    raise WrongPassword


def _bags(safes: Element, password: Password, effort: Effort) -> Iterator[Element]:
    for safe in safes.parts:
        kind = safe.at(0, IDENTIFIER).identifier
        if kind == _DATA:
            yield from _unnested(parse(safe.at(1, EXPLICIT_0).octets_at(0)))
        elif kind == _ENCRYPTED:
            stated = safe.at(1, EXPLICIT_0).at(0, SEQUENCE).at(1, SEQUENCE)
            clear = opened(stated.at(1, SEQUENCE), stated.octets_at(2), password, effort)
            yield from _unnested(_parsed_clear(clear))


def _parsed_clear(clear: bytes) -> Element:
    """Read what was opened: one wrong password in 256 opens something, which is nonsense."""
    try:
        found = parse(clear)
    except Malformed:
        raise WrongPassword from None
    if found.tag != SEQUENCE:
        raise WrongPassword
    return found


def _unnested(bags: Element, depth: int = 0) -> Iterator[Element]:
    if depth > _DEEPEST:
        raise Malformed
    for bag in bags.parts:
        if bag.at(0, IDENTIFIER).identifier == _NESTED_BAG:
            yield from _unnested(bag.at(1, EXPLICIT_0).at(0, SEQUENCE), depth + 1)
        else:
            yield bag


def _sort(bag: Element, keys: list[ClosedKey], certificates: list[bytes]) -> None:
    kind, held = bag.at(0, IDENTIFIER).identifier, bag.at(1, EXPLICIT_0)
    if kind == _CLOSED_KEY_BAG:
        keys.append(ClosedKey(_name(bag, keys), held.at(0, SEQUENCE)))
    elif kind == _KEY_BAG:
        keys.append(ClosedKey(_name(bag, keys), held.at(0, SEQUENCE), encrypted=False))
    elif kind == _CERTIFICATE_BAG:
        stated = held.at(0, SEQUENCE)
        if stated.at(0, IDENTIFIER).identifier == _X509:
            certificates.append(stated.at(1, EXPLICIT_0).octets_at(0))


def _name(bag: Element, before: list[ClosedKey]) -> str:
    """Return the key's name; as Java does, number those that have none."""
    for attribute in bag.parts[2].parts if len(bag.parts) > 2 else ():  # noqa: PLR2004 - the third part, if any
        if attribute.at(0, IDENTIFIER).identifier == _FRIENDLY_NAME:
            return attribute.at(1, SET).at(0, BMP_STRING).content.decode("utf-16-be", "replace")
    return str(1 + sum(key.name.isdecimal() for key in before))
