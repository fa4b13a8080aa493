"""LINEAR: one question, whose errors are told apart by their types."""

from delivr_operator.outcome import Caveat, Doubt, IntegrationType, Rejection
from tests.verdict_matrix.row import (
    INTERVAL,
    Answer,
    Course,
    Matrix,
    MemberHolds,
    Place,
    Row,
    SecretHolds,
    TargetTurns,
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
TEAM = Place("LINEAR", "team", "MOB", {"workspace": "{workspace}"})
OTHER_TEAM = Place("LINEAR", "team", "WEB", {"workspace": "{workspace}"})
ID = "9cfb482a-81e3-4154-b5b9-2c805e70a02d"
PROJECT = Place("LINEAR", "project", ID, {"workspace": "{workspace}"})
NAMED = MemberHolds({"projectId": ID})
CAVEAT = (Caveat.WRITE_UNPROVEN,)


def _errors() -> tuple[Row, ...]:
    """Return the vendor's own list of error types, each under the status that it may come with."""

    def row(answer: Answer, kind: str, course: Course, status: int = 200) -> Row:
        happens = f"`{kind}` with {status}"
        return Row(answer, happens, (turns(error=kind, error_status=status),), course)

    broken, outdated = unsure(D.UPSTREAM_ERROR), unsure(D.PROBE_OUTDATED)
    return (
        *(row(A.WRONG, "authentication error", BAD, status) for status in (200, 400)),
        row(A.TOO_SMALL, "forbidden", SMALL, 403),
        row(A.OUTDATED, "graphql error", outdated, 400),
        row(A.OUTDATED, "invalid input", outdated, 400),
        *(
            row(A.SERVER_ERROR, kind, broken)
            for kind in ("internal error", "network error", "lock timeout", "bootstrap error")
        ),
        *(
            row(A.HTML, kind, UNREADABLE)
            for kind in ("unknown", "other", "user error", "usage limit exceeded", "brand new")
        ),
    )


def _targets() -> tuple[Row, ...]:
    """Return what is read of the team and the project; naming a project makes it another question."""
    here = {"teams": ["MOB"]}
    none = "The project is none of the team's"
    return (
        Row(
            A.TARGET_MISSING,
            "The team is absent, or hidden from the key",
            (TargetTurns(TEAM, GONE),),
            MISSING,
        ),
        Row(A.TARGET_DISABLED, "The team is archived", (TargetTurns(TEAM, {"state": "ARCHIVED"}),), DISABLED),
        Row(
            A.VERIFIED,
            "All is well, and a project is declared",
            (TargetTurns(PROJECT, here), NAMED),
            verified(),
            CAVEAT,
        ),
        Row(
            A.TARGET_MISSING,
            "The project is absent, or hidden from the key",
            (NAMED,),
            settled(R.TARGET_NOT_FOUND, INTERVAL),
        ),
        Row(
            A.TARGET_MISSING,
            none,
            (TargetTurns(OTHER_TEAM, {}), TargetTurns(PROJECT, {"teams": ["WEB"]}), NAMED),
            settled(R.TARGET_NOT_FOUND, INTERVAL),
        ),
        Row(
            A.TARGET_DISABLED,
            "The project is archived",
            (TargetTurns(PROJECT, {**here, "state": "ARCHIVED"}), NAMED),
            settled(R.TARGET_DISABLED, INTERVAL),
        ),
    )


def _linear() -> tuple[Row, ...]:
    late = turns(state="RATE_LIMITED", rate_limit={"style": "seconds", "seconds": 90, "status": 429})
    return (
        Row(A.VERIFIED, "All is well", WELL, verified(), CAVEAT),
        Row(A.WRONG, "`authentication error`: the key is wrong", (WRONG,), BAD),
        Row(A.REVOKED, "The key was revoked", (REVOKED,), BAD),
        Row(A.EXPIRED, "The key has ended, which Linear does not tell apart", (EXPIRED,), BAD),
        Row(A.ACCOUNT_DISABLED, "The member is suspended", (ACCOUNT_OFF,), refused(R.ACCOUNT_DISABLED)),
        Row(A.TOO_SMALL, "`forbidden`: the key may not read this", (TOO_SMALL,), SMALL),
        Row(
            A.CONSENT_MISSING,
            "`feature not accessible`: the workspace's plan lacks it",
            (turns(state="API_DISABLED"),),
            SMALL,
        ),
        *_errors(),
        *_targets(),
        *waits(),
        Row(
            A.LIMITED_OTHERWISE,
            "`ratelimited` with 400, whose budget is whole again in 90 seconds",
            (limited("reset", 90),),
            unsure(D.RATE_LIMITED, told(91, "when the budget is whole again, never sooner", blur=2)),
        ),
        Row(
            A.LIMITED_OTHERWISE,
            "`ratelimited` with 400, and no header says for how long",
            (limited("none", 90),),
            unsure(D.RATE_LIMITED, told(60, AGAIN_LATER)),
        ),
        Row(A.LIMITED_OTHERWISE, "`ratelimited` with 429", (late,), unsure(D.RATE_LIMITED, told(90))),
        clocks_do_not_matter(*CAVEAT),
        *in_the_cluster(SecretHolds({"apiKey": None}), SecretHolds({"apiKey": "two words"})),
        Row(
            A.MALFORMED,
            "`teamId` is a name, not a key",
            (MemberHolds({"teamId": "Mobile team"}),),
            flawed(),
        ),
        *on_the_wire(),
    )


LINEAR = Matrix(
    T.LINEAR,
    _linear(),
    {
        A.HOST_NOT_ALLOWED: OPERATORS_HOST,
        A.MAINTENANCE: "maintenance (Linear tells it as an error of its own)",
    },
)
