"""Linear's GraphQL API, as far as reading who asks, teams and projects goes."""

import json
import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar

from dev.simulator.exchange import Answer, Ask, Json, json_answer
from dev.simulator.provider import Provider
from dev.simulator.state import Credential, CredentialState, Target, TargetState

PATH = "/graphql"
ARCHIVED_AT = "2026-01-02T03:04:05.678Z"
AUTHENTICATION = ("authentication error", "AUTHENTICATION_ERROR")
REFUSALS = MappingProxyType(
    {
        CredentialState.WRONG: AUTHENTICATION,
        CredentialState.EXPIRED: AUTHENTICATION,
        CredentialState.REVOKED: AUTHENTICATION,
        CredentialState.INSUFFICIENT_PERMISSION: ("forbidden", "FORBIDDEN"),
        CredentialState.API_DISABLED: ("feature not accessible", "FEATURE_NOT_ACCESSIBLE"),
        CredentialState.MAINTENANCE: ("internal error", "INTERNAL_SERVER_ERROR"),
    }
)
FIELDS = ("viewer", "organization", "teams", "projects")


def _uuid() -> str:
    return str(uuid.uuid4())


@dataclass(kw_only=True)
class ApiKey(Credential):
    """A member's personal API key; `error` is an error type, and errors come under `error_status`."""

    key: str = field(default_factory=lambda: f"lin_api_{secrets.token_hex(20)}")
    member: str = field(default_factory=_uuid)
    workspace: str = field(default_factory=lambda: f"workspace-{secrets.token_hex(4)}")
    error_status: int | None = None

    @property
    def lookup(self) -> str:
        """The key itself."""
        return self.key

    @property
    def secret(self) -> dict[str, str]:
        """The fields of the Secret."""
        return {"apiKey": self.key}


@dataclass(kw_only=True)
class Team(Target):
    """A team of a workspace, named by its key."""

    workspace: str
    number: str = field(default_factory=_uuid)

    @property
    def group(self) -> str:
        """The workspace that it is in."""
        return self.workspace


@dataclass(kw_only=True)
class Project(Target):
    """A project of a workspace, named by its id, and the keys of its teams."""

    workspace: str
    teams: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """The workspace that it is in."""
        return self.workspace


