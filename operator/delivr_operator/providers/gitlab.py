"""GITLAB: a project on gitlab.com, or on a GitLab whose address the tenant chooses."""

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, Field

from delivr_operator.outcome import Caveat, IntegrationType, Outcome, Rejected, Rejection, Verified
from delivr_operator.providers.exchange import (
    Endpoints,
    Exchange,
    Headers,
    Request,
    Response,
    authority,
    read,
)
from delivr_operator.providers.gitlab_answers import (
    TOO_LITTLE,
    ProjectBody,
    TokenBody,
    UserBody,
    judge_member,
    judge_project,
    judge_token,
    judge_user,
)
from delivr_operator.providers.provider import Provider, Secrets
from delivr_operator.providers.secret_shapes import Token
from delivr_operator.providers.tenant_address import tenant_address
from delivr_operator.resource import Frozen

PUBLIC = "https://gitlab.com/api/v4"
_API = "/api/v4"


def _api_url(url: str) -> str:
    plain = tenant_address(url).rstrip("/")
    if not plain.endswith(_API):
        raise ValueError(
            f"must be the address of the REST API, which ends with {_API}, as in https://gitlab.acme.example{_API}"
        )
    return plain


class GitLabConfig(Frozen):
    """Which project, and on which GitLab."""

    project_id: Annotated[
        str,
        Field(
            pattern=r"^([1-9][0-9]{0,18}|[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+)$",
            max_length=512,
        ),
    ]
    api_url: Annotated[str, Field(max_length=512), AfterValidator(_api_url)] = PUBLIC


class AccessToken(Secrets):
    """A personal, project or group access token."""

    token: Token


_WHY = {
    Rejection.TARGET_NOT_FOUND: "is absent, or hidden from this token",
    Rejection.TARGET_DISABLED: "is archived",
    Rejection.INSUFFICIENT_PERMISSION: "may not be pushed to with this token: it needs the role Developer",
}


@dataclass(frozen=True, slots=True)
class _Holder:
    """Whose token it is, and what was found of the token."""

    user_id: int
    found: Verified


class _Session:
    """One probe's questions to one GitLab."""

    def __init__(self, exchange: Exchange, config: GitLabConfig, secrets: AccessToken) -> None:
        self._exchange = exchange
        self._base = exchange.endpoints.gitlab if _chosen(config) is None else config.api_url
        self._secrets = secrets
        self._project = f"/projects/{quote(config.project_id, safe='')}"
        self._config = config

    async def ask(self, path: str) -> Response:
        headers: Headers = {"PRIVATE-TOKEN": self._secrets.token, "Accept": "application/json"}
        return await self._exchange.send(Request("GET", self._base + path, headers, follows_redirects=True))

    async def holder(self) -> _Holder | Outcome:
        answer = await self.ask("/personal_access_tokens/self")
        if answer.status == HTTPStatus.NOT_FOUND:
            answer = await self.ask("/user")
            verdict, user = judge_user(answer), read(answer, UserBody)
            return _Holder(user.id, verdict) if isinstance(verdict, Verified) and user else verdict
        verdict, token = judge_token(answer), read(answer, TokenBody)
        return _Holder(token.user_id, verdict) if isinstance(verdict, Verified) and token else verdict

    async def project(self, holder: _Holder) -> Outcome:
        answer = await self.ask(self._project)
        outcome = judge_project(answer)
        if outcome == TOO_LITTLE:
            # What the project shows leaves out roles that come with an invited group.
            outcome = judge_member(await self.ask(f"{self._project}/members/all/{holder.user_id}"))
        if isinstance(outcome, Rejected) and (why := _WHY.get(outcome.reason)):
            return replace(outcome, detail=outcome.detail or f"Project {self._config.project_id} {why}.")
        if not isinstance(outcome, Verified):
            return outcome
        moved = (Caveat.RENAMED,) if _is_moved(answer, self._config.project_id) else ()
        return Verified((*holder.found.caveats, *moved), holder.found.expires_at)


def _is_moved(answer: Response, declared: str) -> bool:
    found = read(answer, ProjectBody)
    by_path = "/" in declared
    return by_path and found is not None and found.path_with_namespace.casefold() != declared.casefold()


async def _probe(exchange: Exchange, config: GitLabConfig, secrets: AccessToken) -> Outcome:
    session = _Session(exchange, config, secrets)
    holder = await session.holder()
    return await session.project(holder) if isinstance(holder, _Holder) else holder


def _hosts(config: GitLabConfig, endpoints: Endpoints) -> frozenset[str]:
    return frozenset({_chosen(config) or authority(endpoints.gitlab)})


def _chosen(config: GitLabConfig) -> str | None:
    return None if config.api_url == PUBLIC else authority(config.api_url)


GITLAB = Provider(
    type=IntegrationType.GITLAB,
    member="gitlab",
    config=GitLabConfig,
    secrets=AccessToken,
    sealed=frozenset({"token"}),
    permissions=(
        "a personal, project or group access token with the scope api (or read_api and write_repository)",
        "the role Developer or higher on the project; Maintainer to push protected branches and tags",
    ),
    hosts=_hosts,
    probe=_probe,
    judge=judge_project,
    tenant_chosen_host=_chosen,
)
