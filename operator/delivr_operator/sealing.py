"""PURE: seals and opens the credentials inside a row's config, in the envelopes that Delivr's Node reads."""

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from delivr_operator.rows import Clear, Config

PBKDF2_ROUNDS = 100_000
KEY_BYTES = 32
SALT_BYTES = 64
IV_BYTES = 16
TAG_BYTES = 16
FINGERPRINT_DIGITS = 16
_FINGERPRINT_LABEL = b"delivr-operator credential fingerprint v1"
_PEM = b"-----BEGIN"
_HEX_SHAPE = re.compile(r"[0-9a-fA-F]{32}:[0-9a-fA-F]{32}:(?:[0-9a-fA-F]{2})*")


class Envelope(StrEnum):
    """How a sealed value is written down."""

    HEX = "aes-256-gcm-hex"
    PBKDF2 = "pbkdf2-base64"


class Unopenable(Enum):
    """Why a stored value cannot be opened."""

    NOT_SEALED = "not in any envelope"
    NO_KEY = "no key for this envelope"
    WRONG_KEY = "sealed with another key, or altered"
    NOT_TEXT = "holds no UTF-8 text"
    NO_JSON = "its config is no JSON that can be read"


class CannotOpen(Exception):  # noqa: N818 - a finding about stored data, not a programming error
    """A stored value does not open; carries the reason and nothing of the value."""

    def __init__(self, reason: Unopenable) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Parts:
    """What an envelope holds; `salt` only where the key is derived from a passphrase."""

    iv: bytes
    tag: bytes
    text: bytes
    salt: bytes | None = None


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals in one envelope and opens both, as far as it has their keys.

    `hex_key` is 64 hexadecimal digits; `passphrase` is BACKEND_STORAGE_ENCRYPTION_KEY. A PBKDF2 envelope
    costs about 30 ms to seal or to open, each time: a derived key is as secret as the passphrase.
    """

    hex_key: SecretStr | None
    passphrase: SecretStr | None = None
    envelope: Envelope = Envelope.HEX
    previous: "Sealer | None" = None
    """Opens what this one's keys do not, while keys are being changed; nothing is sealed with it."""

    def __post_init__(self) -> None:
        if (self.passphrase if self.envelope is Envelope.PBKDF2 else self.hex_key) is None:
            kind = "a passphrase" if self.envelope is Envelope.PBKDF2 else "a key of hexadecimal digits"
            raise ValueError(f"the envelope {self.envelope} needs {kind}")

    def seal(self, secret: SecretStr) -> str:
        """Return `secret` in the envelope, different each time."""
        salt = secrets.token_bytes(SALT_BYTES) if self.envelope is Envelope.PBKDF2 else None
        iv = secrets.token_bytes(IV_BYTES)
        cipher = AESGCM(self._key(salt))
        sealed = cipher.encrypt(iv, secret.get_secret_value().encode(), None)
        return _written(_Parts(iv, sealed[-TAG_BYTES:], sealed[:-TAG_BYTES], salt))

    def open(self, text: str) -> SecretStr:
        """Return what `text` seals.

        Raises:
            CannotOpen: it is no envelope, or not one of this sealer's keys.
        """
        try:
            return self._open(text)
        except CannotOpen as error:
            if self.previous is None or error.reason is Unopenable.NOT_SEALED:
                raise
            return self.previous.open(text)

    def _open(self, text: str) -> SecretStr:
        parts = _parsed(text)
        if parts is None:
            raise CannotOpen(Unopenable.NOT_SEALED)
        try:
            clear = AESGCM(self._key(parts.salt)).decrypt(parts.iv, parts.text + parts.tag, None)
        except InvalidTag:
            raise CannotOpen(Unopenable.WRONG_KEY) from None
        try:
            return SecretStr(clear.decode())
        except UnicodeDecodeError:
            raise CannotOpen(Unopenable.NOT_TEXT) from None

    def _key(self, salt: bytes | None) -> bytes:
        key = self.hex_key if salt is None else self.passphrase
        if key is None:
            raise CannotOpen(Unopenable.NO_KEY)
        if salt is None:
            return bytes.fromhex(key.get_secret_value())
        return hashlib.pbkdf2_hmac("sha256", key.get_secret_value().encode(), salt, PBKDF2_ROUNDS, KEY_BYTES)

    def seal_config(self, config: Config) -> dict[str, Clear]:
        """Return `config` as it may be stored: every secret leaf sealed, everything else as it is."""
        return {name: self._stored(value) for name, value in config.items()}

    def _stored(self, value: "Leaf") -> Clear:
        if isinstance(value, SecretStr):
            return self.seal(value)
        if isinstance(value, Mapping):
            return self.seal_config(value)
        return value

    def same_config(self, stored: object, desired: Config) -> bool:
        """Tell whether `stored` (parsed JSON) says what `desired` says, secrets compared after opening.

        Raises:
            CannotOpen: a sealed field does not open, so nobody can tell.
        """
        if not isinstance(stored, Mapping) or stored.keys() != desired.keys():
            return False
        pairs = [(stored[name], value) for name, value in desired.items()]
        clear = [pair for pair in pairs if not isinstance(pair[1], SecretStr)]
        return all(self._same(*pair) for pair in clear) and all(
            self._opens_to(found, value) for found, value in pairs if isinstance(value, SecretStr)
        )

    def _same(self, stored: object, desired: "Leaf") -> bool:
        if isinstance(desired, Mapping):
            return self.same_config(stored, desired)
        return json.dumps(stored, sort_keys=True) == json.dumps(desired, sort_keys=True)

    def _opens_to(self, stored: object, desired: SecretStr) -> bool:
        if not isinstance(stored, str):
            raise CannotOpen(Unopenable.NOT_SEALED)
        found = self.open(stored).get_secret_value().encode()
        wanted = desired.get_secret_value().encode()
        if found.startswith(_PEM):  # a key is the same key with a line break after it, as people paste it
            found, wanted = found.strip(), wanted.strip()
        return hmac.compare_digest(found, wanted)

    def fingerprint(self, text: bytes) -> str:
        """Return 16 hex digits that change with `text` and tell nobody without the key what it was."""
        kdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=_FINGERPRINT_LABEL)
        key = kdf.derive(self._key(salt=None))
        return hmac.new(key, text, hashlib.sha256).hexdigest()[:FINGERPRINT_DIGITS]

    def former_fingerprint(self, text: bytes) -> str | None:
        """Return the fingerprint under the previous key; None where that is no other key."""
        if self.previous is None or self.previous.hex_key in (None, self.hex_key):
            return None
        return self.previous.fingerprint(text)


