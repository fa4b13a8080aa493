"""The table of simulated providers."""

from dev.simulator.app_store_connect import AppStoreConnect
from dev.simulator.bitbucket import Bitbucket
from dev.simulator.firebase import CloudResourceManager, Firebase
from dev.simulator.github import GitHub
from dev.simulator.gitlab import GitLab
from dev.simulator.google import GoogleToken
from dev.simulator.jenkins import Jenkins
from dev.simulator.jira import Jira
from dev.simulator.linear import Linear
from dev.simulator.play_store import PlayStore
from dev.simulator.provider import Provider
from dev.simulator.slack import Slack
from dev.simulator.teams import MicrosoftGraph, MicrosoftLogin
from dev.simulator.test_rail import TestRail

PROVIDERS: tuple[type[Provider], ...] = (
    GitHub,
    GitLab,
    Bitbucket,
    AppStoreConnect,
    GoogleToken,
    PlayStore,
    Slack,
    Jenkins,
    Firebase,
    CloudResourceManager,
    Jira,
    MicrosoftLogin,
    MicrosoftGraph,
    Linear,
    TestRail,
)
