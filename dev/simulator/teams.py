"""Microsoft: Entra's token endpoint for app registrations, and the teams that Graph shows them."""

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar
from uuid import uuid4

from dev.simulator.exchange import Answer, Ask, Json, html_answer, json_answer
from dev.simulator.google import TokenMint
from dev.simulator.provider import Provider, bearer
from dev.simulator.state import Credential, CredentialState, Target, TargetState, World

TEAMS = "TEAMS"
SCOPE = "https://graph.microsoft.com/.default"
READS = ("Team.ReadBasic.All", "Channel.ReadBasic.All")
THREAD = "@thread.tacv2"
TOKEN_ERRORS = MappingProxyType(
    {
        "invalid_client": (401, 7000215, "Invalid client secret provided."),
        "unauthorized_client": (400, 700016, "Application was not found in the directory."),
        "invalid_request": (400, 90002, "Tenant was not found."),
        "invalid_scope": (400, 70011, "The provided value for the input parameter 'scope' is not valid."),
        "access_denied": (400, 53003, "Access has been blocked by Conditional Access policies."),
        "temporarily_unavailable": (503, 90033, "A transient error has occurred. Please try again."),
        "throttled": (400, 90055, "Tenant is throttled."),
    }
)
REFUSALS = MappingProxyType(
    {
        CredentialState.WRONG: (401, "invalid_client", 7000215, "Invalid client secret provided."),
        CredentialState.REVOKED: (401, "invalid_client", 7000215, "Invalid client secret provided."),
        CredentialState.EXPIRED: (
            401,
            "invalid_client",
            7000222,
            "The provided client secret keys are expired.",
        ),
        CredentialState.DISABLED: (400, "unauthorized_client", 7000112, "Application is disabled."),
        CredentialState.SSO_REQUIRED: (
            400,
            "access_denied",
            53003,
            "Access has been blocked by Conditional Access policies.",
        ),
    }
)


@dataclass(kw_only=True)
class AppRegistration(Credential):
    """An app registration with one client secret."""

    tenant: str = field(default_factory=lambda: str(uuid4()))
    client_id: str = field(default_factory=lambda: str(uuid4()))
    client_secret: str = field(default_factory=lambda: f"Sim8Q~{secrets.token_urlsafe(26)}")
    granted: tuple[str, ...] = READS
    unknown_tokens: int = 0
    """How many of its fresh tokens Graph does not know yet."""

    @property
    def lookup(self) -> str:
        """The app's id, which tokens name too."""
        return self.client_id

    @property
    def secret(self) -> dict[str, str]:
        """The field of the Secret."""
        return {"clientSecret": self.client_secret}


@dataclass(kw_only=True)
class Team(Target):
    """A team, named by its id."""

    title: str = "Mobile"


@dataclass(kw_only=True)
class Channel(Target):
    """A channel of a team, named as people see it."""

    team: str
    number: str = field(default_factory=lambda: f"19:{secrets.token_hex(16)}{THREAD}")
    page: int = 0
    """Which page of the team's list it stands on."""

    @property
    def group(self) -> str:
        """The team that it is in."""
        return self.team


