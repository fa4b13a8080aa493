"""A GitHub repository and the token that opens it: how both are declared, asked about and judged."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, Field, SecretStr

from delivr_operator.outcome import Caveat, Doubt, Outcome, Rejected, Rejection, Unknown, Verified
from delivr_operator.providers.answer import LIMITED_PAUSE, doubtful, retry_after, until
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
from delivr_operator.providers.provider import Secrets
from delivr_operator.providers.secret_shapes import Token
from delivr_operator.providers.tenant_address import tenant_address
from delivr_operator.resource import Frozen

API_VERSION = "2022-11-28"
PERMISSIONS = (
    "a fine-grained token for the repository that may write Contents, Pull requests and Actions",
    "or a classic token with the scope repo, of a user who may push to the repository",
    "authorised for single sign-on where the organisation demands it",
)


def _no_dots(name: str) -> str:
    if name in {".", ".."}:
        raise ValueError("must be the name of a repository")
    return name


Organization = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")]
RepoName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$"), AfterValidator(_no_dots)]


def _api_url(url: str) -> str:
    plain = tenant_address(url).rstrip("/")
    host = authority(plain).partition(":")[0].lower()
    if host in {"github.com", "api.github.com"}:
        raise ValueError("must be the address of a GitHub Enterprise: leave it out for github.com")
    if not plain.endswith("/api/v3") and not re.fullmatch(
        r"https://api\.[^/]+\.ghe\.com(:443)?", plain.lower()
    ):
        raise ValueError(
            "must be the address of the REST API: https://HOST/api/v3 of a GitHub Enterprise Server, "
            "or https://api.SUBDOMAIN.ghe.com"
        )
    return plain


class RepositoryConfig(Frozen):
    """Which repository, and on which GitHub."""

    organization: Organization
    repo_name: RepoName
    api_url: Annotated[str, Field(max_length=512), AfterValidator(_api_url)] | None = None

    @property
    def name(self) -> str:
        """The repository as people write it."""
        return f"{self.organization}/{self.repo_name}"

    @property
    def path(self) -> str:
        """Where the repository is in the API."""
        return f"/repos/{quote(self.organization, safe='')}/{quote(self.repo_name, safe='')}"


class AccessToken(Secrets):
    """A personal access token."""

    access_token: Token


class _Message(Body):
    message: str


class _User(Body):
    login: str


class _Rights(Body):
    push: bool


class _Repository(Body):
    full_name: str
    private: bool
    archived: bool
    disabled: bool
    permissions: _Rights


def hosts(config: RepositoryConfig, endpoints: Endpoints) -> frozenset[str]:
    """Return the host that this repository's REST API is on."""
    return frozenset({authority(config.api_url or endpoints.github)})


def chosen_host(config: RepositoryConfig) -> str | None:
    """Return the host of the GitHub Enterprise that a tenant chose; None for github.com."""
    return None if config.api_url is None else authority(config.api_url)


async def ask_who(exchange: Exchange, config: RepositoryConfig, token: SecretStr) -> Response:
    """Return GitHub's answer about the token's account; always a new one, so that it proves the token."""
    return await exchange.send(_get(exchange, config, "/user", token))


async def ask(exchange: Exchange, config: RepositoryConfig, path: str, token: SecretStr) -> Response:
    """Return GitHub's answer about something in a repository; renamed ones are followed on the same host.

    Nothing is charged for an answer that did not change since this token was told it.
    """
    return await exchange.send(replace(_get(exchange, config, path, token), revalidates=True))


def _get(exchange: Exchange, config: RepositoryConfig, path: str, token: SecretStr) -> Request:
    headers: Headers = {
        "Authorization": SecretStr(f"Bearer {token.get_secret_value()}"),
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": API_VERSION,
    }
    base = config.api_url or exchange.endpoints.github
    return Request("GET", base + path, headers, follows_redirects=True)


async def prove(exchange: Exchange, config: RepositoryConfig, secrets: AccessToken) -> Outcome:
    """Return whether the token opens this repository for writing, as far as reading can tell."""
    who = await ask_who(exchange, config, secrets.access_token)
    identity = judge_identity(who)
    if not isinstance(identity, Verified):
        return identity
    answer = await ask(exchange, config, config.path, secrets.access_token)
    outcome = judge_repository(answer, who)
    if isinstance(outcome, Rejected):
        return replace(outcome, detail=f"Repository {config.name}{_WHY.get(outcome.reason, '')}.")
    if not isinstance(outcome, Verified):
        return outcome
    found = read(answer, _Repository)
    renamed = found is not None and found.full_name.casefold() != config.name.casefold()
    caveats = (*outcome.caveats, Caveat.RENAMED) if renamed else outcome.caveats
    return Verified(caveats, outcome.expires_at or identity.expires_at)


