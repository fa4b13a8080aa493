"""Bitbucket: Cloud's REST API under /2.0, and a Data Center's under /bitbucket/rest/api/1.0."""

import base64
import binascii
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import ClassVar, Literal

from dev.simulator.exchange import Answer, Ask, Json, html_answer, json_answer
from dev.simulator.provider import Provider, bearer
from dev.simulator.state import Credential, CredentialState, Target, TargetState

CLOUD = "/2.0"
DATA_CENTER = "/bitbucket"
API_SCOPES = ("read:user:bitbucket", "read:repository:bitbucket", "write:repository:bitbucket")
REFUSED = (CredentialState.WRONG, CredentialState.EXPIRED, CredentialState.REVOKED, CredentialState.DISABLED)
SMALL = "Your credentials lack one or more required privilege scopes."
INVALID = "Token is invalid, expired, or not supported for this endpoint."


@dataclass(kw_only=True)
class BitbucketToken(Credential):
    """An API token or an access token of Bitbucket Cloud, or an HTTP access token of a Data Center."""

    kind: Literal["api", "access", "data_center"] = "api"
    email: str = field(default_factory=lambda: f"bot-{secrets.token_hex(4)}@acme.example")
    token: str = ""
    scopes: tuple[str, ...] = ()
    tells_scopes: bool = True
    grants: dict[str, Literal["read", "write"]] = field(default_factory=lambda: {"*": "write"})

    def __post_init__(self) -> None:
        """Fill in what the vendor would have made up."""
        prefix = {"api": "ATATT3xFfGF0", "access": "ATCTT3xFfGN0", "data_center": "BBDC-"}[self.kind]
        self.token = self.token or prefix + secrets.token_urlsafe(24)
        self.scopes = self.scopes or (API_SCOPES if self.kind == "api" else ("repository:write",))

    @property
    def lookup(self) -> str:
        """The token, behind its account's address where it goes with one."""
        return f"{self.email}:{self.token}" if self.kind == "api" else self.token

    @property
    def secret(self) -> dict[str, str]:
        """The fields of the Secret."""
        return {"email": self.email, "token": self.token} if self.kind == "api" else {"token": self.token}

    @property
    def granted(self) -> tuple[str, ...]:
        """Its scopes; a small one only reads."""
        if self.state is CredentialState.INSUFFICIENT_PERMISSION:
            return API_SCOPES[:2] if self.kind == "api" else ("repository",)
        return self.scopes

    def reads(self) -> bool:
        """Tell whether a scope allows to look at repositories; only an access token's writing includes it."""
        return bool({"repository", "repository:write", "read:repository:bitbucket"} & set(self.granted))

    def role(self, name: str) -> str | None:
        """Give its user's role on a repository."""
        small = self.state is CredentialState.INSUFFICIENT_PERMISSION and self.kind == "data_center"
        for pattern, role in self.grants.items():
            if fnmatchcase(name.lower(), pattern.lower()):
                return "read" if small else role
        return None


@dataclass(kw_only=True)
class BitbucketRepository(Target):
    """A repository, named workspace/slug, or project key/slug in a Data Center."""

    public: bool = False
    renamed_to: str | None = None

    @property
    def key(self) -> str:
        """Names are compared without case."""
        return self.name.lower()


