"""JENKINS: the jobs that build, on a controller whose address the tenant chooses."""

import base64
import re
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, Field, SecretStr

from delivr_operator.outcome import (
    Caveat,
    Doubt,
    IntegrationType,
    Outcome,
    Rejected,
    Rejection,
    Unknown,
    Verified,
)
from delivr_operator.providers.answer import LIMITED_PAUSE, doubtful, retry_after
from delivr_operator.providers.build import Build
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


def _job_path(path: str) -> str:
    parts = path.split("/")
    if not path.isprintable() or not all(parts) or {".", ".."} & set(parts):
        raise ValueError("must be folders and a job, as in folder/job, with no slash at either end")
    return path


class Pipeline(Build):
    """One job and what it builds."""

    job_path: Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_job_path)]


class JenkinsConfig(Frozen):
    """Which controller and which jobs on it."""

    url: Annotated[str, Field(max_length=2048), AfterValidator(tenant_address)]
    pipelines: Annotated[tuple[Pipeline, ...], Field(min_length=1, max_length=50)]


class ApiToken(Secrets):
    """A user and one of the user's API tokens."""

    username: AccountName
    api_token: Token


class _User(Body):
    id: str


class _Controller(Body):
    quieting_down: Annotated[bool, Field(alias="quietingDown")]


class _Item(Body):
    """What stands at a job's path; only jobs say whether they can be built, and folders are no jobs."""

    name: str
    kind: Annotated[str, Field(alias="_class")] = ""
    buildable: bool | None = None


class _Rights(Body):
    start: bool


class _Pipeline(Body):
    permissions: _Rights


def _judge_refusal(response: Response) -> Outcome:
    """Judge what Jenkins may answer to any question."""
    known_as = response.headers.get("x-you-are-authenticated-as", "anonymous")
    if (
        response.status == HTTPStatus.FORBIDDEN
        and known_as != "anonymous"
        and "x-required-permission" in response.headers
    ):
        return Rejected(Rejection.INSUFFICIENT_PERMISSION, http_status=403)
    starting = b"getting ready to work" in response.body
    if response.status == HTTPStatus.SERVICE_UNAVAILABLE or (starting and not response.is_json):
        return _maintenance(response)
    return doubtful(response)


def _maintenance(response: Response) -> Unknown:
    pause = retry_after(response) or LIMITED_PAUSE
    return replace(doubtful(response, Doubt.MAINTENANCE), retry_after=pause)


def judge_identity(response: Response) -> Outcome:
    """Judge the answer to who the caller is."""
    if response.status == HTTPStatus.OK and read(response, _User):
        return Verified()
    if response.status == HTTPStatus.UNAUTHORIZED:
        challenge = response.headers.get("www-authenticate", "").casefold()
        if challenge.startswith("basic"):
            return Rejected(Rejection.BAD_CREDENTIALS, http_status=401)
    if response.status == HTTPStatus.FORBIDDEN and _is_taken_for_anonymous(response):
        return Rejected(Rejection.BAD_CREDENTIALS, http_status=403)
    return _judge_refusal(response)


def _is_taken_for_anonymous(response: Response) -> bool:
    """Tell whether the controller itself, not a proxy before it, shows its login page."""
    if response.headers.get("x-you-are-authenticated-as") == "anonymous":
        return True
    controller = "x-jenkins" in response.headers or "x-hudson" in response.headers
    return controller and re.search(rb"refresh[^>]{0,200}/login\?from=", response.body) is not None


def judge_controller(response: Response) -> Outcome:
    """Judge whether the controller takes work."""
    found = read(response, _Controller) if response.status == HTTPStatus.OK else None
    if found is None:
        return _judge_refusal(response)
    return _maintenance(response) if found.quieting_down else Verified()


