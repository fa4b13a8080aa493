"""The Google Play Developer API: the one listing that needs no edit, and Google's error shapes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar
from urllib.parse import unquote

from dev.simulator.exchange import Answer, Ask, Json, html_answer, json_answer
from dev.simulator.google import NO_KEY, PLAY, TOKEN_ERRORS, ServiceAccount, TokenMint
from dev.simulator.provider import Provider, bearer
from dev.simulator.state import Credential, CredentialState, Target, TargetState, World

PUBLISHER_SCOPE = "https://www.googleapis.com/auth/androidpublisher"
RELEASES_PATH = re.compile(r"/androidpublisher/v3/applications/([^/]+)/tracks/([^/]+)/releases")
QUOTA_REASONS = ("RATE_LIMIT_EXCEEDED", "RESOURCE_QUOTA_EXCEEDED")


@dataclass(kw_only=True)
class Package(Target):
    """An app of Google Play, named by its package name."""

    tracks: tuple[str, ...] = ("production", "beta", "alpha", "internal")
    released: tuple[str, ...] = ("production",)


class PlayStore(Provider):
    """androidpublisher.googleapis.com, the one listing that needs no edit."""

    name = PLAY
    setting = "PLAY_STORE_API_URL"
    credential_type = ServiceAccount
    target_types: ClassVar[Mapping[str, type[Target]]] = MappingProxyType({"package": Package})

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._mint = TokenMint(world.minting_key)

    def presented(self, ask: Ask) -> str | None:
        """Give the account that the access token was minted for."""
        token = bearer(ask)
        claims = self._mint.read(token) if token else None
        return claims[0] if claims else token

    def answer(self, ask: Ask) -> Answer:
        """Answer like the Play Developer API, errors in Google's shape."""
        token = bearer(ask)
        if token is None:
            return _error(
                401,
                "UNAUTHENTICATED",
                "Request is missing required authentication credential.",
                "required",
                "CREDENTIALS_MISSING",
            )
        claims = self._mint.read(token)
        account = self.find(claims[0]) if claims else None
        if claims is None or account is None or claims[2] <= ask.now:
            reason = "ACCESS_TOKEN_EXPIRED" if account and claims else "ACCESS_TOKEN_TYPE_UNSUPPORTED"
            return _error(
                401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", "authError", reason
            )
        if PUBLISHER_SCOPE not in claims[1].split():
            return _error(
                403,
                "PERMISSION_DENIED",
                "Request had insufficient authentication scopes.",
                "insufficientPermissions",
                "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            )
        return self._refused(ask, account) or self._route(ask, account)

    def _refused(self, ask: Ask, account: Credential) -> Answer | None:
        standing = account.standing(ask.now)
        code = account.error_at(ask.path)
        if code == "permissionDenied":
            return _legacy(
                401, code, "The current user has insufficient permissions to perform the requested operation."
            )
        if code and code not in TOKEN_ERRORS:
            over = code in QUOTA_REASONS
            status, words = (429, "RESOURCE_EXHAUSTED") if over else (403, "PERMISSION_DENIED")
            return _error(status, words, "Refused on demand.", "forbidden", code)
        if standing is CredentialState.DISABLED or standing in NO_KEY:
            return _error(
                401,
                "UNAUTHENTICATED",
                "Request had invalid authentication credentials.",
                "authError",
                "ACCOUNT_STATE_INVALID",
            )
        if standing is CredentialState.API_DISABLED:
            return _error(
                403,
                "PERMISSION_DENIED",
                "Google Play Android Developer API has not been used in project 1 before or it is disabled.",
                "accessNotConfigured",
                "SERVICE_DISABLED",
            )
        if standing is CredentialState.RATE_LIMITED:
            headers = account.rate_limit.retry_after(ask.now)
            return _error(
                429,
                "RESOURCE_EXHAUSTED",
                "Quota exceeded for quota metric 'Queries'.",
                "rateLimitExceeded",
                "RATE_LIMIT_EXCEEDED",
            ).with_headers(headers)
        return None

    def _route(self, ask: Ask, account: Credential) -> Answer:
        found = RELEASES_PATH.fullmatch(ask.path)
        if ask.method != "GET":
            return _error(
                405, "UNIMPLEMENTED", "The simulator takes no writes.", "httpMethodNotAllowed", None
            )
        if found is None:
            return html_answer(404, "<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>")
        if account.standing(ask.now) is not CredentialState.VALID:
            return _error(403, "PERMISSION_DENIED", "The caller does not have permission", "forbidden", None)
        name, track = unquote(found[1]), unquote(found[2])
        package = self.world.target(self.name, Package, name)
        if package is None or package.state is TargetState.ABSENT:
            return _error(404, "NOT_FOUND", f"Package not found: {name}.", "applicationNotFound", None)
        if not package.seen_by(account.id) or package.state is TargetState.DISABLED:
            return _error(403, "PERMISSION_DENIED", "The caller does not have permission", "forbidden", None)
        return self._releases(package, track)

    def _releases(self, package: Package, track: str) -> Answer:
        if track not in package.tracks:
            return _error(404, "NOT_FOUND", f"Track not found: {track}.", "notFound", None)
        if track not in package.released:
            return json_answer(200, {}, _headers())
        one = {
            "releaseName": "1.0",
            "track": track,
            "activeArtifacts": [{"versionCode": 1}],
            "releaseLifecycleState": "RELEASE_LIFECYCLE_STATE_PUBLISHED",
        }
        return json_answer(200, {"releases": [one]}, _headers())


def _headers() -> dict[str, str]:
    return {"Server": "ESF", "Vary": "Origin, X-Origin, Referer", "X-Frame-Options": "SAMEORIGIN"}


def _error(status: int, state: str, message: str, legacy: str, reason: str | None) -> Answer:
    """Give Google's error body: the old `errors` list and, where there is a reason, an ErrorInfo."""
    error: dict[str, Json] = {
        "code": status,
        "message": message,
        "status": state,
        "errors": [{"message": message, "domain": "global", "reason": legacy}],
    }
    if reason is not None:
        error["details"] = [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": reason,
                "domain": "googleapis.com",
                "metadata": {"service": "androidpublisher.googleapis.com"},
            }
        ]
    return json_answer(status, {"error": error}, _headers())


def _legacy(status: int, reason: str, message: str) -> Answer:
    one = {"message": message, "domain": "androidpublisher", "reason": reason}
    return json_answer(status, {"error": {"code": status, "message": message, "errors": [one]}}, _headers())
