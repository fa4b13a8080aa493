"""TEAMS: the client secret at Entra, the team and its channels at Graph."""

import json
from typing import Any

from delivr_operator.outcome import Caveat, Doubt, IntegrationType, Rejection
from tests.verdict_matrix.row import (
    INTERVAL,
    SIX_HOURS,
    Answer,
    Fault,
    Matrix,
    MemberHolds,
    Place,
    Row,
    SecretHolds,
    TargetTurns,
    expired,
    flawed,
    limited,
    refused,
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
    MISSING,
    OPERATORS_HOST,
    REVOKED,
    SMALL,
    TOO_SMALL,
    UNREADABLE,
    WELL,
    WRONG,
    clocks_do_not_matter,
    in_the_cluster,
    on_the_wire,
    waits,
)

A, D, R, T = Answer, Doubt, Rejection, IntegrationType
TEAM = Place("TEAMS", "team", "{teamId}")
CHANNEL = Place("TEAMS", "channel", "Releases", {"team": "{teamId}"})
NUMBER = f"19:{'4a' * 16}@thread.tacv2"
CAVEAT = (Caveat.WRITE_UNPROVEN,)
OFF = refused(R.ACCOUNT_DISABLED)


def _entra(status: int, error: str, *codes: int) -> Fault:
    """Write an answer of the token endpoint."""
    body = json.dumps({"error": error, "error_codes": codes})
    return Fault("STATUS", {"status": status, "path": "*/oauth2/v2.0/token", "body": body})


def _graph(status: int, code: str, **more: Any) -> Fault:
    """Write an answer of Graph."""
    body = json.dumps({"error": {"code": code, "message": "-"}})
    return Fault("STATUS", {"status": status, "path": "/v1.0/*", "body": body, **more})


def _secret() -> tuple[Row, ...]:
    """Return what Entra says of the app registration and its secret."""
    return (
        Row(A.WRONG, "`invalid_client`: the secret is wrong", (WRONG,), BAD),
        *(
            Row(A.WRONG, f"`invalid_client`, {code}", (_entra(401, "invalid_client", code),), BAD)
            for code in (70002, 700027)
        ),
        Row(
            A.WRONG,
            "`unauthorized_client`, 700016: the tenant has no such app",
            (turns(error="unauthorized_client"),),
            BAD,
        ),
        Row(A.REVOKED, "The secret was deleted", (REVOKED,), BAD),
        Row(A.EXPIRED, "`invalid_client`, 7000222: the secret has ended", (EXPIRED,), expired()),
        Row(A.ACCOUNT_DISABLED, "`unauthorized_client`, 7000112: the app is disabled", (ACCOUNT_OFF,), OFF),
        Row(
            A.ACCOUNT_DISABLED,
            "`unauthorized_client`, 70001: the app is disabled in this tenant",
            (_entra(400, "unauthorized_client", 70001),),
            OFF,
        ),
        Row(
            A.CONSENT_MISSING,
            "53003: a conditional access policy stands in the way",
            (turns(state="SSO_REQUIRED"),),
            SMALL,
        ),
        Row(
            A.MALFORMED,
            "`invalid_request`, 90002: there is no such tenant",
            (MemberHolds({"tenantId": "other.example"}),),
            settled(R.MISCONFIGURED, SIX_HOURS),
        ),
        Row(A.MALFORMED, "`invalid_scope`", (turns(error="invalid_scope"),), refused(R.MISCONFIGURED)),
        Row(
            A.SERVER_ERROR,
            "`temporarily_unavailable`, 90033",
            (turns(error="temporarily_unavailable"),),
            unsure(D.UPSTREAM_ERROR),
        ),
        Row(
            A.SERVER_ERROR,
            "`server_error` with 400",
            (_entra(400, "server_error"),),
            unsure(D.UPSTREAM_ERROR),
        ),
        *(
            Row(
                A.SERVER_ERROR,
                f"`invalid_client` beside {code}, which passes",
                (_entra(400, "invalid_client", code, 7000215),),
                unsure(D.UPSTREAM_ERROR),
            )
            for code in (90006, 90012, 90024, 90090, 90091)
        ),
        Row(
            A.LIMITED_OTHERWISE,
            "90055: Entra is asked too often",
            (turns(error="throttled"),),
            unsure(D.RATE_LIMITED, told(60, AGAIN_LATER)),
        ),
        Row(
            A.HTML,
            "Entra refuses with an error that the operator does not know",
            (_entra(400, "brand_new", 1),),
            UNREADABLE,
        ),
    )


