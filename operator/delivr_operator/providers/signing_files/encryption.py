"""Opens what a password protects in PKCS#12, at a bounded expense: PBES1, PBES2 and the MAC's key.

`cryptography` opens PKCS#12 only as a whole: one key, one password, and as many rounds as the file asks for,
be they years of them.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, CipherAlgorithm
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from pydantic import SecretStr

from delivr_operator.outcome import Rejection
from delivr_operator.providers.signing_files import rc2
from delivr_operator.providers.signing_files.ber import IDENTIFIER, INTEGER, SEQUENCE, Element
from delivr_operator.providers.signing_files.unusable import Malformed, Unusable, WrongPassword

MOST_ROUNDS = 1_000_000
"""Of key derivation, for one file: a second or two. Java's older keystores need 350,000, new ones less."""

KEY, IV, MAC = 1, 2, 3
"""What a derived key is for, as PKCS#12 numbers it."""

PBES2, PBKDF2 = "1.2.840.113549.1.5.13", "1.2.840.113549.1.5.12"
_HMACS = MappingProxyType(
    {
        "1.2.840.113549.2.7": "sha1",
        "1.2.840.113549.2.8": "sha224",
        "1.2.840.113549.2.9": "sha256",
        "1.2.840.113549.2.10": "sha384",
        "1.2.840.113549.2.11": "sha512",
    }
)


@dataclass(slots=True)
class Effort:
    """The rounds that may still be spent on one file."""

    left: int = MOST_ROUNDS

    def spend(self, rounds: int) -> None:
        """Count rounds before they are done.

        Raises:
            Unusable: that would be too many.
        """
        if rounds < 1:
            raise Malformed
        self.left -= rounds
        if self.left < 0:
            detail = (
                f"Opening it takes more than {MOST_ROUNDS} rounds: export it again with fewer iterations."
            )
            raise Unusable(Rejection.MISCONFIGURED, detail)


@dataclass(frozen=True, slots=True)
class Password:
    """A password in the two spellings that PKCS#12 has for it."""

    clear: SecretStr
    terminated: bool = True
    """Whether the old spelling ends in a zero; where there is no password, some tools leave that out."""

    @property
    def new(self) -> bytes:
        """As PBES2 takes it."""
        return self.clear.get_secret_value().encode()

    @property
    def old(self) -> bytes:
        """As everything before PBES2 takes it."""
        end = "\0" if self.terminated else ""
        return (self.clear.get_secret_value() + end).encode("utf-16-be")

    def spellings(self) -> Iterator["Password"]:
        """Give every way in which a file may have taken it."""
        yield self
        if not self.clear.get_secret_value():
            yield Password(self.clear, terminated=False)


@dataclass(frozen=True, slots=True)
class _OldScheme:
    """A PBES1 of PKCS#12: what opens it, and how long its key is."""

    opens: Callable[[bytes, bytes, bytes], bytes]
    key: int


def derived(digest: str, secret: bytes, salt: bytes, rounds: int, wanted: tuple[int, int]) -> bytes:
    """Return a key by PKCS#12's own derivation (RFC 7292, B.2); the caller has counted the rounds.

    Args:
        digest: its name.
        secret: the password in its old spelling.
        salt: from the file.
        rounds: from the file.
        wanted: what the key is for, and its length.
    """
    purpose, length = wanted
    hashed = partial(getattr(hashlib, digest), usedforsecurity=False)
    width = hashed().block_size
    start = bytes([purpose]) * width
    mixed = bytearray(_stretched(salt, width) + _stretched(secret, width))
    key = b""
    while True:
        block: bytes = start + bytes(mixed)
        for _ in range(rounds):
            block = hashed(block).digest()
        key += block
        if len(key) >= length:
            return key[:length]
        step = int.from_bytes(_stretched(block, width)[:width]) + 1
        for at in range(0, len(mixed), width):
            total = (int.from_bytes(mixed[at : at + width]) + step) % (1 << 8 * width)
            mixed[at : at + width] = total.to_bytes(width)


