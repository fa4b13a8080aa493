"""GITHUB: the repository that releases are made from."""

from delivr_operator.outcome import IntegrationType
from delivr_operator.providers import repository
from delivr_operator.providers.provider import Provider

GITHUB = Provider(
    type=IntegrationType.GITHUB,
    member="github",
    config=repository.RepositoryConfig,
    secrets=repository.AccessToken,
    sealed=frozenset({"accessToken"}),
    permissions=repository.PERMISSIONS,
    hosts=repository.hosts,
    probe=repository.prove,
    judge=repository.judge_repository,
    tenant_chosen_host=repository.chosen_host,
)
