"""PLAY_STORE: the service account and the app."""

from delivr_operator.outcome import Caveat, Doubt, IntegrationType, Rejection
from tests.verdict_matrix.row import (
    INTERVAL,
    Answer,
    Matrix,
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
    EXPIRED,
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
PACKAGE = Place("PLAY_STORE", "package", "{packageName}")


def _play_store() -> tuple[Row, ...]:
    caveat = (Caveat.RELEASE_PERMISSION_UNPROVEN,)
    account_off = refused(R.ACCOUNT_DISABLED)
    nothing = {"serviceAccountKey": None}
    return (
        Row(A.VERIFIED, "All is well", WELL, verified(), caveat),
        Row(A.WRONG, "The key is wrong", (WRONG,), BAD),
        Row(A.REVOKED, "The key was deleted", (REVOKED,), BAD),
        Row(A.REVOKED, "The service account was deleted", (turns(error="invalid_grant"),), BAD),
        Row(A.EXPIRED, "The key has ended, which Google does not tell apart", (EXPIRED,), BAD),
        Row(A.ACCOUNT_DISABLED, "The service account is disabled", (ACCOUNT_OFF,), account_off),
        Row(
            A.ACCOUNT_DISABLED,
            "The Google Cloud project is suspended",
            (turns(error="CONSUMER_SUSPENDED"),),
            account_off,
        ),
        Row(A.TOO_SMALL, "The service account was not invited to the app", (TOO_SMALL,), SMALL),
        Row(
            A.TOO_SMALL,
            "The service account may do too little (older form of the answer)",
            (turns(error="permissionDenied"),),
            SMALL,
        ),
        Row(
            A.TARGET_MISSING,
            "The app is absent, or has had no upload yet",
            (TargetTurns(PACKAGE, GONE),),
            MISSING,
        ),
        Row(
            A.CONSENT_MISSING,
            "The Android Developer API is switched off in the project",
            (turns(state="API_DISABLED"),),
            refused(R.API_DISABLED, INTERVAL),
        ),
        *waits(),
        Row(
            A.LIMITED_OTHERWISE,
            "The quota is spent, and no header says for how long",
            (limited("none", 90),),
            unsure(D.RATE_LIMITED, told(60, AGAIN_LATER)),
        ),
        *clocks_matter(),
        *in_the_cluster(
            SecretHolds({**nothing, "privateKey": None}),
            SecretHolds({**nothing, "privateKey": "no PEM"}),
        ),
        Row(
            A.MALFORMED,
            "serviceAccountKey is no key file",
            (SecretHolds({"serviceAccountEmail": None, "privateKey": None, "serviceAccountKey": "{}"}),),
            flawed(),
        ),
        *on_the_wire(),
    )


PLAY_STORE = Matrix(
    T.PLAY_STORE,
    _play_store(),
    {
        A.TARGET_DISABLED: "a disabled app (Google shows none)",
        A.MAINTENANCE: "maintenance (Google tells it as an error of its own)",
        A.HOST_NOT_ALLOWED: OPERATORS_HOST,
    },
)
