"""The closed list of reasons, each with the sentence that tells a person what to do."""

from enum import StrEnum
from types import MappingProxyType

from delivr_operator.outcome import Caveat, Doubt, Expired, IntegrationType, Rejected, Rejection, Unknown


class Reason(StrEnum):
    """Reasons of conditions and entries that no provider's answer gives."""

    VERIFIED = "Verified"
    SETUP_COMPLETED = "SetupCompleted"
    ROWS_COMMITTED = "RowsCommitted"
    NOT_DECLARED = "NotDeclared"
    TARGETS_SELECTED = "TargetsSelected"
    TARGETS_MISSING = "TargetsMissing"
    CREDENTIALS_MISSING = "CredentialsMissing"
    SETUP_INCOMPLETE = "SetupIncomplete"
    VERIFICATION_PENDING = "VerificationPending"
    VERIFICATION_STALE = "VerificationStale"
    REFUSAL_UNCONFIRMED = "RefusalUnconfirmed"
    CREDENTIAL_EXPIRED = "CredentialExpired"
    DISABLED = "Disabled"
    SUSPENDED = "Suspended"
    INVALID_SPEC = "InvalidSpec"
    NAMESPACE_NOT_BOUND = "NamespaceNotBound"
    TENANT_MISMATCH = "TenantMismatch"
    TENANT_CONFLICT = "TenantConflict"
    TENANT_NOT_FOUND = "TenantNotFound"
    OWNER_NOT_FOUND = "OwnerNotFound"
    NOT_OWNER = "NotOwner"
    DATABASE_UNAVAILABLE = "DatabaseUnavailable"
    DATABASE_ACCESS_DENIED = "DatabaseAccessDenied"
    DATABASE_TLS_REQUIRED = "DatabaseTlsRequired"
    DATABASE_SCHEMA_MISSING = "DatabaseSchemaMissing"
    DATABASE_READ_ONLY = "DatabaseReadOnly"
    DATABASE_LOCKED = "DatabaseLocked"
    DATABASE_FULL = "DatabaseFull"
    DATABASE_COLUMN_TOO_SHORT = "DatabaseColumnTooShort"
    DATABASE_REFERENCE_GONE = "DatabaseReferenceGone"
    SECRET_WATCH_FORBIDDEN = "SecretWatchForbidden"
    DELETING = "Deleting"


TITLES = MappingProxyType(
    {
        IntegrationType.GITHUB: "GitHub",
        IntegrationType.GITLAB: "GitLab",
        IntegrationType.BITBUCKET: "Bitbucket",
        IntegrationType.APP_STORE_CONNECT: "App Store Connect",
        IntegrationType.PLAY_STORE: "Play Store",
        IntegrationType.JENKINS: "Jenkins",
        IntegrationType.GITHUB_ACTIONS: "GitHub Actions",
        IntegrationType.SLACK: "Slack",
        IntegrationType.TEAMS: "Microsoft Teams",
        IntegrationType.JIRA: "Jira",
        IntegrationType.LINEAR: "Linear",
        IntegrationType.CODE_SIGNING: "Code signing",
        IntegrationType.FIREBASE: "Firebase",
        IntegrationType.TEST_RAIL: "TestRail",
    }
)