_WHY = {
    Rejection.INSUFFICIENT_PERMISSION: " may not be written to with this token",
    Rejection.TARGET_NOT_FOUND: " is absent, or hidden from this token",
    Rejection.TARGET_DISABLED: " is archived or disabled",
    Rejection.SSO_REQUIRED: " belongs to an organisation that demands single sign-on",
}


def judge_identity(response: Response) -> Outcome:
    """Judge the answer to `GET /user`, which nobody gets anonymously."""
    if response.status == HTTPStatus.OK and read(response, _User):
        return Verified(expires_at=expiry(response))
    verdict = judge_refusal(response)
    said = read(response, _Message)
    if response.status == HTTPStatus.UNAUTHORIZED and said and said.message == "Bad credentials":
        return Rejected(Rejection.BAD_CREDENTIALS, http_status=401)
    if verdict is None and response.status == HTTPStatus.FORBIDDEN and said:
        return doubtful(response, Doubt.LOGIN_BLOCKED)
    return verdict or doubtful(response)


def judge_repository(response: Response, identity: Response | None = None) -> Outcome:
    """Judge the answer to `GET /repos/{organization}/{repo}` after the identity was proved.

    Args:
        response: the answer, which may be an older one that was confirmed.
        identity: the answer about the account, where that is to name the token's scopes: a person may change
            these without the repository, and so its answer, being another.
    """
    if response.status == HTTPStatus.OK and (found := read(response, _Repository)):
        return _judge_state(response, found, granted_scopes(identity or response))
    return judge_target(response)


def judge_target(response: Response) -> Outcome:
    """Judge any answer but 200 about something in a repository."""
    said = read(response, _Message)
    if response.status == HTTPStatus.NOT_FOUND and said and said.message == "Not Found":
        return Rejected(Rejection.TARGET_NOT_FOUND, http_status=404)
    return judge_refusal(response) or doubtful(response)


def _judge_state(response: Response, found: _Repository, scopes: frozenset[str] | None) -> Outcome:
    if found.archived or found.disabled:
        return Rejected(Rejection.TARGET_DISABLED, http_status=response.status)
    enough = {"repo"} if found.private else {"repo", "public_repo"}
    if not found.permissions.push or (scopes is not None and not scopes & enough):
        return Rejected(Rejection.INSUFFICIENT_PERMISSION, http_status=response.status)
    # Only classic tokens name their scopes; what a fine-grained one may do cannot be read.
    caveats = (Caveat.WRITE_UNPROVEN,) if scopes is None else ()
    return Verified(caveats, expiry(response))


def granted_scopes(response: Response) -> frozenset[str] | None:
    """Return the scopes of a classic token; None where the token is of another kind."""
    value = response.headers.get("x-oauth-scopes")
    return None if value is None else frozenset(re.split(r"[\s,]+", value.strip()))


def judge_refusal(response: Response) -> Rejected | Unknown | None:
    """Judge what GitHub may answer to any question; None where the question decides."""
    said = read(response, _Message)
    words = said.message.casefold() if said else ""
    limited = "retry-after" in response.headers or response.headers.get("x-ratelimit-remaining") == "0"
    if response.status == HTTPStatus.TOO_MANY_REQUESTS or (
        response.status == HTTPStatus.FORBIDDEN and (limited or "rate limit" in words or "abuse" in words)
    ):
        return replace(doubtful(response, Doubt.RATE_LIMITED), retry_after=_pause(response))
    if response.status == HTTPStatus.BAD_REQUEST:
        return doubtful(response, Doubt.PROBE_OUTDATED)
    if response.status != HTTPStatus.FORBIDDEN:
        return None
    if "x-github-sso" in response.headers:
        return Rejected(Rejection.SSO_REQUIRED, http_status=403)
    if words.startswith("resource not accessible by "):
        return Rejected(Rejection.INSUFFICIENT_PERMISSION, http_status=403)
    if b"User Agent" in response.body[:200] and not response.is_json:
        return doubtful(response, Doubt.PROBE_OUTDATED)
    return None


def _pause(response: Response) -> timedelta:
    """Return how long GitHub wants to be left alone: by Retry-After, else until its quota resets."""
    if (wish := retry_after(response)) is not None:
        return wish
    reset = response.headers.get("x-ratelimit-reset", "")
    if response.headers.get("x-ratelimit-remaining") == "0" and re.fullmatch(r"[0-9]{1,11}", reset):
        return max(until(datetime.fromtimestamp(int(reset), UTC), response), timedelta(seconds=1))
    return LIMITED_PAUSE


def expiry(response: Response) -> datetime | None:
    """Return when the token ends; GitHub writes the zone as a name or as an offset."""
    value = response.headers.get("github-authentication-token-expiration", "")
    for style in ("%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H:%M:%S %z"):
        try:
            moment = datetime.strptime(value, style)  # noqa: DTZ007 - the first style is UTC by its name
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):  # a zone may lead past the last year that there is
            continue
    return None
