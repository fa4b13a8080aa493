"""The shapes of a credential's values, checked before anybody is asked; never refuses what might be valid."""

from typing import Annotated

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import AfterValidator, SecretStr

_LARGEST = 4096
"""Google's keys have 2048 bits; a huge one would only keep the operator busy."""


def _token(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(
            "must be one word of plain ASCII characters: copy it again without spaces, quotes or line breaks"
        )
    return value


def _account_name(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text.isprintable() or ":" in text:
        raise ValueError("must be an account name without colons, line breaks or control characters")
    return value


def _email(value: SecretStr) -> SecretStr:
    name, at, domain = _token(value).get_secret_value().rpartition("@")
    if not (name and at and "." in domain):
        raise ValueError("must be an email address, as in client_email of the key file")
    return value


def private_key(value: SecretStr, *, thorough: bool = True) -> PrivateKeyTypes | None:
    """Return the key in `value`, or None where there is none.

    Args:
        value: PEM.
        thorough: prove an RSA key's numbers too, which takes 40 ms and is needed before it signs.
    """
    try:
        return load_pem_private_key(
            value.get_secret_value().encode(), password=None, unsafe_skip_rsa_key_validation=not thorough
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):  # not PEM, encrypted, or of no known kind
        return None


def _is_elliptic(key: PrivateKeyTypes | None) -> bool:
    return isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1)


def _is_rsa(key: PrivateKeyTypes | None) -> bool:
    return isinstance(key, RSAPrivateKey) and key.key_size <= _LARGEST


def _elliptic_key(value: SecretStr) -> SecretStr:
    if not _is_elliptic(private_key(value)):
        raise ValueError(
            "must be the whole .p8 file as downloaded: an unencrypted P-256 private key in PEM, "
            "with its BEGIN and END lines"
        )
    return value


def _rsa_key(value: SecretStr) -> SecretStr:
    if not _is_rsa(private_key(value, thorough=False)):
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
