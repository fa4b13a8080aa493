"""Google's token endpoint for service accounts, and the access tokens that it mints."""

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field
from types import MappingProxyType

from dev.simulator.exchange import Answer, Ask, Json, html_answer, json_answer
from dev.simulator.provider import Provider
from dev.simulator.signing import new_rsa_key, unverified, verified_claims
from dev.simulator.state import Credential, CredentialState, World

PLAY = "PLAY_STORE"
FIREBASE = "FIREBASE"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
KEY_FILE_AUDIENCE = "https://oauth2.googleapis.com/token"
LIFE = 3600
SHOWN_LIFE = 3599
LEEWAY = 5
TOKEN_ERRORS = MappingProxyType(
    {
        "invalid_grant": (400, "Invalid grant: account not found"),
        "invalid_scope": (400, "Invalid OAuth scope or ID token audience provided."),
        "unauthorized_client": (
            401,
            "Client is unauthorized to retrieve access tokens using this method.",
        ),
        "disabled_client": (401, "The OAuth client was disabled."),
        "deleted_client": (401, "The OAuth client was deleted."),
        "access_denied": (403, "Access denied."),
        "admin_policy_enforced": (403, "Access to this service is blocked by the administrator's policy."),
        "internal_failure": (500, "Internal failure."),
    }
)
SIGNATURE = "Invalid JWT Signature."
UNTIMELY = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
    " Check your iat and exp values in the JWT claim."
)
NO_KEY = (CredentialState.WRONG, CredentialState.EXPIRED, CredentialState.REVOKED)


@dataclass(kw_only=True)
class ServiceAccount(Credential):
    """A service account with one key."""

    project: str = "simulated-project"
    email: str = ""
    key_id: str = field(default_factory=lambda: secrets.token_hex(20))
    private_key: str = field(default_factory=new_rsa_key)

    def __post_init__(self) -> None:
        """Fill in what the vendor would have made up."""
        self.email = self.email or f"publisher-{self.id}@{self.project}.iam.gserviceaccount.com"

    @property
    def lookup(self) -> str:
        """The account's address, which every assertion names."""
        return self.email

    @property
    def secret(self) -> dict[str, str]:
        """The fields of the Secret: the short form and the whole key file."""
        address = self.email.replace("@", "%40")
        whole = {
            "type": "service_account",
            "project_id": self.project,
            "private_key_id": self.key_id,
            "private_key": self.private_key,
            "client_email": self.email,
            "client_id": str(int(self.key_id[:16], 16)),
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": KEY_FILE_AUDIENCE,
            "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
            "client_x509_cert_url": f"https://www.googleapis.com/robot/v1/metadata/x509/{address}",
            "universe_domain": "googleapis.com",
        }
        return {
            "serviceAccountEmail": self.email,
            "privateKey": self.private_key,
            "serviceAccountKey": json.dumps(whole, indent=2),
        }


class TokenMint:
    """Makes and reads access tokens; they carry their claims, so nothing is kept for them."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def mint(self, email: str, scope: str, now: float) -> str:
        """Give a token for this account and scope that lives for an hour."""
        claims = json.dumps([email, scope, int(now) + LIFE]).encode()
        body = base64.urlsafe_b64encode(claims).decode().rstrip("=")
        return f"ya29.c.{body}.{self._mark(body)}"

    def read(self, token: str) -> tuple[str, str, int] | None:
        """Give account, scope and end of a token of ours."""
        parts = token.split(".")
        match parts:
            case ["ya29", "c", body, mark] if hmac.compare_digest(mark, self._mark(body)):
                email, scope, ends = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
            case _:
                return None
        return email, scope, ends

    def _mark(self, body: str) -> str:
        return hmac.new(self._key, body.encode(), hashlib.sha256).hexdigest()


class GoogleToken(Provider):
    """oauth2.googleapis.com/token for service accounts' signed assertions."""

    name = "GOOGLE_TOKEN"
    setting = "GOOGLE_TOKEN_URL"
    path = "/token"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._mint = TokenMint(world.minting_key)

    def presented(self, ask: Ask) -> str | None:
        """Give the account that the assertion says to be from."""
        assertion = ask.form().get("assertion")
        return None if assertion is None else str(unverified(assertion)[1].get("iss", assertion))

    def is_write(self, ask: Ask) -> bool:
        """Minting a token changes nothing that anybody else sees."""
        return ask.method != "POST" or ask.path != self.path

    def answer(self, ask: Ask) -> Answer:
        """Give a token for a good assertion, or the OAuth error."""
        if ask.path != self.path:
            return html_answer(404, "<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>")
        if ask.method != "POST":
            return html_answer(405, "<!DOCTYPE html><title>Error 405 (Method Not Allowed)!!1</title>")
        form = ask.form()
        if form.get("grant_type") != GRANT:
            return _oauth(400, "unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type', '')}")
        return self._judge(ask, form.get("assertion", ""))

    def _judge(self, ask: Ask, assertion: str) -> Answer:
        address = self.presented(ask) or ""
        found = self.world.credential(PLAY, address) or self.world.credential(FIREBASE, address)
        if not isinstance(found, ServiceAccount):
            return _oauth(400, "invalid_grant", "Invalid grant: account not found")
        standing = found.standing(ask.now)
        code = "disabled_client" if standing is CredentialState.DISABLED else found.error_at(ask.path)
        if code is not None and code in TOKEN_ERRORS:
            status, words = TOKEN_ERRORS[code]
            return _oauth(status, code, words)
        claims = verified_claims(assertion, found.private_key, "RS256")
        key_id = unverified(assertion)[0].get("kid", found.key_id)
        if claims is None or standing in NO_KEY or key_id != found.key_id:
            return _oauth(400, "invalid_grant", SIGNATURE)
        # Two audiences are right: this endpoint's own URL, and the one written in every real key file.
        if claims.get("aud") not in (ask.origin + self.path, KEY_FILE_AUDIENCE):
            return _oauth(400, "invalid_grant", "Invalid JWT: Failed audience check.")
        if not _timely(claims, ask.now):
            return _oauth(400, "invalid_grant", UNTIMELY)
        scope = claims.get("scope")
        if not isinstance(scope, str) or not scope.startswith("https://www.googleapis.com/auth/"):
            return _oauth(400, "invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        token = self._mint.mint(found.email, scope, ask.now)
        return json_answer(
            200,
            {"access_token": token, "expires_in": SHOWN_LIFE, "token_type": "Bearer"},
            {"Server": "scaffolding on HTTPServer2", "Cache-Control": "private"},
        )


def _timely(claims: dict[str, Json], now: float) -> bool:
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int) or not isinstance(expires, int):
        return False
    return issued <= now + LEEWAY and now < expires <= issued + LIFE


def _oauth(status: int, code: str, words: str) -> Answer:
    body = {"error": code, "error_description": words}
    return json_answer(status, body, {"Server": "scaffolding on HTTPServer2", "Cache-Control": "private"})
