"""SLACK: the bot token and the channels, told apart by codes."""

from delivr_operator.outcome import Doubt, IntegrationType, Rejection
from tests.verdict_matrix.row import (
    Answer,
    CredentialTurns,
    Matrix,
    Place,
    Row,
    SecretHolds,
    TargetTurns,
    expired,
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
CHANNEL = Place("SLACK", "channel", "{channels[0]}", {"workspace": "{workspace}"})


def _slack() -> tuple[Row, ...]:
    hidden = TargetTurns(CHANNEL, {"private": True, "member": False})

    def says(code: str) -> tuple[CredentialTurns]:
        return (turns(error=code),)

    return (
        Row(A.VERIFIED, "All is well", WELL, verified()),
        Row(A.WRONG, "`invalid_auth`: the token is wrong", (WRONG,), BAD),
        Row(A.REVOKED, "`token_revoked`: the token was revoked", (REVOKED,), refused(R.REVOKED)),
        Row(A.EXPIRED, "`token_expired`: the token has ended", (EXPIRED,), expired()),
        Row(
            A.ACCOUNT_DISABLED,
            "`account_inactive`: the bot's account is disabled",
            (ACCOUNT_OFF,),
            refused(R.ACCOUNT_DISABLED),
        ),
        Row(A.TOO_SMALL, "`missing_scope`: the token may not list channels", (TOO_SMALL,), SMALL),
        Row(
            A.TOO_SMALL,
            "The token lacks the scope chat:write",
            (turns(scopes=["channels:read", "groups:read"]),),
            SMALL,
        ),
        Row(
            A.TOO_SMALL,
            "The bot is no member of the channel",
            (TargetTurns(CHANNEL, {"member": False}),),
            SMALL,
        ),
        Row(A.TOO_SMALL, "`access_denied`", says("access_denied"), SMALL),
        Row(A.TARGET_MISSING, "The channel is absent", (TargetTurns(CHANNEL, GONE),), MISSING),
        Row(A.TARGET_MISSING, "The channel is private, without the bot", (hidden,), MISSING),
        Row(
            A.TARGET_DISABLED,
            "The channel is archived",
            (TargetTurns(CHANNEL, {"state": "ARCHIVED"}),),
            DISABLED,
        ),
        Row(
            A.CONSENT_MISSING,
            "`org_login_required`: the workspace is being moved",
            (turns(state="SSO_REQUIRED"),),
            unsure(D.MAINTENANCE),
        ),
        *waits(),
        Row(
            A.LIMITED_OTHERWISE,
            "`ratelimited` with 200, and no header says for how long",
            says("ratelimited"),
            unsure(D.RATE_LIMITED, told(60, AGAIN_LATER)),
        ),
        Row(
            A.SERVER_ERROR,
            "`internal_error` with 200",
            says("internal_error"),
            unsure(D.UPSTREAM_ERROR),
        ),
        Row(
            A.MAINTENANCE,
            "`service_unavailable`",
            (turns(state="MAINTENANCE"),),
            unsure(D.MAINTENANCE),
        ),
        Row(
            A.MAINTENANCE,
            "`accesslimited`: access is blocked for the moment",
            (turns(state="LOGIN_BLOCKED"),),
            unsure(D.LOGIN_BLOCKED),
        ),
        Row(A.HTML, "A code that the operator does not know", says("brand_new"), UNREADABLE),
        clocks_do_not_matter(),
        *in_the_cluster(SecretHolds({"botToken": None}), SecretHolds({"botToken": "two words"})),
        *on_the_wire(),
    )


SLACK = Matrix(T.SLACK, _slack(), {A.HOST_NOT_ALLOWED: OPERATORS_HOST})
