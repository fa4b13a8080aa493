"""JIRA: Cloud, Cloud's gateway for tokens with scopes, and a Data Center under a path."""

from delivr_operator.outcome import Doubt, IntegrationType, Rejection
from tests.verdict_matrix.row import (
    SECRET_CHANGES,
    Answer,
    Fault,
    Form,
    Matrix,
    MemberHolds,
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
    waiting,
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
    waits,
)

A, D, R, T = Answer, Doubt, Rejection, IntegrationType
PROJECT = Place("JIRA", "project", "{projectKey}")
PUBLIC = TargetTurns(PROJECT, {"public": True})
NO_CONSENT = {A.CONSENT_MISSING: "single sign-on for tokens (Jira tells of none)"}
CHOSEN = frozenset({A.HOST_NOT_ALLOWED, A.MALFORMED})


def _account() -> tuple[Row, ...]:
    """Return what is read of the token and its account."""
    inactive = {"status": 200, "path": "*/myself", "body": '{"active": false}'}
    return (
        Row(A.WRONG, "The token is wrong, or not this account's", (WRONG,), BAD),
        Row(A.WRONG, "The token is wrong, and the project is shown to anybody", (WRONG, PUBLIC), BAD),
        Row(A.REVOKED, "The token was revoked", (REVOKED,), BAD),
        Row(A.EXPIRED, "The token has ended, which Jira does not tell apart", (EXPIRED,), BAD),
        Row(A.ACCOUNT_DISABLED, "The account may no longer log in", (ACCOUNT_OFF,), BAD),
        Row(
            A.ACCOUNT_DISABLED,
            "Shows the account as not active",
            (Fault("STATUS", inactive),),
            refused(R.ACCOUNT_DISABLED),
        ),
    )


def _project() -> tuple[Row, ...]:
    """Return what is read of the project and of the account's part in it."""
    return (
        Row(
            A.TOO_SMALL,
            "The account lacks one of the five permissions",
            (turns(rights=["BROWSE_PROJECTS", "CREATE_ISSUES", "EDIT_ISSUES", "ADD_COMMENTS"]),),
            SMALL,
        ),
        Row(
            A.TARGET_MISSING,
            "The project is absent, or hidden from the account",
            (TargetTurns(PROJECT, GONE),),
            MISSING,
        ),
        Row(
            A.TARGET_DISABLED,
            "The project is archived",
            (TargetTurns(PROJECT, {"state": "ARCHIVED"}),),
            DISABLED,
        ),
    )


def _blocked() -> tuple[Row, ...]:
    blocked = turns(state="LOGIN_BLOCKED")
    again = {
        "status": 200,
        "path": "*/myself",
        "body": '{"active": true}',
        "headers": {"X-Seraph-LoginReason": "AUTHENTICATION_DENIED"},
    }
    return (
        Row(A.MAINTENANCE, "Wants a CAPTCHA solved after failed logins", (blocked,), unsure(D.LOGIN_BLOCKED)),
        Row(
            A.MAINTENANCE,
            "`AUTHENTICATION_DENIED` with 200: the token was not looked at",
            (Fault("STATUS", again),),
            unsure(D.LOGIN_BLOCKED),
        ),
    )


def _limited_for(words: str, next_try: str, blur: int = 1) -> tuple[Row, ...]:
    return (
        *waits(),
        Row(
            A.LIMITED_OTHERWISE,
            words,
            (limited("reset", 600),),
            unsure(D.RATE_LIMITED, told(600, next_try, blur)),
        ),
        Row(
            A.LIMITED_OTHERWISE,
            "Limits requests and does not say for how long",
            (limited("none", 90),),
            unsure(D.RATE_LIMITED, told(60, AGAIN_LATER)),
        ),
    )


def _cloud() -> tuple[Row, ...]:
    page = {"content_type": "text/html", "body": "<h1>Your site is currently unavailable</h1>"}
    dead = {"content_type": "text/html", "body": "<h1>Oops, you've found a dead link.</h1>"}
    return (
        Row(A.VERIFIED, "All is well", WELL, verified()),
        *_account(),
        Row(A.TOO_SMALL, "The account may only browse the project", (TOO_SMALL,), SMALL),
        *_project(),
        *_blocked(),
        Row(
            A.MAINTENANCE,
            "503, a page: the site is unavailable",
            (turns(state="MAINTENANCE"),),
            unsure(D.MAINTENANCE),
        ),
        Row(
            A.MAINTENANCE,
            "404, a page: the site is unavailable",
            (Fault("STATUS", {"status": 404, **page}),),
            unsure(D.MAINTENANCE),
        ),
        Row(A.HTML, "404, another page", (Fault("STATUS", {"status": 404, **dead}),), UNREADABLE),
        *_limited_for(
            "Limits requests, with X-RateLimit-Reset, a minute", "at that minute, never sooner", 61
        ),
        clocks_do_not_matter(),
        *in_the_cluster(SecretHolds({"apiToken": None}), SecretHolds({"email": "a:b"})),
        *at_a_chosen_host(MemberHolds({"url": "http://acme.atlassian.net"})),
        Row(
            A.KEY_MISSING,
            "At atlassian.net the Secret lacks `email`",
            (MemberHolds({"url": "https://acme.atlassian.net"}), SecretHolds({"email": None})),
            waiting(D.SECRET_KEY_MISSING, SECRET_CHANGES),
        ),
        *on_the_wire(),
    )


def _scoped() -> tuple[Row, ...]:
    return (
        Row(A.VERIFIED, "All is well", WELL, verified()),
        *_account(),
        Row(A.TOO_SMALL, "401, `scope does not match`: the token lacks a scope", (TOO_SMALL,), SMALL),
        Row(
            A.TOO_SMALL, "403 of the gateway: the token lacks a scope", (turns(state="API_DISABLED"),), SMALL
        ),
        *_project(),
        *waits(),
    )


def _data_center() -> tuple[Row, ...]:
    return (
        Row(A.VERIFIED, "All is well", WELL, verified()),
        *_account(),
        Row(A.TOO_SMALL, "The account may only browse the project", (TOO_SMALL,), SMALL),
        *_project(),
        *_blocked(),
        *_limited_for(
            "Limits requests, with X-RateLimit-Interval-Seconds: 600",
            "after the interval of its bucket, never sooner",
        ),
    )


JIRA = Matrix(T.JIRA, _cloud(), NO_CONSENT)
SCOPED = Matrix(
    T.JIRA,
    _scoped(),
    NO_CONSENT,
    Form(
        "at Jira Cloud, with a token with scopes",
        issued={"kind": "scoped"},
        alike=IN_THE_CLUSTER | ON_THE_WIRE | WAYS | CHOSEN | {A.MAINTENANCE, A.LIMITED_OTHERWISE},
    ),
)
DATA_CENTER = Matrix(
    T.JIRA,
    _data_center(),
    NO_CONSENT,
    Form(
        "in a Data Center", issued={"kind": "data_center"}, alike=IN_THE_CLUSTER | ON_THE_WIRE | WAYS | CHOSEN
    ),
)
