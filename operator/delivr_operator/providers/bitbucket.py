"""BITBUCKET: a repository at Bitbucket Cloud, or in a Data Center whose address the tenant chooses."""

from dataclasses import replace
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from delivr_operator.outcome import IntegrationType, Outcome, Rejected, Rejection
from delivr_operator.providers.bitbucket_cloud import CloudSession, judge_repository
from delivr_operator.providers.bitbucket_data_center import DataCenterSession
from delivr_operator.providers.exchange import Endpoints, Exchange, authority
from delivr_operator.providers.provider import Provider, Secrets
from delivr_operator.providers.secret_shapes import AccountName, Token
from delivr_operator.providers.tenant_address import tenant_address
from delivr_operator.resource import Frozen

_APP_PASSWORD = "ATBB"  # noqa: S105 - how those begin, which is known from practice only


def _no_dots(slug: str) -> str:
    if slug in {".", ".."}:
        raise ValueError("must be the slug of a repository")
    return slug


def _own_address(url: str) -> str:
    plain = tenant_address(url).rstrip("/")
    if authority(plain).partition(":")[0].lower() in {"bitbucket.org", "api.bitbucket.org"}:
        raise ValueError("must be the address of a Data Center: leave it out for Bitbucket Cloud")
    return plain


def _no_app_password(token: SecretStr) -> SecretStr:
    if token.get_secret_value().startswith(_APP_PASSWORD):
        raise ValueError(
            "is an app password, which Bitbucket no longer takes: put an API token or an access token there"
        )
    return token


class BitbucketConfig(Frozen):
    """Which repository; in a Data Center the workspace is the project's key."""

    workspace: Annotated[str, Field(pattern=r"^~?[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")]
    repo_slug: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,128}$"), AfterValidator(_no_dots)]
    url: Annotated[str, Field(max_length=512), AfterValidator(_own_address)] | None = None


class BitbucketToken(Secrets):
    """An API token with its account's email address, or an access token by itself."""

    email: AccountName | None = None
    token: Annotated[Token, AfterValidator(_no_app_password)]


_WHY = {
    Rejection.TARGET_NOT_FOUND: "is absent, or hidden from this token",
    Rejection.TARGET_DISABLED: "is archived",
    Rejection.INSUFFICIENT_PERMISSION: "may not be pushed to with this token, or its scopes are too small",
}
_KIND = "At Bitbucket Cloud an API token goes with email, and an access token without it."


async def _probe(exchange: Exchange, config: BitbucketConfig, secrets: BitbucketToken) -> Outcome:
    if config.url is None:
        cloud = CloudSession(exchange, secrets.email, secrets.token)
        outcome = await cloud.prove(config.workspace, config.repo_slug)
        if isinstance(outcome, Rejected) and outcome.reason is Rejection.BAD_CREDENTIALS:
            return replace(outcome, detail=_KIND)
    elif secrets.email is not None:
        detail = "A Data Center takes an HTTP access token by itself: take email out of the Secret."
        return Rejected(Rejection.MISCONFIGURED, detail)
    else:
        center = DataCenterSession(exchange, config.url, secrets.token)
        outcome = await center.prove(config.workspace, config.repo_slug)
    if isinstance(outcome, Rejected) and (why := _WHY.get(outcome.reason)):
        return replace(outcome, detail=f"Repository {config.workspace}/{config.repo_slug} {why}.")
    return outcome


def _hosts(config: BitbucketConfig, endpoints: Endpoints) -> frozenset[str]:
    return frozenset({_chosen(config) or authority(endpoints.bitbucket)})


def _chosen(config: BitbucketConfig) -> str | None:
    return None if config.url is None else authority(config.url)


BITBUCKET = Provider(
    type=IntegrationType.BITBUCKET,
    member="bitbucket",
    config=BitbucketConfig,
    secrets=BitbucketToken,
    sealed=frozenset({"token"}),
    permissions=(
        (
            "at Bitbucket Cloud an API token with scopes read:user:bitbucket, read:repository:bitbucket and"
            " write:repository:bitbucket, of a user who may write to the repository"
            "; or an access token of the repository, project or workspace that may write"
        ),
        "in a Data Center an HTTP access token that may write to the repository",
    ),
    hosts=_hosts,
    probe=_probe,
    judge=judge_repository,
    tenant_chosen_host=_chosen,
    optional=("email",),
)
