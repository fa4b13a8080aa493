"""CODE_SIGNING: what follows from each state of the files, and that no file keeps the operator busy."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from pydantic import SecretStr

from delivr_operator.outcome import (
    Caveat,
    Expired,
    IntegrationType,
    Outcome,
    Rejected,
    Rejection,
    Unknown,
    Verified,
)
from delivr_operator.providers.code_signing import CodeSigningConfig, SigningFiles, prove
from delivr_operator.providers.declaration import Credential, read_credential
from delivr_operator.providers.signing_files import pkcs12
from delivr_operator.providers.signing_files.encryption import Effort, Password
from tests.signing_files import (
    BUNDLE,
    FAR,
    KEY,
    STORE,
    TEAM,
    Identity,
    android,
    as_text,
    identity,
    ios,
    jks,
    p12,
    profile,
    someone,
)
from tests.unit.providers.samples import data, declared, invalid
from tests.unit.providers.scripted import NOW, Scripted

FILES = Path(__file__).parents[2] / "data" / "signing"
IOS = {"ios": {"teamId": TEAM}}
ANDROID = {"android": {"keyAlias": "upload"}}
R = Rejection
OPEN_ISSUER = (Caveat.ISSUER_UNPROVEN,)
DAY = timedelta(days=1)
LATER = datetime(2030, 1, 1, tzinfo=UTC)
"""After the files of others were made."""


def read(written: dict[str, Any], secret: Mapping[str, str | bytes]) -> Credential | Rejected | Unknown:
    return read_credential(declared(codeSigning={**written, "secretRef": {"name": "signing"}}), data(secret))


def proved(written: dict[str, Any], secret: dict[str, Any], now: datetime = NOW) -> Outcome:
    found = read(written, secret)
    assert isinstance(found, Credential), found
    config, secrets = found.declaration.config, found.secrets
    assert isinstance(config, CodeSigningConfig)
    assert isinstance(secrets, SigningFiles)
    return prove(config, secrets, now)


def refused(written: dict[str, Any], secret: dict[str, Any]) -> tuple[Rejection, str]:
    outcome = proved(written, secret)
    assert isinstance(outcome, Rejected), outcome
    return outcome.reason, outcome.detail


def test_what_fits_is_verified_until_its_first_end() -> None:
    sooner = FAR - DAY
    assert proved(IOS, ios()) == Verified(OPEN_ISSUER, FAR)
    assert proved(IOS, ios(ends=sooner)) == Verified(OPEN_ISSUER, sooner)
    assert proved(IOS, ios(identity(sooner))) == Verified(OPEN_ISSUER, sooner)
    assert proved(ANDROID, android()) == Verified((), FAR)
    both = ios() | android(identity(sooner))
    assert proved(IOS | ANDROID, both) == Verified(OPEN_ISSUER, sooner)
    assert proved(IOS | ANDROID, ios(ends=sooner) | android()) == Verified(OPEN_ISSUER, sooner)


@pytest.mark.parametrize("left", [timedelta(0), DAY])
def test_what_ended_is_expired_and_says_what(left: timedelta) -> None:
    end = NOW - left
    written = f"ended at {end:%Y-%m-%d %H:%M} UTC."
    rows = [
        (IOS, ios(identity(end)), "The certificate in certificateP12"),
        (IOS, ios(ends=end), "provisioningProfile"),
        (ANDROID, android(identity(end)), "The certificate of upload in keystoreFile"),
        (IOS | ANDROID, ios() | android(identity(end)), "The certificate of upload in keystoreFile"),
    ]
    for config, secret, what in rows:
        assert proved(config, secret) == Expired(end, f"{what} {written}")
    assert isinstance(proved(ANDROID, android(identity(NOW + timedelta(seconds=1)))), Verified)


def test_a_certificate_for_the_future_is_refused_but_not_one_of_today() -> None:
    for config, made in ((IOS, ios), (ANDROID, android)):
        late = refused(config, made(identity(begins=NOW + 2 * DAY)))
        assert late[0] is R.MISCONFIGURED
        assert "begins only at 2026-05-03 12:00 UTC." in late[1]
        assert isinstance(proved(config, made(identity(begins=NOW + DAY / 2))), Verified)


def test_google_takes_no_new_app_whose_certificate_ends_early() -> None:
    early, late = datetime(2033, 10, 21, tzinfo=UTC), datetime(2033, 10, 22, tzinfo=UTC)
    assert proved(ANDROID, android(identity(early))) == Verified((Caveat.VALIDITY_SHORT,), early)
    assert proved(ANDROID, android(identity(late))) == Verified((), late)


def keystore(one: Identity, certificate: bytes) -> dict[str, str]:
    return android() | {"keystoreFile": as_text(jks({"upload": (one, certificate)}))}


IOS_REFUSALS: list[tuple[str, dict[str, Any], dict[str, Any], Rejection, str]] = [
    (
        "a wrong password",
        {},
        {"certificatePassword": "wrong"},
        R.BAD_CREDENTIALS,
        "certificatePassword does not open certificateP12",
    ),
    (
        "no PKCS#12",
        {},
        {"certificateP12": as_text(b"-----BEGIN CERTIFICATE-----")},
        R.MISCONFIGURED,
        "certificateP12 holds no PKCS#12 file",
    ),
    (
        "no profile",
        {},
        {"provisioningProfile": as_text(p12(someone()))},
        R.MISCONFIGURED,
        "provisioningProfile holds no provisioning profile",
    ),
    (
        "another certificate in the profile",
        {},
        {"provisioningProfile": as_text(profile(identity()))},
        R.MISCONFIGURED,
        "provisioningProfile does not list the certificate in certificateP12",
    ),
    (
        "no certificate in the profile",
        {},
        {"provisioningProfile": as_text(profile())},
        R.MISCONFIGURED,
        "provisioningProfile does not list the certificate in certificateP12",
    ),
    (
        "another team's profile",
        {},
        {"provisioningProfile": as_text(profile(someone(), TeamIdentifier=["OTHER12345"]))},
        R.MISCONFIGURED,
        "provisioningProfile is of another team than teamId",
    ),
    (
        "a profile without a team",
        {},
        {"provisioningProfile": as_text(profile(someone(), TeamIdentifier=None))},
        R.MISCONFIGURED,
        "provisioningProfile holds no provisioning profile",
    ),
    (
        "another app's profile",
        {"bundleId": "com.acme.other"},
        {},
        R.MISCONFIGURED,
        "provisioningProfile is for another app than bundleId",
    ),
    (
        "another app's wildcard",
        {"bundleId": "org.acme.app"},
        {"provisioningProfile": as_text(profile(someone(), app=f"{TEAM}.com.acme.*"))},
        R.MISCONFIGURED,
        "provisioningProfile is for another app than bundleId",
    ),
]


@pytest.mark.parametrize(
    ("written", "secret", "reason", "says"),
    [row[1:] for row in IOS_REFUSALS],
    ids=[row[0] for row in IOS_REFUSALS],
)
def test_what_does_not_fit_for_ios_is_refused(
    written: dict[str, Any], secret: dict[str, Any], reason: Rejection, says: str
) -> None:
    found = refused({"ios": {"teamId": TEAM, **written}}, ios() | secret)
    assert found[0] is reason
    assert found[1].startswith(says)


@pytest.mark.parametrize(
    "app", [f"{TEAM}.{BUNDLE}", f"{TEAM}.com.acme.*", f"{TEAM}.*", f"OLDPREFIX1.{BUNDLE}"]
)
def test_a_profile_may_be_for_the_app_or_for_many(app: str) -> None:
    config = {"ios": {"teamId": TEAM, "bundleId": BUNDLE}}
    assert isinstance(proved(config, ios(app=app)), Verified)


def test_a_profile_of_a_mac_app_names_it_otherwise() -> None:
    secret = ios(Entitlements={"com.apple.application-identifier": f"{TEAM}.{BUNDLE}"})
    assert isinstance(proved({"ios": {"teamId": TEAM, "bundleId": BUNDLE}}, secret), Verified)
    assert refused({"ios": {"teamId": TEAM, "bundleId": f"{BUNDLE}x"}}, secret)[0] is R.MISCONFIGURED


def test_of_several_certificates_of_one_key_the_newest_listed_counts() -> None:
    ends = [FAR, FAR - 2 * DAY]
    secret = ios()
    listing = profile(*(identity(end) for end in ends), someone())
    assert proved(IOS, secret | {"provisioningProfile": as_text(listing)}) == Verified(OPEN_ISSUER, FAR)


ANDROID_REFUSALS: list[tuple[str, dict[str, Any], Rejection, str]] = [
    (
        "a wrong password of the store",
        {"keystorePassword": "wrong"},
        R.BAD_CREDENTIALS,
        "keystorePassword does not open keystoreFile",
    ),
    (
        "a wrong password of the key",
        {"keyPassword": "wrong"},
        R.BAD_CREDENTIALS,
        "keystoreFile: keyPassword does not open the key upload",
    ),
    (
        "no such alias",
        android(alias="other"),
        R.TARGET_NOT_FOUND,
        "keystoreFile: It has no private key under the alias upload.",
    ),
    (
        "no keystore",
        {"keystoreFile": as_text(profile(someone()))},
        R.MISCONFIGURED,
        "keystoreFile holds no keystore",
    ),
    (
        "another's certificate",
        keystore(someone(), identity().der),
        R.MISCONFIGURED,
        "keystoreFile: The certificate of upload is not that of its private key",
    ),
    (
        "no certificate",
        keystore(someone(), b"\x30\x00"),
        R.MISCONFIGURED,
        "keystoreFile holds no keystore",
    ),
    (
        "a PKCS#12 with another password",
        {"keystoreFile": as_text(p12(someone(), "another", "upload"))},
        R.BAD_CREDENTIALS,
        "keystorePassword does not open keystoreFile",
    ),
    (
        "a PKCS#12 whose key has no password of its own",
        {"keystoreFile": as_text(p12(someone(), STORE, "upload"))},
        R.BAD_CREDENTIALS,
        "keystoreFile: keyPassword does not open the key upload; in PKCS#12 it is mostly keystorePassword",
    ),
    (
        "a PKCS#12 without the alias",
        {"keystoreFile": as_text(p12(someone(), STORE, "other"))},
        R.TARGET_NOT_FOUND,
        "keystoreFile: It has no private key under the alias upload.",
    ),
]


@pytest.mark.parametrize(
    ("secret", "reason", "says"),
    [row[1:] for row in ANDROID_REFUSALS],
    ids=[row[0] for row in ANDROID_REFUSALS],
)
def test_what_does_not_fit_for_android_is_refused(
    secret: dict[str, Any], reason: Rejection, says: str
) -> None:
    found = refused(ANDROID, android() | secret)
    assert found[0] is reason
    assert found[1].startswith(says)


@pytest.mark.parametrize("alias", ["upload", "UPLOAD", "Upload"])
def test_an_alias_is_found_in_any_case_as_java_does(alias: str) -> None:
    config = {"android": {"keyAlias": alias}}
    assert isinstance(proved(config, android(alias="upLoad")), Verified)
    secret = {**android(key=STORE), "keystoreFile": as_text(p12(someone(), STORE, "upLoad"))}
    assert isinstance(proved(config, secret), Verified)


KEYTOOL = [
    ("keytool.jks", "upload", "keypass-Upload", None),
    ("keytool.jks", "Other", "keypass-other", None),
    ("keytool.jks", "other", "keypass-Upload", R.BAD_CREDENTIALS),
    ("keytool.jks", "trusted", "storepass", R.TARGET_NOT_FOUND),
    ("keytool.jks", "absent", "storepass", R.TARGET_NOT_FOUND),
    ("keytool.jceks", "upload", "keypass-upload", None),
    ("keytool.jceks", "upload", "storepass", R.BAD_CREDENTIALS),
    ("keytool.p12", "Upload", "storepass", None),
    ("keytool.p12", "other", "storepass", None),
    ("keytool.p12", "other", "keypass-other", R.BAD_CREDENTIALS),
    ("keytool.p12", "absent", "storepass", R.TARGET_NOT_FOUND),
    ("keytool-legacy.p12", "upload", "storepass", None),
]


@pytest.mark.parametrize(("name", "alias", "key", "reason"), KEYTOOL)
@pytest.mark.parametrize("store", ["storepass", "storepasS"])
def test_keystores_of_keytool_are_read(
    name: str, alias: str, key: str, reason: Rejection | None, store: str
) -> None:
    secret = {"keystoreFile": (FILES / name).read_bytes(), "keystorePassword": store, "keyPassword": key}
    outcome = proved({"android": {"keyAlias": alias}}, secret, LATER)
    if store != "storepass":
        assert isinstance(outcome, Rejected)
        assert outcome.reason is R.BAD_CREDENTIALS
    elif reason is None:
        assert isinstance(outcome, Verified)
        assert outcome.expires_at is not None
        assert outcome.expires_at.year >= 2050
    else:
        assert isinstance(outcome, Rejected)
        assert outcome.reason is reason


# The Secret and the row


def test_a_file_may_be_given_as_it_is_or_as_base64() -> None:
    raw, packed = p12(someone()), ios()
    wrapped = "\n".join(packed["certificateP12"][at : at + 76] for at in range(0, 10_000, 76)) + "\r\n"
    found = [
        read(IOS, packed | {"certificateP12": form}) for form in (raw, packed["certificateP12"], wrapped)
    ]
    assert isinstance(found[0], Credential)
    given = packed | {"certificateP12": as_text(raw)}
    texts = {one.fingerprint_text() for one in found if isinstance(one, Credential)}
    other = read(IOS, given)
    assert isinstance(other, Credential)
    assert other.fingerprint_text() == found[0].fingerprint_text()
    assert len(texts) == 2  # of one and the same file; packed is another one


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("certificateP12", b"", "is empty"),
        ("certificateP12", b" \n", "is empty"),
        ("certificateP12", b"\xff" * (256 * 1024 + 1), "is larger than 262144 bytes"),
        ("certificatePassword", b"\xff", "is no password"),
        ("certificatePassword", b"a\0b", "is no password"),
        ("certificatePassword", b"x" * 1025, "is no password"),
    ],
)
def test_a_value_that_can_be_none_is_named(key: str, value: bytes, says: str) -> None:
    found = read(IOS, {**ios(), key: value})
    assert isinstance(found, Rejected)
    assert found.reason is R.MISCONFIGURED
    assert found.detail.startswith(f"Key {key} of Secret signing {says}")


@pytest.mark.parametrize(
    ("given", "password"), [("a\n", "a"), (" a \r\n", " a "), ("é\n", "é"), ("a\n\n", "a\n")]
)
def test_a_password_loses_nothing_but_a_line_break(given: str, password: str) -> None:
    assert isinstance(proved(IOS, ios(password=password) | {"certificatePassword": given}), Verified)


OPENSSL = [
    ("openssl-rc2.p12", "certificate"),
    ("openssl-2des-rc2-128.p12", "gehéim€"),
    ("openssl-aes-128.p12", "gehéim€"),
    ("openssl-clear.p12", ""),
]


@pytest.mark.parametrize(("name", "password"), OPENSSL)
@pytest.mark.parametrize("wrong", ["", "x"])
def test_certificates_of_openssl_are_read_old_and_new(name: str, password: str, wrong: str) -> None:
    file = (FILES / name).read_bytes()
    (certificate,) = pkcs12.read(file, Password(SecretStr(password)), Effort()).certificates
    listing = profile(Identity(someone().key, x509.load_der_x509_certificate(certificate)))
    secret = {
        "certificateP12": file,
        "certificatePassword": password + wrong,
        "provisioningProfile": as_text(listing),
    }
    outcome = proved(IOS, secret, LATER)
    if wrong:
        assert isinstance(outcome, Rejected)
        assert outcome.reason is R.BAD_CREDENTIALS
    else:
        assert outcome == Verified(OPEN_ISSUER, FAR)


@pytest.mark.parametrize("key", [*ios(), *android()])
def test_a_missing_key_is_waited_for_where_its_platform_is_declared(key: str) -> None:
    secret = {name: value for name, value in (ios() | android()).items() if name != key}
    found = read(IOS | ANDROID, secret)
    assert isinstance(found, Unknown)
    assert key in found.detail
    other = ANDROID if key in ios() else IOS
    assert isinstance(read(other, secret), Credential)


def test_what_is_not_declared_stays_out_of_everything() -> None:
    whole = read(IOS, {**ios(), "keystoreFile": b"", "keyPassword": b"\xff"})
    alone = read(IOS, {**ios()})
    assert isinstance(whole, Credential)
    assert isinstance(alone, Credential)
    assert whole.row_config().keys() == {"ios"}
    assert "keystore_file" not in whole.secrets.model_dump(exclude_none=True)


def test_the_row_is_nested_and_closed() -> None:
    found = read({"ios": {"teamId": TEAM, "bundleId": BUNDLE}, **ANDROID}, ios() | android())
    assert isinstance(found, Credential)
    row = found.row_config()
    shown = {
        part: {name: "sealed" if isinstance(value, SecretStr) else value for name, value in fields.items()}
        for part, fields in row.items()
        if isinstance(fields, dict)
    }
    assert shown == {
        "ios": {
            "bundleId": BUNDLE,
            "certificateP12": "sealed",
            "certificatePassword": "sealed",
            "provisioningProfile": "sealed",
            "teamId": TEAM,
        },
        "android": {
            "keyAlias": "upload",
            "keyPassword": "sealed",
            "keystoreFile": "sealed",
            "keystorePassword": "sealed",
        },
    }


@pytest.mark.parametrize(
    ("member", "problem"),
    [
        ({}, "declare ios, android or both"),
        ({"ios": {}}, "spec.codeSigning.ios.teamId"),
        ({"ios": {"teamId": "abcde12345"}}, "spec.codeSigning.ios.teamId"),
        ({"ios": {"teamId": TEAM, "bundleId": "com acme"}}, "spec.codeSigning.ios.bundleId"),
        ({"android": {}}, "spec.codeSigning.android.keyAlias"),
        ({"android": {"keyAlias": ""}}, "spec.codeSigning.android.keyAlias"),
        ({"android": {"keyAlias": "upload", "keyPassword": "x"}}, "spec.codeSigning.android.keyPassword"),
    ],
)
def test_a_member_that_cannot_be_read_is_named(member: dict[str, Any], problem: str) -> None:
    found = invalid(codeSigning={**member, "secretRef": {"name": "signing"}})
    assert any(problem in text for text in found.problems)


async def test_the_probe_asks_nobody() -> None:
    found = read(IOS, {**ios()})
    assert isinstance(found, Credential)
    provider, config, exchange = found.declaration.provider, found.declaration.config, Scripted(())
    assert provider.type is IntegrationType.CODE_SIGNING
    assert await provider.probe(exchange, config, found.secrets) == Verified(OPEN_ISSUER, FAR)
    assert exchange.asked == []
    assert provider.hosts(config, exchange.endpoints) == frozenset()


def test_no_outcome_repeats_anything_of_a_file() -> None:
    outcomes = [proved(IOS, ios() | row[2]) for row in IOS_REFUSALS]
    outcomes += [proved(ANDROID, android() | row[1]) for row in ANDROID_REFUSALS]
    for words in ("Acme", "geheim", STORE + "'", KEY + "'", "OTHER12345", "another'"):
        assert not [one for one in outcomes if words in repr(one)]
