"""TEAMS: the channels of one team that are told, seen through Microsoft Graph by an app of the tenant."""

import re
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from pydantic import Field, SecretStr

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
from delivr_operator.providers import entra
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

PAGES = 20
_ID = re.compile(r"19:[A-Za-z0-9_-]{1,100}@thread\.(tacv2|skype)")
_GUID = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_DOMAIN = r"([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"

Guid = Annotated[str, Field(pattern=rf"^{_GUID}$")]
Channel = Annotated[
    str, Field(pattern=r"^[^\x00-\x1f\x7f]*[^\x00-\x1f\x7f\s][^\x00-\x1f\x7f]*$", max_length=200)
]


class TeamsConfig(Frozen):
    """Which tenant of Entra, which app in it, and which channels of which team."""

    tenant_id: Annotated[str, Field(pattern=rf"^({_GUID}|{_DOMAIN})$", max_length=253)]
    client_id: Guid
    team_id: Guid
    channels: Annotated[tuple[Channel, ...], Field(min_length=1, max_length=100)]


class _InnerError(Body):
    code: str = ""


class _Error(Body):
    code: str
    inner: Annotated[_InnerError | None, Field(alias="innerError")] = None


class _ErrorBody(Body):
    error: _Error


class _Place(Body):
    id: str
    name: Annotated[str | None, Field(alias="displayName")] = None
    is_archived: Annotated[bool | None, Field(alias="isArchived")] = None


class _Page(Body):
    value: tuple[_Place, ...]
    next_link: Annotated[str, Field(alias="@odata.nextLink")] = ""


_CODES: Mapping[tuple[int, str], Rejection | Doubt] = {
    (401, "invalidauthenticationtoken"): Rejection.BAD_CREDENTIALS,
    (401, "unauthenticated"): Rejection.BAD_CREDENTIALS,
    (403, "forbidden"): Rejection.INSUFFICIENT_PERMISSION,
    (403, "accessdenied"): Rejection.INSUFFICIENT_PERMISSION,
    (404, "notfound"): Rejection.TARGET_NOT_FOUND,
    (404, "itemnotfound"): Rejection.TARGET_NOT_FOUND,
}
_PASSING: Mapping[str, Doubt] = {
    "activitylimitreached": Doubt.RATE_LIMITED,
    "servicenotavailable": Doubt.UPSTREAM_ERROR,
}
_STATUSES: Mapping[int, Doubt] = {423: Doubt.UPSTREAM_ERROR, 509: Doubt.RATE_LIMITED}


def judge(response: Response) -> Outcome:
    """Judge any answer of Graph about a team or a channel."""
    if response.status == HTTPStatus.OK:
        found = read(response, _Place)
        if found is None:
            return doubtful(response)
        return Rejected(Rejection.TARGET_DISABLED, "", 200) if found.is_archived else Verified()
    return _judge_refusal(response)


def _judge_refusal(response: Response) -> Outcome:
    names = _names(response)
    for name in names:
        if name in _PASSING:
            return doubtful(response, _PASSING[name])
    for name in names:
        known = _CODES.get((response.status, name))
        if isinstance(known, Rejection):
            return Rejected(known, http_status=response.status, code=name)
    return doubtful(response, _STATUSES.get(response.status))


def _names(response: Response) -> tuple[str, ...]:
    """Return the codes of an error, the outer one first; its words are not to be looked at."""
    body = read(response, _ErrorBody)
    if body is None:
        return ()
    inner = body.error.inner.code if body.error.inner else ""
    return body.error.code.casefold(), inner.casefold()