def _stretched(data: bytes, width: int) -> bytes:
    if not data:
        return b""
    size = width * -(-len(data) // width)
    return (data * -(-size // len(data)))[:size]


def opened(algorithm: Element, text: bytes, password: Password, effort: Effort) -> bytes:
    """Return what `text` holds under an AlgorithmIdentifier of PBES1 or PBES2.

    Raises:
        WrongPassword: it does not come out whole.
        Malformed: the algorithm's parameters are none.
        Unusable: nobody here knows the algorithm, or it asks for too many rounds.
    """
    name = algorithm.at(0, IDENTIFIER).identifier
    parameters = algorithm.at(1, SEQUENCE)
    if name == PBES2:
        return _opened_new(parameters, text, password, effort)
    scheme = _OLD.get(name)
    if scheme is None:
        raise _unknown()
    salt, rounds = parameters.octets_at(0), parameters.at(1, INTEGER).number
    blocks = -(-scheme.key // hashlib.sha1(usedforsecurity=False).digest_size)
    effort.spend(rounds * (blocks + 1))
    key = derived("sha1", password.old, salt, rounds, (KEY, scheme.key))
    return unpadded(scheme.opens(key, derived("sha1", password.old, salt, rounds, (IV, 8)), text), 8)


def _opened_new(parameters: Element, text: bytes, password: Password, effort: Effort) -> bytes:
    derivation, encryption = parameters.at(0, SEQUENCE), parameters.at(1, SEQUENCE)
    kind, cipher = (one.at(0, IDENTIFIER).identifier for one in (derivation, encryption))
    scheme = _NEW.get(cipher)
    if kind != PBKDF2 or scheme is None:
        raise _unknown()
    algorithm, size, width = scheme
    given = derivation.at(1, SEQUENCE)
    salt, rounds = given.octets_at(0), given.at(1, INTEGER).number
    named = [part.at(0, IDENTIFIER).identifier for part in given.parts[2:] if part.tag == SEQUENCE]
    digest = _HMACS.get(named[0]) if named else "sha1"
    if digest is None:
        raise _unknown()
    effort.spend(rounds * -(-size // hashlib.new(digest, usedforsecurity=False).digest_size))
    key = hashlib.pbkdf2_hmac(digest, password.new, salt, rounds, size)
    return unpadded(_with_cipher(algorithm, key, encryption.octets_at(1), text), width)


def _with_cipher(algorithm: Callable[[bytes], CipherAlgorithm], key: bytes, iv: bytes, text: bytes) -> bytes:
    cipher = algorithm(key)
    if not isinstance(cipher, BlockCipherAlgorithm):
        raise TypeError(algorithm)
    width = cipher.block_size // 8
    if len(iv) != width or len(text) % width:
        raise Malformed
    machine = Cipher(cipher, CBC(iv)).decryptor()
    return machine.update(text) + machine.finalize()


def _with_rc2(key: bytes, iv: bytes, text: bytes) -> bytes:
    if len(text) % rc2.BLOCK:
        raise Malformed
    return rc2.decrypt(key, iv, text)


def _triple_des(key: bytes) -> TripleDES:
    return TripleDES(key + key[: 24 - len(key)])  # of two keys, the first is used again


with_triple_des = partial(_with_cipher, _triple_des)
_OLD: Mapping[str, _OldScheme] = MappingProxyType(
    {
        "1.2.840.113549.1.12.1.3": _OldScheme(with_triple_des, 24),
        "1.2.840.113549.1.12.1.4": _OldScheme(with_triple_des, 16),
        "1.2.840.113549.1.12.1.5": _OldScheme(_with_rc2, 16),
        "1.2.840.113549.1.12.1.6": _OldScheme(_with_rc2, 5),
    }
)
_NEW: Mapping[str, tuple[Callable[[bytes], CipherAlgorithm], int, int]] = MappingProxyType(
    {
        "2.16.840.1.101.3.4.1.2": (AES, 16, 16),
        "2.16.840.1.101.3.4.1.22": (AES, 24, 16),
        "2.16.840.1.101.3.4.1.42": (AES, 32, 16),
        "1.2.840.113549.3.7": (TripleDES, 24, 8),
    }
)


def unpadded(padded: bytes, width: int) -> bytes:
    """Return what was padded to whole blocks of `width` bytes.

    Raises:
        WrongPassword: this is no padding, as what a wrong key opens mostly has none.
    """
    size = padded[-1] if padded else 0
    if not 1 <= size <= width or padded[-size:] != bytes([size]) * size:
        raise WrongPassword
    return padded[:-size]


def _unknown() -> Unusable:
    detail = "It is encrypted in a way that is not known here: export it again with AES-256 or Triple DES."
    return Unusable(Rejection.MISCONFIGURED, detail)
