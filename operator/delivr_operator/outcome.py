"""The shared vocabulary: integration types, verdicts of a probe, and the closed list of reasons."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class IntegrationType(StrEnum):
    """Members of the plan's ENUM, in the order in which people read them."""

    GITHUB = "GITHUB"
    GITLAB = "GITLAB"
    BITBUCKET = "BITBUCKET"
    APP_STORE_CONNECT = "APP_STORE_CONNECT"
    PLAY_STORE = "PLAY_STORE"
    JENKINS = "JENKINS"
    GITHUB_ACTIONS = "GITHUB_ACTIONS"
    SLACK = "SLACK"
    TEAMS = "TEAMS"
    JIRA = "JIRA"
    LINEAR = "LINEAR"
    CODE_SIGNING = "CODE_SIGNING"
    FIREBASE = "FIREBASE"
    TEST_RAIL = "TEST_RAIL"


class VerificationStatus(StrEnum):
    """The plan's ENUM of `tenant_integrations.verificationStatus`."""

    NOT_VERIFIED = "NOT_VERIFIED"
    VALID = "VALID"
    INVALID = "INVALID"
    EXPIRED = "EXPIRED"


class Rejection(StrEnum):
    """Why an answer is a definite "no"."""

    BAD_CREDENTIALS = "BadCredentials"
    REVOKED = "Revoked"
    ACCOUNT_DISABLED = "AccountDisabled"
    INSUFFICIENT_PERMISSION = "InsufficientPermission"
    TARGET_NOT_FOUND = "TargetNotFound"
    TARGET_DISABLED = "TargetDisabled"
    SSO_REQUIRED = "SsoRequired"
    AGREEMENT_REQUIRED = "AgreementRequired"
    API_DISABLED = "ApiDisabled"
    MISCONFIGURED = "Misconfigured"
    HOST_NOT_ALLOWED = "HostNotAllowed"


class Doubt(StrEnum):
    """Why an answer is "cannot tell"."""

    RATE_LIMITED = "RateLimited"
    UPSTREAM_ERROR = "UpstreamError"
    NETWORK_ERROR = "NetworkError"
    TIMED_OUT = "TimedOut"
    MAINTENANCE = "Maintenance"
    CLOCK_SKEW = "ClockSkew"
    LOGIN_BLOCKED = "LoginBlocked"
    PROBE_OUTDATED = "ProbeOutdated"
    UNEXPECTED_RESPONSE = "UnexpectedResponse"
    SECRET_NOT_FOUND = "SecretNotFound"
    SECRET_KEY_MISSING = "SecretKeyMissing"
    SECRET_UNREADABLE = "SecretUnreadable"


class Caveat(StrEnum):
    """What a "yes" leaves open; shown beside it, never holds it back."""

    WRITE_UNPROVEN = "WriteUnproven"
    RENAMED = "Renamed"
    RELEASE_PERMISSION_UNPROVEN = "ReleasePermissionUnproven"
    BUILD_PERMISSION_UNPROVEN = "BuildPermissionUnproven"
    ISSUER_UNPROVEN = "IssuerUnproven"
    VALIDITY_SHORT = "ValidityShort"
    EXPIRES_SOON = "ExpiresSoon"


@dataclass(frozen=True, slots=True)
class Verified:
    """The provider accepted the credential and the declared target."""

    caveats: tuple[Caveat, ...] = ()
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A definite refusal.

    `detail` holds the operator's own words and names from the spec; `http_status` and `code` say what
    the provider answered, the code only from the provider's allow-list. Nothing else from outside.
    `certain` refusals follow from what the operator holds: nobody was asked, so no second look is needed.
    """

    reason: Rejection
    detail: str = ""
    http_status: int | None = None
    code: str = ""
    certain: bool = False


@dataclass(frozen=True, slots=True)
class Expired:
    """The credential is past its end, by the provider's word or by a date known before."""

    expired_at: datetime | None = None
    detail: str = ""
    http_status: int | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """No definite answer; `retry_after` is the provider's own wish, never shortened."""

    reason: Doubt
    detail: str = ""
    http_status: int | None = None
    code: str = ""
    retry_after: timedelta | None = None


Outcome = Verified | Rejected | Expired | Unknown
