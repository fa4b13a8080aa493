"""TEST_RAIL: the project that test runs are kept in, at TestRail Cloud or on a server of the tenant's own."""

import base64
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, TypeAdapter, ValidationError

from delivr_operator.outcome import (
    Caveat,
    Doubt,
    IntegrationType,
    Outcome,
    Rejected,
    Rejection,
    Verified,
)
from delivr_operator.providers.answer import LIMITED_PAUSE, doubtful, retry_after
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
from delivr_operator.providers.secret_shapes import AccountName, Token
from delivr_operator.providers.tenant_address import tenant_address
from delivr_operator.resource import Frozen

Number = Annotated[int, Field(strict=True, ge=1, le=2_147_483_647)]


class TestRailConfig(Frozen):
    """Which project, perhaps which of its suites, and where."""

    url: Annotated[str, Field(max_length=2048), AfterValidator(tenant_address)]
    project_id: Number
    suite_id: Number | None = None


class ApiKey(Secrets):
    """A user, by email address, and one of the user's API keys."""

    username: AccountName
    api_key: Token


class _Error(Body):
    error: str


class _User(Body):
    id: int
    is_active: bool = True


class _Listing(Body):
    projects: tuple[object, ...]


_BARE_LIST = TypeAdapter(tuple[object, ...])


class _Project(Body):
    id: int
    is_completed: bool


class _Suite(Body):
    id: int
    project_id: int
    is_completed: bool = False


def _judge_refusal(response: Response) -> Outcome:
    """Judge what TestRail may answer to any question."""
    if response.status == HTTPStatus.CONFLICT:
        pause = retry_after(response) or LIMITED_PAUSE
        return replace(doubtful(response, Doubt.MAINTENANCE), retry_after=pause)
    said = read(response, _Error)
    if said is None or response.status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return doubtful(response)
    if said.error.startswith("The API is disabled"):
        return Rejected(Rejection.API_DISABLED, http_status=response.status)
    known = response.status == HTTPStatus.FORBIDDEN
    reason = Rejection.INSUFFICIENT_PERMISSION if known else Rejection.BAD_CREDENTIALS
    return Rejected(reason, http_status=response.status)


def judge_identity(response: Response) -> Outcome:
    """Judge the answer to who the caller is."""
    found = read(response, _User) if response.status == HTTPStatus.OK else None
    if found is None:
        return _judge_refusal(response)
    return Verified() if found.is_active else Rejected(Rejection.ACCOUNT_DISABLED, http_status=200)


def judge_listing(response: Response) -> Outcome:
    """Judge the answer about any projects: who is let in here was let in by name.

    Older servers list them bare, newer ones in pages.
    """
    if response.status == HTTPStatus.OK and (_is_list(response) or read(response, _Listing)):
        return Verified()
    if _is_unknown_method(response):
        detail = "TestRail answers there, but not its API: give the address that people open it with."
        return Rejected(Rejection.MISCONFIGURED, detail, response.status)
    return _judge_refusal(response)


def _is_list(response: Response) -> bool:
    if not response.is_json:
        return False
    try:
        _BARE_LIST.validate_json(response.body)
    except ValidationError:
        return False
    return True


def _is_unknown_method(response: Response) -> bool:
    return response.status == HTTPStatus.NOT_FOUND and read(response, _Error) is not None


def _judge_absence(response: Response) -> Outcome:
    """Judge any answer but 200 about something in TestRail, whose absence is no 404."""
    said = read(response, _Error)
    if response.status == HTTPStatus.BAD_REQUEST and said and "is not a valid" in said.error:
        return Rejected(Rejection.TARGET_NOT_FOUND, http_status=400)
    return _judge_refusal(response)


def judge_project(response: Response) -> Outcome:
    """Judge the answer about the project after the identity was proved."""
    found = read(response, _Project) if response.status == HTTPStatus.OK else None
    if found is None:
        return _judge_absence(response)
    if found.is_completed:
        return Rejected(Rejection.TARGET_DISABLED, http_status=200)
    # What the user's role allows cannot be read.
    return Verified((Caveat.WRITE_UNPROVEN,))


def judge_suite(response: Response, project_id: int) -> Outcome:
    """Judge the answer about a suite after its project was proved."""
    found = read(response, _Suite) if response.status == HTTPStatus.OK else None
    if found is None:
        return _judge_absence(response)
    if found.project_id != project_id:
        return Rejected(Rejection.TARGET_NOT_FOUND, http_status=200)
    return Rejected(Rejection.TARGET_DISABLED, http_status=200) if found.is_completed else Verified()


_WHY = {
    Rejection.TARGET_NOT_FOUND: "is absent, or hidden from this user",
    Rejection.TARGET_DISABLED: "is completed",
    Rejection.INSUFFICIENT_PERMISSION: "may not be read by this user",
}


def _named(outcome: Outcome, name: str) -> Outcome:
    if isinstance(outcome, Rejected) and outcome.reason in _WHY:
        return replace(outcome, detail=f"{name} {_WHY[outcome.reason]}.")
    return outcome


class _Session:
    """One probe's questions, each with the credential sent unasked."""

    def __init__(self, exchange: Exchange, config: TestRailConfig, secrets: ApiKey) -> None:
        self._exchange = exchange
        # The API's path stands in the query, as it is: `?/api/v2/...`.
        self._api = f"{config.url.rstrip('/')}/index.php?/api/v2/"
        pair = f"{secrets.username.get_secret_value()}:{secrets.api_key.get_secret_value()}"
        self._basic = SecretStr(f"Basic {base64.b64encode(pair.encode()).decode()}")

    async def ask(self, method: str) -> Response:
        # TestRail refuses even a GET that names no content type.
        headers: Headers = {
            "Authorization": self._basic,
            "Accept": "application/json",
            "Content-Type": "application/json",
        }
        return await self._exchange.send(Request("GET", self._api + method, headers))

    async def identity(self) -> Outcome:
        """Return whether the credential is accepted, also by servers that cannot say whose it is."""
        answer = await self.ask("get_current_user")
        if _is_unknown_method(answer):
            return judge_listing(await self.ask("get_projects&limit=1"))
        return judge_identity(answer)


async def _probe(exchange: Exchange, config: TestRailConfig, secrets: ApiKey) -> Outcome:
    session = _Session(exchange, config, secrets)
    who = await session.identity()
    if not isinstance(who, Verified):
        return who
    project = judge_project(await session.ask(f"get_project/{config.project_id}"))
    if not isinstance(project, Verified) or config.suite_id is None:
        return _named(project, f"Project {config.project_id}")
    suite = judge_suite(await session.ask(f"get_suite/{config.suite_id}"), config.project_id)
    name = f"Suite {config.suite_id} of project {config.project_id}"
    return project if isinstance(suite, Verified) else _named(suite, name)


def _hosts(config: TestRailConfig, _: Endpoints) -> frozenset[str]:
    return frozenset({authority(config.url)})


def _chosen(config: TestRailConfig) -> str:
    return authority(config.url)


TEST_RAIL = Provider(
    type=IntegrationType.TEST_RAIL,
    member="testRail",
    config=TestRailConfig,
    secrets=ApiKey,
    sealed=frozenset({"apiKey"}),
    permissions=(
        "a user who may see the project and whose role may add and edit test runs and results in it",
        "the API, enabled under Administration, Site Settings, API",
    ),
    hosts=_hosts,
    probe=_probe,
    judge=judge_project,
    tenant_chosen_host=_chosen,
)