SENTENCES = MappingProxyType(
    {
        Rejection.BAD_CREDENTIALS: "refused the credential: put a valid one into the Secret.",
        Rejection.REVOKED: "says that the credential was revoked: make a new one and put it into the Secret.",
        Rejection.ACCOUNT_DISABLED: "says that the account behind the credential is disabled: enable it or use another one.",
        Rejection.INSUFFICIENT_PERMISSION: "accepted the credential, but it may do too little: grant the permissions that the documentation lists.",
        Rejection.TARGET_NOT_FOUND: "accepted the credential, but does not show it the declared target: mend the name in the spec or grant access.",
        Rejection.TARGET_DISABLED: "accepted the credential, but the declared target is archived, disabled or suspended: enable it or declare another one.",
        Rejection.SSO_REQUIRED: "wants the credential authorised for single sign-on: authorise it for the organisation.",
        Rejection.AGREEMENT_REQUIRED: "wants an agreement signed: the account holder must accept it; the credential itself is fine.",
        Rejection.API_DISABLED: "has this API switched off for the credential's project: enable it there.",
        Rejection.MISCONFIGURED: "cannot be asked with what is declared: mend the spec or the Secret.",
        Rejection.HOST_NOT_ALLOWED: "was not asked, because its host is not allowed: name the host in the Secret's annotation release.delivr.live/allowed-hosts, or ask the platform team about private addresses.",
        Doubt.RATE_LIMITED: "is limiting requests: it is asked again when it allows.",
        Doubt.UPSTREAM_ERROR: "answered with an error of its own: it is asked again soon.",
        Doubt.NETWORK_ERROR: "could not be reached: it is asked again soon.",
        Doubt.TIMED_OUT: "did not answer in time: it is asked again soon.",
        Doubt.MAINTENANCE: "is in maintenance: it is asked again soon.",
        Doubt.CLOCK_SKEW: "cannot judge signed requests, because its clock and the operator's differ: the platform team should check the time.",
        Doubt.LOGIN_BLOCKED: "blocks logins for the moment without looking at the credential: a person may have to unlock the account.",
        Doubt.PROBE_OUTDATED: "no longer understands the operator's question: the operator needs an update.",
        Doubt.UNEXPECTED_RESPONSE: "gave an answer that cannot be read, perhaps from a proxy or a login page: it is asked again soon.",
        Doubt.SECRET_NOT_FOUND: "waits for its Secret: create it in this namespace.",
        Doubt.SECRET_KEY_MISSING: "waits for a key in its Secret: add it.",
        Doubt.SECRET_UNREADABLE: "waits for its Secret, which the operator may not read: the platform team should check its role.",
        Reason.VERIFIED: "is verified.",
        Reason.CREDENTIAL_EXPIRED: "says that the credential has expired: make a new one and put it into the Secret.",
        Reason.REFUSAL_UNCONFIRMED: "could not be proved this once; it counts as valid until a second try ends the same way.",
        Reason.VERIFICATION_PENDING: "is being verified.",
        Reason.VERIFICATION_STALE: "was verified, but has given no definite answer for too long.",
        Reason.DISABLED: "is switched off in this installation; it is not verified and does not hold Ready back.",
    }
)

CAVEATS = MappingProxyType(
    {
        Caveat.WRITE_UNPROVEN: "permission to write cannot be proved without writing",
        Caveat.RENAMED: "the repository was renamed: declare its new name",
        Caveat.RELEASE_PERMISSION_UNPROVEN: "permission to release cannot be proved without releasing",
        Caveat.BUILD_PERMISSION_UNPROVEN: "permission to build cannot be proved without building",
        Caveat.ISSUER_UNPROVEN: "that Apple issued the certificate and the profile, and revoked neither, cannot be proved without asking Apple",
        Caveat.VALIDITY_SHORT: "Google Play takes no new app whose certificate ends before 22 October 2033",
        Caveat.EXPIRES_SOON: "the credential expires soon: renew it",
    }
)


def sentence(
    kind: IntegrationType,
    reason: Reason | Rejection | Doubt,
    caveats: tuple[Caveat, ...] = (),
    within_days: int | None = None,
) -> str:
    """Say what is known of one integration in the operator's own words; `within_days` is how soon it expires."""
    noted = "; ".join(CAVEATS[caveat] for caveat in caveats)
    if within_days is not None:
        noted = noted.replace("expires soon", f"expires within {within_days} days")
    return f"{TITLES[kind]} {SENTENCES[reason]}" + (f" Note: {noted}." if noted else "")


def explain(kind: IntegrationType, outcome: Rejected | Expired | Unknown) -> tuple[str, str]:
    """Return the reason and the message for an outcome that is no "yes"."""
    reason = Reason.CREDENTIAL_EXPIRED if isinstance(outcome, Expired) else outcome.reason
    answered = " ".join(
        part for part in (f"HTTP {outcome.http_status}" if outcome.http_status else "", outcome.code) if part
    )
    parts = [sentence(kind, reason), outcome.detail, f"({answered})" if answered else ""]
    return reason.value, " ".join(part for part in parts if part)
