"""Apple's App Store Connect API: signed requests, apps, their versions, certificates."""

import secrets
import string
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Literal
from urllib.parse import parse_qsl

from dev.simulator.exchange import Answer, Ask, Json, json_answer
from dev.simulator.provider import Provider, bearer
from dev.simulator.signing import new_elliptic_key, unverified, verified_claims
from dev.simulator.state import Credential, CredentialState, Target

AUDIENCE = "appstoreconnect-v1"
LONGEST_LIFE = 20 * 60
LEEWAY = 5
DEFAULT_QUOTA = 3500
LARGEST_PAGE = 200
UNAUTHORIZED = (
    "NOT_AUTHORIZED",
    "Authentication credentials are missing or invalid.",
    "Provide a properly configured and signed bearer token, and make sure that it has not expired.",
)
FORBIDDEN = (
    "FORBIDDEN_ERROR",
    "This request is forbidden for security reasons",
    "The API key in use does not allow this request",
)
AGREEMENT = (
    "FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED",
    "A required agreement is missing or has expired.",
    "This request requires an in-effect agreement that has not been signed or has expired.",
)
TOO_MANY = (
    "RATE_LIMIT_EXCEEDED",
    "The request rate limit has been reached.",
    "We've received too many requests for this API. Please wait and try again or slow down.",
)


@dataclass(kw_only=True)
class ApiKey(Credential):
    """A key of a team, or of one person (which has no issuer)."""

    kind: Literal["team", "individual"] = "team"
    key_id: str = field(
        default_factory=lambda: "".join(
            secrets.choice(string.ascii_uppercase + string.digits) for _ in range(10)
        )
    )
    issuer_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    private_key: str = field(default_factory=new_elliptic_key)

    @property
    def lookup(self) -> str:
        """The key id, which stands in the header of every token."""
        return self.key_id

    @property
    def secret(self) -> dict[str, str]:
        """The fields of the Secret."""
        fields = {"apiKeyId": self.key_id, "privateKey": self.private_key}
        return fields if self.kind == "individual" else fields | {"issuerId": self.issuer_id}


@dataclass(kw_only=True)
class App(Target):
    """An app, named by its bundle identifier."""

    number: str = field(default_factory=lambda: str(1_000_000_000 + secrets.randbelow(9_000_000_000)))
    title: str = "Mobile app"


