"""JENKINS: the user, the jobs, and a host that the tenant chooses."""

from delivr_operator.outcome import Caveat, Doubt, IntegrationType
from tests.verdict_matrix.row import (
    Answer,
    Fault,
    Matrix,
    MemberHolds,
    Place,
    Row,
    SecretHolds,
    TargetTurns,
    limited,
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
    GONE,
    MISSING,
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
    waits,
)

A, D, T = Answer, Doubt, IntegrationType
JOB = Place("JENKINS", "job", "{pipelines[0][jobPath]}")
INNER_JOB = Place("JENKINS", "job", "{pipelines[0][jobPath]}/inner")


def _jenkins() -> tuple[Row, ...]:
    caveat = (Caveat.BUILD_PERMISSION_UNPROVEN,)
    starting = Fault("HTML", {"body": "<html>Please wait while Jenkins is getting ready to work ...</html>"})
    return (
        Row(A.VERIFIED, "All is well", WELL, verified(), caveat),
        Row(
            A.VERIFIED,
            "All is well, and Blue Ocean shows the right to build",
            (TargetTurns(JOB, {"blue_ocean": True}),),
            verified(),
        ),
        Row(A.WRONG, "The user or the token is wrong", (WRONG,), BAD),
        Row(A.REVOKED, "The token was revoked", (REVOKED,), BAD),
        Row(A.ACCOUNT_DISABLED, "The user is disabled", (ACCOUNT_OFF,), BAD),
        Row(A.TOO_SMALL, "The user lacks Overall/Read", (TOO_SMALL,), SMALL),
        Row(
            A.TOO_SMALL,
            "Blue Ocean shows that the user may not build",
            (TargetTurns(JOB, {"blue_ocean": False}),),
            SMALL,
        ),
        Row(
            A.TARGET_MISSING,
            "The job is absent, or hidden from the user",
            (TargetTurns(JOB, GONE),),
            MISSING,
        ),
        Row(
            A.TARGET_MISSING,
            "What is declared as a job is a folder",
            (TargetTurns(JOB, GONE), TargetTurns(INNER_JOB, {})),
            MISSING,
        ),
        Row(
            A.TARGET_DISABLED,
            "The job is disabled",
            (TargetTurns(JOB, {"state": "DISABLED"}),),
            DISABLED,
        ),
        Row(
            A.CONSENT_MISSING,
            "Single sign-on before Jenkins leads to its login page",
            (turns(state="SSO_REQUIRED"),),
            UNREADABLE,
        ),
        Row(
            A.MAINTENANCE,
            "Prepares to shut down",
            (turns(state="MAINTENANCE"),),
            unsure(D.MAINTENANCE),
        ),
        Row(A.MAINTENANCE, "Is starting up", (starting,), unsure(D.MAINTENANCE)),
        *waits(),
        Row(
            A.LIMITED_OTHERWISE,
            "A proxy limits requests and does not say for how long",
            (limited("none", 90),),
            unsure(D.RATE_LIMITED, told(60, AGAIN_LATER)),
        ),
        clocks_do_not_matter(*caveat),
        *in_the_cluster(SecretHolds({"apiToken": None}), SecretHolds({"username": "a:b"})),
        *at_a_chosen_host(MemberHolds({"url": "https://2130706433/ci"})),
        *on_the_wire(D.MAINTENANCE),
    )


JENKINS = Matrix(T.JENKINS, _jenkins(), {A.EXPIRED: "a token past its end (Jenkins' tokens have none)"})