def judge_job(response: Response) -> Outcome:
    """Judge the answer about one job after the identity was proved."""
    if response.status == HTTPStatus.NOT_FOUND:
        return Rejected(Rejection.TARGET_NOT_FOUND, http_status=404)
    found = read(response, _Item) if response.status == HTTPStatus.OK else None
    if found is None or (found.buildable is None and not found.kind):
        return _judge_refusal(response)
    if found.buildable is None:
        return Rejected(Rejection.TARGET_NOT_FOUND, _NO_JOB, 200)
    if not found.buildable:
        return Rejected(Rejection.TARGET_DISABLED, http_status=200)
    return Verified()


def _right_to_build(response: Response) -> bool | None:
    """Return what Blue Ocean says of the right to build; None where it is not installed."""
    found = read(response, _Pipeline) if response.status == HTTPStatus.OK else None
    return None if found is None else found.permissions.start


_NO_JOB = "is a folder or multibranch project, not a job: declare a job in it, as in folder/job"
_WHY = {
    Rejection.TARGET_NOT_FOUND: "is absent, or hidden from this user",
    Rejection.TARGET_DISABLED: "is disabled",
    Rejection.INSUFFICIENT_PERMISSION: "may not be read by this user",
}


class _Session:
    """One probe's questions to one controller, each with the credential sent unasked."""

    def __init__(self, exchange: Exchange, config: JenkinsConfig, secrets: ApiToken) -> None:
        self._exchange = exchange
        self._base = config.url.rstrip("/")
        pair = f"{secrets.username.get_secret_value()}:{secrets.api_token.get_secret_value()}"
        self._basic = SecretStr(f"Basic {base64.b64encode(pair.encode()).decode()}")

    async def ask(self, path: str) -> Response:
        headers: Headers = {"Authorization": self._basic, "Accept": "application/json"}
        return await self._exchange.send(Request("GET", self._base + path, headers))

    async def job(self, path: str) -> Outcome:
        """Return whether one job can be built, as far as that can be read."""
        where = "".join(f"/job/{quote(part, safe='')}" for part in path.split("/"))
        # `_class` comes with every answer that has a tree.
        tree = "name,buildable,property[parameterDefinitions[name]]"
        outcome = judge_job(await self.ask(f"{where}/api/json?tree={quote(tree, safe=',')}"))
        if isinstance(outcome, Rejected):
            return replace(outcome, detail=f"Job {path} {outcome.detail or _WHY[outcome.reason]}.")
        if not isinstance(outcome, Verified):
            return outcome
        pipelines = "".join(f"/pipelines/{quote(part, safe='')}" for part in path.split("/"))
        may_build = _right_to_build(await self.ask(f"/blue/rest/organizations/jenkins{pipelines}/"))
        if may_build is None:
            return Verified((Caveat.BUILD_PERMISSION_UNPROVEN,))
        refused = Rejected(Rejection.INSUFFICIENT_PERMISSION, f"Job {path} may not be built by this user.")
        return Verified() if may_build else refused


async def _probe(exchange: Exchange, config: JenkinsConfig, secrets: ApiToken) -> Outcome:
    session = _Session(exchange, config, secrets)
    who = judge_identity(await session.ask("/me/api/json?tree=id,fullName"))
    if not isinstance(who, Verified):
        return who
    ready = judge_controller(await session.ask("/api/json?tree=mode,nodeDescription,quietingDown"))
    if not isinstance(ready, Verified):
        return ready
    caveats: set[Caveat] = set()
    for pipeline in config.pipelines:
        outcome = await session.job(pipeline.job_path)
        if not isinstance(outcome, Verified):
            return outcome
        caveats.update(outcome.caveats)
    return Verified(tuple(sorted(caveats)))


def _hosts(config: JenkinsConfig, _: Endpoints) -> frozenset[str]:
    return frozenset({authority(config.url)})


def _chosen(config: JenkinsConfig) -> str:
    return authority(config.url)


JENKINS = Provider(
    type=IntegrationType.JENKINS,
    member="jenkins",
    config=JenkinsConfig,
    secrets=ApiToken,
    sealed=frozenset({"apiToken"}),
    permissions=("Overall/Read, and Job/Read and Job/Build on the declared jobs",),
    hosts=_hosts,
    probe=_probe,
    judge=judge_job,
    tenant_chosen_host=_chosen,
)