class AppStoreConnect(Provider):
    """api.appstoreconnect.apple.com, read only."""

    name = "APP_STORE_CONNECT"
    setting = "APP_STORE_CONNECT_API_URL"
    credential_type = ApiKey
    target_types: ClassVar[Mapping[str, type[Target]]] = MappingProxyType({"app": App})

    def presented(self, ask: Ask) -> str | None:
        """Give the key id that the token names."""
        token = bearer(ask)
        return None if token is None else str(unverified(token)[0].get("kid", token))

    def answer(self, ask: Ask) -> Answer:
        """Answer like Apple, with what is left of the key's hour."""
        found = self.find(self.presented(ask))
        key = found if isinstance(found, ApiKey) else None
        if key is None or not self._proven(ask, key):
            return _errors(401, UNAUTHORIZED)
        quota = DEFAULT_QUOTA if key.quota is None else key.quota
        spent = self.world.spend(self.name, key.id, ask.now).spent
        over = _errors(429, TOO_MANY) if spent > quota else None
        answer = over or self._refused(ask, key) or self._route(ask, key)
        left = max(0, quota - spent)
        return answer.with_headers({"X-Rate-Limit": f"user-hour-lim:{quota};user-hour-rem:{left};"})

    def _proven(self, ask: Ask, key: ApiKey) -> bool:
        """Check signature, issuer, audience, life and scope, as Apple does before it looks further."""
        bad = (
            CredentialState.WRONG,
            CredentialState.EXPIRED,
            CredentialState.REVOKED,
            CredentialState.DISABLED,
        )
        if key.standing(ask.now) in bad:
            return False
        claims = verified_claims(bearer(ask) or "", key.private_key, "ES256")
        if claims is None or claims.get("aud") != AUDIENCE:
            return False
        if key.kind == "team" and claims.get("iss") != key.issuer_id:
            return False
        if key.kind == "individual" and (claims.get("sub") != "user" or "iss" in claims):
            return False
        issued, expires = claims.get("iat"), claims.get("exp")
        if not isinstance(issued, int) or not isinstance(expires, int):
            return False
        timely = issued <= ask.now + LEEWAY and ask.now < expires <= ask.now + LONGEST_LIFE + LEEWAY
        return timely and expires - issued <= LONGEST_LIFE and _in_scope(ask, claims.get("scope"))

    def _refused(self, ask: Ask, key: ApiKey) -> Answer | None:
        standing = key.standing(ask.now)
        if code := key.error_at(ask.path):
            return _errors(
                401 if code.startswith("NOT_AUTHORIZED") else 403, (code, "Refused", "Refused on demand")
            )
        if standing is CredentialState.RATE_LIMITED:
            return _errors(429, TOO_MANY).with_headers(key.rate_limit.retry_after(ask.now))
        if standing is CredentialState.AGREEMENT_REQUIRED:
            return _errors(403, AGREEMENT)
        if standing in (
            CredentialState.API_DISABLED,
            CredentialState.SSO_REQUIRED,
            CredentialState.LOGIN_BLOCKED,
        ):
            return _errors(403, FORBIDDEN)
        return None

    def _route(self, ask: Ask, key: ApiKey) -> Answer:
        if ask.method not in ("GET", "HEAD"):
            return _errors(
                405,
                (
                    "METHOD_NOT_ALLOWED",
                    "The request method is not valid for the resource path.",
                    f"The request method used for this request is not valid: {ask.method}",
                ),
            )
        parts = ask.segments()
        if parts == ["v1", "apps"]:
            return self._apps(ask, key)
        if key.standing(ask.now) is CredentialState.INSUFFICIENT_PERMISSION:
            return _errors(403, FORBIDDEN)
        match parts:
            case ["v1", "apps", number, "appStoreVersions"]:
                return self._versions(ask, key, number)
            case ["v1", "certificates"]:
                return _page(ask, [], 0) if key.kind == "team" else _errors(403, FORBIDDEN)
        return _errors(
            404,
            (
                "PATH_ERROR",
                "The URL path is not valid",
                f"The resource '{ask.path.removeprefix('/')}' does not exist",
            ),
        )

    def _apps(self, ask: Ask, key: ApiKey) -> Answer:
        parameters = ask.parameters()
        wanted = [part for part in parameters.get("filter[bundleId]", "").split(",") if part]
        # Apple's filter is known to match more than the exact identifier; clients have to compare.
        found = [
            app
            for app in self.world.targets(self.name, App)
            if app.seen_by(key.id) and (not wanted or any(app.name.startswith(part) for part in wanted))
        ]
        shown = {part for part in parameters.get("fields[apps]", "").split(",") if part}
        limit = _limit(parameters.get("limit"))
        if limit is None:
            return _errors(
                400,
                (
                    "PARAMETER_ERROR.INVALID",
                    "A parameter has an invalid value",
                    "'limit' must be between 1 and 200",
                ),
            )
        return _page(ask, [_app(ask, app, shown) for app in found[:limit]], len(found), limit)

    def _versions(self, ask: Ask, key: ApiKey, number: str) -> Answer:
        for app in self.world.targets(self.name, App):
            if app.number == number and app.seen_by(key.id):
                version = {
                    "platform": "IOS",
                    "versionString": "1.0",
                    "appStoreState": "READY_FOR_SALE",
                    "appVersionState": "READY_FOR_DISTRIBUTION",
                    "copyright": "2026 Acme",
                    "releaseType": "MANUAL",
                    "createdDate": "2026-01-26T19:01:12-08:00",
                    "downloadable": True,
                }
                link = {"self": f"{ask.origin}/v1/appStoreVersions/{number}-1"}
                one = {"type": "appStoreVersions", "id": f"{number}-1", "attributes": version, "links": link}
                return _page(ask, [one], 1)
        return _errors(
            404,
            (
                "NOT_FOUND",
                "The specified resource does not exist",
                f"There is no resource of type 'apps' with id '{number}'",
            ),
        )


def _limit(given: str | None) -> int | None:
    if given is None:
        return 50
    return int(given) if given.isdigit() and 1 <= int(given) <= LARGEST_PAGE else None


def _app(ask: Ask, app: App, shown: set[str]) -> dict[str, Json]:
    attributes = {
        "name": app.title,
        "bundleId": app.name,
        "sku": app.name,
        "primaryLocale": "en-US",
        "isOrEverWasMadeForKids": False,
        "subscriptionStatusUrl": None,
        "contentRightsDeclaration": None,
    }
    if shown:
        attributes = {name: value for name, value in attributes.items() if name in shown}
    return {
        "type": "apps",
        "id": app.number,
        "attributes": attributes,
        "links": {"self": f"{ask.origin}/v1/apps/{app.number}"},
    }


def _page(ask: Ask, data: list[dict[str, Json]], total: int, limit: int = 50) -> Answer:
    link = f"{ask.origin}{ask.path}" + (f"?{ask.query}" if ask.query else "")
    paging = {"paging": {"total": total, "limit": limit}}
    return json_answer(200, {"data": data, "links": {"self": link}, "meta": paging})


def _in_scope(ask: Ask, scope: Json) -> bool:
    """Tell whether a token with this scope claim may be used for this request.

    Apple documents entries like `GET /v1/apps?filter[platform]=IOS`; people report that paths are taken
    without the version too, so both pass here.
    """
    if scope is None:
        return True
    return isinstance(scope, list) and any(_allows(ask, str(entry)) for entry in scope)


def _allows(ask: Ask, entry: str) -> bool:
    method, _, where = entry.partition(" ")
    path, _, query = where.partition("?")
    same = ask.method == method.upper() and path in (ask.path, ask.path.removeprefix("/v1"))
    return same and all(ask.parameters().get(name) == value for name, value in parse_qsl(query))


def _errors(status: int, error: tuple[str, str, str]) -> Answer:
    code, title, detail = error
    one = {"id": str(uuid.uuid4()), "status": str(status), "code": code, "title": title, "detail": detail}
    return json_answer(status, {"errors": [one]}, {"Server": "daiquiri/5"})
