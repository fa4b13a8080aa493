"""GITLAB: the token, the project and the role in it, on gitlab.com and on a GitLab of the tenant's own."""

import json
from datetime import timedelta
from typing import Any

from delivr_operator.outcome import Caveat, Doubt, IntegrationType, Rejection
from tests.verdict_matrix.row import (
    Answer,
    Fault,
    Form,
    Matrix,
    MemberHolds,
    Place,
    Row,
    SecretHolds,
    TargetTurns,
    expired,
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
PROJECT = Place("GITLAB", "project", "{projectId}")
SELF, PROJECTS = "*/personal_access_tokens/self", "*/projects/*"


def _said(status: int, path: str = SELF, **body: Any) -> Fault:
    return Fault("STATUS", {"status": status, "path": path, "body": json.dumps(body)})


def _token_says(**fields: Any) -> Fault:
    """Write what GitLab may show of a token, which is well but for `fields`."""
    well = {"active": True, "revoked": False, "scopes": ["api"], "user_id": 7, "expires_at": None}
    return _said(200, **{**well, **fields})


def _invalid(description: str) -> Fault:
    return _said(401, error="invalid_token", error_description=description)


def _token() -> tuple[Row, ...]:
    """Return what is read of the token."""
    return (
        Row(A.WRONG, "`401 Unauthorized`: the token is wrong", (WRONG,), BAD),
        Row(A.WRONG, "`invalid_token`: a bad access token", (_invalid("Bad Access Token."),), BAD),
        Row(
            A.WRONG,
            "`invalid_token`: impersonation is switched off",
            (_invalid("Token is an impersonation token and impersonation was disabled."),),
            BAD,
        ),
        Row(A.REVOKED, "`invalid_token`: the token was revoked", (REVOKED,), refused(R.REVOKED)),
        Row(
            A.REVOKED,
            "Shows the token as revoked",
            (_token_says(active=False, revoked=True),),
            refused(R.REVOKED),
        ),
        Row(A.EXPIRED, "`invalid_token`: the token has ended", (EXPIRED,), expired()),
        Row(
            A.EXPIRED,
            "Shows the token as no longer active",
            (_token_says(active=False, expires_at="2026-01-01"),),
            expired(),
        ),
        Row(
            A.ACCOUNT_DISABLED,
            "403 to everything: the user is blocked",
            (ACCOUNT_OFF,),
            unsure(D.LOGIN_BLOCKED),
        ),
        Row(
            A.MAINTENANCE,
            "403 to everything: the operator's address is blocked",
            (turns(state="LOGIN_BLOCKED"),),
            unsure(D.LOGIN_BLOCKED),
        ),
        Row(
            A.CONSENT_MISSING,
            "`dpop_error`: the token's user demands DPoP proofs",
            (turns(error="dpop_error"),),
            refused(R.MISCONFIGURED),
        ),
        Row(
            A.HTML, "401 with a code that the operator does not know", (turns(error="brand_new"),), UNREADABLE
        ),
    )


def _project() -> tuple[Row, ...]:
    """Return what is read of the project and of the role in it."""
    reads = turns(error="insufficient_scope", error_path=PROJECTS)
    return (
        Row(A.TOO_SMALL, "The token's role is below Developer", (TOO_SMALL,), SMALL),
        Row(A.TOO_SMALL, "The token may only read", (turns(scopes=["read_api"]),), SMALL),
        Row(A.TOO_SMALL, "`insufficient_scope`: the token may not see projects", (reads,), SMALL),
        Row(
            A.TOO_SMALL,
            "The project is public, and the token's user no member of it",
            (turns(grants={}), TargetTurns(PROJECT, {"public": True})),
            SMALL,
        ),
        Row(
            A.TARGET_MISSING,
            "The project is absent, or hidden from the token",
            (TargetTurns(PROJECT, GONE),),
            MISSING,
        ),
        Row(
            A.TARGET_DISABLED,
            "The project is archived",
            (TargetTurns(PROJECT, {"state": "ARCHIVED"}),),
            DISABLED,
        ),
        Row(
            A.HTML,
            "404 for no route: a proxy before GitLab changes %2F in paths",
            (_said(404, PROJECTS, error="404 Not Found"),),
            UNREADABLE,
        ),
    )


def _gitlab() -> tuple[Row, ...]:
    unproven = (Caveat.WRITE_UNPROVEN,)
    invited = turns(grants={}, invited={"*": 30})
    moved = TargetTurns(PROJECT, {"renamed_to": "elsewhere/app"})
    narrow = turns(scopes=["read_api", "write_repository"])
    return (
        Row(A.VERIFIED, "All is well", WELL, verified()),
        Row(A.VERIFIED, "The token has read_api and write_repository", (narrow,), verified()),
        Row(A.VERIFIED, "The role Developer comes with an invited group", (invited,), verified()),
        Row(A.VERIFIED, "The project was moved", (moved,), verified(), (Caveat.RENAMED,)),
        Row(
            A.VERIFIED,
            "All is well, and the token ends within 14 days",
            WELL,
            verified(),
            (Caveat.EXPIRES_SOON,),
            ends_in=timedelta(days=10),
        ),
        *_token(),
        *_project(),
        *waits(),
        Row(
            A.LIMITED_OTHERWISE,
            "Limits requests, with RateLimit-Reset in 90 seconds",
            (limited("reset", 90),),
            unsure(D.RATE_LIMITED, told(90, "when the limit resets, never sooner")),
        ),
        Row(A.SERVER_ERROR, "503 with a page", (turns(state="MAINTENANCE"),), unsure(D.UPSTREAM_ERROR)),
        Row(
            A.VERIFIED,
            "All is well, at a GitLab before 15.5, which tells nothing of tokens",
            WELL,
            verified(),
            unproven,
            issued={"knows_itself": False},
        ),
        clocks_do_not_matter(),
        *in_the_cluster(SecretHolds({"token": None}), SecretHolds({"token": "two words"})),
        *on_the_wire(),
    )


def _own_gitlab() -> tuple[Row, ...]:
    return (
        Row(A.VERIFIED, "All is well", WELL, verified()),
        *(row for row in (*_token(), *_project()) if row.answer is not A.HTML),
        *waits(),
        Row(
            A.LIMITED_OTHERWISE,
            "Limits requests, with RateLimit-Reset in 90 seconds",
            (limited("reset", 90),),
            unsure(D.RATE_LIMITED, told(90, "when the limit resets, never sooner")),
        ),
        *at_a_chosen_host(MemberHolds({"apiUrl": "https://gitlab.acme.example/git"})),
        *reaching_it(),
    )


GITLAB = Matrix(T.GITLAB, _gitlab(), {A.HOST_NOT_ALLOWED: OPERATORS_HOST})
OWN_GITLAB = Matrix(
    T.GITLAB,
    _own_gitlab(),
    {},
    Form(
        "on a GitLab of one's own, under a path",
        written={"apiUrl": "{GITLAB_API_URL}"},
        alike=IN_THE_CLUSTER | ON_THE_WIRE,
    ),
)
