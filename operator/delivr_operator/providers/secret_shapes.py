"""The shapes of a credential's values, checked before anybody is asked; never refuses what might be valid."""

import base64
import binascii
from typing import Annotated

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import AfterValidator, SecretBytes, SecretStr

from delivr_operator.providers.provider import Flaw

_LARGEST = 4096
"""Google's keys have 2048 bits; a huge one would only keep the operator busy."""
LARGEST_FILE = 256 * 1024
"""Real files have a tenth of it; three of them, sealed, fit into what MySQL 5.7 takes at once (4 MiB)."""
_LONGEST_PASSWORD = 1024


def line(raw: SecretBytes) -> SecretStr | Flaw:
    """Read text as people store it: with a line break from echo, or a key with its breaks escaped."""
    try:
        text = raw.get_secret_value().decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        text = ""
    if text.startswith("-----BEGIN") and "\n" not in text:
        text = text.replace("\\n", "\n").strip()
    return (
        SecretStr(text) if text else Flaw("is empty or no UTF-8 text: put the value there as it was issued")
    )


def password(raw: SecretBytes) -> SecretStr | Flaw:
    """Read a password, which may be empty or end in spaces, but not in the line break that echo adds."""
    given = raw.get_secret_value().removesuffix(b"\n").removesuffix(b"\r")
    try:
        text = given.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or len(given) > _LONGEST_PASSWORD:
        return Flaw(f"is no password: put UTF-8 text of at most {_LONGEST_PASSWORD} bytes there")
    return SecretStr(text)


def file_as_base64(raw: SecretBytes) -> SecretStr | Flaw:
    """Read a file that is no text, as it is or as base64 of any line length; return it as base64.

    A file of a kind that is meant here has bytes that no base64 has, so the two cannot be mistaken.
    """
    given = raw.get_secret_value()
    try:
        file = base64.b64decode(b"".join(given.split()), validate=True)
    except (binascii.Error, ValueError):
        file = given
    if not file:
        return Flaw("is empty: put the whole file there")
    if len(file) > LARGEST_FILE:
        return Flaw(f"is larger than {LARGEST_FILE} bytes, which no signing file is")
    return SecretStr(base64.b64encode(file).decode())


_LONGEST = 16 * 1024
"""No provider issues a longer token; a whole file in its place is not worth sending."""


def _token(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if len(text) > _LONGEST:
        raise ValueError(f"is longer than {_LONGEST} characters: put only the token there, as it was issued")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(
            "must be one word of plain ASCII characters: copy it again without spaces, quotes or line breaks"
        )
    return value


def _account_name(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if len(text) > _LONGEST or not text.isprintable() or ":" in text:
        raise ValueError("must be an account name without colons, line breaks or control characters")
    return value


def _email(value: SecretStr) -> SecretStr:
    name, at, domain = _token(value).get_secret_value().rpartition("@")
    if not (name and at and "." in domain):
        raise ValueError("must be an email address, as in client_email of the key file")
    return value


def _private_key(value: SecretStr) -> PrivateKeyTypes | None:
    """Return the key in `value`, or None where there is none; an RSA key's numbers are not proved."""
    try:
        return load_pem_private_key(
            value.get_secret_value().encode(), password=None, unsafe_skip_rsa_key_validation=True
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):  # not PEM, encrypted, or of no known kind
        return None


def rsa_key(value: SecretStr) -> RSAPrivateKey | None:
    """Return the RSA key in `value`, or None where there is none or its numbers do not belong together.

    The library's own proof holds every thread up for 50 ms, and for 350 ms with 4096 bits, nearly all of
    it to show that both factors are primes. Whoever signs shows that by the signature instead.
    """
    key = _private_key(value)
    if not isinstance(key, RSAPrivateKey) or key.key_size > _LARGEST:
        return None
    return key if _belong_together(key.private_numbers()) else None


def _belong_together(key: RSAPrivateNumbers) -> bool:
    """Tell whether the numbers are a key's as RFC 8017 defines it (section 3.2), but for the primes."""
    factors, public = (key.p, key.q), key.public_numbers
    return (
        all(factor > 1 and factor % 2 for factor in factors)
        and key.p * key.q == public.n
        and 0 < key.d < public.n
        and 0 < public.e < public.n
        and all(key.d * public.e % (factor - 1) == 1 for factor in factors)
        and (key.dmp1, key.dmq1) == tuple(key.d % (factor - 1) for factor in factors)
        and 0 < key.iqmp < key.p
        and key.iqmp * key.q % key.p == 1
    )


def _is_elliptic(key: PrivateKeyTypes | None) -> bool:
    return isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1)


def _elliptic_key(value: SecretStr) -> SecretStr:
    if not _is_elliptic(_private_key(value)):
        raise ValueError(
            "must be the whole .p8 file as downloaded: an unencrypted P-256 private key in PEM, "
            "with its BEGIN and END lines"
        )
    return value


def _rsa_key(value: SecretStr) -> SecretStr:
    if rsa_key(value) is None:
        raise ValueError(
            "must be private_key of the service account's key file: an unencrypted RSA private key in PEM, "
            "with its BEGIN and END lines"
        )
    return value


Token = Annotated[SecretStr, AfterValidator(_token)]
"""One opaque word."""
AccountName = Annotated[SecretStr, AfterValidator(_account_name)]
"""A user name that HTTP Basic authentication can carry."""
Email = Annotated[SecretStr, AfterValidator(_email)]
"""The address of a service account."""
EllipticKey = Annotated[SecretStr, AfterValidator(_elliptic_key)]
"""A P-256 private key in PEM."""
RsaKey = Annotated[SecretStr, AfterValidator(_rsa_key)]
"""An RSA private key in PEM."""
