"""GitLab's REST API under a path, as self-managed ones have it: tokens, projects and their members."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import ClassVar

from dev.simulator.exchange import Answer, Ask, Json, json_answer
from dev.simulator.provider import Provider, bearer
from dev.simulator.state import Credential, CredentialState, Target, TargetState

API = "/gitlab/api/v4"
READ_SCOPES = frozenset({"api", "read_api"})
ADDRESS_LIMIT = 2000
MESSAGES = MappingProxyType(
    {
        CredentialState.EXPIRED: "Token is expired. You can either do re-authorization or token refresh.",
        CredentialState.REVOKED: "Token was revoked. You have to re-authorize from the user.",
    }
)


@dataclass(kw_only=True)
class GitLabToken(Credential):
    """An access token; `invited` holds roles that come with an invited group, which projects do not show."""

    token: str = field(default_factory=lambda: "glpat-" + secrets.token_urlsafe(15))
    user_id: int = field(default_factory=lambda: secrets.randbelow(900_000_000) + 100_000_000)
    username: str = "release-bot"
    scopes: tuple[str, ...] = ("api",)
    grants: dict[str, int] = field(default_factory=lambda: {"*": 30})
    invited: dict[str, int] = field(default_factory=dict)
    knows_itself: bool = True
    """False: GitLab is older than 15.5, where tokens cannot ask about themselves."""

    @property
    def lookup(self) -> str:
        """The token itself."""
        return self.token

    @property
    def secret(self) -> dict[str, str]:
        """The fields of the Secret."""
        return {"token": self.token}

    def level(self, project: str, grants: Mapping[str, int]) -> int | None:
        """Give the access level on a project, by path; a small credential is a Reporter."""
        for pattern, level in grants.items():
            if fnmatchcase(project.lower(), pattern.lower()):
                return min(level, 20) if self.state is CredentialState.INSUFFICIENT_PERMISSION else level
        return None


@dataclass(kw_only=True)
class GitLabProject(Target):
    """A project, named by its path with all groups."""

    number: int = field(default_factory=lambda: secrets.randbelow(900_000_000) + 100_000_000)
    public: bool = False
    renamed_to: str | None = None

    @property
    def key(self) -> str:
        """Paths are compared without case."""
        return self.name.lower()


class GitLab(Provider):
    """One GitLab with its API under /gitlab."""

    name = "GITLAB"
    setting = "GITLAB_API_URL"
    path = API
    credential_type = GitLabToken
    target_types: ClassVar[Mapping[str, type[Target]]] = MappingProxyType({"project": GitLabProject})

    def presented(self, ask: Ask) -> str | None:
        """Give the token, from either header."""
        return ask.header("private-token") or bearer(ask)

    def answer(self, ask: Ask) -> Answer:
        """Answer like GitLab; every answer tells of the limit."""
        reset = str(int(ask.now) // 60 * 60 + 60)
        return self._answer(ask).with_headers(
            {
                "Server": "nginx",
                "X-Request-Id": secrets.token_hex(13),
                "X-Gitlab-Meta": '{"version":"1"}',
                "RateLimit-Limit": str(ADDRESS_LIMIT),
                "RateLimit-Remaining": str(ADDRESS_LIMIT - 1),
                "RateLimit-Reset": reset,
            }
        )

    def _answer(self, ask: Ask) -> Answer:
        found = self.find(self.presented(ask))
        token = found if isinstance(found, GitLabToken) else None
        if token is None:
            return _message(401, "401 Unauthorized")
        refusal = _refused(ask, token)
        if refusal is not None:
            return refusal
        if ask.method not in ("GET", "HEAD"):
            return _message(405, "405 Not Allowed")
        parts = ask.segments()[3:] if ask.path.startswith(f"{API}/") else []
        if parts == ["personal_access_tokens", "self"] and token.knows_itself:
            return json_answer(200, _about(token))
        if not READ_SCOPES & set(token.scopes):
            return _small()
        if parts == ["user"]:
            return json_answer(200, {"id": token.user_id, "username": token.username, "state": "active"})
        if parts[:1] == ["projects"] and len(parts) > 1:
            return self._in_project(ask, token, parts[1], parts[2:])
        return _no_route()

    def _in_project(self, ask: Ask, token: GitLabToken, wanted: str, rest: list[str]) -> Answer:
        project = self._project(token, wanted)
        if project is None:
            return _message(404, "404 Project Not Found")
        if project.renamed_to is not None and "/" in wanted:
            where = "/".join(["", "projects", str(project.number), *rest])
            return json_answer(301, {"message": "Moved Permanently"}, {"Location": ask.origin + API + where})
        if not rest:
            return json_answer(200, _project(project, token))
        if rest == ["members", "all", str(token.user_id)]:
            levels = (token.level(project.name, grants) for grants in (token.grants, token.invited))
            best = max((level for level in levels if level is not None), default=None)
            if best is None:
                return _message(404, "404 Not found")
            return json_answer(200, {"id": token.user_id, "state": "active", "access_level": best})
        return _no_route()

    def _project(self, token: GitLabToken, wanted: str) -> GitLabProject | None:
        for project in self.world.targets(self.name, GitLabProject):
            if wanted.lower() in (project.key, str(project.number)) and project.seen_by(token.id):
                shared = any(token.level(project.name, each) for each in (token.grants, token.invited))
                return project if shared or project.public else None
        return None


def _refused(ask: Ask, token: GitLabToken) -> Answer | None:
    standing = token.standing(ask.now)
    if standing is CredentialState.WRONG:
        return _message(401, "401 Unauthorized")
    if standing in MESSAGES:
        return _oauth(401, "invalid_token", MESSAGES[standing])
    if standing is CredentialState.DISABLED:
        return _message(403, "403 Forbidden - Your account has been blocked.")
    if standing is CredentialState.LOGIN_BLOCKED:
        return Answer(403, b"Forbidden\n", "text/plain")
    if standing is CredentialState.RATE_LIMITED:
        headers = token.rate_limit.retry_after(ask.now)
        if token.rate_limit.style == "reset":
            headers = {
                "RateLimit-Remaining": "0",
                "RateLimit-Reset": str(int(ask.now) + token.rate_limit.seconds),
            }
        return Answer(429, b"Retry later\n", "text/plain", headers)
    if standing is CredentialState.MAINTENANCE:
        return Answer(503, b"<html><body>GitLab is not responding</body></html>", "text/html")
    code = token.error_at(ask.path)
    if code is None:
        return None
    return _small() if code == "insufficient_scope" else _oauth(401, code, "The token cannot be used.")


def _about(token: GitLabToken) -> dict[str, Json]:
    end = token.expires_at
    return {
        "id": token.user_id % 1000,
        "name": "delivr",
        "revoked": False,
        "created_at": "2026-01-26T19:01:12.000Z",
        "scopes": list(token.scopes),
        "user_id": token.user_id,
        "last_used_at": "2026-01-26T19:14:43.000Z",
        "active": True,
        "expires_at": None if end is None else end.astimezone(UTC).date().isoformat(),
    }


def _project(project: GitLabProject, token: GitLabToken) -> dict[str, Json]:
    level = token.level(project.name, token.grants)
    path = project.renamed_to or project.name
    shown = None if level is None else {"access_level": level, "notification_level": 3}
    return {
        "id": project.number,
        "name": path.rpartition("/")[2],
        "path": path.rpartition("/")[2],
        "path_with_namespace": path,
        "default_branch": "main",
        "visibility": "public" if project.public else "private",
        "archived": project.state in (TargetState.ARCHIVED, TargetState.DISABLED),
        "permissions": {"project_access": shown, "group_access": None},
    }


def _message(status: int, message: str) -> Answer:
    return json_answer(status, {"message": message})


def _oauth(status: int, code: str, description: str) -> Answer:
    return json_answer(status, {"error": code, "error_description": description})


def _small() -> Answer:
    words = "The request requires higher privileges than provided by the access token."
    body = {"error": "insufficient_scope", "error_description": words, "scope": "api read_api"}
    return json_answer(403, body)


def _no_route() -> Answer:
    return json_answer(404, {"error": "404 Not Found"})
