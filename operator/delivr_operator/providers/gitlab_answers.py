"""How GitLab's answers are read: the token, its user, the project, and the user's role in it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus

from delivr_operator.outcome import Caveat, Doubt, Expired, Outcome, Rejected, Rejection, Unknown, Verified
from delivr_operator.providers.answer import LIMITED_PAUSE, doubtful, retry_after, until
from delivr_operator.providers.exchange import Body, Response, read

DEVELOPER = 30
"""The least access level that may push to branches that are not protected."""
TOO_LITTLE = Rejected(Rejection.INSUFFICIENT_PERMISSION, http_status=200)
"""A role below that one, as far as one answer shows."""


class TokenBody(Body):
    """What GitLab tells of a token to the token itself."""

    active: bool
    revoked: bool
    scopes: tuple[str, ...]
    user_id: int
    expires_at: str | None = None


class UserBody(Body):
    """Who a token belongs to."""

    id: int


class _Access(Body):
    access_level: int


class _Permissions(Body):
    project_access: _Access | None = None
    group_access: _Access | None = None


class ProjectBody(Body):
    """A project, and what the caller may do in it."""

    path_with_namespace: str
    archived: bool
    permissions: _Permissions


class _Error(Body):
    error: str = ""
    error_description: str = ""
    message: str = ""


_DESCRIPTIONS: Mapping[str, Rejection] = {
    "Token was revoked": Rejection.REVOKED,
    "Bad Access Token": Rejection.BAD_CREDENTIALS,
    "Token is an impersonation token": Rejection.BAD_CREDENTIALS,
}
"""How the descriptions of `invalid_token` begin; GitLab gives no other code."""


def last_moment(day: str | None) -> datetime | None:
    """Return when a token that ends on `day` is over: as that day begins in UTC, which nobody documents."""
    try:
        found = date.fromisoformat(day or "")
    except ValueError:
        return None
    return datetime(found.year, found.month, found.day, tzinfo=UTC)


def judge_token(response: Response) -> Outcome:
    """Judge the answer about the token itself."""
    found = read(response, TokenBody) if response.status == HTTPStatus.OK else None
    if found is None:
        return _judge_identity(response)
    end = last_moment(found.expires_at)
    if found.revoked:
        return Rejected(Rejection.REVOKED, http_status=200)
    if not found.active:
        return Expired(end, http_status=200)
    scopes = frozenset(found.scopes)
    if "api" not in scopes and not scopes >= {"read_api", "write_repository"}:
        detail = "The token lacks the scope api (or the scopes read_api and write_repository)."
        return Rejected(Rejection.INSUFFICIENT_PERMISSION, detail, 200)
    return Verified(expires_at=end)


def judge_user(response: Response) -> Outcome:
    """Judge who the caller is, where GitLab is too old to tell of the token; its scopes stay unknown."""
    if response.status == HTTPStatus.OK and read(response, UserBody):
        return Verified((Caveat.WRITE_UNPROVEN,))
    return _judge_identity(response)


def _judge_identity(response: Response) -> Outcome:
    said = read(response, _Error)
    if response.status == HTTPStatus.UNAUTHORIZED and said and said.message == "401 Unauthorized":
        return Rejected(Rejection.BAD_CREDENTIALS, http_status=401)
    verdict = _judge_refusal(response)
    if verdict is None and response.status == HTTPStatus.FORBIDDEN:
        # A blocked address and a blocked user get the same answer, whatever the token is worth.
        return doubtful(response, Doubt.LOGIN_BLOCKED)
    return verdict or doubtful(response)


def _judge_refusal(response: Response) -> Rejected | Expired | Unknown | None:
    """Judge what GitLab may answer to any question; None where the question decides."""
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        return replace(doubtful(response), retry_after=_pause(response))
    said = read(response, _Error)
    if said is None:
        return None
    if response.status == HTTPStatus.FORBIDDEN and said.error == "insufficient_scope":
        return Rejected(Rejection.INSUFFICIENT_PERMISSION, http_status=403, code=said.error)
    if response.status != HTTPStatus.UNAUTHORIZED:
        return None
    if said.error == "dpop_error":
        detail = (
            "The token's user demands DPoP proofs, which the operator cannot give: use another user's token."
        )
        return Rejected(Rejection.MISCONFIGURED, detail, 401, said.error)
    if said.error != "invalid_token":
        return None
    if said.error_description.startswith("Token is expired"):
        return Expired(http_status=401, code=said.error)
    for words, reason in _DESCRIPTIONS.items():
        if said.error_description.startswith(words):
            return Rejected(reason, http_status=401, code=said.error)
    return None


def _pause(response: Response) -> timedelta:
    """Return how long GitLab wants to be left alone: by Retry-After, else until its limit resets."""
    if (wish := retry_after(response)) is not None:
        return wish
    reset = response.headers.get("ratelimit-reset", "")
    if re.fullmatch(r"[0-9]{1,11}", reset):
        return max(until(datetime.fromtimestamp(int(reset), UTC), response), timedelta(seconds=1))
    return LIMITED_PAUSE


def judge_project(response: Response) -> Outcome:
    """Judge the answer about the project after the token was proved."""
    found = read(response, ProjectBody) if response.status == HTTPStatus.OK else None
    if found is None:
        return _judge_absence(response, "404 Project Not Found")
    if found.archived:
        return Rejected(Rejection.TARGET_DISABLED, http_status=200)
    shown = (found.permissions.project_access, found.permissions.group_access)
    return _judge_level(max((access.access_level for access in shown if access), default=0))


def judge_member(response: Response) -> Outcome:
    """Judge the token's user among all members, who may be inherited or come with an invited group."""
    found = read(response, _Access) if response.status == HTTPStatus.OK else None
    if found is not None:
        return _judge_level(found.access_level)
    absent = _judge_absence(response, "404 Not found", "404 Not Found", "404 Member Not Found")
    if isinstance(absent, Rejected) and absent.reason is Rejection.TARGET_NOT_FOUND:
        return replace(absent, reason=Rejection.INSUFFICIENT_PERMISSION)
    return absent


def _judge_level(level: int) -> Verified | Rejected:
    return Verified() if level >= DEVELOPER else TOO_LITTLE


def _judge_absence(response: Response, *messages: str) -> Outcome:
    said = read(response, _Error)
    if response.status == HTTPStatus.NOT_FOUND and said:
        if said.message in messages:
            return Rejected(Rejection.TARGET_NOT_FOUND, http_status=404)
        if said.error == "404 Not Found":  # no project, but a path that GitLab does not know at all
            detail = "Perhaps a proxy in front of it changes %2F in paths: declare the project by its number."
            return replace(doubtful(response), detail=detail)
    return _judge_refusal(response) or doubtful(response)