def _team() -> tuple[Row, ...]:
    """Return what Graph says of the team and its channels."""
    return (
        Row(A.WRONG, "Graph refuses even a second fresh token", (turns(unknown_tokens=99),), BAD),
        Row(A.WRONG, "`unauthenticated` of Graph, twice", (_graph(401, "unauthenticated"),), BAD),
        Row(A.TARGET_MISSING, "`itemNotFound`", (_graph(404, "itemNotFound"),), MISSING),
        Row(A.TOO_SMALL, "`Forbidden`: the app may not read the team", (TOO_SMALL,), SMALL),
        Row(
            A.TOO_SMALL,
            "`Forbidden`: the app may not read channels",
            (turns(granted=["Team.ReadBasic.All"]),),
            SMALL,
        ),
        Row(A.TOO_SMALL, "`accessDenied`", (turns(error="accessDenied"),), SMALL),
        Row(
            A.HTML, "403 with a code that the operator does not know", (turns(error="brandNew"),), UNREADABLE
        ),
        Row(
            A.TARGET_MISSING,
            "The team is absent, or hidden from the app",
            (TargetTurns(TEAM, GONE),),
            MISSING,
        ),
        Row(A.TARGET_MISSING, "A channel is absent", (TargetTurns(CHANNEL, GONE),), MISSING),
        Row(
            A.TARGET_MISSING,
            "A channel that was declared by its id is absent",
            (MemberHolds({"channels": [NUMBER]}),),
            settled(R.TARGET_NOT_FOUND, INTERVAL),
        ),
        Row(A.TARGET_DISABLED, "The team is archived", (TargetTurns(TEAM, {"state": "ARCHIVED"}),), DISABLED),
        Row(
            A.TARGET_DISABLED,
            "A channel is archived",
            (TargetTurns(CHANNEL, {"state": "ARCHIVED"}),),
            DISABLED,
        ),
        Row(
            A.MAINTENANCE,
            "`serviceNotAvailable` with 503",
            (turns(state="MAINTENANCE"),),
            unsure(D.UPSTREAM_ERROR),
        ),
        Row(
            A.MAINTENANCE,
            "423: the team is locked for the moment",
            (_graph(423, "x"),),
            unsure(D.UPSTREAM_ERROR),
        ),
        Row(
            A.LIMITED_OTHERWISE,
            "509: the bandwidth is spent",
            (_graph(509, "x", headers={"Retry-After": "90"}),),
            unsure(D.RATE_LIMITED, told(90)),
        ),
        Row(
            A.LIMITED_OTHERWISE,
            "`activityLimitReached`, and no header says for how long",
            (limited("none", 90),),
            unsure(D.RATE_LIMITED, told(60, AGAIN_LATER)),
        ),
        Row(
            A.SERVER_ERROR,
            "504 of Graph, with Retry-After: 90",
            (_graph(504, "x", headers={"Retry-After": "90"}),),
            unsure(D.UPSTREAM_ERROR, told(90)),
        ),
    )


def _teams() -> tuple[Row, ...]:
    by_id = (TargetTurns(CHANNEL, {"number": NUMBER}), MemberHolds({"channels": [NUMBER]}))
    return (
        Row(A.VERIFIED, "All is well", WELL, verified(), CAVEAT),
        Row(A.VERIFIED, "All is well, and the channel is declared by its id", by_id, verified(), CAVEAT),
        Row(
            A.VERIFIED,
            "Graph does not know a fresh token yet, and knows the next",
            (turns(unknown_tokens=1),),
            verified(),
            CAVEAT,
        ),
        *_secret(),
        *_team(),
        *waits(),
        clocks_do_not_matter(*CAVEAT),
        *in_the_cluster(SecretHolds({"clientSecret": None}), SecretHolds({"clientSecret": "two words"})),
        Row(
            A.MALFORMED,
            "`tenantId` is `common`, which stands for no tenant",
            (MemberHolds({"tenantId": "common"}),),
            flawed(),
        ),
        *on_the_wire(),
    )


TEAMS = Matrix(T.TEAMS, _teams(), {A.HOST_NOT_ALLOWED: OPERATORS_HOST})
