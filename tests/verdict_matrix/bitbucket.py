"""BITBUCKET: Cloud with both kinds of token, and a Data Center at the tenant's own address."""

import json

from delivr_operator.outcome import Caveat, Doubt, IntegrationType, Rejection
from tests.verdict_matrix.row import (
    SIX_HOURS,
    Answer,
    Fault,
    Form,
    Matrix,
    MemberHolds,
    Place,
    Row,
    SecretHolds,
    TargetTurns,
    flawed,
    limited,
    settled,
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
    IN_THE_CLUSTER,
    MISSING,
    ON_THE_WIRE,
    OPERATORS_HOST,
    REVOKED,
    SMALL,
    TOO_SMALL,
    UNREADABLE,
    WAYS,
    WELL,
    WRONG,
    at_a_chosen_host,
    clocks_do_not_matter,
    in_the_cluster,
    on_the_wire,
    reaching_it,
    waits,
)

A, D, R, T = Answer, Doubt, Rejection, IntegrationType
REPOSITORY = Place("BITBUCKET", "repository", "{workspace}/{repoSlug}")
UNPROVEN = (Caveat.WRITE_UNPROVEN,)
LIMITS = frozenset({A.LIMITED_SECONDS, A.LIMITED_DATE, A.LIMITED_OTHERWISE})
NEVER = {
    A.TARGET_DISABLED: "an archived repository (Bitbucket Cloud has none)",
    A.CONSENT_MISSING: "single sign-on for tokens (Bitbucket tells of none)",
    A.HOST_NOT_ALLOWED: OPERATORS_HOST,
}


def _refused() -> tuple[Row, ...]:
    """Return what 401 and 404 stand for, which Bitbucket tells no further."""
    return (
        Row(A.WRONG, "The token is wrong, or not this account's", (WRONG,), BAD),
        Row(A.REVOKED, "The token was revoked", (REVOKED,), BAD),
        Row(A.EXPIRED, "The token has ended, which Bitbucket does not tell apart", (EXPIRED,), BAD),
        Row(A.ACCOUNT_DISABLED, "The account is disabled", (ACCOUNT_OFF,), BAD),
        Row(
            A.TARGET_MISSING,
            "The repository is absent, or hidden from the token",
            (TargetTurns(REPOSITORY, GONE),),
            MISSING,
        ),
    )


def _limited() -> tuple[Row, ...]:
    return (
        *waits(),
        Row(
            A.LIMITED_OTHERWISE,
            "Limits requests and does not say for how long",
            (limited("none", 90),),
            unsure(D.RATE_LIMITED, told(60, AGAIN_LATER)),
        ),
    )


def _away() -> Row:
    return Row(A.MAINTENANCE, "503 with a page", (turns(state="MAINTENANCE"),), unsure(D.UPSTREAM_ERROR))


def _renamed() -> Row:
    renamed = TargetTurns(REPOSITORY, {"renamed_to": "{workspace}/renamed"})
    return Row(A.VERIFIED, "The repository was renamed", (renamed,), verified(), (Caveat.RENAMED,))


def _api_token() -> tuple[Row, ...]:
    reading = turns(grants={"*": "read"})
    no_writing = turns(scopes=["read:user:bitbucket", "read:repository:bitbucket"])
    no_user = turns(scopes=["read:repository:bitbucket", "write:repository:bitbucket"])
    wordless = json.dumps({"type": "error", "error": {"message": "No."}})
    return (
        Row(A.VERIFIED, "All is well", WELL, verified()),
        Row(
            A.VERIFIED,
            "All is well, and no header tells the scopes",
            (turns(tells_scopes=False),),
            verified(),
            UNPROVEN,
        ),
        _renamed(),
        *_refused(),
        Row(A.TOO_SMALL, "The token may only read", (TOO_SMALL,), SMALL),
        Row(A.TOO_SMALL, "The token lacks write:repository:bitbucket", (no_writing,), SMALL),
        Row(A.TOO_SMALL, "403 about scopes: the token lacks read:user:bitbucket", (no_user,), SMALL),
        Row(A.TOO_SMALL, "The user may only read the repository", (reading,), SMALL),
        Row(
            A.HTML,
            "403 that says nothing of scopes",
            (Fault("STATUS", {"status": 403, "body": wordless}),),
            UNREADABLE,
        ),
        Row(
            A.OUTDATED,
            "410 with a change's number: what is asked was retired",
            (turns(error="CHANGE-2770: this endpoint was removed"),),
            unsure(D.PROBE_OUTDATED),
        ),
        *_limited(),
        _away(),
        clocks_do_not_matter(),
        *in_the_cluster(SecretHolds({"token": None}), SecretHolds({"token": "two words"})),
        Row(
            A.MALFORMED,
            "The Secret holds an app password, which Bitbucket no longer takes",
            (SecretHolds({"token": "ATBBleftover"}),),
            flawed(),
        ),
        Row(
            A.MALFORMED,
            "`url` names Bitbucket Cloud, which is asked without one",
            (MemberHolds({"url": "https://bitbucket.org"}),),
            flawed(),
        ),
        *on_the_wire(),
    )


