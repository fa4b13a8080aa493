"""The table of providers: one integration type each, in the order in which people read them."""

from typing import Any

from delivr_operator.outcome import IntegrationType
from delivr_operator.providers.app_store_connect import APP_STORE_CONNECT
from delivr_operator.providers.bitbucket import BITBUCKET
from delivr_operator.providers.code_signing import CODE_SIGNING
from delivr_operator.providers.firebase import FIREBASE
from delivr_operator.providers.github import GITHUB
from delivr_operator.providers.github_actions import GITHUB_ACTIONS
from delivr_operator.providers.gitlab import GITLAB
from delivr_operator.providers.jenkins import JENKINS
from delivr_operator.providers.jira import JIRA
from delivr_operator.providers.linear import LINEAR
from delivr_operator.providers.play_store import PLAY_STORE
from delivr_operator.providers.provider import Provider
from delivr_operator.providers.slack import SLACK
from delivr_operator.providers.teams import TEAMS
from delivr_operator.providers.test_rail import TEST_RAIL

PROVIDERS: tuple[Provider[Any, Any], ...] = (
    GITHUB,
    GITLAB,
    BITBUCKET,
    APP_STORE_CONNECT,
    PLAY_STORE,
    CODE_SIGNING,
    JENKINS,
    GITHUB_ACTIONS,
    SLACK,
    TEAMS,
    FIREBASE,
    JIRA,
    LINEAR,
    TEST_RAIL,
)


def provider_of_type(kind: IntegrationType) -> Provider[Any, Any]:
    """Return the provider of a type.

    Raises:
        LookupError: no provider of this type exists.
    """
    for provider in PROVIDERS:
        if provider.type is kind:
            return provider
    raise LookupError(kind)


def provider_of_member(member: str) -> Provider[Any, Any] | None:
    """Return the provider that a member of the spec belongs to, if any."""
    return next((provider for provider in PROVIDERS if provider.member == member), None)
