"""How Bitbucket Cloud is asked about a repository, and how its answers are read."""

import base64
import re
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from pydantic import Field, SecretStr

from delivr_operator.outcome import Caveat, Outcome, Rejected, Rejection, Verified
from delivr_operator.providers.answer import doubtful
from delivr_operator.providers.exchange import Body, Exchange, Headers, Request, Response, read

_WRITING = frozenset({"repository:write", "write:repository:bitbucket"})
"""Scopes of access tokens and of API tokens that allow to push; administering alone does not."""


class _User(Body):
    uuid: str


class _Repository(Body):
    full_name: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]


class _Page(Body):
    values: tuple[_Repository, ...]


class _Message(Body):
    message: str


class _Error(Body):
    type: str
    error: _Message


def judge_identity(response: Response) -> Outcome:
    """Judge who an API token belongs to."""
    if response.status == HTTPStatus.OK and read(response, _User):
        return Verified()
    return _judge_first(response)


def judge_repository(response: Response) -> Outcome:
    """Judge the answer about the repository, as far as this one answer goes."""
    if response.status == HTTPStatus.OK and read(response, _Repository):
        scopes = granted_scopes(response)
        if scopes is None:
            return Verified((Caveat.WRITE_UNPROVEN,))
        return (
            Verified() if scopes & _WRITING else Rejected(Rejection.INSUFFICIENT_PERMISSION, http_status=200)
        )
    if response.status == HTTPStatus.NOT_FOUND and _said(response) is not None:
        return Rejected(Rejection.TARGET_NOT_FOUND, http_status=404)
    return _judge_refusal(response)


def judge_contributions(response: Response, full_name: str) -> Outcome:
    """Judge the list of repositories of this name that the token's user may write to."""
    found = read(response, _Page) if response.status == HTTPStatus.OK else None
    if found is None:
        return _judge_refusal(response)
    if any(one.full_name.casefold() == full_name.casefold() for one in found.values):
        return Verified()
    return Rejected(Rejection.INSUFFICIENT_PERMISSION, http_status=200)


def granted_scopes(response: Response) -> frozenset[str] | None:
    """Return the token's scopes; None where Bitbucket does not tell, as it may for API tokens."""
    value = response.headers.get("x-oauth-scopes")
    return None if value is None else frozenset(re.split(r"[\s,]+", value.strip()))


def _judge_first(response: Response) -> Outcome:
    """Judge an answer to the first question, in which a refused credential shows."""
    challenge = response.headers.get("www-authenticate", "").casefold()
    known = _said(response) is not None or "bitbucket" in challenge
    if response.status == HTTPStatus.UNAUTHORIZED and known:
        return Rejected(Rejection.BAD_CREDENTIALS, http_status=401)
    return _judge_refusal(response)


def _judge_refusal(response: Response) -> Outcome:
    words = _said(response)
    if response.status == HTTPStatus.FORBIDDEN and words and re.search("scope|privilege", words):
        return Rejected(Rejection.INSUFFICIENT_PERMISSION, http_status=403)
    return doubtful(response)


def _said(response: Response) -> str | None:
    found = read(response, _Error)
    return found.error.message.casefold() if found and found.type == "error" else None


class CloudSession:
    """One probe's questions: with an email address for a person, without one for a repository."""

    def __init__(self, exchange: Exchange, email: SecretStr | None, token: SecretStr) -> None:
        self._exchange = exchange
        self._personal = email is not None
        self._authorization = _authorization(email, token)

    async def _ask(self, path: str) -> Response:
        headers: Headers = {"Authorization": self._authorization, "Accept": "application/json"}
        url = self._exchange.endpoints.bitbucket + path
        return await self._exchange.send(Request("GET", url, headers, follows_redirects=True))

    async def prove(self, workspace: str, slug: str) -> Outcome:
        """Return whether the token may push to this repository, as far as reading can tell."""
        if self._personal:
            who = judge_identity(await self._ask("/user"))
            if not isinstance(who, Verified):
                return who
        answer = await self._ask(f"/repositories/{quote(workspace, safe='')}/{quote(slug, safe='')}")
        outcome = judge_repository(answer)
        if not self._personal and not isinstance(outcome, Verified):
            first = _judge_first(answer)
            outcome = first if isinstance(first, Rejected) else outcome
        found = read(answer, _Repository)
        if not isinstance(outcome, Verified) or found is None:
            return outcome
        if self._personal:
            written = await self._contributes(found.full_name)
            if not isinstance(written, Verified):
                return written
        moved = found.full_name.casefold() != f"{workspace}/{slug}".casefold()
        return replace(outcome, caveats=(*outcome.caveats, Caveat.RENAMED)) if moved else outcome

    async def _contributes(self, full_name: str) -> Outcome:
        """Ask what the user may write to; of an access token, which is no user, its scopes alone tell."""
        query = quote(f'full_name="{full_name}"', safe="")
        workspace = quote(full_name.partition("/")[0], safe="")
        answer = await self._ask(f"/repositories/{workspace}?role=contributor&q={query}")
        return judge_contributions(answer, full_name)


def _authorization(email: SecretStr | None, token: SecretStr) -> SecretStr:
    if email is None:
        return SecretStr(f"Bearer {token.get_secret_value()}")
    pair = f"{email.get_secret_value()}:{token.get_secret_value()}"
    return SecretStr(f"Basic {base64.b64encode(pair.encode()).decode()}")