class Bitbucket(Provider):
    """Both Bitbuckets on one listener."""

    name = "BITBUCKET"
    setting = "BITBUCKET_API_URL"
    path = CLOUD
    credential_type = BitbucketToken
    target_types: ClassVar[Mapping[str, type[Target]]] = MappingProxyType({"repository": BitbucketRepository})

    def presented(self, ask: Ask) -> str | None:
        """Give address and token, or the token alone."""
        pair = bearer(ask, "basic")
        if pair is None:
            return bearer(ask)
        try:
            return base64.b64decode(pair, validate=True).decode()
        except (binascii.Error, ValueError):
            return pair

    def answer(self, ask: Ask) -> Answer:
        """Answer like the Bitbucket whose path it is."""
        found = self.find(self.presented(ask))
        token = found if isinstance(found, BitbucketToken) else None
        if token is not None and token.standing(ask.now) is CredentialState.RATE_LIMITED:
            return html_answer(429, "Rate limit exceeded", _limits(ask, token))
        if token is not None and token.standing(ask.now) is CredentialState.MAINTENANCE:
            return html_answer(503, "<html><body>Bitbucket is down for maintenance</body></html>")
        if ask.path.startswith(f"{DATA_CENTER}/"):
            return self._data_center(ask, token)
        return self._cloud(ask, token)

    def _cloud(self, ask: Ask, token: BitbucketToken | None) -> Answer:
        if token is None or token.standing(ask.now) in REFUSED or token.kind == "data_center":
            if ask.header("authorization").lower().startswith("basic "):
                return Answer(
                    401, b"", "text/plain", {"WWW-Authenticate": 'Basic realm="Bitbucket.org HTTP"'}
                )
            return _error(401, INVALID)
        code = token.error_at(ask.path)
        if code is not None:
            return _error(410 if code.startswith("CHANGE-") else 403, code)
        if ask.method not in ("GET", "HEAD"):
            return _error(405, "The simulator takes no writes")
        parts = ask.segments()[1:]
        if parts == ["user"]:
            if token.kind == "access" or "read:user:bitbucket" not in token.granted:
                return _scopes(token, ["read:user:bitbucket"])
            return _cloud_answer(token, {"type": "user", "uuid": f"{{{token.id}}}", "nickname": "bot"})
        if parts[:1] != ["repositories"] or not token.reads():
            return _scopes(token, ["read:repository:bitbucket"]) if parts[:1] == ["repositories"] else _gone()
        if len(parts) == 2:  # noqa: PLR2004 - repositories and the workspace
            return self._contributions(ask, token, parts[1])
        return self._repository(ask, token, "/".join(parts[1:]))

    def _repository(self, ask: Ask, token: BitbucketToken, name: str) -> Answer:
        found = self._seen(token, name)
        if found is None:
            return _error(404, f"Repository {name} not found")
        if found.renamed_to is not None and name.lower() == found.key:
            where = f"{ask.origin}{CLOUD}/repositories/{found.renamed_to}"
            return _cloud_answer(token, {"type": "error"}, 302, {"Location": where})
        return _cloud_answer(token, _cloud_body(found))

    def _contributions(self, ask: Ask, token: BitbucketToken, workspace: str) -> Answer:
        query = ask.parameters()
        if query.get("role") != "contributor":
            return _error(400, "The simulator lists by role only")
        wanted = query.get("q", "").removeprefix('full_name="').removesuffix('"')
        found = self._seen(token, wanted) if wanted.partition("/")[0].lower() == workspace.lower() else None
        values = [_cloud_body(found)] if found and token.role(found.name) == "write" else []
        return _cloud_answer(token, {"pagelen": 10, "size": len(values), "page": 1, "values": values})

    def _seen(self, token: BitbucketToken, name: str) -> BitbucketRepository | None:
        for found in self.world.targets(self.name, BitbucketRepository):
            if name.lower() in (found.key, (found.renamed_to or "").lower()) and found.seen_by(token.id):
                return found if found.public or token.role(found.name) else None
        return None

    def _data_center(self, ask: Ask, token: BitbucketToken | None) -> Answer:
        if token is None or token.standing(ask.now) in REFUSED or token.kind != "data_center":
            return _refusal(401, "auth.IncorrectPasswordAuthenticationException", {})
        if token.standing(ask.now) is CredentialState.LOGIN_BLOCKED:
            return _refusal(401, "auth.CaptchaRequiredAuthenticationException", {})
        known = {"X-AUSERNAME": "release-bot", "X-AUSERID": "3"}
        if ask.method not in ("GET", "HEAD"):
            return _refusal(405, "rest.MethodNotAllowedException", known)
        parts = ask.segments()[4:]
        if parts == ["repos"]:
            return self._writable(ask, token, known)
        if len(parts) != 4 or parts[::2] != ["projects", "repos"]:  # noqa: PLR2004 - projects/KEY/repos/SLUG
            return html_answer(404, "<html><body>Not found</body></html>")
        found = self._seen(token, f"{parts[1]}/{parts[3]}")
        if found is None:
            return _refusal(404, "repository.NoSuchRepositoryException", known)
        return json_answer(200, _center_body(found), known)

    def _writable(self, ask: Ask, token: BitbucketToken, known: Mapping[str, str]) -> Answer:
        query = ask.parameters()
        values = [
            _center_body(found)
            for found in self.world.targets(self.name, BitbucketRepository)
            if found.seen_by(token.id)
            and token.role(found.name) == query.get("permission", "").removeprefix("REPO_").lower()
            and found.name.rpartition("/")[2].lower().startswith(query.get("name", "").lower())
        ]
        page = {"size": len(values), "limit": 1000, "isLastPage": True, "start": 0, "values": values}
        return json_answer(200, page, known)


def _limits(ask: Ask, token: BitbucketToken) -> dict[str, str]:
    if token.rate_limit.style == "reset" and token.kind == "data_center":
        return {
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Interval-Seconds": str(token.rate_limit.seconds),
        }
    return token.rate_limit.retry_after(ask.now)


def _cloud_body(found: BitbucketRepository) -> dict[str, Json]:
    name = found.renamed_to or found.name
    slug = name.rpartition("/")[2]
    body: dict[str, Json] = {"type": "repository", "full_name": name, "slug": slug, "name": slug}
    return {
        **body,
        "is_private": not found.public,
        "scm": "git",
        "mainbranch": {"type": "branch", "name": "main"},
    }


def _center_body(found: BitbucketRepository) -> dict[str, Json]:
    project, _, slug = found.name.rpartition("/")
    return {
        "slug": slug,
        "id": 1,
        "name": slug,
        "state": "AVAILABLE",
        "public": found.public,
        "archived": found.state in (TargetState.ARCHIVED, TargetState.DISABLED),
        "project": {"key": project.upper(), "id": 1, "name": project, "type": "NORMAL"},
    }


def _cloud_answer(
    token: BitbucketToken, body: Json, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    told = {"X-OAuth-Scopes": ", ".join(token.granted)} if token.tells_scopes else {}
    kind = {"X-Credential-Type": "apitoken" if token.kind == "api" else "repo_access_token"}
    return json_answer(status, body, {**told, **kind, **(headers or {})})


def _scopes(token: BitbucketToken, needed: list[str]) -> Answer:
    detail = {"required": needed, "granted": list(token.granted)}
    return json_answer(403, {"type": "error", "error": {"message": SMALL, "detail": detail}})


def _gone() -> Answer:
    return _error(404, "Resource not found")


def _error(status: int, message: str) -> Answer:
    return json_answer(status, {"type": "error", "error": {"message": message}})


def _refusal(status: int, exception: str, headers: Mapping[str, str]) -> Answer:
    error = {"context": None, "message": "-", "exceptionName": f"com.atlassian.bitbucket.{exception}"}
    return json_answer(status, {"errors": [error]}, headers)
