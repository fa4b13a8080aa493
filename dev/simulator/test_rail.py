"""TestRail under a path of its own: the API's path stands in the query, and what is absent is a 400."""

import base64
import binascii
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar
from urllib.parse import parse_qsl

from dev.simulator.exchange import JSON_TYPE, Answer, Ask, Json, html_answer, json_answer
from dev.simulator.provider import Provider, bearer
from dev.simulator.state import Credential, CredentialState, Target, TargetState

CONTEXT = "/testrail"
API = "/api/v2/"
REFUSED = (CredentialState.WRONG, CredentialState.EXPIRED, CredentialState.REVOKED, CredentialState.DISABLED)
REFUSALS = MappingProxyType(
    {
        CredentialState.INSUFFICIENT_PERMISSION: (403, "You are not allowed to access this project."),
        CredentialState.API_DISABLED: (403, "The API is disabled for your installation."),
        CredentialState.MAINTENANCE: (409, "The instance is in maintenance."),
    }
)


@dataclass(kw_only=True)
class ApiKey(Credential):
    """A user's API key, and how far its server has come since: an old one cannot say who asks."""

    username: str = field(default_factory=lambda: f"user-{secrets.token_hex(4)}@acme.example")
    key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    old_server: bool = False

    @property
    def lookup(self) -> str:
        """User and key, as Basic authentication joins them."""
        return f"{self.username}:{self.key}"

    @property
    def secret(self) -> dict[str, str]:
        """The fields of the Secret."""
        return {"username": self.username, "apiKey": self.key}


@dataclass(kw_only=True)
class Project(Target):
    """A project, named by its number."""


@dataclass(kw_only=True)
class Suite(Target):
    """A suite, named by its number, and the number of its project."""

    project: str


class TestRail(Provider):
    """One installation."""

    __test__ = False  # a name that test runners look for
    name = "TEST_RAIL"
    setting = "TEST_RAIL_URL"
    path = CONTEXT
    credential_type = ApiKey
    target_types: ClassVar[Mapping[str, type[Target]]] = MappingProxyType(
        {"project": Project, "suite": Suite}
    )

    def presented(self, ask: Ask) -> str | None:
        """Give user and key as sent."""
        value = bearer(ask, "basic")
        if value is None:
            return None
        try:
            return base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError):
            return value

    def answer(self, ask: Ask) -> Answer:
        """Answer like TestRail: JSON under the API, pages for people elsewhere."""
        if ask.path != f"{CONTEXT}/index.php" or not ask.query.startswith(API):
            return html_answer(404, "<html><body>Page not found</body></html>")
        if not ask.header("content-type").startswith(JSON_TYPE.partition(";")[0]):
            return _error(400, "Content-Type header missing (use Content-Type: application/json)")
        found = self.find(self.presented(ask))
        key = found if isinstance(found, ApiKey) else None
        if key is None or key.standing(ask.now) in REFUSED:
            return _error(401, "Authentication failed: invalid or missing user/password or session cookie.")
        if key.standing(ask.now) is CredentialState.RATE_LIMITED:
            return _error(429, "API Rate Limit Exceeded").with_headers(key.rate_limit.retry_after(ask.now))
        if (refusal := REFUSALS.get(key.standing(ask.now))) is not None:
            return _error(*refusal)
        return self._route(ask, key)

    def _route(self, ask: Ask, key: ApiKey) -> Answer:
        method, _, more = ask.query.removeprefix(API).partition("&")
        arguments = dict(parse_qsl(more))
        match method.split("/"):
            case ["get_current_user"] if not key.old_server:
                return json_answer(200, _user(key))
            case ["get_projects"]:
                return self._projects(key, arguments)
            case ["get_project", number]:
                project = self.world.target(self.name, Project, number)
                if project is None or not project.seen_by(key.id):
                    return _error(400, "Field :project_id is not a valid or accessible project.")
                return json_answer(200, _project(ask, project))
            case ["get_suite", number]:
                suite = self.world.target(self.name, Suite, number)
                if suite is None or not suite.seen_by(key.id):
                    return _error(400, "Field :suite_id is not a valid test suite.")
                return json_answer(200, _suite(suite))
        return _error(404, f"Unknown method '{method.partition('/')[0]}'")

    def _projects(self, key: ApiKey, arguments: Mapping[str, str]) -> Answer:
        limit = int(arguments.get("limit", "250"))
        shown = [one for one in self.world.targets(self.name, Project) if one.seen_by(key.id)]
        listed: list[Json] = [{"id": int(one.name), "name": one.name} for one in shown[:limit]]
        if key.old_server:
            return json_answer(200, listed)
        return json_answer(200, {"offset": 0, "limit": limit, "size": len(listed), "projects": listed})


def _user(key: ApiKey) -> dict[str, Json]:
    return {
        "id": 7,
        "email": key.username,
        "name": "Release bot",
        "is_active": True,
        "is_admin": False,
        "role_id": 3,
        "role": "Tester",
    }


def _completed(target: Target) -> bool:
    return target.state in (TargetState.ARCHIVED, TargetState.DISABLED)


def _project(ask: Ask, project: Project) -> dict[str, Json]:
    return {
        "id": int(project.name),
        "name": f"Project {project.name}",
        "announcement": None,
        "show_announcement": False,
        "is_completed": _completed(project),
        "completed_on": 1_700_000_000 if _completed(project) else None,
        "suite_mode": 3,
        "url": f"{ask.origin}{CONTEXT}/index.php?/projects/overview/{project.name}",
    }


def _suite(suite: Suite) -> dict[str, Json]:
    return {
        "id": int(suite.name),
        "name": f"Suite {suite.name}",
        "description": None,
        "project_id": int(suite.project),
        "is_master": False,
        "is_baseline": False,
        "is_completed": _completed(suite),
        "completed_on": None,
    }


def _error(status: int, sentence: str) -> Answer:
    return json_answer(status, {"error": sentence})
