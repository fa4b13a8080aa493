"""How a Bitbucket Data Center is asked about a repository, and how its answers are read.

Its error bodies and the header that names the caller are known from practice only; all of that is here.
"""

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote, urlencode

from pydantic import Field, SecretStr

from delivr_operator.outcome import Caveat, Doubt, Outcome, Rejected, Rejection, Verified
from delivr_operator.providers.answer import LIMITED_PAUSE, bucket_pause, doubtful, retry_after
from delivr_operator.providers.exchange import Body, Exchange, Headers, Request, Response, read

_API = "/rest/api/1.0"
_CALLER = "x-ausername"
"""Names the user whom Bitbucket took the caller for; anonymous callers get none."""


class _Project(Body):
    key: str


class _Repository(Body):
    slug: str
    name: str
    project: _Project
    archived: bool = False


class _Page(Body):
    values: tuple[_Repository, ...]
    is_last_page: Annotated[bool, Field(alias="isLastPage")]


class _Exception(Body):
    name: Annotated[str | None, Field(alias="exceptionName")] = None


class _Errors(Body):
    errors: Annotated[tuple[_Exception, ...], Field(min_length=1)]


def judge_repository(response: Response) -> Outcome:
    """Judge the answer about the repository."""
    found = read(response, _Repository) if response.status == HTTPStatus.OK else None
    if found is None:
        return _judge_refusal(response)
    return Rejected(Rejection.TARGET_DISABLED, http_status=200) if found.archived else Verified()


def judge_writable(response: Response, project: str, slug: str) -> Outcome:
    """Judge the list of repositories of this name that the caller may write to; strangers get none."""
    found = read(response, _Page) if response.status == HTTPStatus.OK else None
    if found is None:
        return _judge_refusal(response)
    wanted = (project.casefold(), slug.casefold())
    if any((one.project.key.casefold(), one.slug.casefold()) == wanted for one in found.values):
        # The user may write; whether the token was narrowed to reading cannot be read.
        return Verified((Caveat.WRITE_UNPROVEN,))
    if found.is_last_page and _is_known(response):
        return Rejected(Rejection.INSUFFICIENT_PERMISSION, http_status=200)
    return doubtful(response)


def _judge_refusal(response: Response) -> Outcome:
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        pause = retry_after(response) or bucket_pause(response) or LIMITED_PAUSE
        return replace(doubtful(response), retry_after=pause)
    said = read(response, _Errors)
    if said is None:
        return doubtful(response)
    if any("Captcha" in (one.name or "") for one in said.errors):
        return doubtful(response, Doubt.LOGIN_BLOCKED)
    known = _is_known(response)
    if response.status == HTTPStatus.UNAUTHORIZED:
        # The same status for a token that it refuses and for a user who may not see the repository.
        reason = Rejection.INSUFFICIENT_PERMISSION if known else Rejection.BAD_CREDENTIALS
        return Rejected(reason, http_status=401)
    if response.status == HTTPStatus.NOT_FOUND and known:
        return Rejected(Rejection.TARGET_NOT_FOUND, http_status=404)
    return doubtful(response)


def _is_known(response: Response) -> bool:
    return bool(response.headers.get(_CALLER, "").strip())


class DataCenterSession:
    """One probe's questions to one Data Center."""

    def __init__(self, exchange: Exchange, url: str, token: SecretStr) -> None:
        self._exchange = exchange
        self._base = url.rstrip("/") + _API
        self._bearer = SecretStr(f"Bearer {token.get_secret_value()}")

    async def _ask(self, path: str) -> Response:
        headers: Headers = {"Authorization": self._bearer, "Accept": "application/json"}
        return await self._exchange.send(Request("GET", self._base + path, headers))

    async def prove(self, project: str, slug: str) -> Outcome:
        """Return whether the token's user may push to this repository."""
        answer = await self._ask(f"/projects/{quote(project, safe='')}/repos/{quote(slug, safe='')}")
        outcome, found = judge_repository(answer), read(answer, _Repository)
        if not isinstance(outcome, Verified) or found is None:
            return outcome
        # Asked by its name, for which repositories can be filtered; a slug they are known by cannot.
        query = urlencode({"permission": "REPO_WRITE", "name": found.name, "limit": "1000"})
        return judge_writable(await self._ask(f"/repos?{query}"), found.project.key, found.slug)