Leaf: TypeAlias = "Clear | SecretStr | Config"
"""One value of a config that is still to be sealed."""


def looks_sealed(text: str) -> bool:
    """Tell whether `text` has the shape of an envelope, whoever's key it takes."""
    return envelope_of(text) is not None


def envelope_of(text: str) -> Envelope | None:
    """Return the envelope whose shape `text` has."""
    parts = _parsed(text)
    if parts is None:
        return None
    return Envelope.HEX if parts.salt is None else Envelope.PBKDF2


def _written(parts: _Parts) -> str:
    if parts.salt is None:
        return ":".join(part.hex() for part in (parts.iv, parts.tag, parts.text))
    return ":".join(base64.b64encode(part).decode() for part in (parts.salt, parts.iv, parts.tag, parts.text))


def _parsed(text: str) -> _Parts | None:
    """Read either envelope; they cannot be mistaken: one has three fields, the other four."""
    if _HEX_SHAPE.fullmatch(text):
        return _Parts(*(bytes.fromhex(field) for field in text.split(":")))
    try:
        fields = [base64.b64decode(field, validate=True) for field in text.split(":")]
    except (binascii.Error, ValueError):
        return None
    if [len(field) for field in fields[:-1]] != [SALT_BYTES, IV_BYTES, TAG_BYTES]:
        return None
    salt, iv, tag, sealed = fields
    return _Parts(iv, tag, sealed, salt)
