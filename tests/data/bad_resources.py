"""Malformed ReleaseSetups: the complete example with one thing wrong each, and what a person is told then."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

GONE = object()
"""Put in place of a value that is taken out."""


@dataclass(frozen=True)
class Bad:
    """One malformed resource.

    Attributes:
        name: what is wrong with it.
        changes: by dotted path from the object's root; a number is a place in a list.
        at: the field that the refusal names.
        says: a part of the refusal that says what to do.
    """

    name: str
    changes: Mapping[str, Any]
    at: str
    says: str

    def made_from(self, good: Mapping[str, Any]) -> dict[str, Any]:
        """Return the good resource with this one's fault."""
        made = deepcopy(dict(good))
        for path, value in self.changes.items():
            *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
            place: Any = made
            for parent in parents:
                place = place[parent]
            if value is GONE:
                del place[last]
            else:
                place[last] = value
        return made


TENANT_ID = "must be a tenant id as Delivr shows it"
OWNER = "must be the email address or id of one Delivr account, without spaces"
ORGANIZATION = "must be the name of a GitHub organization or user alone"
REPOSITORY = "must be the name of a GitHub repository alone"
SECRET_NAME = "must be the name of a Secret in this namespace"
URL = "must be an address that begins with https:// and a host"
JOB_PATH = "must be the job's full name such as folder/job"
WORKFLOW_PATH = "must be a file such as .github/workflows/ios-build.yml"
CHANNEL = "must be a channel's name in lower case without '#'"
EVENT = "must be an event's name in lower case"

JENKINS: Mapping[str, Any] = {
    "url": "https://jenkins.acme.example/ci",
    "pipelines": [
        {"name": "production-build", "jobPath": "folder/job", "platform": "ANDROID", "target": "PLAY_STORE"}
    ],
    "secretRef": {"name": "jenkins"},
}
GITLAB: Mapping[str, Any] = {"projectId": "acme/mobile/app", "secretRef": {"name": "gitlab"}}
WORKFLOW: Mapping[str, Any] = {
    "name": "Nightly",
    "workflowPath": ".github/workflows/nightly.yaml",
    "platform": "IOS",
}


def jenkins(**fields: Any) -> Mapping[str, Any]:
    """Return a change that declares Jenkins with some fields otherwise."""
    return {"spec.jenkins": {**JENKINS, **fields}}


def pipeline(**fields: Any) -> Mapping[str, Any]:
    """Return a change that declares Jenkins with one field of its pipeline otherwise."""
    return jenkins(pipelines=[{**JENKINS["pipelines"][0], **fields}])


def gitlab(**fields: Any) -> Mapping[str, Any]:
    """Return a change that declares GitLab with some fields otherwise; a field given as None is left out."""
    return {"spec.gitlab": {name: value for name, value in {**GITLAB, **fields}.items() if value is not None}}


BITBUCKET: Mapping[str, Any] = {
    "workspace": "acme",
    "repoSlug": "mobile-app",
    "secretRef": {"name": "bitbucket"},
}


def bitbucket(**fields: Any) -> Mapping[str, Any]:
    """Return a change that declares Bitbucket with some fields otherwise."""
    return {"spec.bitbucket": {**BITBUCKET, **fields}}