class _Session:
    """One probe's questions; a token that Graph does not know yet is bought a second time."""

    def __init__(self, exchange: Exchange, config: TeamsConfig, secrets: entra.ClientSecret) -> None:
        self._exchange = exchange
        self._config = config
        self._secrets = secrets
        self._tokens = 0
        self._bearer = SecretStr("")

    async def renew(self) -> Outcome:
        """Buy a token; Verified where there is one now."""
        config = self._config
        bought = await entra.buy(self._exchange, config.tenant_id, config.client_id, self._secrets)
        if not isinstance(bought, entra.AccessToken):
            return bought
        self._tokens += 1
        self._bearer = SecretStr(f"Bearer {bought.access_token.get_secret_value()}")
        return Verified()

    async def ask(self, path: str, query: Mapping[str, str]) -> Response | Outcome:
        """Return Graph's answer about the team; a verdict where a second token is refused."""
        answer = await self._send(path, query)
        refused = _judge_refusal(answer) if answer.status == HTTPStatus.UNAUTHORIZED else None
        if not isinstance(refused, Rejected) or self._tokens > 1:
            return answer
        renewed = await self.renew()
        return await self._send(path, query) if isinstance(renewed, Verified) else renewed

    async def _send(self, path: str, query: Mapping[str, str]) -> Response:
        base = f"{self._exchange.endpoints.microsoft_graph}/v1.0/teams/{quote(self._config.team_id, safe='')}"
        headers: Headers = {"Authorization": self._bearer, "Accept": "application/json"}
        url = f"{base}{path}?{urlencode(query, safe='$,')}"
        return await self._exchange.send(Request("GET", url, headers))

    async def team(self) -> Outcome:
        """Return whether the team is there and in use."""
        answer = await self.ask("", {"$select": "id,displayName,isArchived"})
        verdict = judge(answer) if isinstance(answer, Response) else answer
        return _named(verdict, f"Team {self._config.team_id}")

    async def by_id(self, channel: str) -> Outcome:
        """Return whether one channel is there and in use."""
        answer = await self.ask(f"/channels/{quote(channel, safe='')}", _CHANNEL)
        verdict = judge(answer) if isinstance(answer, Response) else answer
        return _named(verdict, f"Channel {channel}")

    async def by_name(self, names: frozenset[str]) -> Mapping[str, _Place] | Outcome:
        """Return the channels of these names, which Teams does not tell apart by upper and lower case."""
        found: dict[str, _Place] = {}
        query: Mapping[str, str] = _CHANNEL
        for _ in range(PAGES):
            answer = await self.ask("/channels", query)
            if not isinstance(answer, Response):
                return answer
            page = read(answer, _Page) if answer.status == HTTPStatus.OK else None
            if page is None:
                return doubtful(answer) if answer.status == HTTPStatus.OK else _judge_refusal(answer)
            for place in page.value:
                name = (place.name or "").casefold()
                if name in names and (name not in found or not place.is_archived):
                    found[name] = place
            token = _skip_token(page.next_link)
            if token is None or {name for name, one in found.items() if not one.is_archived} == names:
                return found
            query = {**_CHANNEL, "$skiptoken": token}
        detail = "The team has more channels than are looked through: declare channels by their ids."
        return Unknown(Doubt.UNEXPECTED_RESPONSE, detail)


_CHANNEL = {"$select": "id,displayName,membershipType,isArchived"}
_WHY = {
    Rejection.TARGET_NOT_FOUND: "is absent, or hidden from this app",
    Rejection.TARGET_DISABLED: "is archived",
    Rejection.INSUFFICIENT_PERMISSION: "may not be read by this app: a consent can take minutes to work",
}


def _skip_token(link: str) -> str | None:
    """Return where the next page begins; its address may be another than the one that is asked here."""
    try:
        return parse_qs(urlsplit(link).query).get("$skiptoken", [None])[0] if link else None
    except ValueError:
        return None


def _named(outcome: Outcome, target: str) -> Outcome:
    if isinstance(outcome, Rejected) and not outcome.detail and (why := _WHY.get(outcome.reason)):
        return replace(outcome, detail=f"{target} {why}.")
    return outcome


async def _prove_channels(session: _Session, channels: tuple[str, ...]) -> Outcome:
    for channel in channels:
        if _ID.fullmatch(channel):
            outcome = await session.by_id(channel)
            if not isinstance(outcome, Verified):
                return outcome
    named = {channel: channel.casefold() for channel in channels if not _ID.fullmatch(channel)}
    if not named:
        return Verified()
    listed = await session.by_name(frozenset(named.values()))
    if not isinstance(listed, Mapping):
        return _named(listed, "The team's list of channels")
    for channel, name in named.items():
        if name not in listed:
            return _named(Rejected(Rejection.TARGET_NOT_FOUND), f"Channel {channel}")
        if listed[name].is_archived:
            return _named(Rejected(Rejection.TARGET_DISABLED), f"Channel {channel}")
    return Verified()


async def _probe(exchange: Exchange, config: TeamsConfig, secrets: entra.ClientSecret) -> Outcome:
    session = _Session(exchange, config, secrets)
    for question in (session.renew, session.team):
        outcome = await question()
        if not isinstance(outcome, Verified):
            return outcome
    channels = await _prove_channels(session, config.channels)
    # Graph lets no app post into a channel as itself, so there is no right to ask about.
    return Verified((Caveat.WRITE_UNPROVEN,)) if isinstance(channels, Verified) else channels


def _hosts(_: TeamsConfig, endpoints: Endpoints) -> frozenset[str]:
    return frozenset({authority(endpoints.microsoft_login), authority(endpoints.microsoft_graph)})


TEAMS = Provider(
    type=IntegrationType.TEAMS,
    member="teams",
    config=TeamsConfig,
    secrets=entra.ClientSecret,
    sealed=frozenset({"clientSecret"}),
    permissions=(
        "the application permissions Team.ReadBasic.All and Channel.ReadBasic.All of Graph, consented to",
        "or TeamSettings.Read.Group and ChannelSettings.Read.Group, granted to the app in the team alone",
    ),
    hosts=_hosts,
    probe=_probe,
    judge=judge,
)
