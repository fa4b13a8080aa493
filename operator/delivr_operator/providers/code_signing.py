"""CODE_SIGNING: what builds are signed with, proved by reading it: nobody is asked."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key
from pydantic import Field, SecretStr, model_validator

from delivr_operator.outcome import Caveat, Expired, IntegrationType, Outcome, Rejection, Verified
from delivr_operator.providers.answer import doubtful
from delivr_operator.providers.exchange import Endpoints, Exchange
from delivr_operator.providers.provider import Provider, Secrets
from delivr_operator.providers.secret_shapes import file_as_base64, password
from delivr_operator.providers.signing_files import ber, java_keystore, pkcs12, provisioning_profile
from delivr_operator.providers.signing_files.encryption import Effort, Password
from delivr_operator.providers.signing_files.unusable import Malformed, Unusable, WrongPassword
from delivr_operator.resource import Frozen

NOTICES = (timedelta(days=30), timedelta(days=14), timedelta(days=7))
PLAY_WANTS = datetime(2033, 10, 22, tzinfo=UTC)
"""Google refuses a new app whose certificate ends before; known by hearsay, so it is a note only."""
_RSA = "1.2.840.113549.1.1.1"
_LARGEST_RSA, _LARGEST_OTHER = 5120, 1024
"""Bytes of PKCS#8: RSA of 8192 bits has 4700, DSA of 3072 has 860; to load one of 13000 takes a second."""
_MOST_KEYS = 16
_GRACE = timedelta(days=1)
"""A certificate that was made today must not depend on whose clock is right."""
_IOS = ("certificateP12", "certificatePassword", "provisioningProfile")
_ANDROID = ("keystoreFile", "keystorePassword", "keyPassword")


class IosSigning(Frozen):
    """Whose certificate and profile, and perhaps for which app."""

    team_id: Annotated[str, Field(pattern=r"^[A-Z0-9]{10}$")]
    bundle_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$", max_length=155)] | None = (
        None
    )


class AndroidSigning(Frozen):
    """Which entry of the keystore."""

    key_alias: Annotated[str, Field(pattern=r"^[!-~]([ -~]*[!-~])?$", max_length=255)]


class CodeSigningConfig(Frozen):
    """What is signed for which platform."""

    ios: IosSigning | None = None
    android: AndroidSigning | None = None

    @model_validator(mode="after")
    def _signs_something(self) -> Self:
        if self.ios is None and self.android is None:
            raise ValueError("declare ios, android or both")
        return self


class SigningFiles(Secrets):
    """The files, as base64 text, and their passwords; those of a platform that is not declared stay out."""

    certificate_p12: SecretStr | None = None
    certificate_password: SecretStr | None = None
    provisioning_profile: SecretStr | None = None
    keystore_file: SecretStr | None = None
    keystore_password: SecretStr | None = None
    key_password: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class _End:
    """When something of this platform ends, and what it is."""

    at: datetime
    of: str


@dataclass(frozen=True, slots=True)
class _Usable:
    """What one platform's files are good for."""

    ends: tuple[_End, ...]
    caveats: tuple[Caveat, ...] = ()


def prove(config: CodeSigningConfig, secrets: SigningFiles, now: datetime) -> Outcome:
    """Return what the files are good for; total, and bounded in time whatever they hold."""
    found = []
    try:
        if config.ios is not None:
            found.append(_ios(config.ios, secrets, now))
        if config.android is not None:
            found.append(_android(config.android, secrets, now))
    except Unusable as refusal:
        return refusal.outcome
    first = min((end for one in found for end in one.ends), key=lambda end: end.at)
    if first.at <= now:
        return Expired(first.at, f"{first.of} ended at {first.at:%Y-%m-%d %H:%M} UTC.")
    return Verified(tuple(caveat for one in found for caveat in one.caveats), first.at)


