"""CODE_SIGNING: files that fit each other or do not; nobody is asked, so a "no" counts at once."""

from datetime import UTC, datetime, timedelta

from delivr_operator.conditions import Progress
from delivr_operator.outcome import Caveat, IntegrationType, Rejection, VerificationStatus
from delivr_operator.reasons import Reason
from tests.signing_files import TEAM, android, as_text, endless, identity, ios, jks, profile, someone
from tests.verdict_matrix.row import (
    INTERVAL,
    Answer,
    Cause,
    Course,
    Matrix,
    MemberHolds,
    Row,
    SecretHolds,
    Verdict,
    verified,
)
from tests.verdict_matrix.shared import WELL, in_the_cluster

A, R, T = Answer, Rejection, IntegrationType
_S = VerificationStatus
ISSUER = Caveat.ISSUER_UNPROVEN
NOBODY = "a host, a limit, an outage or a clock that matters (nobody is asked)"
APPLE = "a revoked certificate, a disabled account or a missing permission (only Apple and Google can tell)"


def certain(reason: Rejection) -> Course:
    """Return the course of a "no" that follows from the files: it needs no second one."""
    verdict = Verdict(_S.INVALID, "False", Progress.STALLED, reason, INTERVAL)
    return Course(verdict, verdict)


def ended() -> Course:
    """Return the course of files of which one is past its end."""
    verdict = Verdict(_S.EXPIRED, "False", Progress.STALLED, Reason.CREDENTIAL_EXPIRED, INTERVAL)
    return Course(verdict, verdict)


BAD, UNFIT = certain(R.BAD_CREDENTIALS), certain(R.MISCONFIGURED)


def _soon(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def _code_signing() -> tuple[Row, ...]:
    gone = _soon(-1)
    return (
        Row(A.VERIFIED, "The files fit each other", WELL, verified(), (ISSUER,)),
        Row(
            A.VERIFIED,
            "The first of certificates and profile ends within 30, 14 or 7 days",
            (SecretHolds(ios(ends=_soon(20))),),
            verified(),
            (ISSUER, Caveat.EXPIRES_SOON),
        ),
        Row(
            A.VERIFIED,
            "The keystore's certificate ends before 22 October 2033",
            (SecretHolds(android(identity(datetime(2033, 10, 21, tzinfo=UTC)))),),
            verified(),
            (ISSUER, Caveat.VALIDITY_SHORT),
        ),
        Row(
            A.WRONG,
            "The password does not open the .p12 file",
            (SecretHolds({"certificatePassword": "wrong"}),),
            BAD,
        ),
        Row(
            A.WRONG,
            "The password does not open the keystore, or the keystore was altered",
            (SecretHolds({"keystorePassword": "wrong"}),),
            BAD,
        ),
        Row(
            A.WRONG,
            "The key's password does not open the keystore's key",
            (SecretHolds({"keyPassword": "wrong"}),),
            BAD,
        ),
        Row(A.EXPIRED, "The .p12 file's certificate has ended", (SecretHolds(ios(identity(gone))),), ended()),
        Row(A.EXPIRED, "The profile has ended", (SecretHolds(ios(ends=gone)),), ended()),
        Row(
            A.EXPIRED,
            "The keystore's certificate has ended",
            (SecretHolds(android(identity(gone))),),
            ended(),
        ),
        Row(
            A.TARGET_MISSING,
            "The keystore has no private key under the alias",
            (MemberHolds({"android": {"keyAlias": "absent"}}),),
            certain(R.TARGET_NOT_FOUND),
        ),
        *_misfits(),
        *in_the_cluster(SecretHolds({"provisioningProfile": None}), SecretHolds({"keystoreFile": "\n"})),
    )


def _misfits() -> tuple[Row, ...]:
    other, later = identity(), _soon(2)
    rows: dict[str, Cause] = {
        "A file is no .p12 file, profile or keystore": SecretHolds({"certificateP12": as_text(b"else")}),
        "The profile does not list the certificate": SecretHolds(
            {"provisioningProfile": as_text(profile(other))}
        ),
        "The profile is of another team": MemberHolds({"ios": {"teamId": "OTHER12345"}}),
        "The profile is for another app": MemberHolds(
            {"ios": {"teamId": TEAM, "bundleId": "com.acme.other"}}
        ),
        "A certificate begins later than tomorrow": SecretHolds(android(identity(begins=later))),
        "The keystore's certificate is not its key's": SecretHolds(
            {"keystoreFile": as_text(jks({"upload": (someone(), other.der)}))}
        ),
        "A file takes more than a million rounds to open": SecretHolds(
            {"certificateP12": as_text(endless())}
        ),
    }
    return tuple(Row(A.MALFORMED, happens, (cause,), UNFIT) for happens, cause in rows.items())


CODE_SIGNING = Matrix(
    T.CODE_SIGNING,
    _code_signing(),
    {
        **dict.fromkeys((A.REVOKED, A.ACCOUNT_DISABLED, A.TOO_SMALL, A.TARGET_DISABLED), APPLE),
        **dict.fromkeys((A.CONSENT_MISSING, A.HOST_NOT_ALLOWED), NOBODY),
        **dict.fromkeys((A.LIMITED_SECONDS, A.LIMITED_DATE, A.LIMITED_OTHERWISE), NOBODY),
        **dict.fromkeys((A.SERVER_ERROR, A.MAINTENANCE, A.OUTDATED, A.TIMEOUT, A.RESET, A.TLS), NOBODY),
        **dict.fromkeys((A.DNS, A.HTML, A.TRUNCATED, A.HUGE, A.REDIRECT, A.CLOCK_SKEW), NOBODY),
    },
)
