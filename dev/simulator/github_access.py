"""Who may ask GitHub what: tokens, Apps, scopes, single sign-on, and the words of each refusal."""

from collections.abc import Mapping

from dev.simulator.exchange import Answer, Ask, json_answer
from dev.simulator.github_state import APP_PREFIX, GitHubCredential, Repository
from dev.simulator.provider import bearer
from dev.simulator.signing import unverified, verified_claims
from dev.simulator.state import CredentialState

DOCS = "https://docs.github.com/rest"
API_VERSIONS = ("2022-11-28", "2026-03-10")
BAD_CREDENTIAL = (CredentialState.WRONG, CredentialState.EXPIRED, CredentialState.REVOKED)
NOT_A_JWT = "A JSON web token could not be decoded"
LEEWAY = 5


class RefusedError(Exception):
    """Carries the answer that ends a request early."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def refused(status: int, message: str, headers: Mapping[str, str] | None = None) -> RefusedError:
    """Give the end of a request with GitHub's error body."""
    body = {"message": message, "documentation_url": DOCS, "status": str(status)}
    return RefusedError(json_answer(status, body, headers))


def presented(ask: Ask) -> str | None:
    """Give the token, or the App that a JWT says to be from."""
    token = bearer(ask, "bearer", "token")
    if token is not None and token.startswith("eyJ"):
        return APP_PREFIX + str(unverified(token)[1].get("iss", ""))
    return token


def admit(ask: Ask, lookup: str | None, credential: GitHubCredential | None) -> None:
    """Let the request pass, or refuse it for what it carries."""
    version = ask.header("x-github-api-version")
    if version and version not in API_VERSIONS:
        raise refused(
            400, "The specified API version is not supported. Please use one of the supported versions."
        )
    if lookup is None:
        if ask.header("authorization"):
            raise refused(401, "Bad credentials")
        return
    if lookup.startswith(APP_PREFIX):
        _admit_app(ask, credential)
    standing = CredentialState.WRONG if credential is None else credential.standing(ask.now)
    if credential is None or standing in BAD_CREDENTIAL:
        raise refused(401, "Bad credentials")
    if standing is CredentialState.DISABLED:
        raise refused(403, "Sorry. Your account was suspended.")
    if standing is CredentialState.LOGIN_BLOCKED:
        raise refused(403, "Maximum number of login attempts exceeded. Please try again later.")
    if standing is CredentialState.RATE_LIMITED:
        raise _over_rate(ask, credential)


def _admit_app(ask: Ask, credential: GitHubCredential | None) -> None:
    if credential is None:
        raise refused(401, "Integration not found")
    claims = verified_claims(bearer(ask) or "", credential.private_key, "RS256")
    if claims is None or credential.standing(ask.now) in BAD_CREDENTIAL:
        raise refused(401, NOT_A_JWT)
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(expires, int) or expires <= ask.now:
        raise refused(
            401,
            "'Expiration time' claim ('exp') must be a numeric value representing the future time"
            " at which the assertion expires",
        )
    if expires > ask.now + 600 + LEEWAY:
        raise refused(401, "'Expiration time' claim ('exp') is too far in the future")
    if not isinstance(issued, int) or issued > ask.now:
        raise refused(
            401,
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion"
            " was issued",
        )


def _over_rate(ask: Ask, credential: GitHubCredential) -> RefusedError:
    """Refuse for the hour's quota, which is told by the reset header, or for GitHub's secondary limits."""
    limit = credential.rate_limit
    status = limit.status or 403
    if limit.style == "reset":
        headers = {
            "x-ratelimit-remaining": "0",
            "x-ratelimit-used": str(credential.hourly),
            "x-ratelimit-reset": str(int(ask.now) + limit.seconds),
        }
        return refused(status, f"API rate limit exceeded for user ID {credential.number}.", headers)
    words = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    return refused(status, words, limit.retry_after(ask.now))


def is_visible(repository: Repository, credential: GitHubCredential | None) -> bool:
    """Tell whether a repository exists for this caller: private ones hide from others as 404."""
    if not repository.seen_by(credential.id if credential else None):
        return False
    if not repository.private:
        return True
    if credential is None or credential.role(repository.key) is None:
        return False
    return credential.kind != "classic" or "repo" in credential.scopes


def admit_to(ask: Ask, repository: Repository, credential: GitHubCredential | None, rest: str) -> None:
    """Let the request into a repository that it sees, or refuse it for what its token lacks."""
    if credential is None:
        return
    if credential.kind == "app":
        raise refused(403, "Resource not accessible by integration")
    if credential.standing(ask.now) is CredentialState.SSO_REQUIRED:
        organization = repository.name.partition("/")[0]
        where = f"https://github.com/orgs/{organization}/sso?authorization_request=SIMULATED"
        raise refused(
            403,
            "Resource protected by organization SAML enforcement. You must grant your Personal Access"
            " token access to this organization.",
            {"x-github-sso": f"required; url={where}"},
        )
    if credential.kind == "fine_grained" and credential.is_small and rest:
        raise refused(
            403,
            "Resource not accessible by personal access token",
            {"x-accepted-github-permissions": "actions=read"},
        )
