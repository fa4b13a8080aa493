"""Jira: Cloud sites, Cloud's gateway for tokens with scopes, and a Data Center under a context path."""

import base64
import binascii
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import ClassVar, Literal

from dev.simulator.exchange import Answer, Ask, Json, html_answer, json_answer
from dev.simulator.provider import Provider, bearer
from dev.simulator.state import Credential, CredentialState, Target, TargetState

CONTEXT = "jira"
EVERYTHING = ("BROWSE_PROJECTS", "CREATE_ISSUES", "EDIT_ISSUES", "TRANSITION_ISSUES", "ADD_COMMENTS")
KNOWN = (*EVERYTHING, "ADMINISTER_PROJECTS", "DELETE_ISSUES")
REFUSED = (CredentialState.WRONG, CredentialState.EXPIRED, CredentialState.REVOKED, CredentialState.DISABLED)
WHO = "Client must be authenticated to access this resource."
AWAY = "<!DOCTYPE html><html><body><h1>Your site is currently unavailable</h1></body></html>"

Kind = Literal["cloud", "scoped", "data_center"]


@dataclass(kw_only=True)
class JiraToken(Credential):
    """An API token of Cloud, one with scopes, or a personal access token of a Data Center."""

    kind: Kind = "cloud"
    email: str = field(default_factory=lambda: f"user-{secrets.token_hex(4)}@acme.example")
    token: str = field(default_factory=lambda: f"ATATT3x{secrets.token_hex(24)}")
    cloud_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    rights: tuple[str, ...] = EVERYTHING

    @property
    def lookup(self) -> str:
        """The pair as Basic authentication joins it; a personal access token stands alone."""
        return self.token if self.kind == "data_center" else f"{self.email}:{self.token}"

    @property
    def secret(self) -> dict[str, str]:
        """The fields of the Secret."""
        return {"apiToken": self.token} | ({} if self.kind == "data_center" else {"email": self.email})

    @property
    def held(self) -> tuple[str, ...]:
        """The rights that it really has."""
        return ("BROWSE_PROJECTS",) if self.state is CredentialState.INSUFFICIENT_PERMISSION else self.rights


@dataclass(kw_only=True)
class Project(Target):
    """A project by its key; a public one is shown to anybody."""

    public: bool = False


@dataclass(frozen=True)
class Door:
    """Which Jira a request came to, and what it asks there."""

    kind: Kind
    asked: list[str]
    cloud_id: str = ""


def door(parts: list[str]) -> Door | None:
    """Give the door that these parts of a path lead to."""
    if parts[:3] == ["rest", "api", "3"]:
        return Door("cloud", parts[3:])
    if parts[:4] == [CONTEXT, "rest", "api", "2"]:
        return Door("data_center", parts[4:])
    if parts[:2] == ["ex", "jira"] and parts[3:6] == ["rest", "api", "3"]:
        return Door("scoped", parts[6:], parts[2])
    return None


class Jira(Provider):
    """One address for all three kinds: the path tells them apart."""

    name = "JIRA"
    setting = "JIRA_URL"
    credential_type = JiraToken
    target_types: ClassVar[Mapping[str, type[Target]]] = MappingProxyType({"project": Project})

    def presented(self, ask: Ask) -> str | None:
        """Give the pair, or the token that stands alone, as it was sent."""
        value = bearer(ask, "basic")
        if value is None:
            return bearer(ask)
        try:
            return base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError):
            return value

    def answer(self, ask: Ask) -> Answer:
        """Answer like Jira: what is public is shown even to a caller whose token is wrong."""
        entered = door(ask.segments())
        if entered is None:
            return html_answer(404, "<html><body>Oops, you've found a dead link.</body></html>")
        found = self.find(self.presented(ask))
        token = found if isinstance(found, JiraToken) and found.kind == entered.kind else None
        if token is not None and (early := _early(ask, token)) is not None:
            return early
        if token is not None and token.standing(ask.now) in REFUSED:
            token = None
        if ask.method != "GET":
            return _error(405, "The simulator takes no writes")
        if entered.kind == "scoped" and (token is None or token.cloud_id != entered.cloud_id):
            return json_answer(401, {"code": 401, "message": "Unauthorized"})
        return self._route(ask, entered, token)

    def _route(self, ask: Ask, entered: Door, token: JiraToken | None) -> Answer:
        match entered.asked:
            case ["myself"]:
                return _anonymous(entered, ask) if token is None else json_answer(200, _user(token))
            case ["project", key]:
                return self._project(ask, key, token)
            case ["mypermissions"]:
                return self._rights(ask, entered, token)
        return _error(404, "null for uri: " + ask.path)

    def _shown(self, key: str, token: JiraToken | None) -> Project | None:
        project = self.world.target(self.name, Project, key)
        if project is None or project.state is TargetState.ABSENT:
            return None
        inside = token is not None and "BROWSE_PROJECTS" in token.held and project.seen_by(token.id)
        return project if inside or project.public else None

    def _project(self, ask: Ask, key: str, token: JiraToken | None) -> Answer:
        project = self._shown(key, token)
        if project is None:
            return _error(404, f"No project could be found with key '{key}'.")
        archived = project.state in (TargetState.ARCHIVED, TargetState.DISABLED)
        body = {
            "self": ask.origin + ask.path,
            "id": "10001",
            "key": key,
            "name": key.title(),
            "projectTypeKey": "software",
        }
        return json_answer(200, body | ({"archived": True} if archived else {}))

    def _rights(self, ask: Ask, entered: Door, token: JiraToken | None) -> Answer:
        asked = ask.parameters()
        if entered.kind != "data_center" and "permissions" not in asked:
            return _error(400, "The 'permissions' query parameter is required.")
        if self._shown(asked.get("projectKey", ""), token) is None:
            return _error(404, f"No project could be found with key '{asked.get('projectKey', '')}'.")
        # A Data Center lists all that there are, whatever is asked for.
        names = KNOWN if entered.kind == "data_center" else tuple(asked["permissions"].split(","))
        held = token.held if token else ("BROWSE_PROJECTS",)
        return json_answer(200, {"permissions": {name: _right(name, name in held) for name in names}})


