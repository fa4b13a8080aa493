"""Reads Java's own keystores, JKS and JCEKS: a few fields in a row, sealed with a digest over the password.

There is a library, pyjks; its last release is of 2020, and two of the packages that it needs build C code.
"""

import hashlib
import hmac
from dataclasses import dataclass, field

from pydantic import SecretStr

from delivr_operator.outcome import Rejection
from delivr_operator.providers.signing_files.ber import IDENTIFIER, INTEGER, SEQUENCE, parse
from delivr_operator.providers.signing_files.encryption import Effort, unpadded, with_triple_des
from delivr_operator.providers.signing_files.unusable import Malformed, Unusable, WrongPassword

JKS, JCEKS = b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce"
_PRIVATE_KEY, _TRUSTED, _SECRET_KEY = 1, 2, 3
_JKS_PROTECTION, _JCEKS_PROTECTION = "1.3.6.1.4.1.42.2.17.1.1", "1.3.6.1.4.1.42.2.19.1"
_SEAL = 20
"""Bytes of a SHA-1, which ends the file and each of its keys, and of a key's salt."""
_WORD = b"Mighty Aphrodite"
"""What Java mixes into the digest of the file."""
_TIMESTAMP = 8
_SECOND_VERSION = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: a closed key with its certificates, the key's own first, or a certificate alone."""

    name: str
    closed_key: bytes | None = field(repr=False)
    certificates: tuple[bytes, ...] = field(repr=False)


class _Reading:
    """Takes fields off the front."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        if len(taken) != size:
            raise Malformed
        self._at += size
        return taken

    def number(self, size: int = 4) -> int:
        return int.from_bytes(self.take(size))

    def block(self) -> bytes:
        return self.take(self.number())

    def text(self) -> str:
        return self.take(self.number(2)).decode("utf-8", "replace")


def read(data: bytes, password: SecretStr) -> tuple[Entry, ...]:
    """Return the entries of a JKS or JCEKS keystore; keys stay closed.

    Raises:
        Malformed: it is none.
        WrongPassword: the password does not fit, or the file was altered; nobody can tell these apart.
        Unusable: it holds what cannot be read here.
    """
    body, seal = data[:-_SEAL], data[-_SEAL:]
    spelled = password.get_secret_value().encode("utf-16-be")
    expected = hashlib.sha1(spelled + _WORD + body, usedforsecurity=False).digest()
    if not hmac.compare_digest(expected, seal):
        raise WrongPassword
    reading = _Reading(body)
    reading.take(len(JKS))
    version = reading.number()
    return tuple(_entry(reading, version) for _ in range(reading.number()))


def _entry(reading: _Reading, version: int) -> Entry:
    kind, name = reading.number(), reading.text()
    reading.take(_TIMESTAMP)
    if kind == _SECRET_KEY:
        detail = "It holds secret keys too: put the signing key into a keystore of its own."
        raise Unusable(Rejection.MISCONFIGURED, detail)
    if kind not in (_PRIVATE_KEY, _TRUSTED):
        raise Malformed
    key = reading.block() if kind == _PRIVATE_KEY else None
    count = reading.number() if kind == _PRIVATE_KEY else 1
    return Entry(name, key, tuple(_certificate(reading, version) for _ in range(count)))


def _certificate(reading: _Reading, version: int) -> bytes:
    if version >= _SECOND_VERSION:
        reading.text()
    return reading.block()


def opened_key(closed: bytes, password: SecretStr, effort: Effort) -> bytes:
    """Return an entry's key as PKCS#8.

    Raises:
        Malformed: it is none.
        WrongPassword: the password does not open it.
    """
    file = parse(closed)
    algorithm, text = file.at(0, SEQUENCE), file.octets_at(1)
    match algorithm.at(0, IDENTIFIER).identifier:
        case scheme if scheme == _JKS_PROTECTION:
            return _opened_jks(text, password)
        case scheme if scheme == _JCEKS_PROTECTION:
            given = algorithm.at(1, SEQUENCE)
            salt, rounds = given.octets_at(0), given.at(1, INTEGER).number
            return _opened_jceks(text, password, (salt, rounds), effort)
    raise Malformed


def _opened_jks(text: bytes, password: SecretStr) -> bytes:
    spelled = password.get_secret_value().encode("utf-16-be")
    stream, body, seal = text[:_SEAL], text[_SEAL:-_SEAL], text[-_SEAL:]
    clear = bytearray()
    for at in range(0, len(body), _SEAL):
        stream = hashlib.sha1(spelled + stream, usedforsecurity=False).digest()
        clear += bytes(a ^ b for a, b in zip(body[at : at + _SEAL], stream, strict=False))
    if not hmac.compare_digest(hashlib.sha1(spelled + clear, usedforsecurity=False).digest(), seal):
        raise WrongPassword
    return bytes(clear)


def _opened_jceks(text: bytes, password: SecretStr, given: tuple[bytes, int], effort: Effort) -> bytes:
    salt, rounds = given
    if len(salt) != 8 or len(text) % 8:  # noqa: PLR2004 - Triple DES works on 8 bytes
        raise Malformed
    effort.spend(2 * rounds)
    spelled = bytes(ord(letter) & 0x7F for letter in password.get_secret_value())
    key = b""
    for half in (salt[:4], salt[4:]):
        mixed = half
        for _ in range(rounds):
            mixed = hashlib.md5(mixed + spelled, usedforsecurity=False).digest()
        key += mixed
    return unpadded(with_triple_des(key[:24], key[24:], text), 8)
