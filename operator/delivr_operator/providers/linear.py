"""LINEAR: the team, and perhaps the project, that work is tracked in; one GraphQL question tells it all."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import Field

from delivr_operator.outcome import (
    Caveat,
    Doubt,
    IntegrationType,
    Outcome,
    Rejected,
    Rejection,
    Verified,
)
from delivr_operator.providers.answer import LIMITED_PAUSE, doubtful, retry_after, until
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
from delivr_operator.providers.secret_shapes import Token
from delivr_operator.resource import Frozen

_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_PAGE = 50
QUESTION = f"""
query Probe($team: TeamFilter!, $project: ProjectFilter, $named: Boolean!) {{
  viewer {{ id active }}
  teams(filter: $team, first: 10, includeArchived: true) {{ nodes {{ id key archivedAt }} }}
  projects(filter: $project, first: 2, includeArchived: true) @include(if: $named) {{
    nodes {{ id archivedAt teams(first: {_PAGE}) {{ nodes {{ id }} }} }}
  }}
}}
""".strip()


class LinearConfig(Frozen):
    """Which team, by its key or id, and perhaps which project."""

    team_id: Annotated[str, Field(pattern=rf"^([A-Z][A-Z0-9]{{0,9}}|{_UUID})$")]
    project_id: Annotated[str, Field(pattern=rf"^{_UUID}$")] | None = None


class ApiKey(Secrets):
    """A member's personal API key."""

    api_key: Token


class _Extensions(Body):
    type: str = ""
    code: str = ""


class _Error(Body):
    extensions: _Extensions = _Extensions()


class _Viewer(Body):
    id: str
    active: bool


class _Team(Body):
    id: str
    key: str
    archived_at: Annotated[str | None, Field(alias="archivedAt")] = None


class _Teams(Body):
    nodes: tuple[_Team, ...]


class _Owner(Body):
    id: str


class _Owners(Body):
    nodes: tuple[_Owner, ...]


class _Project(Body):
    id: str
    archived_at: Annotated[str | None, Field(alias="archivedAt")] = None
    teams: _Owners


class _Projects(Body):
    nodes: tuple[_Project, ...]


class _Data(Body):
    viewer: _Viewer
    teams: _Teams
    projects: _Projects | None = None


class _Answer(Body):
    data: _Data | None = None
    errors: tuple[_Error, ...] = ()


