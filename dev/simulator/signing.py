"""Keys and signed tokens: made for secrets that are handed out, verified when a provider is asked."""

from functools import lru_cache

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from dev.simulator.exchange import Json


def new_elliptic_key() -> str:
    """Give a fresh P-256 private key as PKCS#8 PEM, as in Apple's .p8 files."""
    return _pem(ec.generate_private_key(ec.SECP256R1()))


def new_rsa_key() -> str:
    """Give a fresh RSA private key as PKCS#8 PEM, as in Google's key files."""
    return _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@lru_cache(maxsize=4096)
def public_half(private_pem: str) -> str:
    """Give the public key of a private one, both as PEM."""
    key = load_pem_private_key(private_pem.encode(), password=None)
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@lru_cache(maxsize=4096)
def _prepared(private_pem: str, algorithm: str) -> Json:
    return jwt.get_algorithm_by_name(algorithm).prepare_key(public_half(private_pem))


def verified_claims(token: str, private_pem: str, algorithm: str) -> dict[str, Json] | None:
    """Give the claims if the signature is by this key; times and audience are the caller's to judge."""
    unjudged = {f"verify_{claim}": False for claim in ("exp", "iat", "nbf", "aud", "iss", "sub", "jti")}
    try:
        return jwt.decode(token, _prepared(private_pem, algorithm), algorithms=[algorithm], options=unjudged)  # type: ignore[arg-type]
    except (jwt.PyJWTError, ValueError):
        return None


def unverified(token: str) -> tuple[dict[str, Json], dict[str, Json]]:
    """Give header and claims of a token that nobody has checked; both empty if it is none."""
    try:
        whole = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError):
        return {}, {}
    return whole["header"], whole["payload"]
