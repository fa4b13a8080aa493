"""GITHUB: the repository that releases are made from."""

from delivr_operator.outcome import IntegrationType, Outcome
from delivr_operator.providers import repository
from delivr_operator.providers.exchange import Endpoints, Exchange
from delivr_operator.providers.provider import Provider
from delivr_operator.resource import Frozen


class GitHubConfig(Frozen):
    """Which repository."""

    organization: repository.Organization
    repo_name: repository.RepoName


def _hosts(_: GitHubConfig, endpoints: Endpoints) -> frozenset[str]:
    return repository.hosts(endpoints)


async def _probe(exchange: Exchange, config: GitHubConfig, secrets: repository.AccessToken) -> Outcome:
    return await repository.prove(exchange, config.organization, config.repo_name, secrets)


GITHUB = Provider(
    type=IntegrationType.GITHUB,
    member="github",
    config=GitHubConfig,
    secrets=repository.AccessToken,
    sealed=frozenset({"accessToken"}),
    permissions=repository.PERMISSIONS,
    hosts=_hosts,
    probe=_probe,
    judge=repository.judge_repository,
)
