"""JIRA: the project that work is tracked in, at Jira Cloud or at a Data Center of the tenant's own."""

import base64
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from delivr_operator.outcome import Doubt, IntegrationType, Outcome, Rejected, Rejection, Unknown, Verified
from delivr_operator.providers.answer import LIMITED_PAUSE, bucket_pause, doubtful, retry_after, until
from delivr_operator.providers.exchange import (
    Body,
    Endpoints,
    Exchange,
    Headers,
    Request,
    Response,
    authority,
    read,
)
from delivr_operator.providers.provider import Provider, Secrets
from delivr_operator.providers.secret_shapes import AccountName, Token
from delivr_operator.providers.tenant_address import tenant_address
from delivr_operator.resource import Frozen

NEEDED = ("BROWSE_PROJECTS", "CREATE_ISSUES", "EDIT_ISSUES", "TRANSITION_ISSUES", "ADD_COMMENTS")
"""Project permissions that tracking releases takes."""
_CLOUD = (".atlassian.net", "api.atlassian.com")


class JiraConfig(Frozen):
    """Which project, and where."""

    url: Annotated[str, Field(max_length=2048), AfterValidator(tenant_address)]
    project_key: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,254}$")]


class JiraToken(Secrets):
    """An API token with its account's email address (Cloud), or a personal access token (Data Center)."""

    email: AccountName | None = None
    api_token: Token


class _User(Body):
    active: bool


class _Project(Body):
    key: str
    archived: bool = False


class _Grant(Body):
    granted: Annotated[bool, Field(alias="havePermission")]


class _Grants(Body):
    permissions: dict[str, _Grant]


class _Errors(Body):
    """How Jira itself refuses; older and newer parts of it differ."""

    messages: Annotated[tuple[str, ...], Field(alias="errorMessages")] = ()
    message: str = ""


class _GatewayError(Body):
    """How the gateway before Jira Cloud, where tokens with scopes are used, refuses."""

    code: int
    message: str


def _judge_refusal(response: Response) -> Outcome:
    """Judge what Jira may answer to any question."""
    if _is_locked_out(response):
        return doubtful(response, Doubt.LOGIN_BLOCKED)
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        return replace(doubtful(response), retry_after=_pause(response))
    if _lacks_scope(response):
        detail = "The token lacks a scope that reading the project and one's own permissions needs."
        return Rejected(Rejection.INSUFFICIENT_PERMISSION, detail, response.status)
    if _is_away(response):
        pause = retry_after(response) or LIMITED_PAUSE
        return replace(doubtful(response, Doubt.MAINTENANCE), retry_after=pause)
    return doubtful(response)


def _is_locked_out(response: Response) -> bool:
    """Tell whether Jira wants a CAPTCHA solved and did not look at the credential; it may say so with 200.

    The headers' names are known from practice only.
    """
    if response.status not in {HTTPStatus.OK, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return False
    return (
        "CAPTCHA" in response.headers.get("x-authentication-denied-reason", "").upper()
        or "AUTHENTICATION_DENIED" in response.headers.get("x-seraph-loginreason", "").upper()
    )


def _lacks_scope(response: Response) -> bool:
    """Tell whether the gateway knows the token but not for this.

    That it says so with 401 and in these words is known from practice only.
    """
    said = read(response, _GatewayError)
    if said is None or said.code != response.status:
        return False
    unfit = "scope does not match" in said.message.casefold()
    return response.status == HTTPStatus.FORBIDDEN or (response.status == HTTPStatus.UNAUTHORIZED and unfit)


def _is_away(response: Response) -> bool:
    if response.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE} or response.is_json:
        return False
    return re.search(rb"site\s.{0,30}unavailable", response.body, re.IGNORECASE | re.DOTALL) is not None


def _pause(response: Response) -> timedelta:
    """Return how long Jira wants to be left alone: Cloud names a moment, a Data Center its bucket's pace."""
    if wish := retry_after(response):
        return wish
    try:
        moment = datetime.fromisoformat(response.headers.get("x-ratelimit-reset", ""))
    except ValueError:
        return bucket_pause(response) or LIMITED_PAUSE
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return until(zoned, response) or LIMITED_PAUSE


def _is_jiras(response: Response) -> bool:
    """Tell whether Jira itself refuses, not a proxy before it: by its JSON, or by its login's header."""
    said = read(response, _Errors)
    return (said is not None and bool(said.messages or said.message)) or (
        "x-seraph-loginreason" in response.headers
    )


