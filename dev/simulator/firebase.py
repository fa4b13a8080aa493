"""Firebase's projects and apps, and the Resource Manager's word on who may do what in a project."""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar
from urllib.parse import unquote

from dev.simulator.exchange import Answer, Ask, Json, json_answer
from dev.simulator.google import FIREBASE, ServiceAccount
from dev.simulator.google_api import GoogleApi, google_error, google_headers, no_page
from dev.simulator.state import Credential, CredentialState, Target, TargetState

READ_SCOPES = frozenset(
    f"https://www.googleapis.com/auth/{name}"
    for name in ("cloud-platform", "cloud-platform.read-only", "firebase", "firebase.readonly")
)
PROJECT_SCOPES = frozenset(
    f"https://www.googleapis.com/auth/{name}" for name in ("cloud-platform", "cloud-platform.read-only")
)
PROJECT_PATH = re.compile(r"/v1beta1/projects/([^/]+)")
APP_PATH = re.compile(r"/v1beta1/projects/([^/]+)/(androidApps|iosApps)/([^/]+)")
TEST_PATH = re.compile(r"/v1/projects/([^/]+):testIamPermissions")
DISTRIBUTE = "firebaseappdistro.releases.update"
NO_DISCLOSURE = (CredentialState.VALID, CredentialState.INSUFFICIENT_PERMISSION)


@dataclass(kw_only=True)
class FirebaseAccount(ServiceAccount):
    """A service account of a Firebase project and what it may do there."""

    granted: tuple[str, ...] = ("firebase.projects.get", "firebase.clients.get", DISTRIBUTE)

    @property
    def secret(self) -> dict[str, str]:
        """The field of the Secret: the whole key file."""
        return {"serviceAccountKey": super().secret["serviceAccountKey"]}

    def may(self, now: float) -> tuple[str, ...]:
        """Give the permissions that it has; a small account only looks."""
        small = self.standing(now) is CredentialState.INSUFFICIENT_PERMISSION
        return tuple(name for name in self.granted if not small or name.endswith(".get"))


@dataclass(kw_only=True)
class Project(Target):
    """A Firebase project, named by its id; one that is archived or disabled is deleted but not yet gone."""

    number: str = field(default_factory=lambda: str(10**11 + secrets.randbelow(10**11)))


@dataclass(kw_only=True)
class App(Target):
    """An app of a project, named by its app id, which tells its platform."""

    project: str
    bundle: str = "com.acme.app"


class Firebase(GoogleApi):
    """firebase.googleapis.com, the two reads."""

    name = FIREBASE
    holder = FIREBASE
    setting = "FIREBASE_API_URL"
    scopes = READ_SCOPES
    title = "Firebase Management API"
    credential_type = FirebaseAccount
    target_types: ClassVar[Mapping[str, type[Target]]] = MappingProxyType({"project": Project, "app": App})

    def route(self, ask: Ask, account: Credential) -> Answer:
        """Answer about a project or an app."""
        if ask.method != "GET":
            return google_error(405, "UNIMPLEMENTED", "The simulator takes no writes.", "", None)
        if account.standing(ask.now) not in NO_DISCLOSURE:
            return _denied()
        if found := PROJECT_PATH.fullmatch(ask.path):
            return self._project(unquote(found[1]), account)
        if found := APP_PATH.fullmatch(ask.path):
            return self._app(unquote(found[1]), found[2], unquote(found[3]), account)
        return no_page()

    def _project(self, name: str, account: Credential) -> Answer:
        project = self.world.target(self.name, Project, name)
        if project is None or not project.seen_by(account.id):
            return _denied()
        return _shown(project, {"projectId": project.name, "projectNumber": project.number})

    def _app(self, project: str, collection: str, name: str, account: Credential) -> Answer:
        platform = {"androidApps": "android", "iosApps": "ios"}[collection]
        app = self.world.target(self.name, App, name)
        if f":{platform}:" not in name:
            return google_error(400, "INVALID_ARGUMENT", "Request contains an invalid argument.", "", None)
        if app is None or not app.seen_by(account.id) or project not in ("-", app.project):
            return google_error(404, "NOT_FOUND", "Requested entity was not found.", "", None)
        bundle = {"android": "packageName", "ios": "bundleId"}[platform]
        return _shown(app, {"appId": app.name, "projectId": app.project, bundle: app.bundle})


class CloudResourceManager(GoogleApi):
    """cloudresourcemanager.googleapis.com, the one question about permissions."""

    name = "CLOUD_RESOURCE_MANAGER"
    holder = FIREBASE
    setting = "CLOUD_RESOURCE_MANAGER_URL"
    scopes = PROJECT_SCOPES
    title = "Cloud Resource Manager API"

    def is_write(self, ask: Ask) -> bool:
        """Asking which permissions there are changes nothing, although it is a POST."""
        return ask.method != "GET" and not (ask.method == "POST" and TEST_PATH.fullmatch(ask.path))

    def route(self, ask: Ask, account: Credential) -> Answer:
        """Answer which of the named permissions the account has."""
        found = TEST_PATH.fullmatch(ask.path)
        if found is None or ask.method != "POST":
            return no_page()
        project = self.world.target(FIREBASE, Project, unquote(found[1]))
        if project is None or not project.seen_by(account.id) or not isinstance(account, FirebaseAccount):
            return _denied()
        wanted = _wanted(ask)
        if wanted is None:
            return google_error(400, "INVALID_ARGUMENT", "Invalid JSON payload received.", "", None)
        held = [name for name in wanted if name in account.may(ask.now)]
        # Like Google's, an empty list is left out.
        return json_answer(200, {"permissions": held} if held else {}, google_headers())


def _wanted(ask: Ask) -> list[str] | None:
    if not ask.header("content-type").startswith("application/json"):
        return None
    try:
        body: Json = json.loads(ask.body)
        return [str(name) for name in body["permissions"]]
    except (ValueError, TypeError, KeyError):
        return None


def _shown(target: Target, fields: dict[str, Json]) -> Answer:
    state = "ACTIVE" if target.state is TargetState.PRESENT else "DELETED"
    return json_answer(200, {**fields, "state": state, "etag": "1_simulated"}, google_headers())


def _denied() -> Answer:
    return google_error(403, "PERMISSION_DENIED", "The caller does not have permission", "", None)