def _early(ask: Ask, token: JiraToken) -> Answer | None:
    """Give the answer of whatever stands before Jira's own pages, if it gives one."""
    match token.standing(ask.now):
        case CredentialState.RATE_LIMITED:
            return _limited(ask, token)
        case CredentialState.MAINTENANCE:
            return html_answer(503, AWAY)
        case CredentialState.LOGIN_BLOCKED:
            return html_answer(
                403,
                "<html><body>Basic Authentication Failure - Reason : AUTHENTICATION_DENIED</body></html>",
                {
                    "X-Seraph-LoginReason": "AUTHENTICATION_DENIED",
                    "X-Authentication-Denied-Reason": f"CAPTCHA_CHALLENGE; login-url={ask.origin}/login.jsp",
                },
            )
        case CredentialState.INSUFFICIENT_PERMISSION if token.kind == "scoped":
            return json_answer(401, {"code": 401, "message": "Unauthorized; scope does not match"})
        case CredentialState.API_DISABLED if token.kind == "scoped":
            return json_answer(403, {"code": 403, "message": "Forbidden"})
    return None


def _limited(ask: Ask, token: JiraToken) -> Answer:
    wish = token.rate_limit
    headers = {"RateLimit-Reason": "jira-burst-based", **wish.retry_after(ask.now)}
    if token.kind == "data_center":
        headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-FillRate": "1", **wish.retry_after(ask.now)}
    if wish.style == "reset":
        moment = datetime.fromtimestamp(ask.now + wish.seconds, UTC)
        headers |= (
            {"X-RateLimit-Interval-Seconds": str(wish.seconds)}
            if token.kind == "data_center"
            else {"X-RateLimit-Reset": moment.strftime("%Y-%m-%dT%H:%MZ")}
        )
    return json_answer(429, {"message": "Rate limit exceeded", "status-code": 429}, headers)


def _anonymous(entered: Door, ask: Ask) -> Answer:
    headers = {"WWW-Authenticate": f'OAuth realm="{ask.origin}"'}
    if ask.header("authorization"):
        headers["X-Seraph-LoginReason"] = "AUTHENTICATED_FAILED"
    if entered.kind == "cloud":  # Cloud says it in plain text, a Data Center in JSON
        return Answer(401, WHO.encode(), "text/plain;charset=UTF-8", headers)
    return json_answer(401, {"message": WHO, "status-code": 401}, headers)


def _user(token: JiraToken) -> dict[str, Json]:
    own = {"accountId": token.id} if token.kind != "data_center" else {"name": token.id, "key": token.id}
    return {
        **own,
        "emailAddress": token.email,
        "displayName": "Release bot",
        "active": True,
        "timeZone": "Etc/UTC",
    }


def _right(name: str, held: bool) -> dict[str, Json]:
    title = name.replace("_", " ").title()
    return {"id": "1", "key": name, "name": title, "type": "PROJECT", "havePermission": held}


def _error(status: int, sentence: str) -> Answer:
    return json_answer(status, {"errorMessages": [sentence], "errors": {}})
