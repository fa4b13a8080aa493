"""A Google service account: its key, the short-lived token that it buys, and Google's way to say no."""

import re
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Literal
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from pydantic import AfterValidator, Field, SecretStr, ValidationError

from delivr_operator.outcome import Doubt, Outcome, Rejected, Rejection, Unknown, Verified
from delivr_operator.providers.answer import doubtful, is_skewed
from delivr_operator.providers.exchange import Body, Exchange, Request, Response, read
from delivr_operator.providers.provider import Bundle, Flaw, Secrets
from delivr_operator.providers.secret_shapes import Email, RsaKey, Token, rsa_key

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
BACKDATED = timedelta(seconds=30)
LIFETIME = timedelta(hours=1)
_TOKEN_HOSTS = frozenset({"oauth2.googleapis.com", "accounts.google.com"})
"""Where key files say tokens come from; the second in old files. The operator asks its own setting."""


class ServiceAccount(Secrets):
    """A service account and its key; the key's id is no part of the row."""

    service_account_email: Email
    private_key: RsaKey
    private_key_id: Annotated[Token | None, Field(exclude=True)] = None


class _KeyFile(Body):
    type: Literal["service_account"]
    client_email: SecretStr
    private_key: SecretStr
    private_key_id: SecretStr | None = None
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address


def unpack(whole: SecretStr) -> Mapping[str, SecretStr] | Flaw:
    """Return the fields of a downloaded key file, or what is wrong with it."""
    try:
        file = _KeyFile.model_validate_json(whole.get_secret_value())
    except ValidationError:
        return Flaw(
            "must be the whole JSON key file of a service account, as downloaded from Google Cloud, "
            'with "type": "service_account", client_email and private_key'
        )
    if _host(file.token_uri) not in _TOKEN_HOSTS:
        return Flaw("names another token_uri than Google's: download the key file from Google Cloud again")
    fields = {
        "serviceAccountEmail": file.client_email,
        "privateKey": file.private_key,
        "privateKeyId": file.private_key_id,
    }
    return {name: SecretStr(value.get_secret_value().strip()) for name, value in fields.items() if value}


def _host(url: str) -> str | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts.hostname if parts.scheme == "https" else None


KEY_FILE = Bundle("serviceAccountKey", unpack)


def _account(whole: SecretStr) -> ServiceAccount:
    fields = unpack(whole)
    if isinstance(fields, Flaw):
        raise ValueError(fields.sentence)  # noqa: TRY004 - what pydantic takes for a bad value
    return ServiceAccount.model_validate(fields)


def _key_file(whole: SecretStr) -> SecretStr:
    try:
        _account(whole)
    except ValidationError as error:  # what pydantic itself would say names fields that the file has not
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        field = {"serviceAccountEmail": "client_email", "privateKey": "private_key"}.get(
            str(first["loc"][0]), "private_key_id"
        )
        raise ValueError(f"holds a damaged {field}: download the key file from Google Cloud again") from None
    return whole


class WholeKeyFile(Secrets):
    """A service account by its whole key file, for rows that keep it whole."""

    service_account_key: Annotated[SecretStr, AfterValidator(_key_file)]

    def account(self) -> ServiceAccount:
        """Return the account that the key is of."""
        return _account(self.service_account_key)


class AccessToken(Body):
    """What a good assertion buys."""

    access_token: SecretStr


class _Refusal(Body):
    error: str
    error_description: str = ""


async def buy(exchange: Exchange, account: ServiceAccount, scope: str) -> AccessToken | Outcome:
    """Return an access token for `scope`, or the verdict on the account."""
    key = rsa_key(account.private_key)
    assertion = _assertion(exchange, account, key, scope) if key else None
    if assertion is None:
        return Rejected(Rejection.MISCONFIGURED, "privateKey is damaged: copy it again from the key file.")
    form: dict[str, str | SecretStr] = {"grant_type": GRANT, "assertion": assertion}
    url = exchange.endpoints.google_token
    answer = await exchange.send(Request("POST", url, {"Accept": "application/json"}, form))
    verdict = judge_token(answer)
    return (read(answer, AccessToken) or verdict) if isinstance(verdict, Verified) else verdict


def _assertion(
    exchange: Exchange, account: ServiceAccount, key: RSAPrivateKey, scope: str
) -> SecretStr | None:
    """Return the signed assertion; None where the key's own public half refuses it.

    A key whose factors are no primes signs so, and such a signature may give the key away.
    """
    issued = int((exchange.now - BACKDATED).timestamp())
    claims = {
        "iss": account.service_account_email.get_secret_value(),
        "scope": scope,
        "aud": exchange.endpoints.google_token,
        "iat": issued,
        "exp": issued + int(LIFETIME.total_seconds()),
    }
    headers = {"kid": account.private_key_id.get_secret_value()} if account.private_key_id else {}
    try:
        signed = jwt.encode(claims, key, algorithm="RS256", headers=headers)
        jwt.api_jws.decode(signed, key.public_key(), algorithms=["RS256"])
    except (jwt.InvalidTokenError, ValueError):
        return None
    return SecretStr(signed)


# Open point: Google documents no complete list of these codes.
_TOKEN_CODES: Mapping[str, Rejection | Doubt] = {
    "disabled_client": Rejection.ACCOUNT_DISABLED,
    "deleted_client": Rejection.ACCOUNT_DISABLED,
    "unauthorized_client": Rejection.INSUFFICIENT_PERMISSION,
    "access_denied": Rejection.INSUFFICIENT_PERMISSION,
    "admin_policy_enforced": Rejection.INSUFFICIENT_PERMISSION,
    "invalid_scope": Doubt.PROBE_OUTDATED,
    "internal_failure": Doubt.UPSTREAM_ERROR,
}
_BAD_KEY = ("invalid jwt signature", "account not found")
_BAD_TIME = re.compile(r"\b(iat|exp)\b|short-lived")
_REFUSED = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


