"""The world of the examples and the demo: acme's repository, apps, job and channels, with fresh secrets."""

from dataclasses import dataclass, field

from dev.simulator.app_store_connect import ApiKey, App
from dev.simulator.bitbucket import BitbucketRepository, BitbucketToken
from dev.simulator.firebase import App as FirebaseApp
from dev.simulator.firebase import FirebaseAccount, Project
from dev.simulator.github_state import GitHubCredential, Repository, Workflow
from dev.simulator.gitlab import GitLabProject, GitLabToken
from dev.simulator.google import ServiceAccount
from dev.simulator.jenkins_state import ApiToken, Job
from dev.simulator.jira import JiraToken
from dev.simulator.jira import Project as JiraProject
from dev.simulator.linear import ApiKey as LinearKey
from dev.simulator.linear import Project as LinearProject
from dev.simulator.linear import Team as LinearTeam
from dev.simulator.play_store import Package
from dev.simulator.slack import BotToken, Channel
from dev.simulator.state import Credential, World
from dev.simulator.teams import AppRegistration, Team
from dev.simulator.teams import Channel as TeamsChannel
from dev.simulator.test_rail import ApiKey as TestRailKey
from dev.simulator.test_rail import Project as TestRailProject
from dev.simulator.test_rail import Suite as TestRailSuite

REPOSITORY = "acme/mobile-app"
GITLAB_PROJECT = "acme/mobile/app"
WORKFLOWS = (".github/workflows/ios-build.yml", ".github/workflows/android-build.yml")
APP = "com.acme.app"
JOB = "folder/job"
CHANNELS = ("releases", "dev-team")
ENTRA_TENANT = "8f5ba0d4-6d5e-4b3f-9a53-3f5b6c1d2e70"
ENTRA_CLIENT = "0c2a7c59-51d4-4f6a-8a5d-97f1f0a4b6c3"
TEAM = "e2f8a1b0-7c4d-4a39-b6a5-1d0c9e8f7a61"
FIREBASE_PROJECT = "acme-mobile"
FIREBASE_APPS = ("1:1234567890:ios:0a1b2c3d4e5f6789", "1:1234567890:android:0a1b2c3d4e5f6789")
JIRA_PROJECT = "MOB"
LINEAR_TEAM = "MOB"
TEST_RAIL_PROJECT, TEST_RAIL_SUITE = "7", "12"
LINEAR_PROJECT = "9cfb482a-81e3-4154-b5b9-2c805e70a02d"


@dataclass
class Seed:
    """One tenant's credentials, made at start; sowing twice gives the same world."""

    github: GitHubCredential = field(default_factory=lambda: GitHubCredential(grants={REPOSITORY: "write"}))
    gitlab: GitLabToken = field(default_factory=lambda: GitLabToken(grants={GITLAB_PROJECT: 30}))
    bitbucket: BitbucketToken = field(
        default_factory=lambda: BitbucketToken(email="release-bot@acme.example", grants={REPOSITORY: "write"})
    )
    app_store_connect: ApiKey = field(default_factory=ApiKey)
    play_store: ServiceAccount = field(default_factory=lambda: ServiceAccount(project="acme-release"))
    jenkins: ApiToken = field(default_factory=lambda: ApiToken(username="admin"))
    slack: BotToken = field(default_factory=BotToken)
    teams: AppRegistration = field(
        default_factory=lambda: AppRegistration(tenant=ENTRA_TENANT, client_id=ENTRA_CLIENT)
    )
    firebase: FirebaseAccount = field(default_factory=lambda: FirebaseAccount(project=FIREBASE_PROJECT))
    jira: JiraToken = field(default_factory=lambda: JiraToken(email="release-bot@acme.example"))
    linear: LinearKey = field(default_factory=LinearKey)
    test_rail: TestRailKey = field(default_factory=lambda: TestRailKey(username="test-bot@acme.example"))

    def credentials(self) -> dict[str, Credential]:
        """Give each provider's credential, so that the seed can be changed like any other."""
        return {
            "GITHUB": self.github,
            "GITLAB": self.gitlab,
            "BITBUCKET": self.bitbucket,
            "APP_STORE_CONNECT": self.app_store_connect,
            "PLAY_STORE": self.play_store,
            "JENKINS": self.jenkins,
            "SLACK": self.slack,
            "TEAMS": self.teams,
            "FIREBASE": self.firebase,
            "JIRA": self.jira,
            "LINEAR": self.linear,
            "TEST_RAIL": self.test_rail,
        }

    def sow(self, world: World) -> None:
        """Put the whole of it into the world."""
        for provider, credential in self.credentials().items():
            world.put_credential(provider, credential)
        world.put_target("GITHUB", Repository(name=REPOSITORY, visible_to=(self.github.id,)))
        for path in WORKFLOWS:
            world.put_target("GITHUB", Workflow(name=path, repository=REPOSITORY))
        world.put_target("GITLAB", GitLabProject(name=GITLAB_PROJECT, visible_to=(self.gitlab.id,)))
        world.put_target("BITBUCKET", BitbucketRepository(name=REPOSITORY, visible_to=(self.bitbucket.id,)))
        world.put_target(
            "APP_STORE_CONNECT", App(name=APP, title="Acme", visible_to=(self.app_store_connect.id,))
        )
        world.put_target("PLAY_STORE", Package(name=APP, visible_to=(self.play_store.id,)))
        world.put_target("JENKINS", Job(name=JOB, visible_to=(self.jenkins.id,)))
        for channel in CHANNELS:
            world.put_target("SLACK", Channel(name=channel, workspace=self.slack.workspace))
        world.put_target("TEAMS", Team(name=TEAM, visible_to=(self.teams.id,)))
        world.put_target("TEAMS", TeamsChannel(name="Releases", team=TEAM))
        world.put_target("FIREBASE", Project(name=FIREBASE_PROJECT, visible_to=(self.firebase.id,)))
        for app in FIREBASE_APPS:
            world.put_target("FIREBASE", FirebaseApp(name=app, project=FIREBASE_PROJECT))
        world.put_target("JIRA", JiraProject(name=JIRA_PROJECT, visible_to=(self.jira.id,)))
        workspace = self.linear.workspace
        world.put_target("LINEAR", LinearTeam(name=LINEAR_TEAM, workspace=workspace))
        world.put_target(
            "LINEAR", LinearProject(name=LINEAR_PROJECT, workspace=workspace, teams=(LINEAR_TEAM,))
        )
        world.put_target("TEST_RAIL", TestRailProject(name=TEST_RAIL_PROJECT))
        world.put_target("TEST_RAIL", TestRailSuite(name=TEST_RAIL_SUITE, project=TEST_RAIL_PROJECT))

    def secrets(self) -> dict[str, dict[str, str]]:
        """Give each integration's Secret fields."""
        return {
            "github": self.github.secret,
            "gitlab": self.gitlab.secret,
            "bitbucket": self.bitbucket.secret,
            "appStoreConnect": self.app_store_connect.secret,
            "playStore": self.play_store.secret,
            "jenkins": self.jenkins.secret,
            "slack": self.slack.secret,
            "teams": self.teams.secret,
            "firebase": self.firebase.secret,
            "jira": self.jira.secret,
            "linear": self.linear.secret,
            "testRail": self.test_rail.secret,
        }