def judge_identity(response: Response) -> Outcome:
    """Judge the answer to who the caller is, which nobody gets anonymously."""
    found = read(response, _User) if response.status == HTTPStatus.OK else None
    if found is not None and not _is_locked_out(response):
        refused = Rejected(Rejection.ACCOUNT_DISABLED, http_status=200)
        return Verified() if found.active else refused
    refusal = _judge_refusal(response)
    plain = isinstance(refusal, Unknown) and refusal.reason is Doubt.UNEXPECTED_RESPONSE
    if response.status == HTTPStatus.UNAUTHORIZED and plain and _is_jiras(response):
        return Rejected(Rejection.BAD_CREDENTIALS, http_status=401)
    return refusal


def judge_project(response: Response) -> Outcome:
    """Judge the answer about the project after the identity was proved."""
    found = read(response, _Project) if response.status == HTTPStatus.OK else None
    if found is not None and not _is_locked_out(response):
        return Rejected(Rejection.TARGET_DISABLED, http_status=200) if found.archived else Verified()
    said = read(response, _Errors)
    if response.status == HTTPStatus.NOT_FOUND and said is not None and said.messages:
        return Rejected(Rejection.TARGET_NOT_FOUND, http_status=404)
    return _judge_refusal(response)


def judge_permissions(response: Response) -> Outcome:
    """Judge the answer about what the caller may do in the project."""
    found = read(response, _Grants) if response.status == HTTPStatus.OK else None
    if found is None or _is_locked_out(response) or not found.permissions.keys() >= {*NEEDED}:
        return _judge_refusal(response)
    lacking = [name for name in NEEDED if not found.permissions[name].granted]
    if lacking:
        detail = f"The account lacks {', '.join(lacking)} in the project."
        return Rejected(Rejection.INSUFFICIENT_PERMISSION, detail, 200)
    return Verified()


_WHY = {
    Rejection.TARGET_NOT_FOUND: "is absent, or hidden from this account",
    Rejection.TARGET_DISABLED: "is archived",
}


class _Session:
    """One probe's questions; Cloud and Data Center differ in the API's version and in how one logs in."""

    def __init__(self, exchange: Exchange, config: JiraConfig, secrets: JiraToken) -> None:
        self._exchange = exchange
        token = secrets.api_token.get_secret_value()
        if secrets.email is None:
            self._login, version = SecretStr(f"Bearer {token}"), "2"
        else:
            pair = f"{secrets.email.get_secret_value()}:{token}"
            self._login, version = SecretStr(f"Basic {base64.b64encode(pair.encode()).decode()}"), "3"
        self._api = f"{config.url.rstrip('/')}/rest/api/{version}"

    async def ask(self, path: str) -> Response:
        headers: Headers = {"Authorization": self._login, "Accept": "application/json"}
        return await self._exchange.send(Request("GET", self._api + path, headers))


async def _probe(exchange: Exchange, config: JiraConfig, secrets: JiraToken) -> Outcome:
    session = _Session(exchange, config, secrets)
    who = judge_identity(await session.ask("/myself"))
    if not isinstance(who, Verified):
        return who
    project = judge_project(await session.ask(f"/project/{config.project_key}"))
    if isinstance(project, Rejected) and project.reason in _WHY:
        return replace(project, detail=f"Project {config.project_key} {_WHY[project.reason]}.")
    if not isinstance(project, Verified):
        return project
    rights = f"/mypermissions?projectKey={config.project_key}&permissions={','.join(NEEDED)}"
    return judge_permissions(await session.ask(rights))


def _hosts(config: JiraConfig, _: Endpoints) -> frozenset[str]:
    return frozenset({authority(config.url)})


def _chosen(config: JiraConfig) -> str:
    return authority(config.url)


def _wanted(config: JiraConfig) -> frozenset[str]:
    host = (urlsplit(config.url).hostname or "").rstrip(".")
    return frozenset({"email"}) if host.endswith(_CLOUD) else frozenset()


JIRA = Provider(
    type=IntegrationType.JIRA,
    member="jira",
    config=JiraConfig,
    secrets=JiraToken,
    sealed=frozenset({"apiToken"}),
    permissions=(
        "the project permissions Browse Projects, Create, Edit and Transition Issues, and Add Comments",
        "for a Cloud token with scopes: read:jira-work, read:jira-user and write:jira-work",
    ),
    hosts=_hosts,
    probe=_probe,
    judge=judge_project,
    tenant_chosen_host=_chosen,
    optional=("email",),
    wanted=_wanted,
)