def _ios(config: IosSigning, secrets: SigningFiles, now: datetime) -> _Usable:
    with _read_as("certificateP12", "PKCS#12 file", "certificatePassword"):
        certificate = _signing_certificates(secrets)
    with _read_as("provisioningProfile", "provisioning profile"):
        profile = provisioning_profile.read(_file(secrets.provisioning_profile))
    if config.team_id not in profile.teams:
        raise _misfit("provisioningProfile is of another team than teamId: mend one of the two.")
    if config.bundle_id is not None and not profile.is_for(config.bundle_id):
        raise _misfit("provisioningProfile is for another app than bundleId: mend one of the two.")
    listed = [one for one in certificate if one.public_bytes(Encoding.DER) in profile.certificates]
    if not listed:
        raise _misfit(
            "provisioningProfile does not list the certificate in certificateP12: make a profile with that "
            "certificate, or export the one that the profile lists."
        )
    newest = _begun(max(listed, key=lambda one: one.not_valid_after_utc), "certificateP12", now)
    ends = (
        _End(newest.not_valid_after_utc, "The certificate in certificateP12"),
        _End(profile.ends_at, "provisioningProfile"),
    )
    return _Usable(ends, (Caveat.ISSUER_UNPROVEN,))


def _signing_certificates(secrets: SigningFiles) -> list[x509.Certificate]:
    """Return the certificates whose private keys are in certificateP12 too."""
    effort, given = Effort(), Password(_given(secrets.certificate_password))
    held = pkcs12.read(_file(secrets.certificate_p12), given, effort)
    if not held.keys:
        raise _misfit("It holds no private key: export the certificate together with its key.")
    if len(held.keys) > _MOST_KEYS:
        raise _misfit("It holds too many private keys: export only the one that signs.")
    keys = [_private_key(key.opened(held.password, effort)).public_key() for key in held.keys]
    found = [one for one in map(_certificate, held.certificates) if one.public_key() in keys]
    if not found:
        raise _misfit("It holds no certificate of its private key: export both together.")
    return found


def _android(config: AndroidSigning, secrets: SigningFiles, now: datetime) -> _Usable:
    file, effort = _file(secrets.keystore_file), Effort()
    with _read_as("keystoreFile", "keystore (JKS, JCEKS or PKCS#12)", "keystorePassword"):
        in_java = file.startswith((java_keystore.JKS, java_keystore.JCEKS))
        key = (_java_entry if in_java else _pkcs12_entry)(config.key_alias, file, secrets, effort)
    certificate = _begun(key, "keystoreFile", now)
    end = certificate.not_valid_after_utc
    caveats = (Caveat.VALIDITY_SHORT,) if end < PLAY_WANTS else ()
    return _Usable((_End(end, f"The certificate of {config.key_alias} in keystoreFile"),), caveats)


def _java_entry(alias: str, file: bytes, secrets: SigningFiles, effort: Effort) -> x509.Certificate:
    entries = java_keystore.read(file, _given(secrets.keystore_password))
    entry = next((one for one in entries if one.name.lower() == alias.lower()), None)
    if entry is None or entry.closed_key is None or not entry.certificates:
        raise _absent(alias)
    with _key_of(alias):
        opened = java_keystore.opened_key(entry.closed_key, _given(secrets.key_password), effort)
    return _matched(alias, opened, entry.certificates[:1])


def _pkcs12_entry(alias: str, file: bytes, secrets: SigningFiles, effort: Effort) -> x509.Certificate:
    held = pkcs12.read(file, Password(_given(secrets.keystore_password)), effort)
    entry = next((one for one in held.keys if one.name.lower() == alias.lower()), None)
    if entry is None:
        raise _absent(alias)
    with _key_of(alias):
        opened = entry.opened(Password(_given(secrets.key_password)), effort)
    return _matched(alias, opened, held.certificates)


def _matched(alias: str, key: bytes, certificates: tuple[bytes, ...]) -> x509.Certificate:
    public = _private_key(key).public_key()
    found = next((one for one in map(_certificate, certificates) if one.public_key() == public), None)
    if found is None:
        raise _misfit(f"The certificate of {alias} is not that of its private key: make the entry anew.")
    return found


