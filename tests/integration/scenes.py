"""A credential of each type at the simulator, with all that it points at: scenes in which all is well."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias
from uuid import uuid4

from pydantic import SecretBytes

from delivr_operator.outcome import IntegrationType
from delivr_operator.providers import PROVIDERS
from delivr_operator.providers.declaration import Credential, Declaration, declarations, read_credential
from delivr_operator.resource import Spec
from dev.simulator.client import Issued, Simulator
from tests import signing_files

T = IntegrationType
Fields: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Scene:
    """A credential of one type at the simulator, everything that it points at, and its declaration."""

    type: IntegrationType
    issued: Issued
    written: dict[str, Any]

    def credential(self, **changes: Any) -> Credential:
        member = {**self.written, **changes, "secretRef": {"name": "credential"}}
        name = next(provider.member for provider in PROVIDERS if provider.type is self.type)
        spec = Spec.model_validate({"tenantId": "t", "owner": "o@example.test", name: member})
        (declared,) = declarations(spec)
        assert isinstance(declared, Declaration), declared
        data = {key: SecretBytes(value.encode()) for key, value in self.issued.secret.items()}
        found = read_credential(declared, data)
        assert isinstance(found, Credential), found
        return found


def scene(sim: Simulator, which: IntegrationType, /, **fields: Any) -> Scene:
    """Give a scene in which all is well, but for `fields` of the credential."""
    return _SCENES[which](sim, secrets.token_hex(4), fields)


def _repository(sim: Simulator, unique: str, fields: Fields) -> Scene:
    sim.target("GITHUB", "repository", f"org-{unique}/mobile-app")
    written = {"organization": f"org-{unique}", "repoName": "mobile-app"}
    return Scene(T.GITHUB, sim.issue("GITHUB", **fields), written)


def _workflows(sim: Simulator, unique: str, fields: Fields) -> Scene:
    given = _repository(sim, unique, fields)
    path = ".github/workflows/ios-build.yml"
    sim.target("GITHUB", "workflow", path, repository=f"org-{unique}/mobile-app")
    workflow = {"name": "iOS", "workflowPath": path, "platform": "IOS", "target": "APP_STORE"}
    return Scene(T.GITHUB_ACTIONS, given.issued, {**given.written, "workflows": [workflow]})


def _gitlab_project(sim: Simulator, unique: str, fields: Fields) -> Scene:
    issued = sim.issue("GITLAB", **fields)
    sim.target("GITLAB", "project", f"group-{unique}/mobile/app", visible_to=[issued.id])
    return Scene(T.GITLAB, issued, {"projectId": f"group-{unique}/mobile/app"})


def _bitbucket_repository(sim: Simulator, unique: str, fields: Fields) -> Scene:
    issued = sim.issue("BITBUCKET", **fields)
    sim.target("BITBUCKET", "repository", f"team-{unique}/mobile-app", visible_to=[issued.id])
    center = sim.settings["BITBUCKET_API_URL"].removesuffix("/2.0") + "/bitbucket"
    where = {"url": center} if issued.fields["kind"] == "data_center" else {}
    return Scene(T.BITBUCKET, issued, {"workspace": f"team-{unique}", "repoSlug": "mobile-app", **where})


def _apple_app(sim: Simulator, unique: str, fields: Fields) -> Scene:
    sim.target("APP_STORE_CONNECT", "app", f"com.acme.x{unique}.beta")
    sim.target("APP_STORE_CONNECT", "app", f"com.acme.x{unique}")
    issued = sim.issue("APP_STORE_CONNECT", **fields)
    return Scene(T.APP_STORE_CONNECT, issued, {"bundleId": f"com.acme.x{unique}"})


def _package(sim: Simulator, unique: str, fields: Fields) -> Scene:
    sim.target("PLAY_STORE", "package", f"com.acme.x{unique}")
    issued = sim.issue("PLAY_STORE", **{"private_key": "shared", **fields})
    return Scene(T.PLAY_STORE, issued, {"packageName": f"com.acme.x{unique}"})


_PASSWORDS = (("password",), ("store", "key"))


def _signing_files(_: Simulator, unique: str, fields: Fields) -> Scene:
    """Nobody issues these: they are made here, perhaps with passwords of their own."""
    ios, android = ({name: fields[name] for name in names if name in fields} for names in _PASSWORDS)
    assert fields.keys() == ios.keys() | android.keys()
    secret = signing_files.ios(**ios) | signing_files.android(**android)
    written = {"ios": {"teamId": signing_files.TEAM}, "android": {"keyAlias": "upload"}}
    return Scene(T.CODE_SIGNING, Issued("CODE_SIGNING", unique, f"files-{unique}", secret, {}), written)


def _jobs(sim: Simulator, unique: str, fields: Fields) -> Scene:
    sim.target("JENKINS", "job", f"folder-{unique}/job")
    pipeline = {"name": "p", "jobPath": f"folder-{unique}/job", "platform": "WEB"}
    written = {"url": sim.settings["JENKINS_URL"], "pipelines": [pipeline]}
    return Scene(T.JENKINS, sim.issue("JENKINS", **fields), written)


def _slack_channels(sim: Simulator, _: str, fields: Fields) -> Scene:
    issued = sim.issue("SLACK", **fields)
    sim.target("SLACK", "channel", "releases", workspace=issued.fields["workspace"])
    return Scene(T.SLACK, issued, {"channels": ["releases"]})


def _jira_project(sim: Simulator, unique: str, fields: Fields) -> Scene:
    key = f"X{unique.upper()}"
    sim.target("JIRA", "project", key)
    issued = sim.issue("JIRA", **fields)
    below = {"cloud": "", "data_center": "/jira", "scoped": f"/ex/jira/{issued.fields['cloud_id']}"}
    url = sim.settings["JIRA_URL"] + below[issued.fields["kind"]]
    return Scene(T.JIRA, issued, {"url": url, "projectKey": key})


def _linear_team(sim: Simulator, _: str, fields: Fields) -> Scene:
    issued = sim.issue("LINEAR", **fields)
    sim.target("LINEAR", "team", "MOB", workspace=issued.fields["workspace"])
    return Scene(T.LINEAR, issued, {"teamId": "MOB"})


def _test_project(sim: Simulator, unique: str, fields: Fields) -> Scene:
    number = int(unique, 16) % 2_000_000_000 + 1
    sim.target("TEST_RAIL", "project", str(number))
    written = {"url": sim.settings["TEST_RAIL_URL"], "projectId": number}
    return Scene(T.TEST_RAIL, sim.issue("TEST_RAIL", **fields), written)


def _team(sim: Simulator, _: str, fields: Fields) -> Scene:
    issued = sim.issue("TEAMS", **fields)
    team = str(uuid4())
    sim.target("TEAMS", "team", team)
    sim.target("TEAMS", "channel", "Releases", team=team)
    app = {"tenantId": issued.fields["tenant"], "clientId": issued.fields["client_id"]}
    return Scene(T.TEAMS, issued, {**app, "teamId": team, "channels": ["Releases"]})


def _firebase_project(sim: Simulator, unique: str, fields: Fields) -> Scene:
    apps = {f"{os}AppId": f"1:{int(unique, 16)}:{os}:{unique}" for os in ("ios", "android")}
    project = f"acme-{unique}"
    sim.target("FIREBASE", "project", project)
    for app in apps.values():
        sim.target("FIREBASE", "app", app, project=project)
    issued = sim.issue("FIREBASE", **{"private_key": "shared", **fields})
    return Scene(T.FIREBASE, issued, {"projectId": project, **apps})


_SCENES: Mapping[IntegrationType, Callable[[Simulator, str, Fields], Scene]] = MappingProxyType(
    {
        T.GITHUB: _repository,
        T.GITHUB_ACTIONS: _workflows,
        T.GITLAB: _gitlab_project,
        T.BITBUCKET: _bitbucket_repository,
        T.APP_STORE_CONNECT: _apple_app,
        T.PLAY_STORE: _package,
        T.CODE_SIGNING: _signing_files,
        T.JENKINS: _jobs,
        T.SLACK: _slack_channels,
        T.JIRA: _jira_project,
        T.LINEAR: _linear_team,
        T.TEST_RAIL: _test_project,
        T.TEAMS: _team,
        T.FIREBASE: _firebase_project,
    }
)
