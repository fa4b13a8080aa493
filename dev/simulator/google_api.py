"""What all of Google's APIs share: access tokens that were minted here, scopes, and the shapes of errors."""

from abc import abstractmethod
from typing import ClassVar

from dev.simulator.exchange import Answer, Ask, Json, html_answer, json_answer
from dev.simulator.google import NO_KEY, TOKEN_ERRORS, TokenMint
from dev.simulator.provider import Provider, bearer
from dev.simulator.state import Credential, CredentialState, World

QUOTA_REASONS = ("RATE_LIMIT_EXCEEDED", "RESOURCE_QUOTA_EXCEEDED")
NO_PAGE = "<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>"


class GoogleApi(Provider):
    """One API under googleapis.com: who is asking is settled here, what is asked in the subclass."""

    holder: ClassVar[str]
    """The provider that the service accounts belong to."""
    scopes: ClassVar[frozenset[str]]
    """Any one of these opens it."""
    title: ClassVar[str]

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._mint = TokenMint(world.minting_key)

    @abstractmethod
    def route(self, ask: Ask, account: Credential) -> Answer:
        """Give the answer to an account that may use the API."""

    def presented(self, ask: Ask) -> str | None:
        """Give the account that the access token was minted for."""
        token = bearer(ask)
        claims = self._mint.read(token) if token else None
        return claims[0] if claims else token

    def answer(self, ask: Ask) -> Answer:
        """Answer like one of Google's APIs, errors in Google's shape."""
        token = bearer(ask)
        if token is None:
            words = "Request is missing required authentication credential."
            return google_error(401, "UNAUTHENTICATED", words, "required", "CREDENTIALS_MISSING")
        claims = self._mint.read(token)
        account = self.world.credential(self.holder, claims[0]) if claims else None
        if claims is None or account is None or claims[2] <= ask.now:
            reason = "ACCESS_TOKEN_EXPIRED" if account and claims else "ACCESS_TOKEN_TYPE_UNSUPPORTED"
            words = "Request had invalid authentication credentials."
            return google_error(401, "UNAUTHENTICATED", words, "authError", reason)
        if not self.scopes & set(claims[1].split()):
            words, reason = (
                "Request had insufficient authentication scopes.",
                "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            )
            return google_error(403, "PERMISSION_DENIED", words, "insufficientPermissions", reason)
        return self._refused(ask, account) or self.route(ask, account)

    def _refused(self, ask: Ask, account: Credential) -> Answer | None:
        standing = account.standing(ask.now)
        code = account.error_at(ask.path)
        if code == "permissionDenied":
            words = "The current user has insufficient permissions to perform the requested operation."
            return legacy_error(401, code, words)
        if code and code not in TOKEN_ERRORS:
            over = code in QUOTA_REASONS
            status, words = (429, "RESOURCE_EXHAUSTED") if over else (403, "PERMISSION_DENIED")
            return google_error(status, words, "Refused on demand.", "forbidden", code)
        if standing is CredentialState.DISABLED or standing in NO_KEY:
            words = "Request had invalid authentication credentials."
            return google_error(401, "UNAUTHENTICATED", words, "authError", "ACCOUNT_STATE_INVALID")
        if standing is CredentialState.API_DISABLED:
            words = f"{self.title} has not been used in project 1 before or it is disabled."
            return google_error(403, "PERMISSION_DENIED", words, "accessNotConfigured", "SERVICE_DISABLED")
        if standing is CredentialState.RATE_LIMITED:
            words = "Quota exceeded for quota metric 'Queries'."
            refused = google_error(
                429, "RESOURCE_EXHAUSTED", words, "rateLimitExceeded", "RATE_LIMIT_EXCEEDED"
            )
            return refused.with_headers(account.rate_limit.retry_after(ask.now))
        return None


def google_headers() -> dict[str, str]:
    """Give the headers that every answer has."""
    return {"Server": "ESF", "Vary": "Origin, X-Origin, Referer", "X-Frame-Options": "SAMEORIGIN"}


def google_error(status: int, state: str, message: str, legacy: str, reason: str | None) -> Answer:
    """Give Google's error body: the old `errors` list and, where there is a reason, an ErrorInfo."""
    error: dict[str, Json] = {"code": status, "message": message, "status": state}
    if legacy:
        error["errors"] = [{"message": message, "domain": "global", "reason": legacy}]
    if reason is not None:
        error["details"] = [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": reason,
                "domain": "googleapis.com",
                "metadata": {"service": "googleapis.com"},
            }
        ]
    return json_answer(status, {"error": error}, google_headers())


def legacy_error(status: int, reason: str, message: str) -> Answer:
    """Give the error body of the time before statuses had names."""
    one = {"message": message, "domain": "androidpublisher", "reason": reason}
    return json_answer(
        status, {"error": {"code": status, "message": message, "errors": [one]}}, google_headers()
    )


def no_page() -> Answer:
    """Give what Google says to a path that no API has."""
    return html_answer(404, NO_PAGE)
