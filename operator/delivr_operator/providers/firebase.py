"""FIREBASE: the project and the apps in it through which builds reach testers."""

from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Self
from urllib.parse import quote

from pydantic import Field, SecretStr, model_validator

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

SCOPE = "https://www.googleapis.com/auth/cloud-platform.read-only"
"""The one read-only scope that both the Firebase and the Resource Manager API take."""
DISTRIBUTE = "firebaseappdistro.releases.update"
"""What uploading and distributing a build takes, by Google's own list of permissions."""


class FirebaseConfig(Frozen):
    """Which project, and which apps of it."""

    project_id: Annotated[str, Field(pattern=r"^([a-z0-9.-]{1,100}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$")]
    ios_app_id: Annotated[str, Field(pattern=r"^[0-9]+:[0-9]+:ios:[0-9a-f]+$", max_length=100)] | None = None
    android_app_id: (
        Annotated[str, Field(pattern=r"^[0-9]+:[0-9]+:android:[0-9a-f]+$", max_length=100)] | None
    ) = None

    @model_validator(mode="after")
    def _has_an_app(self) -> Self:
        if self.ios_app_id is None and self.android_app_id is None:
            raise ValueError("name iosAppId, androidAppId or both")
        return self

    def apps(self) -> Iterator[tuple[str, str]]:
        """Give each declared app with the collection that it is in."""
        if self.ios_app_id is not None:
            yield "iosApps", self.ios_app_id
        if self.android_app_id is not None:
            yield "androidApps", self.android_app_id


class _Resource(Body):
    state: str
    project_id: Annotated[str, Field(alias="projectId")]


class _Granted(Body):
    permissions: tuple[str, ...] = ()


def judge(response: Response) -> Outcome:
    """Judge the answer about a project or one of its apps."""
    if response.status != HTTPStatus.OK:
        return service_account.judge_target(response)
    found = read(response, _Resource)
    if found is None or found.state not in ("ACTIVE", "DELETED"):
        return doubtful(response)
    return (
        Verified() if found.state == "ACTIVE" else Rejected(Rejection.TARGET_DISABLED, "", 200, found.state)
    )


def judge_permissions(response: Response) -> Outcome:
    """Judge which of the permissions that were asked about the account has."""
    if response.status == HTTPStatus.OK:
        granted = read(response, _Granted)
        if granted is None:
            return doubtful(response)
        missing = DISTRIBUTE not in granted.permissions
        return Rejected(Rejection.INSUFFICIENT_PERMISSION, "", 200) if missing else Verified()
    refused = service_account.judge_api(response)
    if isinstance(refused, Rejected) and refused.reason is Rejection.API_DISABLED:
        # Only this question needs the Resource Manager API; nothing that Delivr does.
        return Verified((Caveat.WRITE_UNPROVEN,))
    return refused


_WHY = {
    Rejection.TARGET_NOT_FOUND: "is absent",
    Rejection.TARGET_DISABLED: "was deleted",
    Rejection.INSUFFICIENT_PERMISSION: "is absent, or not open to this service account",
}


def _named(outcome: Outcome, target: str) -> Outcome:
    if isinstance(outcome, Rejected) and (why := _WHY.get(outcome.reason)):
        return replace(outcome, detail=f"{target} {why}.")
    return outcome


class _Session:
    """One probe's questions with one access token."""

    def __init__(self, exchange: Exchange, config: FirebaseConfig, token: SecretStr) -> None:
        self._exchange = exchange
        self._project = config.project_id
        bearer = SecretStr(f"Bearer {token.get_secret_value()}")
        self._headers: Headers = {"Authorization": bearer, "Accept": "application/json"}

    async def project(self) -> Outcome:
        """Return whether the project is there and in use."""
        answer = await self._ask(f"projects/{quote(self._project, safe='')}")
        return _named(judge(answer), f"Project {self._project}")

    async def app(self, collection: str, app: str) -> Outcome:
        """Return whether one app is there, in use, and this project's."""
        answer = await self._ask(f"projects/-/{collection}/{quote(app, safe='')}")
        outcome = judge(answer)
        found = read(answer, _Resource) if isinstance(outcome, Verified) else None
        if found is not None and found.project_id != self._project:
            detail = f"App {app} belongs to another project than {self._project}."
            return Rejected(Rejection.TARGET_NOT_FOUND, detail, answer.status)
        return _named(outcome, f"App {app}")

    async def _ask(self, name: str) -> Response:
        url = f"{self._exchange.endpoints.firebase}/v1beta1/{name}"
        return await self._exchange.send(Request("GET", url, self._headers))

    async def right_to_distribute(self) -> Outcome:
        """Return whether the account may distribute builds; asking changes nothing."""
        base = self._exchange.endpoints.cloud_resource_manager
        url = f"{base}/v1/projects/{quote(self._project, safe='')}:testIamPermissions"
        wanted = {"permissions": [DISTRIBUTE]}
        outcome = judge_permissions(
            await self._exchange.send(Request("POST", url, self._headers, json=wanted))
        )
        if isinstance(outcome, Rejected) and outcome.reason is Rejection.INSUFFICIENT_PERMISSION:
            detail = f"The service account lacks {DISTRIBUTE} in project {self._project}."
            return replace(outcome, detail=detail)
        return outcome


async def _probe(
    exchange: Exchange, config: FirebaseConfig, secrets: service_account.WholeKeyFile
) -> Outcome:
    bought = await service_account.buy(exchange, secrets.account(), SCOPE)
    if not isinstance(bought, service_account.AccessToken):
        return bought
    session = _Session(exchange, config, bought.access_token)
    project = await session.project()
    if not isinstance(project, Verified):
        return project
    for collection, app in config.apps():
        outcome = await session.app(collection, app)
        if not isinstance(outcome, Verified):
            return outcome
    return await session.right_to_distribute()


def _hosts(_: FirebaseConfig, endpoints: Endpoints) -> frozenset[str]:
    asked = (endpoints.google_token, endpoints.firebase, endpoints.cloud_resource_manager)
    return frozenset(authority(url) for url in asked)


FIREBASE = Provider(
    type=IntegrationType.FIREBASE,
    member="firebase",
    config=FirebaseConfig,
    secrets=service_account.WholeKeyFile,
    sealed=frozenset({"serviceAccountKey"}),
    permissions=(
        "the Firebase Management API, enabled in the service account's Google Cloud project",
        "the role Firebase App Distribution Admin in the Firebase project, for the service account",
        "the Cloud Resource Manager API, enabled there too, so that the role can be proved",
    ),
    hosts=_hosts,
    probe=_probe,
    judge=judge,
)
