"""An app registration of Microsoft Entra: its secret, the short-lived token that it buys, and Entra's no."""

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from pydantic import SecretStr

from delivr_operator.outcome import Doubt, Expired, Outcome, Rejected, Rejection, Verified
from delivr_operator.providers.answer import doubtful
from delivr_operator.providers.exchange import Body, Exchange, Request, Response, read
from delivr_operator.providers.provider import Secrets
from delivr_operator.providers.secret_shapes import Token

_GRAPHS = frozenset(
    {
        "graph.microsoft.com",
        "graph.microsoft.us",
        "dod-graph.microsoft.us",
        "microsoftgraph.chinacloudapi.cn",
    }
)
"""Each national cloud's tokens name its own Graph; behind any other address stands the global one."""


class ClientSecret(Secrets):
    """A client secret of an app registration."""

    client_secret: Token


class AccessToken(Body):
    """What a good secret buys."""

    access_token: SecretStr


class _Refusal(Body):
    error: str
    error_codes: tuple[int, ...] = ()


# `error` decides, as Microsoft asks: its numbers may change, so they only tell more about a refusal.
_ERRORS: Mapping[str, Rejection | Doubt] = {
    "invalid_client": Rejection.BAD_CREDENTIALS,
    "unauthorized_client": Rejection.BAD_CREDENTIALS,
    "invalid_scope": Rejection.MISCONFIGURED,
    "temporarily_unavailable": Doubt.UPSTREAM_ERROR,
    "server_error": Doubt.UPSTREAM_ERROR,
}
_PASSING: Mapping[int, Doubt] = {
    **dict.fromkeys((90006, 90012, 90024, 90033, 90090, 90091), Doubt.UPSTREAM_ERROR),
    90055: Doubt.RATE_LIMITED,
}
_SECRET_EXPIRED = 7000222
_APP_DISABLED = frozenset({7000112, 70001})
_NO_SUCH_APP = 700016
_NO_SUCH_TENANT = 90002
_CONDITIONAL_ACCESS = 53003
_CONDITIONAL_ERRORS = frozenset(
    {"access_denied", "interaction_required", "invalid_grant", "unauthorized_client"}
)
_REFUSED = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


def judge_token(response: Response) -> Outcome:
    """Judge the answer of the token endpoint."""
    if response.status == HTTPStatus.OK:
        return Verified() if read(response, AccessToken) else doubtful(response)
    refusal = read(response, _Refusal)
    if refusal is None or response.status not in _REFUSED:
        return doubtful(response)
    passing = next((_PASSING[code] for code in refusal.error_codes if code in _PASSING), None)
    return _judge_refusal(response, refusal) if passing is None else doubtful(response, passing)


def _judge_refusal(response: Response, refusal: _Refusal) -> Outcome:
    error, codes, status = refusal.error, frozenset(refusal.error_codes), response.status
    match error:
        case "invalid_client" if _SECRET_EXPIRED in codes:
            return Expired(http_status=status, code=error)
        case "invalid_client" | "unauthorized_client" if _APP_DISABLED & codes:
            return Rejected(Rejection.ACCOUNT_DISABLED, http_status=status, code=error)
        case "unauthorized_client" if _NO_SUCH_APP in codes:
            detail = "The tenant has no app registration with this clientId."
            return Rejected(Rejection.BAD_CREDENTIALS, detail, status, error)
        case "invalid_request" if _NO_SUCH_TENANT in codes:
            return Rejected(Rejection.MISCONFIGURED, "There is no tenant with this tenantId.", status, error)
    if _CONDITIONAL_ACCESS in codes and error in _CONDITIONAL_ERRORS:
        detail = "A conditional access policy of the tenant stands in the way."
        return Rejected(Rejection.INSUFFICIENT_PERMISSION, detail, status, error)
    known = _ERRORS.get(error)
    if isinstance(known, Rejection):
        return Rejected(known, http_status=status, code=error)
    return doubtful(response) if known is None else doubtful(response, known, error)


async def buy(exchange: Exchange, tenant: str, client: str, secrets: ClientSecret) -> AccessToken | Outcome:
    """Return an access token for Graph, or the verdict on the app registration."""
    form: dict[str, str | SecretStr] = {
        "grant_type": "client_credentials",
        "client_id": client,
        "client_secret": secrets.client_secret,
        "scope": f"https://{_graph(exchange.endpoints.microsoft_graph)}/.default",
    }
    url = f"{exchange.endpoints.microsoft_login}/{quote(tenant, safe='')}/oauth2/v2.0/token"
    answer = await exchange.send(Request("POST", url, {"Accept": "application/json"}, form))
    verdict = judge_token(answer)
    return (read(answer, AccessToken) or verdict) if isinstance(verdict, Verified) else verdict


def _graph(url: str) -> str:
    host = urlsplit(url).hostname or ""
    return host if host in _GRAPHS else "graph.microsoft.com"