def _access_token() -> tuple[Row, ...]:
    return (
        Row(A.VERIFIED, "All is well", WELL, verified()),
        Row(
            A.VERIFIED,
            "All is well, and no header tells the scopes",
            (turns(tells_scopes=False),),
            verified(),
            UNPROVEN,
        ),
        _renamed(),
        *_refused(),
        Row(A.TOO_SMALL, "The token may only read", (TOO_SMALL,), SMALL),
        Row(A.TOO_SMALL, "403 about scopes: the token may not read", (turns(scopes=["pipeline"]),), SMALL),
        *_limited(),
        _away(),
    )


def _data_center() -> tuple[Row, ...]:
    return (
        Row(A.VERIFIED, "All is well", WELL, verified(), UNPROVEN),
        *_refused(),
        Row(A.TOO_SMALL, "The token's user may only read the repository", (TOO_SMALL,), SMALL),
        Row(
            A.TOO_SMALL,
            "The repository is public, and the token's user no member",
            (turns(grants={}), TargetTurns(REPOSITORY, {"public": True})),
            SMALL,
        ),
        Row(
            A.TARGET_DISABLED,
            "The repository is archived",
            (TargetTurns(REPOSITORY, {"state": "ARCHIVED"}),),
            DISABLED,
        ),
        Row(
            A.MAINTENANCE,
            "Wants a CAPTCHA solved before anything else",
            (turns(state="LOGIN_BLOCKED"),),
            unsure(D.LOGIN_BLOCKED),
        ),
        *_limited(),
        Row(
            A.LIMITED_OTHERWISE,
            "Limits requests, with X-RateLimit-Interval-Seconds: 90",
            (limited("reset", 90),),
            unsure(D.RATE_LIMITED, told(90, "after the interval of its bucket, never sooner")),
        ),
        Row(A.SERVER_ERROR, "503 with a page", (turns(state="MAINTENANCE"),), unsure(D.UPSTREAM_ERROR)),
        Row(
            A.MALFORMED,
            "The Secret holds an `email`, which goes with Cloud's tokens; nothing was asked",
            (SecretHolds({"email": "bot@acme.example"}),),
            settled(R.MISCONFIGURED, SIX_HOURS),
        ),
        *at_a_chosen_host(MemberHolds({"url": "https://2130706433/bitbucket"})),
        *reaching_it(),
    )


BITBUCKET = Matrix(T.BITBUCKET, _api_token(), NEVER)
ACCESS_TOKEN = Matrix(
    T.BITBUCKET,
    _access_token(),
    NEVER,
    Form(
        "with an access token",
        issued={"kind": "access"},
        alike=IN_THE_CLUSTER | ON_THE_WIRE | WAYS | {A.MALFORMED},
    ),
)
DATA_CENTER = Matrix(
    T.BITBUCKET,
    _data_center(),
    {A.CONSENT_MISSING: "single sign-on for tokens (Bitbucket tells of none)"},
    Form(
        "in a Data Center",
        issued={"kind": "data_center"},
        alike=IN_THE_CLUSTER | ON_THE_WIRE - {A.SERVER_ERROR},
    ),
)
