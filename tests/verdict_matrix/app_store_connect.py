"""APP_STORE_CONNECT: the key, the app, and what Apple wants agreed to."""

from delivr_operator.outcome import Doubt, IntegrationType, Rejection
from tests.verdict_matrix.row import (
    INTERVAL,
    Answer,
    Fault,
    Matrix,
    Place,
    Row,
    SecretHolds,
    TargetTurns,
    limited,
    refused,
    told,
    turns,
    unsure,
    verified,
)
from tests.verdict_matrix.shared import (
    ACCOUNT_OFF,
    BAD,
    GONE,
    MISSING,
    OPERATORS_HOST,
    REVOKED,
    SMALL,
    TOO_SMALL,
    WELL,
    WRONG,
    clocks_matter,
    in_the_cluster,
    on_the_wire,
    waits,
)

A, D, R, T = Answer, Doubt, Rejection, IntegrationType
APP = Place("APP_STORE_CONNECT", "app", "{bundleId}")


def _app_store_connect() -> tuple[Row, ...]:
    agreement = refused(R.AGREEMENT_REQUIRED, INTERVAL)
    older = (
        '{"errors": [{"id": "1", "status": "403", "code": "FORBIDDEN", "title": "Forbidden", '
        '"detail": "The Program License Agreement has to be accepted"}]}'
    )
    five = told(300, "after 5 minutes at the earliest, later when Retry-After says so")
    return (
        Row(A.VERIFIED, "All is well", WELL, verified()),
        Row(A.WRONG, "The key, its id or its issuer is wrong", (WRONG,), BAD),
        Row(A.REVOKED, "The key was revoked", (REVOKED,), BAD),
        Row(A.ACCOUNT_DISABLED, "The account is disabled", (ACCOUNT_OFF,), BAD),
        Row(A.TOO_SMALL, "The key's role may not manage the app", (TOO_SMALL,), SMALL),
        Row(
            A.TARGET_MISSING,
            "The app is absent, or hidden from the key",
            (TargetTurns(APP, GONE),),
            MISSING,
        ),
        Row(
            A.CONSENT_MISSING,
            "An agreement is missing or has expired",
            (turns(state="AGREEMENT_REQUIRED"),),
            agreement,
        ),
        Row(
            A.CONSENT_MISSING,
            "The Program License Agreement is not accepted (older form of the answer)",
            (Fault("STATUS", {"status": 403, "body": older}),),
            agreement,
        ),
        *waits(five),
        Row(
            A.LIMITED_SECONDS,
            "Limits requests, with Retry-After: 900",
            (limited("seconds", 900),),
            unsure(D.RATE_LIMITED, told(900)),
        ),
        Row(
            A.LIMITED_OTHERWISE,
            "The key's hour is spent, as X-Rate-Limit shows without a time",
            (turns(quota=0),),
            unsure(D.RATE_LIMITED, told(300, "after 5 minutes, then ever later, at most an hour")),
        ),
        *clocks_matter(),
        *in_the_cluster(SecretHolds({"issuerId": None}), SecretHolds({"privateKey": "no PEM"})),
        *on_the_wire(),
    )


APP_STORE_CONNECT = Matrix(
    T.APP_STORE_CONNECT,
    _app_store_connect(),
    {
        A.EXPIRED: "a key past its end (Apple's keys have none)",
        A.TARGET_DISABLED: "a disabled app (Apple shows none)",
        A.MAINTENANCE: "maintenance (Apple tells it as an error of its own)",
        A.HOST_NOT_ALLOWED: OPERATORS_HOST,
    },
)
