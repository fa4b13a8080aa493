"""TEST_RAIL: the user, the project and the suite, at Cloud or on a server under a path of its own."""

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

A, D, R, T = Answer, Doubt, Rejection, IntegrationType
PROJECT = Place("TEST_RAIL", "project", "{projectId}")
SUITE = Place("TEST_RAIL", "suite", "{projectId}")
CAVEAT = (Caveat.WRITE_UNPROVEN,)
API_OFF = "The API is disabled for your installation."


def _says(status: int, error: str) -> Fault:
    return Fault("STATUS", {"status": status, "body": json.dumps({"error": error})})


def _user() -> tuple[Row, ...]:
    """Return what is read of the user and the key."""
    api = refused(R.API_DISABLED, INTERVAL)
    inactive = Fault("STATUS", {"status": 200, "body": '{"id": 7, "is_active": false}'})
    return (
        Row(A.WRONG, "User and key do not fit", (WRONG,), BAD),
        Row(A.REVOKED, "The key was deleted", (REVOKED,), BAD),
        Row(A.EXPIRED, "The key has ended, which TestRail does not tell apart", (EXPIRED,), BAD),
        Row(A.ACCOUNT_DISABLED, "The user may no longer log in", (ACCOUNT_OFF,), BAD),
        Row(A.ACCOUNT_DISABLED, "Shows the user as not active", (inactive,), refused(R.ACCOUNT_DISABLED)),
        Row(A.CONSENT_MISSING, "403: the API is switched off", (turns(state="API_DISABLED"),), api),
        Row(A.CONSENT_MISSING, "401: the API is switched off", (_says(401, API_OFF),), api),
        Row(A.TOO_SMALL, "403: the user may not see this", (TOO_SMALL,), SMALL),
        Row(
            A.MALFORMED,
            "404 to every method: `url` leads to a TestRail, but not to its API",
            (_says(404, "Unknown method"),),
            refused(R.MISCONFIGURED),
        ),
        Row(
            A.MAINTENANCE, "409: the daily maintenance", (turns(state="MAINTENANCE"),), unsure(D.MAINTENANCE)
        ),
    )


def _targets() -> tuple[Row, ...]:
    """Return what is read of the project and the suite; naming a suite makes it another question."""

    def suite(**fields: str) -> tuple[TargetTurns, MemberHolds]:
        return TargetTurns(SUITE, {"project": "{projectId}", **fields}), NAMED

    return (
        Row(
            A.TARGET_MISSING,
            "400: the project is absent, or hidden from the user",
            (TargetTurns(PROJECT, GONE),),
            MISSING,
        ),
        Row(
            A.TARGET_DISABLED,
            "The project is completed",
            (TargetTurns(PROJECT, {"state": "ARCHIVED"}),),
            DISABLED,
        ),
        Row(A.VERIFIED, "All is well, and a suite is declared", suite(), verified(), CAVEAT),
        Row(
            A.TARGET_MISSING,
            "400: the suite is absent",
            suite(**GONE),
            settled(R.TARGET_NOT_FOUND, INTERVAL),
        ),
        Row(
            A.TARGET_MISSING,
            "The suite belongs to another project",
            suite(project="1"),
            settled(R.TARGET_NOT_FOUND, INTERVAL),
        ),
        Row(
            A.TARGET_DISABLED,
            "The suite is completed",
            suite(state="ARCHIVED"),
            settled(R.TARGET_DISABLED, INTERVAL),
        ),
        Row(A.HTML, "400 about something else", (_says(400, "Content-Type header missing"),), UNREADABLE),
    )


NAMED = MemberHolds({"suiteId": "{projectId}"})


def _test_rail() -> tuple[Row, ...]:
    return (
        Row(A.VERIFIED, "All is well", WELL, verified(), CAVEAT),
        Row(
            A.VERIFIED,
            "All is well, on a server before 6.6, which cannot say who asks",
            WELL,
            verified(),
            CAVEAT,
            issued={"old_server": True},
        ),
        *_user(),
        *_targets(),
        *waits(),
        Row(
            A.LIMITED_OTHERWISE,
            "Limits requests and does not say for how long",
            (limited("none", 90),),
            unsure(D.RATE_LIMITED, told(60, AGAIN_LATER)),
        ),
        clocks_do_not_matter(*CAVEAT),
        *in_the_cluster(SecretHolds({"apiKey": None}), SecretHolds({"username": "a:b"})),
        *at_a_chosen_host(MemberHolds({"url": "https://2130706433/testrail"})),
        *on_the_wire(),
    )


TEST_RAIL = Matrix(T.TEST_RAIL, _test_rail(), {})