class Linear(Provider):
    """api.linear.app, asked one question at a time."""

    name = "LINEAR"
    setting = "LINEAR_API_URL"
    credential_type = ApiKey
    target_types: ClassVar[Mapping[str, type[Target]]] = MappingProxyType({"team": Team, "project": Project})

    def presented(self, ask: Ask) -> str | None:
        """Give the key, which stands bare."""
        return ask.header("authorization") or None

    def is_write(self, ask: Ask) -> bool:
        """A mutation would change something; a query goes by POST all the same."""
        return ask.method != "POST" or _query(ask).startswith("mutation")

    def answer(self, ask: Ask) -> Answer:
        """Answer like Linear: errors are in the body, and a spent budget comes as 400."""
        if ask.path != PATH or ask.method != "POST":
            return json_answer(404, {"error": "Not Found"})
        lookup = self.presented(ask)
        if lookup is None or lookup.startswith("Bearer lin_api_"):
            return _errors(400, *AUTHENTICATION)
        key = self.find(lookup)
        if not isinstance(key, ApiKey):
            return _errors(401, *AUTHENTICATION)
        return self._refused(ask, key) or self._run(ask, key)

    def _refused(self, ask: Ask, key: ApiKey) -> Answer | None:
        standing = key.standing(ask.now)
        if standing is CredentialState.RATE_LIMITED:
            return _limited(ask, key)
        if standing in REFUSALS:
            usual = 401 if REFUSALS[standing] is AUTHENTICATION else 200
            return _errors(key.error_status or usual, *REFUSALS[standing])
        if (kind := key.error_at(ask.path)) is not None:
            return _errors(key.error_status or 200, kind, kind.upper().replace(" ", "_"))
        return None

    def _run(self, ask: Ask, key: ApiKey) -> Answer:
        query, variables = _query(ask), _variables(ask)
        if not query.startswith("query") or not set(_top_fields(query)) <= set(FIELDS):
            return _errors(400, "graphql error", "GRAPHQL_VALIDATION_FAILED")
        disabled = key.standing(ask.now) is CredentialState.DISABLED
        data: dict[str, Json] = {
            "viewer": {"id": key.member, "active": not disabled},
            "organization": {"urlKey": key.workspace},
            "teams": {"nodes": self._teams(key, variables.get("team") or {})},
        }
        if variables.get("named"):
            data["projects"] = {"nodes": self._projects(key, variables.get("project") or {})}
        wanted = _top_fields(query)
        return json_answer(200, {"data": {name: value for name, value in data.items() if name in wanted}})

    def _teams(self, key: ApiKey, wanted: Mapping[str, Json]) -> list[Json]:
        found = [one for one in self.world.targets(self.name, Team, key.workspace) if one.seen_by(key.id)]
        shown: list[Json] = [
            {"id": one.number, "key": one.name, "archivedAt": _archived_at(one)} for one in found
        ]
        return [one for one in shown if _fits(one, wanted)]

    def _projects(self, key: ApiKey, wanted: Mapping[str, Json]) -> list[Json]:
        found = [one for one in self.world.targets(self.name, Project, key.workspace) if one.seen_by(key.id)]
        numbers = {one.name: one.number for one in self.world.targets(self.name, Team, key.workspace)}
        shown: list[Json] = [
            {
                "id": one.name,
                "archivedAt": _archived_at(one),
                "teams": {"nodes": [{"id": numbers[team]} for team in one.teams if team in numbers]},
            }
            for one in found
        ]
        return [one for one in shown if _fits(one, wanted)]


def _archived_at(target: Target) -> str | None:
    return ARCHIVED_AT if target.state in (TargetState.ARCHIVED, TargetState.DISABLED) else None


def _fits(one: Mapping[str, Json], wanted: Mapping[str, Json]) -> bool:
    return all(one.get(name) == comparison.get("eq") for name, comparison in wanted.items())


def _document(ask: Ask) -> Mapping[str, Json]:
    try:
        found = json.loads(ask.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _query(ask: Ask) -> str:
    return str(_document(ask).get("query", "")).strip()


def _variables(ask: Ask) -> Mapping[str, Json]:
    found = _document(ask).get("variables")
    return found if isinstance(found, dict) else {}


def _top_fields(query: str) -> list[str]:
    """Give the fields right below the operation: what stands before a selection two braces deep."""
    names, depth = [], 0
    for word in re.findall(r"[{}]|\([^)]*\)|@?\w+", query):
        depth += {"{": 1, "}": -1}.get(word, 0)
        if depth == 1 and re.fullmatch(r"\w+", word):
            names.append(word)
    return names


def _limited(ask: Ask, key: ApiKey) -> Answer:
    headers = key.rate_limit.retry_after(ask.now)
    if key.rate_limit.style == "reset":
        headers = {
            "X-RateLimit-Requests-Limit": "5000",
            "X-RateLimit-Requests-Remaining": "0",
            "X-RateLimit-Requests-Reset": str(int((ask.now + key.rate_limit.seconds) * 1000)),
            "X-RateLimit-Complexity-Remaining": "249000",
            "X-RateLimit-Complexity-Reset": str(int((ask.now + 3600) * 1000)),
        }
    return _errors(key.rate_limit.status or 400, "ratelimited", "RATELIMITED").with_headers(headers)


def _errors(status: int, kind: str, code: str) -> Answer:
    extensions = {
        "type": kind,
        "code": code,
        "statusCode": status,
        "userError": True,
        "userPresentableMessage": "Refused on demand.",
    }
    body = {"errors": [{"message": "Refused on demand", "extensions": extensions}], "data": None}
    return json_answer(status, body)