class MicrosoftLogin(Provider):
    """login.microsoftonline.com, the token endpoint for secrets of app registrations."""

    name = "MICROSOFT_LOGIN"
    setting = "MICROSOFT_LOGIN_URL"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._mint = TokenMint(world.minting_key)

    def presented(self, ask: Ask) -> str | None:
        """Give the app that the form names."""
        return ask.form().get("client_id")

    def is_write(self, ask: Ask) -> bool:
        """Minting a token changes nothing that anybody else sees."""
        return ask.method != "POST" or not ask.path.endswith("/oauth2/v2.0/token")

    def answer(self, ask: Ask) -> Answer:
        """Give a token for a good secret, or the OAuth error."""
        tenant, _, rest = ask.path.removeprefix("/").partition("/")
        if rest != "oauth2/v2.0/token" or ask.method != "POST":
            return html_answer(404, "<!DOCTYPE html><title>Sign in to your account</title>")
        form = ask.form()
        if form.get("grant_type") != "client_credentials" or form.get("scope") != SCOPE:
            return _refused(400, "invalid_scope", 70011, "The scope is not valid.")
        app = self.world.credential(TEAMS, self.presented(ask) or "")
        if not isinstance(app, AppRegistration):
            return _refused(400, "unauthorized_client", 700016, "Application was not found in the directory.")
        if app.tenant != tenant:
            return _refused(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
        return self._judge(ask, app, form.get("client_secret", ""))

    def _judge(self, ask: Ask, app: AppRegistration, secret: str) -> Answer:
        code = app.error_at(ask.path)
        if code is not None and code in TOKEN_ERRORS:
            status, number, words = TOKEN_ERRORS[code]
            return _refused(status, "temporarily_unavailable" if code == "throttled" else code, number, words)
        standing = app.standing(ask.now)
        if standing in REFUSALS:
            return _refused(*REFUSALS[standing])
        if secret != app.client_secret:
            return _refused(401, "invalid_client", 7000215, "Invalid client secret provided.")
        token = self._mint.mint(app.client_id, SCOPE, ask.now)
        body = {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token}
        return json_answer(200, body, _headers())


class MicrosoftGraph(Provider):
    """graph.microsoft.com, the reads of teams and channels."""

    name = TEAMS
    setting = "MICROSOFT_GRAPH_URL"
    credential_type = AppRegistration
    target_types: ClassVar[Mapping[str, type[Target]]] = MappingProxyType({"team": Team, "channel": Channel})

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._mint = TokenMint(world.minting_key)

    def presented(self, ask: Ask) -> str | None:
        """Give the app that the access token was minted for."""
        token = bearer(ask)
        claims = self._mint.read(token) if token else None
        return claims[0] if claims else token

    def answer(self, ask: Ask) -> Answer:
        """Answer like Graph, errors in its shape."""
        token = bearer(ask)
        claims = self._mint.read(token) if token else None
        app = self.find(claims[0]) if claims else None
        if claims is None or not isinstance(app, AppRegistration) or claims[2] <= ask.now:
            return _error(401, "InvalidAuthenticationToken", "Access token is missing or invalid.")
        if app.unknown_tokens > 0:
            app.unknown_tokens -= 1
            return _error(401, "InvalidAuthenticationToken", "Access token validation failure.")
        return self._limited(ask, app) or self._route(ask, app)

    def _limited(self, ask: Ask, app: AppRegistration) -> Answer | None:
        standing = app.standing(ask.now)
        if standing is CredentialState.RATE_LIMITED:
            refused = _error(429, "TooManyRequests", "Too many requests.", "activityLimitReached")
            return refused.with_headers(app.rate_limit.retry_after(ask.now))
        if standing is CredentialState.MAINTENANCE:
            return _error(503, "ServiceUnavailable", "The service is not available.", "serviceNotAvailable")
        code = app.error_at(ask.path)
        if code is not None and code not in TOKEN_ERRORS:
            return _error(403, code, "Refused on demand.")
        return None

    def _route(self, ask: Ask, app: AppRegistration) -> Answer:
        match ask.segments():
            case ["v1.0", "teams", team, *rest] if ask.method == "GET":
                return self._in_team(ask, app, team, rest)
        return _error(400, "BadRequest", "Resource not found for the segment.")

    def _in_team(self, ask: Ask, app: AppRegistration, name: str, rest: list[str]) -> Answer:
        needed = READS[1] if rest else READS[0]
        if needed not in app.granted or app.standing(ask.now) is not CredentialState.VALID:
            return _error(403, "Forbidden", f"Missing role permissions on the request: {needed}.")
        team = self.world.target(self.name, Team, name)
        if team is None or not team.seen_by(app.id):
            return _error(404, "NotFound", "No team found with Group Id.", "ItemNotFound")
        match rest:
            case []:
                body = {"id": team.name, "displayName": team.title, "isArchived": _archived(team)}
                return json_answer(200, body, _headers())
            case ["channels"]:
                return self._channels(ask, team)
            case ["channels", number]:
                return self._channel(team, number)
        return _error(400, "BadRequest", "Resource not found for the segment.")

    def _channel(self, team: Team, number: str) -> Answer:
        for channel in self._present(team):
            if channel.number == number:
                return json_answer(200, _shown(channel), _headers())
        return _error(404, "NotFound", "Channel not found.", "ItemNotFound")

    def _channels(self, ask: Ask, team: Team) -> Answer:
        page = _page(ask.parameters().get("$skiptoken", ""))
        if page is None:
            return _error(400, "BadRequest", "The skip token is not valid.")
        present = self._present(team)
        body: dict[str, Json] = {"value": [_shown(channel) for channel in present if channel.page == page]}
        if any(channel.page > page for channel in present):
            token = base64.urlsafe_b64encode(json.dumps(page + 1).encode()).decode()
            # Like Graph's, the link names the address that the world knows.
            body["@odata.nextLink"] = (
                f"https://graph.microsoft.com/v1.0/teams/{team.name}/channels?$skiptoken={token}"
            )
        return json_answer(200, body, _headers())

    def _present(self, team: Team) -> list[Channel]:
        found = self.world.targets(self.name, Channel, team.name)
        return [channel for channel in found if channel.state is not TargetState.ABSENT]


def _page(token: str) -> int | None:
    if not token:
        return 0
    try:
        return int(json.loads(base64.urlsafe_b64decode(token)))
    except (ValueError, TypeError):
        return None


def _archived(target: Target) -> bool:
    return target.state in (TargetState.ARCHIVED, TargetState.DISABLED)


def _shown(channel: Channel) -> dict[str, Json]:
    return {
        "id": channel.number,
        "displayName": channel.name,
        "membershipType": "standard",
        "isArchived": _archived(channel),
    }


def _headers() -> dict[str, str]:
    return {"Cache-Control": "no-store, no-cache", "request-id": str(uuid4())}


def _refused(status: int, error: str, number: int, words: str) -> Answer:
    body = {
        "error": error,
        "error_description": f"AADSTS{number}: {words} Trace ID: {uuid4()}",
        "error_codes": [number],
        "timestamp": "2026-01-01 00:00:00Z",
        "trace_id": str(uuid4()),
        "correlation_id": str(uuid4()),
    }
    return json_answer(status, body, _headers())


def _error(status: int, code: str, message: str, inner: str = "") -> Answer:
    details = {"code": inner or code, "message": message, "request-id": str(uuid4())}
    return json_answer(
        status, {"error": {"code": code, "message": message, "innerError": details}}, _headers()
    )