def judge_token(response: Response) -> Outcome:
    """Judge the answer of the token endpoint."""
    if response.status == HTTPStatus.OK:
        return Verified() if read(response, AccessToken) else doubtful(response)
    refusal = read(response, _Refusal)
    if refusal is None or response.status not in _REFUSED:
        return doubtful(response)
    if refusal.error == "invalid_grant":
        return _judge_grant(response, refusal.error_description.casefold())
    known = _TOKEN_CODES.get(refusal.error)
    return doubtful(response) if known is None else _verdict(known, response, refusal.error)


def _judge_grant(response: Response, words: str) -> Rejected | Unknown:
    if is_skewed(response) or _BAD_TIME.search(words):
        return doubtful(response, Doubt.CLOCK_SKEW, "invalid_grant")
    if any(part in words for part in _BAD_KEY):
        return Rejected(Rejection.BAD_CREDENTIALS, http_status=response.status, code="invalid_grant")
    return doubtful(response, code="invalid_grant")


class _ErrorInfo(Body):
    reason: str = ""


class _Error(Body):
    status: str = ""
    errors: tuple[_ErrorInfo, ...] = ()
    details: tuple[_ErrorInfo, ...] = ()


class _ErrorBody(Body):
    error: _Error


_API_REASONS: Mapping[str, Rejection | Doubt] = {
    "SERVICE_DISABLED": Rejection.API_DISABLED,
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": Rejection.INSUFFICIENT_PERMISSION,
    "IAM_PERMISSION_DENIED": Rejection.INSUFFICIENT_PERMISSION,
    "USER_PROJECT_DENIED": Rejection.INSUFFICIENT_PERMISSION,
    "ORG_RESTRICTION_VIOLATION": Rejection.INSUFFICIENT_PERMISSION,
    "CONSUMER_SUSPENDED": Rejection.ACCOUNT_DISABLED,
    "ACCOUNT_STATE_INVALID": Rejection.ACCOUNT_DISABLED,
    "BILLING_DISABLED": Rejection.ACCOUNT_DISABLED,
    "GCP_SUSPENDED": Rejection.ACCOUNT_DISABLED,
    "USER_BLOCKED_BY_ADMIN": Rejection.ACCOUNT_DISABLED,
    "CONSUMER_INVALID": Rejection.MISCONFIGURED,
    "RATE_LIMIT_EXCEEDED": Doubt.RATE_LIMITED,
    "RESOURCE_QUOTA_EXCEEDED": Doubt.RATE_LIMITED,
    "ACCESS_TOKEN_EXPIRED": Doubt.UNEXPECTED_RESPONSE,
    "JWT_TOKEN_INVALID": Doubt.UNEXPECTED_RESPONSE,
    # The older vocabulary, in `errors`:
    "accessNotConfigured": Rejection.API_DISABLED,
    "rateLimitExceeded": Doubt.RATE_LIMITED,
    "userRateLimitExceeded": Doubt.RATE_LIMITED,
    "quotaExceeded": Doubt.RATE_LIMITED,
    "dailyLimitExceeded": Doubt.RATE_LIMITED,
    "permissionDenied": Rejection.INSUFFICIENT_PERMISSION,
    "insufficientPermissions": Rejection.INSUFFICIENT_PERMISSION,
    "forbidden": Rejection.INSUFFICIENT_PERMISSION,
    "applicationNotFound": Rejection.TARGET_NOT_FOUND,
    "notFound": Rejection.TARGET_NOT_FOUND,
}
_ABOUT = {
    Rejection.TARGET_NOT_FOUND: (HTTPStatus.NOT_FOUND,),
    Rejection.MISCONFIGURED: (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN),
}
"""Which statuses make a reason definite; all others need 401 or 403."""


def judge_api(response: Response) -> Outcome:
    """Judge an error answer of a Google API by its reasons, the newer vocabulary first."""
    body = read(response, _ErrorBody)
    if body is None:
        return doubtful(response)
    for info in (*body.error.details, *body.error.errors):
        known = _API_REASONS.get(info.reason)
        if isinstance(known, Doubt):
            return _verdict(known, response, info.reason)
        if known is not None and response.status in _ABOUT.get(
            known, (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
        ):
            return _verdict(known, response, info.reason)
    if response.status == HTTPStatus.FORBIDDEN and body.error.status == "PERMISSION_DENIED":
        return _verdict(Rejection.INSUFFICIENT_PERMISSION, response, body.error.status)
    return doubtful(response)


def judge_target(response: Response) -> Outcome:
    """Judge an error answer about a named target, whose absence newer APIs tell by the status alone."""
    body = read(response, _ErrorBody)
    if body is not None and (response.status, body.error.status) == (HTTPStatus.NOT_FOUND, "NOT_FOUND"):
        told = any(info.reason for info in (*body.error.details, *body.error.errors))
        if not told:
            return _verdict(Rejection.TARGET_NOT_FOUND, response, body.error.status)
    return judge_api(response)


def _verdict(known: Rejection | Doubt, response: Response, code: str) -> Rejected | Unknown:
    if isinstance(known, Doubt):
        return doubtful(response, known, code)
    return Rejected(known, http_status=response.status, code=code)
