"""APP_STORE_CONNECT: Apple's store, asked with requests signed by a team's API key."""

from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode

import jwt
from pydantic import Field, SecretStr

from delivr_operator.outcome import Doubt, IntegrationType, Outcome, Rejected, Rejection, Verified
from delivr_operator.providers.answer import doubtful, is_skewed, retry_after
from delivr_operator.providers.exchange import (
    Body,
    Endpoints,
    Exchange,
    Headers,
    Request,
    Response,
    authority,
    read,
)
from delivr_operator.providers.provider import Provider, Secrets
from delivr_operator.providers.secret_shapes import EllipticKey, Token
from delivr_operator.resource import Frozen

AUDIENCE = "appstoreconnect-v1"
BACKDATED = timedelta(seconds=30)
LIFETIME = timedelta(minutes=10)
QUOTA_PAUSE = timedelta(minutes=5)
"""A second, shorter limit that Apple shows nowhere makes asking sooner useless."""


class AppStoreConnectConfig(Frozen):
    """Which app."""

    bundle_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,155}$")]


class ApiKey(Secrets):
    """A team's API key, as App Store Connect issues it."""

    api_key_id: Token
    issuer_id: Token
    private_key: EllipticKey


class _Error(Body):
    code: str
    detail: str = ""


class _Errors(Body):
    errors: tuple[_Error, ...]


class _Attributes(Body):
    bundle_id: Annotated[str, Field(alias="bundleId")]


class _App(Body):
    id: Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{1,64}$")]
    attributes: _Attributes


class _Links(Body):
    next: str | None = None


class _Apps(Body):
    data: tuple[_App, ...]
    links: _Links = _Links()


class _Versions(Body):
    data: tuple[Body, ...]


_AGREEMENT = "FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED"
_CODES = (_AGREEMENT, "FORBIDDEN_ERROR", "FORBIDDEN", "NOT_AUTHORIZED", "NOT_FOUND", "RATE_LIMIT_EXCEEDED")


def _code(response: Response) -> tuple[str, str]:
    """Return the known code that the first error begins with, and the error's text."""
    errors = read(response, _Errors)
    if errors is None or not errors.errors:
        return "", ""
    first = errors.errors[0]
    known = next((code for code in _CODES if first.code == code or first.code.startswith(f"{code}.")), "")
    return known, first.detail


def judge(response: Response) -> Outcome:
    """Judge the answer about an app, whichever question it answers."""
    if response.status == HTTPStatus.OK:
        return Verified() if read(response, _Versions) else doubtful(response)
    code, text = _code(response)
    match response.status, code:
        case 401, "NOT_AUTHORIZED":
            if is_skewed(response):
                return doubtful(response, Doubt.CLOCK_SKEW, code)
            return Rejected(Rejection.BAD_CREDENTIALS, http_status=401, code=code)
        case 403, "FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED":
            return Rejected(Rejection.AGREEMENT_REQUIRED, http_status=403, code=code)
        case 403, "FORBIDDEN" if "Program License Agreement" in text:
            return Rejected(Rejection.AGREEMENT_REQUIRED, http_status=403, code=code)
        case 403, "FORBIDDEN" | "FORBIDDEN_ERROR":
            return Rejected(Rejection.INSUFFICIENT_PERMISSION, http_status=403, code=code)
        case 404, "NOT_FOUND":
            return Rejected(Rejection.TARGET_NOT_FOUND, http_status=404, code=code)
        case 429, _:
            pause = retry_after(response) or timedelta()
            return replace(doubtful(response, code=code), retry_after=max(pause, QUOTA_PAUSE))
    return doubtful(response, code=code)


def _hosts(_: AppStoreConnectConfig, endpoints: Endpoints) -> frozenset[str]:
    return frozenset({authority(endpoints.app_store_connect)})


def _signed(exchange: Exchange, secrets: ApiKey) -> SecretStr:
    issued = int((exchange.now - BACKDATED).timestamp())
    claims = {
        "iss": secrets.issuer_id.get_secret_value(),
        "iat": issued,
        "exp": issued + int(LIFETIME.total_seconds()),
        "aud": AUDIENCE,
    }
    headers = {"kid": secrets.api_key_id.get_secret_value(), "typ": "JWT"}
    token = jwt.encode(claims, secrets.private_key.get_secret_value(), algorithm="ES256", headers=headers)
    return SecretStr(f"Bearer {token}")


async def _ask(exchange: Exchange, path: str, signed: SecretStr) -> Response:
    headers: Headers = {"Authorization": signed, "Accept": "application/json"}
    return await exchange.send(Request("GET", exchange.endpoints.app_store_connect + path, headers))


async def _probe(exchange: Exchange, config: AppStoreConnectConfig, secrets: ApiKey) -> Outcome:
    signed = _signed(exchange, secrets)
    wanted = {"filter[bundleId]": config.bundle_id, "fields[apps]": "bundleId,name", "limit": "200"}
    answer = await _ask(exchange, f"/v1/apps?{urlencode(wanted)}", signed)
    found = read(answer, _Apps) if answer.status == HTTPStatus.OK else None
    if found is None:
        return doubtful(answer) if answer.status == HTTPStatus.OK else _named(judge(answer), config)
    # The filter matches more than the exact identifier, so only an equal one counts.
    numbers = [app.id for app in found.data if app.attributes.bundle_id == config.bundle_id]
    if not numbers:
        absent = Rejected(Rejection.TARGET_NOT_FOUND, http_status=200)
        return doubtful(answer) if found.links.next else _named(absent, config)
    return _named(
        judge(await _ask(exchange, f"/v1/apps/{numbers[0]}/appStoreVersions?limit=1", signed)), config
    )


_WHY = {
    Rejection.TARGET_NOT_FOUND: "is absent, or hidden from this key",
    Rejection.INSUFFICIENT_PERMISSION: "may not be managed with this key's role",
}


def _named(outcome: Outcome, config: AppStoreConnectConfig) -> Outcome:
    if isinstance(outcome, Rejected) and (why := _WHY.get(outcome.reason)):
        return replace(outcome, detail=f"App {config.bundle_id} {why}.")
    return outcome


APP_STORE_CONNECT = Provider(
    type=IntegrationType.APP_STORE_CONNECT,
    member="appStoreConnect",
    config=AppStoreConnectConfig,
    secrets=ApiKey,
    sealed=frozenset({"apiKeyId", "issuerId", "privateKey"}),
    permissions=("a team key of App Store Connect with the role App Manager, for the app",),
    hosts=_hosts,
    probe=_probe,
    judge=judge,
)
