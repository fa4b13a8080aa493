"""GITHUB and GITHUB_ACTIONS: the token, the repository, and what builds in it."""

from datetime import timedelta

from delivr_operator.outcome import Caveat, Doubt, IntegrationType, Rejection
from tests.verdict_matrix.row import (
    INTERVAL,
    Answer,
    Fault,
    Form,
    Matrix,
    MemberHolds,
    Place,
    Row,
    SecretHolds,
    TargetTurns,
    expired_if_known,
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
    IN_THE_CLUSTER,
    MISSING,
    ON_THE_WIRE,
    OPERATORS_HOST,
    REVOKED,
    SMALL,
    TOO_SMALL,
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
REPOSITORY = Place("GITHUB", "repository", "{organization}/{repoName}")
WORKFLOW = Place(
    "GITHUB", "workflow", "{workflows[0][workflowPath]}", {"repository": "{organization}/{repoName}"}
)


def _repository() -> tuple[Row, ...]:
    """Return what GITHUB and GITHUB_ACTIONS share: the token and the repository."""
    sso = refused(R.SSO_REQUIRED, INTERVAL)
    known = timedelta(days=10)
    quota = unsure(D.RATE_LIMITED, told(90, "when the quota resets, never sooner"))
    secondary = unsure(D.RATE_LIMITED, told(60, AGAIN_LATER))
    missing = {"content_type": "application/octet-stream", "body": "Missing or invalid User Agent string."}
    agent = Fault("STATUS", {"status": 403, **missing})
    few_scopes = (turns(scopes=["read:org"]), TargetTurns(REPOSITORY, {"private": False}))
    return (
        Row(A.VERIFIED, "All is well", WELL, verified()),
        Row(
            A.VERIFIED,
            "All is well, with a fine-grained token",
            WELL,
            verified(),
            (Caveat.WRITE_UNPROVEN,),
            issued={"kind": "fine_grained"},
        ),
        Row(
            A.VERIFIED,
            "All is well, and the token ends within 14 days",
            WELL,
            verified(),
            (Caveat.EXPIRES_SOON,),
            ends_in=known,
        ),
        Row(A.WRONG, "The token is wrong", (WRONG,), BAD),
        Row(A.REVOKED, "The token was revoked", (REVOKED,), BAD),
        Row(
            A.EXPIRED,
            "The token has ended; GitHub told the date while it was proved",
            (EXPIRED,),
            expired_if_known(),
            ends_in=known,
            later=known + timedelta(minutes=1),
        ),
        Row(A.EXPIRED, "The token has ended; GitHub never told a date", (EXPIRED,), BAD),
        Row(A.ACCOUNT_DISABLED, "The user is suspended", (ACCOUNT_OFF,), unsure(D.LOGIN_BLOCKED)),
        Row(A.TOO_SMALL, "The user may only read the repository", (TOO_SMALL,), SMALL),
        Row(A.TOO_SMALL, "The classic token lacks the scope repo", few_scopes, SMALL),
        Row(
            A.TARGET_MISSING,
            "The repository is absent, or hidden from the token",
            (TargetTurns(REPOSITORY, GONE),),
            MISSING,
        ),
        Row(
            A.TARGET_DISABLED,
            "The repository is archived",
            (TargetTurns(REPOSITORY, {"state": "ARCHIVED"}),),
            DISABLED,
        ),
        Row(
            A.CONSENT_MISSING,
            "The organisation wants the token authorised for single sign-on",
            (turns(state="SSO_REQUIRED"),),
            sso,
        ),
        Row(
            A.MAINTENANCE,
            "Refuses all logins of the user for a while",
            (turns(state="LOGIN_BLOCKED"),),
            unsure(D.LOGIN_BLOCKED),
        ),
        Row(A.OUTDATED, "403 about the User-Agent", (agent,), unsure(D.PROBE_OUTDATED)),
        Row(
            A.OUTDATED,
            "400: the version of the API is no more",
            (Fault("STATUS", {"status": 400}),),
            unsure(D.PROBE_OUTDATED),
        ),
        *waits(),
        Row(
            A.LIMITED_OTHERWISE,
            "The hour's quota is spent, with x-ratelimit-reset in 90 seconds",
            (limited("reset", 90),),
            quota,
        ),
        Row(
            A.LIMITED_OTHERWISE,
            "Limits requests and does not say for how long",
            (limited("none", 90),),
            secondary,
        ),
        clocks_do_not_matter(),
    )


_TOKEN_MISSING = SecretHolds({"accessToken": None})
_TOKEN_MALFORMED = SecretHolds({"accessToken": "two words"})


_RENAMED = Row(
    A.VERIFIED,
    "The repository was renamed",
    (TargetTurns(REPOSITORY, {"renamed_to": "{organization}/renamed"}),),
    verified(),
    (Caveat.RENAMED,),
)


def _github() -> tuple[Row, ...]:
    return (
        *_repository(),
        _RENAMED,
        *in_the_cluster(_TOKEN_MISSING, _TOKEN_MALFORMED),
        *on_the_wire(),
    )


def _workflows() -> tuple[Row, ...]:
    refusal = '{"message": "Resource not accessible by personal access token"}'
    workflows = {"status": 403, "body": refusal, "path": "*/actions/workflows/*"}
    return (
        Row(
            A.TOO_SMALL,
            "The fine-grained token may not see workflows",
            (Fault("STATUS", workflows),),
            SMALL,
            issued={"kind": "fine_grained"},
        ),
        Row(A.TARGET_MISSING, "The workflow is absent", (TargetTurns(WORKFLOW, GONE),), MISSING),
        *(
            Row(
                A.TARGET_DISABLED,
                f"The workflow {words}",
                (TargetTurns(WORKFLOW, {"activity": activity}),),
                DISABLED,
            )
            for activity, words in (
                ("disabled_manually", "was disabled by a person"),
                ("disabled_inactivity", "was disabled because the repository was inactive"),
                ("disabled_fork", "is disabled because the repository is a fork"),
                ("deleted", "is deleted"),
            )
        ),
    )


def _github_actions() -> tuple[Row, ...]:
    return (
        *_repository(),
        *_workflows(),
        *in_the_cluster(_TOKEN_MISSING, _TOKEN_MALFORMED),
        *on_the_wire(),
    )


def _server(*more: Row) -> tuple[Row, ...]:
    """Return the rows on an Enterprise Server: whose token it is, which repository, and what is in it."""
    quota = "The hour's quota is spent, with x-ratelimit-reset in 90 seconds"
    return (
        *(row for row in _repository() if row.answer is not A.CLOCK_SKEW and row.happens != quota),
        *more,
        *at_a_chosen_host(MemberHolds({"apiUrl": "https://git.acme.example/api"})),
        *reaching_it(),
    )


_ENTERPRISE = Form(
    "on an Enterprise Server",
    written={"apiUrl": "{GITHUB_API_URL}/api/v3"},
    alike=IN_THE_CLUSTER | (ON_THE_WIRE - {A.OUTDATED}),
)
GITHUB = Matrix(T.GITHUB, _github(), {A.HOST_NOT_ALLOWED: OPERATORS_HOST})
GITHUB_ACTIONS = Matrix(T.GITHUB_ACTIONS, _github_actions(), {A.HOST_NOT_ALLOWED: OPERATORS_HOST})
SERVER = Matrix(T.GITHUB, _server(_RENAMED), {}, _ENTERPRISE)
ACTIONS_SERVER = Matrix(T.GITHUB_ACTIONS, _server(*_workflows()), {}, _ENTERPRISE)