def _private_key(der: bytes) -> PrivateKeyTypes:
    kind = ber.parse(der).at(1, ber.SEQUENCE).at(0, ber.IDENTIFIER).identifier
    if len(der) > (_LARGEST_RSA if kind == _RSA else _LARGEST_OTHER):
        raise _misfit("It holds a key that is too large: use RSA of at most 8192 bits.")
    try:
        return load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError):
        raise Malformed from None
    except UnsupportedAlgorithm:
        raise _misfit("It holds a key of a kind that is not known here: use RSA.") from None


def _certificate(der: bytes) -> x509.Certificate:
    try:
        found = x509.load_der_x509_certificate(der)
        found.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise Malformed from None
    return found


def _begun(certificate: x509.Certificate, file: str, now: datetime) -> x509.Certificate:
    begins = certificate.not_valid_before_utc
    if begins > now + _GRACE:
        raise _misfit(f"The certificate in {file} begins only at {begins:%Y-%m-%d %H:%M} UTC.")
    return certificate


def _given(value: SecretStr | None) -> SecretStr:
    return value if value is not None else SecretStr("")


def _file(value: SecretStr | None) -> bytes:
    return base64.b64decode(_given(value).get_secret_value())


def _misfit(detail: str) -> Unusable:
    return Unusable(Rejection.MISCONFIGURED, detail)


def _absent(alias: str) -> Unusable:
    return Unusable(Rejection.TARGET_NOT_FOUND, f"It has no private key under the alias {alias}.")


@contextmanager
def _read_as(name: str, kind: str, opened_by: str = "its password") -> Iterator[None]:
    """Say of every finding which of the Secret's fields it is about."""
    try:
        yield
    except Malformed:
        detail = f"{name} holds no {kind} that can be read: put the whole file there, as it is or as base64."
        raise _misfit(detail) from None
    except WrongPassword:
        detail = f"{opened_by} does not open {name}, or that file was altered."
        raise Unusable(Rejection.BAD_CREDENTIALS, detail) from None
    except Unusable as found:
        raise Unusable(found.outcome.reason, f"{name}: {found.outcome.detail}") from None


@contextmanager
def _key_of(alias: str) -> Iterator[None]:
    try:
        yield
    except WrongPassword:
        detail = f"keyPassword does not open the key {alias}; in PKCS#12 it is mostly keystorePassword again."
        raise Unusable(Rejection.BAD_CREDENTIALS, detail) from None


async def _probe(exchange: Exchange, config: CodeSigningConfig, secrets: SigningFiles) -> Outcome:
    return await exchange.aside(partial(prove, config, secrets, exchange.now))


def _nowhere(_: CodeSigningConfig, __: Endpoints) -> frozenset[str]:
    return frozenset()


def _wanted(config: CodeSigningConfig) -> frozenset[str]:
    return frozenset((*(_IOS if config.ios else ()), *(_ANDROID if config.android else ())))


CODE_SIGNING = Provider(
    type=IntegrationType.CODE_SIGNING,
    member="codeSigning",
    config=CodeSigningConfig,
    secrets=SigningFiles,
    sealed=frozenset((*_IOS, *_ANDROID)),
    permissions=(
        "iOS: the distribution certificate with its private key, and a profile of the team that lists it",
        "Android: the keystore, its password, and the alias and password of the key that signs",
    ),
    hosts=_nowhere,
    probe=_probe,
    judge=doubtful,
    optional=(*_IOS, *_ANDROID),
    wanted=_wanted,
    readers={
        **dict.fromkeys(("certificateP12", "provisioningProfile", "keystoreFile"), file_as_base64),
        **dict.fromkeys(("certificatePassword", "keystorePassword", "keyPassword"), password),
    },
    parts={**dict.fromkeys(_IOS, "ios"), **dict.fromkeys(_ANDROID, "android")},
    local=True,
    notices=NOTICES,
)
