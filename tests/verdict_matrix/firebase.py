"""FIREBASE: the service account's key, the project, its apps, and the right to distribute."""

import json

from delivr_operator.outcome import Caveat, Doubt, IntegrationType, Rejection
from tests.verdict_matrix.row import (
    INTERVAL,
    Answer,
    Fault,
    Matrix,
    MemberHolds,
    Place,
    Row,
    SecretHolds,
    TargetTurns,
    flawed,
    limited,
    refused,
    told,
    turns,
    unsure,
    verified,
)
from tests.verdict_matrix.shared import (
    ACCOUNT_OFF,
    AGAIN_LATER,
    BAD,
    DISABLED,
    EXPIRED,
    GONE,
    MISSING,
    OPERATORS_HOST,
    REVOKED,
    SMALL,
    TOO_SMALL,
    UNREADABLE,
    WELL,
    WRONG,
    clocks_matter,
    in_the_cluster,
    on_the_wire,
    waits,
)

A, D, R, T = Answer, Doubt, Rejection, IntegrationType
PROJECT = Place("FIREBASE", "project", "{projectId}")
APPS = {
    os: Place("FIREBASE", "app", f"{{{os}AppId}}", {"project": "{projectId}"}) for os in ("ios", "android")
}
ELSEWHERE = Place("FIREBASE", "app", "{androidAppId}", {"project": "another-one"})
RIGHTS = "*:testIamPermissions"
OFF = refused(R.ACCOUNT_DISABLED)


def _token_says(status: int, error: str, description: str = "") -> Fault:
    body = json.dumps({"error": error, "error_description": description})
    return Fault("STATUS", {"status": status, "path": "/token", "body": body})


def _key() -> tuple[Row, ...]:
    """Return what Google's token endpoint says of the account and its key."""
    small = ("unauthorized_client", "access_denied", "admin_policy_enforced")
    short = "Invalid JWT: Token must be a short-lived token. Check your iat and exp values."
    return (
        Row(A.WRONG, "`Invalid JWT Signature`: the key is wrong", (WRONG,), BAD),
        Row(A.REVOKED, "The key was deleted", (REVOKED,), BAD),
        Row(A.REVOKED, "`account not found`: the account was deleted", (turns(error="invalid_grant"),), BAD),
        Row(A.EXPIRED, "The key has ended, which Google does not tell apart", (EXPIRED,), BAD),
        Row(A.ACCOUNT_DISABLED, "`disabled_client`: the account is disabled", (ACCOUNT_OFF,), OFF),
        Row(A.ACCOUNT_DISABLED, "`deleted_client`", (turns(error="deleted_client"),), OFF),
        *(Row(A.TOO_SMALL, f"`{code}`", (turns(error=code),), SMALL) for code in small),
        Row(A.OUTDATED, "`invalid_scope`", (turns(error="invalid_scope"),), unsure(D.PROBE_OUTDATED)),
        Row(
            A.LIMITED_OTHERWISE,
            "429 of the token endpoint, and no header says for how long",
            (_token_says(429, "rate_limit_exceeded"),),
            unsure(D.RATE_LIMITED, told(60, AGAIN_LATER)),
        ),
        Row(
            A.SERVER_ERROR,
            "`internal_failure` with 500",
            (turns(error="internal_failure"),),
            unsure(D.UPSTREAM_ERROR),
        ),
        Row(
            A.CLOCK_SKEW,
            "`invalid_grant` about iat and exp, although the clocks agree",
            (_token_says(400, "invalid_grant", short),),
            unsure(D.CLOCK_SKEW),
        ),
        Row(
            A.HTML,
            "`invalid_grant` in words that the operator does not know",
            (_token_says(400, "invalid_grant", "No."),),
            UNREADABLE,
        ),
    )


