"""PLAY_STORE: Google's store, asked with a service account's token."""

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from pydantic import Field, SecretStr

from delivr_operator.outcome import Caveat, IntegrationType, Outcome, Rejected, Rejection, Verified
from delivr_operator.providers import service_account
from delivr_operator.providers.answer import doubtful
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
from delivr_operator.providers.provider import Provider
from delivr_operator.resource import Frozen

SCOPE = "https://www.googleapis.com/auth/androidpublisher"
TRACK = "production"


class PlayStoreConfig(Frozen):
    """Which app."""

    package_name: Annotated[
        str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+$", max_length=255)
    ]


class _Releases(Body):
    releases: tuple[Body, ...] = ()


def judge(response: Response) -> Outcome:
    """Judge the list of an app's releases, which may be empty."""
    if response.status == HTTPStatus.OK:
        found = read(response, _Releases)
        return Verified((Caveat.RELEASE_PERMISSION_UNPROVEN,)) if found else doubtful(response)
    return service_account.judge_api(response)


def _hosts(_: PlayStoreConfig, endpoints: Endpoints) -> frozenset[str]:
    return frozenset({authority(endpoints.play_store), authority(endpoints.google_token)})


_WHY = {
    Rejection.TARGET_NOT_FOUND: "is absent from Google Play, or has had no upload yet",
    Rejection.INSUFFICIENT_PERMISSION: (
        "is not open to this service account: invite it in the Play Console; new grants can take hours"
    ),
}


async def _probe(
    exchange: Exchange, config: PlayStoreConfig, secrets: service_account.ServiceAccount
) -> Outcome:
    bought = await service_account.buy(exchange, secrets, SCOPE)
    if not isinstance(bought, service_account.AccessToken):
        return bought
    app = quote(config.package_name, safe="")
    url = f"{exchange.endpoints.play_store}/androidpublisher/v3/applications/{app}/tracks/{TRACK}/releases"
    bearer = SecretStr(f"Bearer {bought.access_token.get_secret_value()}")
    headers: Headers = {"Authorization": bearer, "Accept": "application/json"}
    outcome = judge(await exchange.send(Request("GET", url, headers)))
    if isinstance(outcome, Rejected) and (why := _WHY.get(outcome.reason)):
        return replace(outcome, detail=f"App {config.package_name} {why}.")
    return outcome


PLAY_STORE = Provider(
    type=IntegrationType.PLAY_STORE,
    member="playStore",
    config=PlayStoreConfig,
    secrets=service_account.ServiceAccount,
    sealed=frozenset({"privateKey"}),
    permissions=(
        "the Google Play Android Developer API, enabled in the service account's Google Cloud project",
        "the service account, invited in the Play Console with permission to release the app to its tracks",
    ),
    hosts=_hosts,
    probe=_probe,
    judge=judge,
    bundle=service_account.KEY_FILE,
)