_TYPES: Mapping[str, Rejection | Doubt] = {
    "authenticationerror": Rejection.BAD_CREDENTIALS,
    "forbidden": Rejection.INSUFFICIENT_PERMISSION,
    "featurenotaccessible": Rejection.INSUFFICIENT_PERMISSION,
    "ratelimited": Doubt.RATE_LIMITED,
    "graphqlerror": Doubt.PROBE_OUTDATED,
    "invalidinput": Doubt.PROBE_OUTDATED,
    "internalerror": Doubt.UPSTREAM_ERROR,
    "networkerror": Doubt.UPSTREAM_ERROR,
    "locktimeout": Doubt.UPSTREAM_ERROR,
    "bootstraperror": Doubt.UPSTREAM_ERROR,
}
"""The vendor's own list of error types; unknown, other, user error and usage limit say nothing definite."""
_CARRIERS = frozenset({HTTPStatus.OK, HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
"""The statuses under which an error's type is believed; the vendor documents none for each type."""


def judge(response: Response) -> Outcome:
    """Judge any answer: who asks, and whether a team that is in use was found."""
    found = read(response, _Answer) if response.status in _CARRIERS else None
    if found is None:
        return _limited(response) if response.status == HTTPStatus.TOO_MANY_REQUESTS else doubtful(response)
    if found.errors:
        return _judge_errors(response, found.errors)
    if found.data is None or response.status != HTTPStatus.OK:
        return doubtful(response)
    if not found.data.viewer.active:
        return Rejected(Rejection.ACCOUNT_DISABLED, http_status=200)
    if not found.data.teams.nodes:
        return Rejected(Rejection.TARGET_NOT_FOUND, http_status=200)
    if not _in_use(found.data.teams):
        return Rejected(Rejection.TARGET_DISABLED, http_status=200)
    # A key may be made for reading only, which it does not tell.
    return Verified((Caveat.WRITE_UNPROVEN,))


def _in_use(teams: _Teams) -> tuple[_Team, ...]:
    return tuple(team for team in teams.nodes if team.archived_at is None)


def _judge_errors(response: Response, errors: Iterable[_Error]) -> Outcome:
    """Judge by the first error whose type, or else whose code, is known."""
    named = [name for error in errors for name in (error.extensions.type, error.extensions.code)]
    types = [re.sub(r"[\s_]", "", name).casefold() for name in named]
    kind = next((one for one in types if one in _TYPES), "")
    known = _TYPES.get(kind)
    if known is Doubt.RATE_LIMITED:
        return _limited(response)
    if isinstance(known, Rejection):
        return Rejected(known, http_status=response.status, code=kind)
    return doubtful(response) if known is None else doubtful(response, known, kind)


def _limited(response: Response) -> Outcome:
    return replace(doubtful(response, Doubt.RATE_LIMITED), retry_after=_pause(response))


def _pause(response: Response) -> timedelta:
    """Return how long Linear wants to be left alone: until the budget that is spent is whole again."""
    if wish := retry_after(response):
        return wish
    resets = [
        response.headers.get(f"x-ratelimit-{budget}-reset", "")
        for budget in ("requests", "complexity")
        if response.headers.get(f"x-ratelimit-{budget}-remaining") == "0"
    ]
    moments = [
        datetime.fromtimestamp(int(one) / 1000, UTC) for one in resets if re.fullmatch(r"[0-9]{1,14}", one)
    ]
    return max((until(moment, response) for moment in moments), default=LIMITED_PAUSE) or LIMITED_PAUSE


def _judge_project(response: Response, config: LinearConfig) -> Outcome:
    """Judge the declared project after its team was proved."""
    found = read(response, _Answer)
    if found is None or found.data is None or found.data.projects is None:
        return doubtful(response)
    project = next((one for one in found.data.projects.nodes if one.id == config.project_id), None)
    if project is None:
        return Rejected(Rejection.TARGET_NOT_FOUND, f"Project {config.project_id} {_HIDDEN}.", 200)
    if project.archived_at is not None:
        return Rejected(Rejection.TARGET_DISABLED, f"Project {config.project_id} is archived.", 200)
    if not {team.id for team in _in_use(found.data.teams)} & {owner.id for owner in project.teams.nodes}:
        if len(project.teams.nodes) >= _PAGE:
            return doubtful(response)
        detail = f"Project {config.project_id} is none of team {config.team_id}."
        return Rejected(Rejection.TARGET_NOT_FOUND, detail, 200)
    return Verified()


_HIDDEN = "is absent, or hidden from this key"
_WHY = {Rejection.TARGET_NOT_FOUND: _HIDDEN, Rejection.TARGET_DISABLED: "is archived"}


def _variables(config: LinearConfig) -> Mapping[str, Any]:
    field = "id" if re.fullmatch(_UUID, config.team_id) else "key"
    return {
        "team": {field: {"eq": config.team_id}},
        "project": {"id": {"eq": config.project_id}} if config.project_id else None,
        "named": config.project_id is not None,
    }


async def _probe(exchange: Exchange, config: LinearConfig, secrets: ApiKey) -> Outcome:
    # A personal key stands bare; only OAuth's tokens take Bearer.
    headers: Headers = {"Authorization": secrets.api_key, "Accept": "application/json"}
    question = {"query": QUESTION, "operationName": "Probe", "variables": _variables(config)}
    answer = await exchange.send(
        Request("POST", f"{exchange.endpoints.linear}/graphql", headers, json=question)
    )
    outcome = judge(answer)
    if isinstance(outcome, Rejected) and outcome.reason in _WHY:
        return replace(outcome, detail=f"Team {config.team_id} {_WHY[outcome.reason]}.")
    if not isinstance(outcome, Verified) or config.project_id is None:
        return outcome
    project = _judge_project(answer, config)
    return outcome if isinstance(project, Verified) else project


def _hosts(_: LinearConfig, endpoints: Endpoints) -> frozenset[str]:
    return frozenset({authority(endpoints.linear)})


LINEAR = Provider(
    type=IntegrationType.LINEAR,
    member="linear",
    config=LinearConfig,
    secrets=ApiKey,
    sealed=frozenset({"apiKey"}),
    permissions=(
        "a personal API key that may read and write, and is limited to no other team than the declared one",
    ),
    hosts=_hosts,
    probe=_probe,
    judge=judge,
)