def _api() -> tuple[Row, ...]:
    """Return the reasons that all of Google's APIs share."""
    off = (
        "CONSUMER_SUSPENDED",
        "ACCOUNT_STATE_INVALID",
        "BILLING_DISABLED",
        "GCP_SUSPENDED",
        "USER_BLOCKED_BY_ADMIN",
    )
    small = (
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        "IAM_PERMISSION_DENIED",
        "USER_PROJECT_DENIED",
        "ORG_RESTRICTION_VIOLATION",
    )
    passing = ("ACCESS_TOKEN_EXPIRED", "JWT_TOKEN_INVALID")
    return (
        *(Row(A.ACCOUNT_DISABLED, f"`{code}`", (turns(error=code),), OFF) for code in off),
        *(Row(A.TOO_SMALL, f"`{code}`", (turns(error=code),), SMALL) for code in small),
        Row(A.TOO_SMALL, "`PERMISSION_DENIED` without a reason", (turns(state="LOGIN_BLOCKED"),), SMALL),
        Row(
            A.CONSENT_MISSING,
            "`SERVICE_DISABLED`: the Firebase Management API is switched off in the project",
            (turns(state="API_DISABLED"),),
            refused(R.API_DISABLED, INTERVAL),
        ),
        Row(
            A.MALFORMED,
            "`CONSUMER_INVALID`: the account's Google Cloud project is none",
            (turns(error="CONSUMER_INVALID"),),
            refused(R.MISCONFIGURED),
        ),
        *(Row(A.HTML, f"`{code}`", (turns(error=code),), UNREADABLE) for code in passing),
        *waits(),
        Row(
            A.LIMITED_OTHERWISE,
            "`RATE_LIMIT_EXCEEDED`, and no header says for how long",
            (limited("none", 90),),
            unsure(D.RATE_LIMITED, told(60, AGAIN_LATER)),
        ),
        Row(
            A.LIMITED_OTHERWISE,
            "`RESOURCE_QUOTA_EXCEEDED`",
            (turns(error="RESOURCE_QUOTA_EXCEEDED"),),
            unsure(D.RATE_LIMITED, told(60, AGAIN_LATER)),
        ),
    )


def _targets() -> tuple[Row, ...]:
    """Return what is read of the project, of its apps, and of the account's rights."""
    return (
        Row(
            A.TOO_SMALL,
            "The project is absent or closed to the account, which Google does not tell apart",
            (TargetTurns(PROJECT, GONE),),
            SMALL,
        ),
        Row(A.TOO_SMALL, "The account lacks firebaseappdistro.releases.update", (TOO_SMALL,), SMALL),
        Row(
            A.TARGET_DISABLED,
            "The project was deleted",
            (TargetTurns(PROJECT, {"state": "DISABLED"}),),
            DISABLED,
        ),
        *(
            Row(A.TARGET_MISSING, f"The {os} app is absent", (TargetTurns(place, GONE),), MISSING)
            for os, place in APPS.items()
        ),
        Row(A.TARGET_MISSING, "An app belongs to another project", (TargetTurns(ELSEWHERE, {}),), MISSING),
        *(
            Row(
                A.TARGET_DISABLED,
                f"The {os} app was deleted",
                (TargetTurns(place, {"state": "DISABLED"}),),
                DISABLED,
            )
            for os, place in APPS.items()
        ),
        Row(
            A.VERIFIED,
            "All is well, but the Resource Manager API is off, so that the right to distribute stays open",
            (turns(error="SERVICE_DISABLED", error_path=RIGHTS),),
            verified(),
            (Caveat.WRITE_UNPROVEN,),
        ),
    )


def _firebase() -> tuple[Row, ...]:
    return (
        Row(A.VERIFIED, "All is well", WELL, verified()),
        Row(A.VERIFIED, "All is well, with one app only", (MemberHolds({"iosAppId": None}),), verified()),
        *_key(),
        *_targets(),
        *_api(),
        *clocks_matter(),
        *in_the_cluster(SecretHolds({"serviceAccountKey": None}), SecretHolds({"serviceAccountKey": "{}"})),
        Row(
            A.MALFORMED,
            "No app is declared",
            (MemberHolds({"iosAppId": None, "androidAppId": None}),),
            flawed(),
        ),
        *on_the_wire(),
    )


FIREBASE = Matrix(
    T.FIREBASE,
    _firebase(),
    {
        A.MAINTENANCE: "maintenance (Google tells it as an error of its own)",
        A.HOST_NOT_ALLOWED: OPERATORS_HOST,
    },
)