def many(count: int, one: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return so many builds with names of their own."""
    return [{**one, "name": f"build-{number}"} for number in range(count)]


_FLOW = "spec.githubActions.workflows"
_PIPELINE = "spec.jenkins.pipelines[0]"

IDENTITY = (
    Bad("no spec", {"spec": GONE}, "spec", "Required value"),
    Bad("no tenant", {"spec.tenantId": GONE}, "spec.tenantId", "Required value"),
    Bad("empty tenant", {"spec.tenantId": ""}, "spec.tenantId", "at least 1 chars long"),
    Bad("tenant with a space", {"spec.tenantId": "Kp3x Q7"}, "spec.tenantId", TENANT_ID),
    Bad("tenant with a line break", {"spec.tenantId": "Kp3xQ7\n"}, "spec.tenantId", TENANT_ID),
    Bad("tenant in other letters", {"spec.tenantId": "Kp3xQ7é"}, "spec.tenantId", TENANT_ID),
    Bad("tenant too long", {"spec.tenantId": "x" * 37}, "spec.tenantId", "may not be more than 36"),
    Bad("tenant as a number", {"spec.tenantId": 12}, "spec.tenantId", 'must be of type string: "integer"'),
    Bad("no owner", {"spec.owner": GONE}, "spec.owner", "Required value"),
    Bad("owner is two", {"spec.owner": "a@b.example c@d.example"}, "spec.owner", OWNER),
    Bad("owner is a space", {"spec.owner": " "}, "spec.owner", OWNER),
    Bad("owner too long", {"spec.owner": "o" * 256}, "spec.owner", "may not be more than 255"),
)

SELECTION = (
    Bad("unknown target", {"spec.targets": ["AMAZON"]}, "spec.targets[0]", '"APP_STORE", "PLAY_STORE"'),
    Bad("target in lower case", {"spec.targets": ["app_store"]}, "spec.targets[0]", '"APP_STORE"'),
    Bad("target twice", {"spec.targets": ["APP_STORE", "APP_STORE"]}, "spec.targets[1]", "Duplicate value"),
    Bad("targets no list", {"spec.targets": "APP_STORE"}, "spec.targets", "must be of type array"),
    Bad("targets null", {"spec.targets": [None]}, "spec.targets[0]", 'must be of type string: "null"'),
    Bad("unknown platform", {"spec.platforms": ["IPHONE"]}, "spec.platforms[0]", '"IOS", "ANDROID", "WEB"'),
    Bad("platform twice", {"spec.platforms": ["IOS", "IOS"]}, "spec.platforms[1]", "Duplicate value"),
    Bad("store without iOS", {"spec.platforms": ["ANDROID"]}, "spec.targets", "add IOS to spec.platforms"),
    Bad(
        "store without Android", {"spec.platforms": ["IOS"]}, "spec.targets", "add ANDROID to spec.platforms"
    ),
    Bad("stores without platforms", {"spec.platforms": GONE}, "spec.targets", "add IOS to spec.platforms"),
)

PACE = (
    Bad("interval without unit", {"spec.interval": "60"}, "spec.interval", "such as 30m, 1h or 1h30m"),
    Bad("interval in days", {"spec.interval": "1d"}, "spec.interval", "such as 30m, 1h or 1h30m"),
    Bad("interval negative", {"spec.interval": "-1h"}, "spec.interval", "such as 30m, 1h or 1h30m"),
    Bad("interval with fraction", {"spec.interval": "1.5h"}, "spec.interval", "such as 30m, 1h or 1h30m"),
    Bad("interval too short", {"spec.interval": "59s"}, "spec.interval", "must be between 1m and 24h"),
    Bad("interval too long", {"spec.interval": "24h1s"}, "spec.interval", "must be between 1m and 24h"),
    Bad(
        "interval huge", {"spec.interval": "999999h999999h9h"}, "spec.interval", "must be between 1m and 24h"
    ),
    Bad("interval as a number", {"spec.interval": 60}, "spec.interval", "must be of type string"),
    Bad("suspend as text", {"spec.suspend": "yes"}, "spec.suspend", "must be of type boolean"),
    Bad("unknown policy", {"spec.deletionPolicy": "Orphan"}, "spec.deletionPolicy", '"Delete", "Retain"'),
)

REPOSITORIES = (
    Bad(
        "organization as a path",
        {"spec.github.organization": "acme/x"},
        "spec.github.organization",
        ORGANIZATION,
    ),
    Bad(
        "organization with dot", {"spec.github.organization": ".."}, "spec.github.organization", ORGANIZATION
    ),
    Bad("no organization", {"spec.github.organization": GONE}, "spec.github.organization", "Required value"),
    Bad("no repository", {"spec.github.repoName": GONE}, "spec.github.repoName", "Required value"),
    Bad("repository as a path", {"spec.github.repoName": "acme/app"}, "spec.github.repoName", REPOSITORY),
    Bad("repository one dot", {"spec.github.repoName": "."}, "spec.github.repoName", REPOSITORY),
    Bad("repository two dots", {"spec.github.repoName": ".."}, "spec.github.repoName", REPOSITORY),
    Bad("repository with query", {"spec.github.repoName": "app?x=1"}, "spec.github.repoName", REPOSITORY),
    Bad("repository with .git", {"spec.github.repoName": "app.git"}, "spec.github.repoName", "without .git"),
    Bad(
        "GitHub without TLS",
        {"spec.github.apiUrl": "http://git.acme.example/api/v3"},
        "spec.github.apiUrl",
        URL,
    ),
    Bad(
        "GitHub's page, not its API",
        {"spec.github.apiUrl": "https://git.acme.example"},
        "spec.github.apiUrl",
        "must be the address of the REST API",
    ),
    Bad(
        "github.com as an Enterprise",
        {"spec.github.apiUrl": "https://github.com/api/v3"},
        "spec.github.apiUrl",
        "leave it out for github.com",
    ),
    Bad(
        "GitHub Actions elsewhere without a repository",
        {"spec.githubActions.apiUrl": "https://git.acme.example/api/v3"},
        "spec.githubActions",
        "apiUrl goes with a repository of its own",
    ),
    Bad("github null", {"spec.github": None}, "spec.githubActions", "declare spec.github"),
    Bad("token in the spec", {"spec.github.accessToken": "x"}, "spec.github.accessToken", "unknown field"),
    Bad("misspelt member", {"spec.gitHub": {}}, "spec.gitHub", "unknown field"),
)

SECRETS = (
    Bad("no Secret", {"spec.github.secretRef": GONE}, "spec.github.secretRef", "Required value"),
    Bad("Secret without name", {"spec.slack.secretRef": {}}, "spec.slack.secretRef.name", "Required value"),
    Bad(
        "Secret elsewhere",
        {"spec.github.secretRef.namespace": "kube-system"},
        "spec.github.secretRef.namespace",
        "unknown field",
    ),
    Bad(
        "Secret by path",
        {"spec.github.secretRef.name": "other/github"},
        "spec.github.secretRef.name",
        SECRET_NAME,
    ),
    Bad(
        "Secret in upper case",
        {"spec.playStore.secretRef.name": "Play"},
        "spec.playStore.secretRef.name",
        SECRET_NAME,
    ),
    Bad(
        "key of another type",
        {"spec.github.secretRef.keys": {"botToken": "token"}},
        "spec.github.secretRef.keys",
        "may rename only the field accessToken",
    ),
    Bad(
        "key with a slash",
        {"spec.slack.secretRef.keys": {"botToken": "a/b"}},
        "spec.slack.secretRef.keys",
        "must name keys of the Secret",
    ),
    Bad(
        "empty key",
        {"spec.slack.secretRef.keys": {"botToken": ""}},
        "spec.slack.secretRef.keys",
        "at least 1 chars",
    ),
)

STORES = (
    Bad(
        "no bundle id",
        {"spec.appStoreConnect.bundleId": GONE},
        "spec.appStoreConnect.bundleId",
        "Required value",
    ),
    Bad(
        "bundle id with wildcard",
        {"spec.appStoreConnect.bundleId": "com.acme.*"},
        "spec.appStoreConnect.bundleId",
        "must be a bundle id such as com.acme.app",
    ),
    Bad(
        "package of one part",
        {"spec.playStore.packageName": "acme"},
        "spec.playStore.packageName",
        "must be a package name such as com.acme.app",
    ),
    Bad(
        "package with digit first",
        {"spec.playStore.packageName": "com.1acme.app"},
        "spec.playStore.packageName",
        "must be a package name such as com.acme.app",
    ),
)

CONTROLLERS = (
    Bad("Jenkins without TLS", jenkins(url="http://jenkins.acme.example"), "spec.jenkins.url", URL),
    Bad("Jenkins without scheme", jenkins(url="jenkins.acme.example"), "spec.jenkins.url", URL),
    Bad("Jenkins without host", jenkins(url="https:///ci"), "spec.jenkins.url", URL),
    Bad("Jenkins with user", jenkins(url="https://me:pw@jenkins.acme.example"), "spec.jenkins.url", URL),
    Bad("Jenkins with query", jenkins(url="https://jenkins.acme.example/?a=b"), "spec.jenkins.url", URL),
    Bad("Jenkins with fragment", jenkins(url="https://jenkins.acme.example/#x"), "spec.jenkins.url", URL),
    Bad("Jenkins with port 0", jenkins(url="https://jenkins.acme.example:0"), "spec.jenkins.url", URL),
    Bad(
        "Jenkins above its path", jenkins(url="https://jenkins.acme.example/a/../b"), "spec.jenkins.url", URL
    ),
    Bad("Jenkins with a backslash", jenkins(url="https://jenkins.acme.example\\@x"), "spec.jenkins.url", URL),
    Bad("no pipelines", jenkins(pipelines=[]), "spec.jenkins.pipelines", "at least 1 items"),
    Bad(
        "too many pipelines",
        jenkins(pipelines=many(51, JENKINS["pipelines"][0])),
        "spec.jenkins.pipelines",
        "at most 50 items",
    ),
    Bad(
        "pipeline twice",
        jenkins(pipelines=[JENKINS["pipelines"][0]] * 2),
        "spec.jenkins.pipelines[1]",
        "Duplicate value",
    ),
    Bad("pipeline of spaces", pipeline(name=" "), f"{_PIPELINE}.name", "must be more than spaces"),
    Bad("job with a slash first", pipeline(jobPath="/folder/job"), f"{_PIPELINE}.jobPath", JOB_PATH),
    Bad("job with a slash last", pipeline(jobPath="folder/job/"), f"{_PIPELINE}.jobPath", JOB_PATH),
    Bad("job with two slashes", pipeline(jobPath="folder//job"), f"{_PIPELINE}.jobPath", JOB_PATH),
    Bad("job above its folder", pipeline(jobPath="folder/../job"), f"{_PIPELINE}.jobPath", JOB_PATH),
    Bad("pipeline's wrong pair", pipeline(platform="IOS"), f"{_PIPELINE}.target", "is for platform ANDROID"),
    Bad(
        "pipeline for the web store",
        pipeline(platform="WEB"),
        f"{_PIPELINE}.target",
        "is for platform ANDROID",
    ),
)

WORKFLOWS = (
    Bad(
        "workflows of nobody",
        {"spec.github": GONE},
        "spec.githubActions",
        "declare spec.github, or name organization, repoName and secretRef",
    ),
    Bad(
        "half a repository",
        {"spec.githubActions.organization": "acme"},
        "spec.githubActions",
        "name organization, repoName and secretRef all three, or none",
    ),
    Bad(
        "repository without token",
        {"spec.githubActions.organization": "acme", "spec.githubActions.repoName": "ci", "spec.github": GONE},
        "spec.githubActions",
        "name organization, repoName and secretRef all three, or none",
    ),
    Bad("no workflows", {_FLOW: []}, _FLOW, "at least 1 items"),
    Bad("too many workflows", {_FLOW: many(51, WORKFLOW)}, _FLOW, "at most 50 items"),
    Bad("workflow twice", {_FLOW: [WORKFLOW, WORKFLOW]}, f"{_FLOW}[1]", "Duplicate value"),
    Bad(
        "workflow without file",
        {f"{_FLOW}.0.workflowPath": GONE},
        f"{_FLOW}[0].workflowPath",
        "Required value",
    ),
    Bad(
        "workflow by file name",
        {f"{_FLOW}.0.workflowPath": "ios-build.yml"},
        f"{_FLOW}[0].workflowPath",
        WORKFLOW_PATH,
    ),
    Bad(
        "workflow in a folder",
        {f"{_FLOW}.0.workflowPath": ".github/workflows/ios/build.yml"},
        f"{_FLOW}[0].workflowPath",
        WORKFLOW_PATH,
    ),
    Bad(
        "workflow no YAML",
        {f"{_FLOW}.0.workflowPath": ".github/workflows/build.sh"},
        f"{_FLOW}[0].workflowPath",
        WORKFLOW_PATH,
    ),
    Bad(
        "workflow's wrong pair",
        {f"{_FLOW}.0.platform": "ANDROID"},
        f"{_FLOW}[0].target",
        "is for platform IOS",
    ),
)

CHAT = (
    Bad("no channels", {"spec.slack.channels": []}, "spec.slack.channels", "at least 1 items"),
    Bad("channel with #", {"spec.slack.channels": ["#releases"]}, "spec.slack.channels[0]", CHANNEL),
    Bad("channel in upper case", {"spec.slack.channels": ["Releases"]}, "spec.slack.channels[0]", CHANNEL),
    Bad("channel with space", {"spec.slack.channels": ["our releases"]}, "spec.slack.channels[0]", CHANNEL),
    Bad("channel twice", {"spec.slack.channels": ["a", "a"]}, "spec.slack.channels[1]", "Duplicate value"),
    Bad(
        "too many channels",
        {"spec.slack.channels": [f"channel-{number}" for number in range(101)]},
        "spec.slack.channels",
        "at most 100 items",
    ),
    Bad(
        "event in camel case",
        {"spec.slack.notifyOnEvents": ["buildDone"]},
        "spec.slack.notifyOnEvents[0]",
        EVENT,
    ),
)

JIRA: Mapping[str, Any] = {
    "url": "https://acme.atlassian.net",
    "projectKey": "MOB",
    "secretRef": {"name": "jira"},
}
PROJECT_KEY = "must be a project's key such as MOB"


def jira(**fields: Any) -> Mapping[str, Any]:
    """Return a change that declares Jira with some fields otherwise."""
    return {"spec.jira": {**JIRA, **fields}}


LINEAR: Mapping[str, Any] = {"teamId": "MOB", "secretRef": {"name": "linear"}}
TEAM = "must be a team's key such as MOB"


def linear(**fields: Any) -> Mapping[str, Any]:
    """Return a change that declares Linear with some fields otherwise."""
    return {"spec.linear": {**LINEAR, **fields}}


TEST_RAIL: Mapping[str, Any] = {
    "url": "https://acme.testrail.io",
    "projectId": 7,
    "secretRef": {"name": "test-rail"},
}


def test_rail(**fields: Any) -> Mapping[str, Any]:
    """Return a change that declares TestRail with some fields otherwise."""
    return {"spec.testRail": {**TEST_RAIL, **fields}}


TRACKERS = (
    Bad("Jira without TLS", jira(url="http://jira.acme.example"), "spec.jira.url", URL),
    Bad("Jira with a page", jira(url="https://acme.atlassian.net/browse?x=1"), "spec.jira.url", URL),
    Bad("Jira project in lower case", jira(projectKey="mob"), "spec.jira.projectKey", PROJECT_KEY),
    Bad("Jira project by an issue", jira(projectKey="MOB-12"), "spec.jira.projectKey", PROJECT_KEY),
    Bad("Jira project above", jira(projectKey="../X"), "spec.jira.projectKey", PROJECT_KEY),
    Bad("Jira project of one letter", jira(projectKey="M"), "spec.jira.projectKey", "at least 2 chars"),
    Bad("Jira token in the spec", jira(apiToken="x"), "spec.jira.apiToken", "unknown field"),
    Bad(
        "Jira key of another type",
        jira(secretRef={"name": "jira", "keys": {"username": "user"}}),
        "spec.jira.secretRef.keys",
        "may rename only the fields apiToken, email",
    ),
    Bad("Linear without team", linear(teamId=""), "spec.linear.teamId", "at least 1 chars"),
    Bad("Linear team by its name", linear(teamId="Mobile"), "spec.linear.teamId", TEAM),
    Bad("Linear team by an issue", linear(teamId="MOB-123"), "spec.linear.teamId", TEAM),
    Bad(
        "Linear team by a loud id",
        linear(teamId="9CFB482A-81E3-4154-B5B9-2C805E70A02D"),
        "spec.linear.teamId",
        TEAM,
    ),
    Bad(
        "Linear project by its slug",
        linear(projectId="mobile-app-1a2b3c4d5e6f-mobile-app-1"),
        "spec.linear.projectId",
        "must be the project's id, a UUID in lower case",
    ),
    Bad("Linear with an address", linear(url="https://x.example"), "spec.linear.url", "unknown field"),
    Bad("TestRail without TLS", test_rail(url="http://acme.testrail.io"), "spec.testRail.url", URL),
    Bad(
        "TestRail with its page",
        test_rail(url="https://acme.testrail.io/index.php?/dashboard"),
        "spec.testRail.url",
        URL,
    ),
    Bad(
        "TestRail project 0", test_rail(projectId=0), "spec.testRail.projectId", "greater than or equal to 1"
    ),
    Bad("TestRail project as text", test_rail(projectId="7"), "spec.testRail.projectId", "type integer"),
    Bad("TestRail project too large", test_rail(projectId=2**31), "spec.testRail.projectId", "int32"),
    Bad(
        "TestRail suite below 1", test_rail(suiteId=-1), "spec.testRail.suiteId", "greater than or equal to 1"
    ),
    Bad("TestRail user in the spec", test_rail(username="x"), "spec.testRail.username", "unknown field"),
)

FIREBASE: Mapping[str, Any] = {
    "projectId": "acme-mobile",
    "iosAppId": "1:1234567890:ios:0a1b2c3d4e5f6789",
    "secretRef": {"name": "firebase"},
}


def firebase(**fields: Any) -> Mapping[str, Any]:
    """Return a change that declares Firebase with some fields otherwise."""
    return {"spec.firebase": {**FIREBASE, **fields}}


TEAMS: Mapping[str, Any] = {
    "tenantId": "acme.onmicrosoft.com",
    "clientId": "0c2a7c59-51d4-4f6a-8a5d-97f1f0a4b6c3",
    "teamId": "e2f8a1b0-7c4d-4a39-b6a5-1d0c9e8f7a61",
    "channels": ["Releases"],
    "secretRef": {"name": "teams"},
}


def teams(**fields: Any) -> Mapping[str, Any]:
    """Return a change that declares Teams with some fields otherwise."""
    return {"spec.teams": {**TEAMS, **fields}}


MEETINGS = (
    Bad("Teams of any tenant", teams(tenantId="common"), "spec.teams.tenantId", "common and organizations"),
    Bad("Teams above its tenant", teams(tenantId="../x.example"), "spec.teams.tenantId", "must be the Dir"),
    Bad("Teams app by name", teams(clientId="Delivr"), "spec.teams.clientId", "at least 36 chars"),
    Bad("Teams team by a path", teams(teamId="../" * 12), "spec.teams.teamId", "the groupId in the link"),
    Bad("Teams without channels", teams(channels=[]), "spec.teams.channels", "at least 1 items"),
    Bad(
        "Teams channel of spaces", teams(channels=[" "]), "spec.teams.channels[0]", "must be a channel's name"
    ),
    Bad(
        "Teams channel on two lines",
        teams(channels=["a\nb"]),
        "spec.teams.channels[0]",
        "must be a channel's name",
    ),
    Bad("Teams channel twice", teams(channels=["a", "a"]), "spec.teams.channels[1]", "Duplicate value"),
    Bad("Teams secret in the spec", teams(clientSecret="x"), "spec.teams.clientSecret", "unknown field"),
    Bad(
        "Teams key of another type",
        teams(secretRef={"name": "teams", "keys": {"botToken": "token"}}),
        "spec.teams.secretRef.keys",
        "may rename only the field clientSecret",
    ),
)


_WITHOUT_APP = {name: value for name, value in FIREBASE.items() if name != "iosAppId"}
DISTRIBUTION = (
    Bad("Firebase without app", {"spec.firebase": _WITHOUT_APP}, "spec.firebase", "name the app that builds"),
    Bad(
        "Firebase project by name",
        firebase(projectId="Acme Mobile"),
        "spec.firebase.projectId",
        "must be a project id such as acme-mobile",
    ),
    Bad(
        "Firebase project by number",
        firebase(projectId="1234567890"),
        "spec.firebase.projectId",
        "must be a project id such as acme-mobile",
    ),
    Bad(
        "Firebase app by bundle",
        firebase(iosAppId="com.acme.app"),
        "spec.firebase.iosAppId",
        "must be the App ID of an iOS app",
    ),
    Bad(
        "Firebase app of the other platform",
        firebase(androidAppId=FIREBASE["iosAppId"]),
        "spec.firebase.androidAppId",
        "must be the App ID of an Android app",
    ),
    Bad(
        "Firebase key in the spec",
        firebase(serviceAccountKey="{}"),
        "spec.firebase.serviceAccountKey",
        "unknown field",
    ),
    Bad(
        "Firebase key of another type",
        firebase(secretRef={"name": "firebase", "keys": {"privateKey": "key"}}),
        "spec.firebase.secretRef.keys",
        "may rename only the field serviceAccountKey",
    ),
)

GITLAB_PROJECT = "must be the project's number"
GITLABS = (
    Bad("GitLab without project", gitlab(projectId=None), "spec.gitlab.projectId", "Required value"),
    Bad(
        "GitLab project as a number",
        gitlab(projectId=4711),
        "spec.gitlab.projectId",
        "must be of type string",
    ),
    Bad("GitLab project without group", gitlab(projectId="app"), "spec.gitlab.projectId", GITLAB_PROJECT),
    Bad(
        "GitLab project above its group",
        gitlab(projectId="acme/../app"),
        "spec.gitlab.projectId",
        GITLAB_PROJECT,
    ),
    Bad(
        "GitLab project with .git", gitlab(projectId="acme/app.git"), "spec.gitlab.projectId", "without .git"
    ),
    Bad("GitLab without TLS", gitlab(apiUrl="http://git.acme.example/api/v4"), "spec.gitlab.apiUrl", URL),
    Bad(
        "GitLab with user", gitlab(apiUrl="https://me:pw@git.acme.example/api/v4"), "spec.gitlab.apiUrl", URL
    ),
    Bad(
        "GitLab's page, not its API",
        gitlab(apiUrl="https://git.acme.example"),
        "spec.gitlab.apiUrl",
        "ends with /api/v4",
    ),
    Bad("GitLab without Secret", gitlab(secretRef=None), "spec.gitlab.secretRef", "Required value"),
    Bad(
        "GitLab key of another type",
        gitlab(secretRef={"name": "gitlab", "keys": {"accessToken": "token"}}),
        "spec.gitlab.secretRef.keys",
        "may rename only the field token",
    ),
)

BITBUCKETS = (
    Bad(
        "Bitbucket workspace as a path",
        bitbucket(workspace="acme/app"),
        "spec.bitbucket.workspace",
        "must be the id of a workspace alone",
    ),
    Bad(
        "Bitbucket workspace above",
        bitbucket(workspace=".."),
        "spec.bitbucket.workspace",
        "must be the id of a workspace alone",
    ),
    Bad(
        "Bitbucket slug as a path",
        bitbucket(repoSlug="acme/app"),
        "spec.bitbucket.repoSlug",
        "must be the slug of a repository alone",
    ),
    Bad(
        "Bitbucket slug of two dots",
        bitbucket(repoSlug=".."),
        "spec.bitbucket.repoSlug",
        "must be the slug of a repository alone",
    ),
    Bad("Bitbucket slug with .git", bitbucket(repoSlug="app.git"), "spec.bitbucket.repoSlug", "without .git"),
    Bad("Bitbucket without TLS", bitbucket(url="http://git.acme.example"), "spec.bitbucket.url", URL),
    Bad("Bitbucket with query", bitbucket(url="https://git.acme.example/?a=b"), "spec.bitbucket.url", URL),
    Bad(
        "Bitbucket Cloud as a Data Center",
        bitbucket(url="https://bitbucket.org"),
        "spec.bitbucket.url",
        "leave it out for Bitbucket Cloud",
    ),
    Bad("Bitbucket token in the spec", bitbucket(token="x"), "spec.bitbucket.token", "unknown field"),
    Bad(
        "Bitbucket key of another type",
        bitbucket(secretRef={"name": "bitbucket", "keys": {"username": "user"}}),
        "spec.bitbucket.secretRef.keys",
        "may rename only the fields token, email",
    ),
)

SIGNING: Mapping[str, Any] = {
    "ios": {"teamId": "ABCDE12345", "bundleId": "com.acme.app"},
    "android": {"keyAlias": "upload"},
    "secretRef": {"name": "code-signing"},
}


def signing(part: str, **fields: Any) -> Mapping[str, Any]:
    """Return a change that declares code signing with fields of one part otherwise; None leaves one out."""
    changed = {name: value for name, value in {**SIGNING[part], **fields}.items() if value is not None}
    return {"spec.codeSigning": {**SIGNING, part: changed}}


_SIGNING = "spec.codeSigning"
SIGNERS = (
    Bad(
        "code signing of nothing",
        {_SIGNING: {"secretRef": SIGNING["secretRef"]}},
        _SIGNING,
        "declare ios, android or both",
    ),
    Bad(
        "code signing without a Secret",
        {_SIGNING: {"ios": SIGNING["ios"]}},
        "spec.codeSigning.secretRef",
        "Required value",
    ),
    Bad("signing for no team", signing("ios", teamId=None), "spec.codeSigning.ios.teamId", "Required value"),
    Bad(
        "signing for a team in lower case",
        signing("ios", teamId="abcde12345"),
        "spec.codeSigning.ios.teamId",
        "must be a team id of ten capital letters and digits",
    ),
    Bad(
        "signing for a short team", signing("ios", teamId="ABC"), "spec.codeSigning.ios.teamId", "at least 10"
    ),
    Bad(
        "signing for a long team",
        signing("ios", teamId="ABCDE123456"),
        "spec.codeSigning.ios.teamId",
        "more than 10",
    ),
    Bad(
        "signing for many apps",
        signing("ios", bundleId="com.acme.*"),
        "spec.codeSigning.ios.bundleId",
        "must be a bundle id such as com.acme.app",
    ),
    Bad(
        "signing for an endless app",
        signing("ios", bundleId="a" * 156),
        "spec.codeSigning.ios.bundleId",
        "more than 155",
    ),
    Bad(
        "signing without an alias",
        signing("android", keyAlias=None),
        "spec.codeSigning.android.keyAlias",
        "Required value",
    ),
    Bad(
        "signing with an empty alias",
        signing("android", keyAlias=""),
        "spec.codeSigning.android.keyAlias",
        "at least 1",
    ),
    Bad(
        "signing with an alias in two lines",
        signing("android", keyAlias="up\nload"),
        "spec.codeSigning.android.keyAlias",
        "must be the alias of a key as keytool -list shows it",
    ),
    Bad(
        "signing with an endless alias",
        signing("android", keyAlias="a" * 256),
        "spec.codeSigning.android.keyAlias",
        "more than 255",
    ),
    Bad(
        "a password in the spec",
        signing("android", keyPassword="x"),
        "spec.codeSigning.android.keyPassword",
        "unknown field",
    ),
    Bad(
        "a signing key of another type",
        {_SIGNING: {**SIGNING, "secretRef": {"name": "signing", "keys": {"privateKey": "key"}}}},
        "spec.codeSigning.secretRef.keys",
        "may rename only the fields certificateP12, certificatePassword",
    ),
)

REFUSED = (
    *IDENTITY,
    *SELECTION,
    *PACE,
    *REPOSITORIES,
    *SECRETS,
    *STORES,
    *CONTROLLERS,
    *WORKFLOWS,
    *CHAT,
    *TRACKERS,
    *DISTRIBUTION,
    *MEETINGS,
    *GITLABS,
    *BITBUCKETS,
    *SIGNERS,
)
"""The API server refuses these at apply."""

REACHES_STATUS = (
    Bad(
        "GitHub by a hidden address",
        {
            "spec.github.apiUrl": "https://0x7f.1/api/v3",
            "spec.githubActions": GONE,
        },
        "spec.github.apiUrl",
        "must name its host",
    ),
    Bad(
        "Bitbucket by a hidden address",
        bitbucket(url="https://0x7f.1"),
        "spec.bitbucket.url",
        "must name its host",
    ),
    Bad("TestRail by a number", test_rail(url="https://1"), "spec.testRail.url", "must name its host"),
    Bad("Jira by a hidden address", jira(url="https://0x7f.1"), "spec.jira.url", "must name its host"),
    Bad(
        "GitLab by a hidden address",
        gitlab(apiUrl="https://0x7f.1/api/v4"),
        "spec.gitlab.apiUrl",
        "must name its host",
    ),
    Bad(
        "Jenkins by a hidden address", jenkins(url="https://0x7f.1"), "spec.jenkins.url", "must name its host"
    ),
    Bad("Jenkins by a number", jenkins(url="https://2130706433"), "spec.jenkins.url", "must name its host"),
    Bad(
        "Jenkins at a broken name",
        jenkins(url="https://-ci-.example"),
        "spec.jenkins.url",
        "must name its host",
    ),
)
"""The API server cannot know; the operator says so in the status."""
